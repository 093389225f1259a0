"""Activations that pass z > 0 on as it is (or scaled), and bend below."""

from __future__ import annotations

import torch
from torch import Tensor

from wellfit.core.hyper import hyper, nonnegative
from wellfit.nn.activations.base import Activation
from wellfit.nn.ops import BindContext, Op, ParameterShape

_aten = torch.ops.aten
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


class ReLU(Activation, name="relu"):
    r"""f(z) = max(0, z); f' = 1 where z > 0, else 0.

    Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.

    >>> ReLU().forward(torch.tensor([-1.0, 2.0]), out=torch.empty(2))
    tensor([0., 2.])
    """

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write the positive part of z."""
        return torch.clamp_min(z, 0, out=out)

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = [z > 0]."""
        # The kernels behind autograd, called with a buffer: torch.where would need a mask and
        # memory.
        _aten.threshold_backward.grad_input(delta, out, 0.0, grad_input=delta)
        return delta


class LeakyReLU(Activation, name="leaky_relu"):
    r"""f(z) = z where z > 0, else ``slope`` · z.

    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic
    models", 2013.

    >>> LeakyReLU(slope=0.1).forward(torch.tensor([-1.0, 2.0]), out=torch.empty(2))
    tensor([-0.1000,  2.0000])
    """

    slope: float = hyper(
        "slope for z < 0",
        default=0.01,
        low=0,
        high=1,
        search=(0.001, 0.3),
        scale="log",
        per_member=True,
    )

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write z, its negative part times the slope."""
        _aten.leaky_relu.out(z, self.slope, out=out)
        return out

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = 1 where z > 0, else the slope."""
        _aten.leaky_relu_backward.grad_input(delta, z, self.slope, False, grad_input=delta)
        return delta

    def bind(self, context: BindContext) -> Op:
        """Return the op; slopes that differ are spread over all members at once."""
        slope = context.number("slope")
        return _SlopesOp(slope, context) if isinstance(slope, Tensor) else super().bind(context)


class PReLU(Activation, name="prelu"):
    r"""f(z) = z where z > 0, else a · z, with a slope a for each unit that is learned.

    ∂loss/∂a is the sum of δ z over the rows where z < 0. Slopes take no penalty: L2 would pull
    them towards relu's.

    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015.

    >>> PReLU().parameters(inputs=5), PReLU().initial_parameters(inputs=2).tolist()
    (ParameterShape(rows=1, columns=5, weight_rows=0, matrices=1), [[0.25, 0.25]])
    """

    start: float = hyper(
        "every slope before the first step",
        default=0.25,
        search=(0, 0.5),
        per_member=True,
    )

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the shape of the slopes, one for each unit."""
        return ParameterShape(1, inputs)

    def initial_parameters(self, inputs: int) -> Tensor:
        """Return slopes that are all ``start``."""
        return torch.full((1, inputs), float(self.start), dtype=torch.float64)

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write the function as it is before the first step."""
        _aten.leaky_relu.out(z, self.start, out=out)
        return out

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = 1 where z > 0, else the slope before the first step."""
        _aten.leaky_relu_backward.grad_input(delta, z, self.start, False, grad_input=delta)
        return delta

    def bind(self, context: BindContext) -> Op:
        """Return the op, which also computes the gradients of the slopes."""
        return _PReLUOp(context.weight, context)


class _SlopesOp(Op):
    """z where z > 0, else a · z, for slopes a that spread over (K, B, units)."""

    def __init__(self, slopes: Tensor, context: BindContext) -> None:
        super().__init__(context)
        self._slopes, self._x = slopes, context.out
        self._negative, self._positive = (
            context.empty(context.inputs),
            context.empty(context.inputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        self._x = x
        # x = positive + negative part; only the latter is scaled.
        torch.clamp_max(x, 0, out=self._negative)
        torch.sub(x, self._negative, out=self.out).addcmul_(self._negative, self._slopes)
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        # Splitting delta into its two parts is ten times faster than choosing by a mask.
        positive = self._positive
        _aten.threshold_backward.grad_input(delta, self._x, 0.0, grad_input=positive)
        delta.sub_(positive)
        return torch.addcmul(positive, delta, self._slopes, out=delta)


class _PReLUOp(_SlopesOp):
    def __init__(self, slopes: Tensor, context: BindContext) -> None:
        super().__init__(slopes, context)
        self._grad = context.grad

    def backward(self, delta: Tensor) -> Tensor:
        # ∂f/∂a = z where z < 0: the negative part, which forward left in its buffer.
        product = torch.mul(delta, self._negative, out=self._positive)
        torch.mean(product, dim=1, keepdim=True, out=self._grad)
        return super().backward(delta)


class ELU(Activation, name="elu"):
    r"""f(z) = z where z > 0, else ``alpha`` · (e^z - 1).

    Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", 2016.

    >>> ELU().forward(torch.tensor([-100.0, 2.0]), out=torch.empty(2))
    tensor([-1.,  2.])
    """

    alpha: float = nonnegative("minus the limit for z → -∞", default=1.0, search=(0.1, 3))

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write z, its negative part bent towards -alpha."""
        _aten.elu.out(z, self.alpha, 1, 1, out=out)
        return out

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = 1 where z > 0, else f + alpha."""
        _aten.elu_backward.grad_input(delta, self.alpha, 1, 1, False, z, grad_input=delta)
        return delta


class SELU(Activation, name="selu"):
    r"""f(z) = s z where z > 0, else s α (e^z - 1), with s = 1.0507… and α = 1.6733….

    With these two numbers, activations of mean 0 and variance 1 keep both from layer to layer, if
    weights start by ``lecun_normal``, inputs are scaled, and dropout is ``alpha_dropout``.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks", 2017.

    >>> SELU().forward(torch.tensor([-100.0, 1.0]), out=torch.empty(2))
    tensor([-1.7581,  1.0507])
    """

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write s times the bent z."""
        _aten.elu.out(z, _SELU_ALPHA, _SELU_SCALE, 1, out=out)
        return out

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = s where z > 0, else f + s α."""
        _aten.elu_backward.grad_input(
            delta, _SELU_ALPHA, _SELU_SCALE, 1, False, z, grad_input=delta
        )
        return delta
