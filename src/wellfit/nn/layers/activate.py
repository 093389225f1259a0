"""The layer that applies an activation function."""

from __future__ import annotations

from torch import Generator, Tensor

from wellfit.core.hyper import Config, hyper
from wellfit.nn.activations import Activation, ReLU
from wellfit.nn.layers.base import Layer
from wellfit.nn.ops import BindContext, Op, ParameterShape


class Activate(Layer, name="activation"):
    """Applies an activation function to every unit.

    >>> Activate(ReLU()).width(inputs=5)
    5
    """

    activation: Activation = hyper("the function", default=ReLU())

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the shape of what the function learns."""
        return self.activation.parameters(inputs)

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Return what the function starts with."""
        return self.activation.initial_parameters(inputs)

    def varying(self) -> Config:
        """Return the function: its hyper-parameters may differ by member."""
        return self.activation

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return self.activation.bind(context)
