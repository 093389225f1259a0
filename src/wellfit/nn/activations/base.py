"""What every activation function is, and how it works on K members."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from wellfit.core.hyper import Config
from wellfit.nn.ops import Block, Op, Site


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

    def parameters(self, inputs: int) -> Block:
        """Return the shape of what is learned by gradients: nothing, for most."""
        return Block(0, 0)

    def initial_parameters(self, inputs: int) -> Tensor:
        """Return the first parameters (rows, columns), float64."""
        return torch.zeros(0, 0, dtype=torch.float64)

    def bind(self, site: Site) -> Op:
        """Return the function at work on all members at once, or on each with its own numbers."""
        table = zip(*(values.tolist() for values in site.hypers.values()), strict=True)
        each = [self.replace(**dict(zip(site.hypers, row, strict=True))) for row in table]
        if all(own == each[0] for own in each):
            return _SharedOp(each[0] if each else self, site)
        return _MemberwiseOp(each, site)


class _SharedOp(Op):
    def __init__(self, activation: Activation, site: Site) -> None:
        super().__init__(site)
        self._activation, self._z = activation, site.out

    def forward(self, x: Tensor) -> Tensor:
        self._z = x
        self._activation.forward(x, self.out)
        return self.landing

    def backward(self, delta: Tensor) -> Tensor:
        return self._activation.backward(delta, self._z, self.out)


class _MemberwiseOp(Op):
    """Member after member: as many calls, but each is the fast one with plain numbers."""

    def __init__(self, activations: Sequence[Activation], site: Site) -> None:
        super().__init__(site)
        self._activations, self._outs = activations, site.out.unbind(0)
        self._z = self._outs

    def forward(self, x: Tensor) -> Tensor:
        self._z = x.unbind(0)
        for activation, z, out in zip(self._activations, self._z, self._outs, strict=True):
            activation.forward(z, out)
        return self.landing

    def backward(self, delta: Tensor) -> Tensor:
        parts = zip(self._activations, delta.unbind(0), self._z, self._outs, strict=True)
        for activation, part, z, out in parts:
            activation.backward(part, z, out)
        return delta
