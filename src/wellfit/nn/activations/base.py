"""The base class of activation functions, and the ops that apply one to K members."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from wellfit.core.hyper import Config
from wellfit.nn.ops import BindContext, Op, ParameterShape

_FAR, _LARGE = 1e30, 1e6  # an argument as good as infinity; a value that only it leads to


class Activation(Config, family="activation"):
    """An elementwise function of the pre-activations z.

    Its numeric hyper-parameters may be declared ``per_member``: the two methods then see a
    member's own, as plain numbers.

    >>> import torch
    >>> from wellfit.nn import ReLU
    >>> z = torch.tensor([-1.0, 0.0, 2.0])
    >>> ReLU().forward(z, out=torch.empty(3))
    tensor([0., 0., 2.])
    """

    @abstractmethod
    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write f(z) into ``out``, of z's shape, and return it."""

    @abstractmethod
    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """Multiply ``delta`` in place by f'(z), given z and ``out`` = f(z), and return it.

        Nobody reads ``out`` afterwards: it may be overwritten.
        """

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest value of f, infinite where there is none.

        >>> from wellfit.nn import ReLU, Tanh
        >>> ReLU().limits, Tanh().limits
        ((0.0, inf), (-1.0, 1.0))
        """
        near = torch.linspace(-20, 20, 4001, dtype=torch.float64)
        z = torch.cat([near, torch.tensor([-_FAR, _FAR], dtype=torch.float64)])
        values = self.forward(z, torch.empty_like(z))
        low, high = float(values.min()), float(values.max())
        return -math.inf if low < -_LARGE else low, math.inf if high > _LARGE else high

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the shape of what is learned by gradients: nothing, for most."""
        return ParameterShape(0, 0)

    def initial_parameters(self, inputs: int) -> Tensor:
        """Return the first parameters (rows, columns), float64."""
        return torch.zeros(0, 0, dtype=torch.float64)

    def bind(self, context: BindContext) -> Op:
        """Return an op for all members at once, or one that takes each with its own numbers."""
        # PyTorch's kernels take plain numbers only, so numbers that differ cost a call a member.
        table = zip(*(values.tolist() for values in context.hypers.values()), strict=True)
        each = [self.replace(**dict(zip(context.hypers, row, strict=True))) for row in table]
        if all(own == each[0] for own in each):
            # `each` is empty where the function has no per-member numbers at all.
            return _SharedOp(each[0] if each else self, context)
        return _MemberwiseOp(each, context)


class _SharedOp(Op):
    def __init__(self, activation: Activation, context: BindContext) -> None:
        super().__init__(context)
        self._activation, self._z = activation, context.out

    def forward(self, x: Tensor) -> Tensor:
        self._z = x
        self._activation.forward(x, self.out)
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        return self._activation.backward(delta, self._z, self.out)


class _MemberwiseOp(Op):
    """Member after member: as many calls, but each is the fast one with plain numbers."""

    def __init__(self, activations: Sequence[Activation], context: BindContext) -> None:
        super().__init__(context)
        self._activations, self._outs = activations, context.out.unbind(0)
        self._z = self._outs

    def forward(self, x: Tensor) -> Tensor:
        self._z = x.unbind(0)
        for activation, z, out in zip(self._activations, self._z, self._outs, strict=True):
            activation.forward(z, out)
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        parts = zip(self._activations, delta.unbind(0), self._z, self._outs, strict=True)
        for activation, part, z, out in parts:
            activation.backward(part, z, out)
        return delta
