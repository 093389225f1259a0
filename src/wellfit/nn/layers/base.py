"""The base class of layers: descriptions that hold no tensors and are bound to memory."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Generator, Tensor

from wellfit.core.hyper import Config
from wellfit.nn.ops import BindContext, Op, ParameterShape


class Layer(Config, family="layer"):
    """A layer of a network: a description without memory.

    >>> from wellfit.nn import Linear
    >>> Linear(3).width(inputs=5), Linear(3).parameters(inputs=5)
    (3, ParameterShape(rows=6, columns=3, weight_rows=5, matrices=1))
    """

    reads_ones: ClassVar[bool] = False  # whether its input comes with a column of ones
    training_only: ClassVar[bool] = False  # whether it does nothing when predicting
    predicting_only: ClassVar[bool] = False  # whether it does nothing while training
    starts_from_rows: ClassVar[bool] = False  # whether training rows decide on its statistics
    mixes_rows: ClassVar[bool] = False  # whether a row's output depends on others of its batch

    def width(self, inputs: int) -> int:
        """Return the number of outputs for a number of inputs."""
        return inputs

    @property
    def rows_per_output(self) -> int:
        """The rows that become one row here."""
        return 1

    @property
    def rows_per_input(self) -> int:
        """The rows that one row becomes here."""
        return 1

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the shape of what is learned by gradients."""
        return ParameterShape(0, 0)

    def statistics(self, inputs: int) -> ParameterShape:
        """Return the shape of what is tracked without gradients."""
        return ParameterShape(0, 0)

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Draw the first parameters (rows, columns), float64."""
        return torch.zeros(0, 0, dtype=torch.float64)

    def initial_statistics(self, inputs: int) -> Tensor:
        """Return the first statistics (rows, columns), float64."""
        return torch.zeros(0, 0, dtype=torch.float64)

    def statistics_of(self, x: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the statistics (rows, columns), float64, that training starts from.

        Asked where ``starts_from_rows``, of the lowest layer that is at work when predicting.

        Args:
            x: (rows, inputs) of training.
            target: (rows,) class numbers, or (rows, columns).
            weight: (rows,), or None where all are 1.
        """
        return self.initial_statistics(x.shape[1])

    def check_statistics(self, block: Tensor) -> None:
        """Refuse statistics (rows, columns), read from a file, that can't be the layer's.

        Raises:
            HyperparameterError: naming what is wrong.
        """

    def learning_rate_factor(self) -> float:
        """Return the factor on the learning rate of what it learns."""
        return 1.0

    def varying(self) -> Config:
        """Return the config whose ``per_member`` numbers the op gets: by default the layer."""
        return self

    @abstractmethod
    def bind(self, context: BindContext) -> Op:
        """Return the layer's op, bound to the memory and members of ``context``."""
