"""Activations that level off on both sides, and the one that does nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from wellfit.nn.activations.base import Activation

_aten = torch.ops.aten


class Identity(Activation, name="identity", aliases=("linear",)):
    r"""f(z) = z: a linear layer.

    >>> Identity().forward(torch.tensor([-1.0, 2.0]), out=torch.empty(2))
    tensor([-1.,  2.])
    """

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Copy z."""
        return out.copy_(z)

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = 1."""
        return delta


class Sigmoid(Activation, name="sigmoid", aliases=("logistic",)):
    r"""f(z) = 1 / (1 + e^-z), the logistic function; f' = f (1 - f).

    Source: Verhulst, 1845; as a unit of networks Rumelhart, Hinton and Williams, 1986.

    >>> Sigmoid().forward(torch.tensor([0.0]), out=torch.empty(1))
    tensor([0.5000])
    """

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write the logistic function of z."""
        return torch.sigmoid(z, out=out)

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = f (1 - f)."""
        _aten.sigmoid_backward.grad_input(delta, out, grad_input=delta)
        return delta


class HardSigmoid(Activation, name="hard_sigmoid"):
    r"""f(z) = min(max(z + 3, 0), 6) / 6; f' = 1/6 where -3 < z < 3, else 0.

    The form of PyTorch and Keras 3. Older Keras and Theano clip 0.2 z + 0.5 instead, after
    Courbariaux, Bengio and David, "BinaryConnect", 2015.

    Source: Howard et al., "Searching for MobileNetV3", 2019.

    >>> HardSigmoid().forward(torch.tensor([-3.0, 0.0, 1.5]), out=torch.empty(3))
    tensor([0.0000, 0.5000, 0.7500])
    """

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write the line through (0, 1/2), cut at 0 and 1."""
        _aten.hardsigmoid.out(z, out=out)
        return out

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = 1/6 on the slope, else 0."""
        _aten.hardsigmoid_backward.grad_input(delta, z, grad_input=delta)
        return delta


class Tanh(Activation, name="tanh"):
    r"""f(z) = tanh z; f' = 1 - f².

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.

    >>> Tanh().forward(torch.tensor([0.0]), out=torch.empty(1))
    tensor([0.])
    """

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write the hyperbolic tangent of z; in single precision to within 2e-7."""
        if z.dtype == torch.float32 and z.is_cpu:
            # As 2 σ(2z) - 1: PyTorch's logistic function is that much sooner than its tanh.
            return torch.mul(z, 2, out=out).sigmoid_().mul_(2).sub_(1)
        return torch.tanh(z, out=out)

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = 1 - f²."""
        _aten.tanh_backward.grad_input(delta, out, grad_input=delta)
        return delta


class Softsign(Activation, name="softsign"):
    r"""f(z) = z / (1 + |z|); f' = (1 - |f|)². It saturates more slowly than tanh.

    Source: Bergstra, Desjardins, Lamblin and Bengio, "Quadratic polynomials learn better image
    features", 2009.

    >>> Softsign().forward(torch.tensor([-1.0, 0.0, 3.0]), out=torch.empty(3))
    tensor([-0.5000,  0.0000,  0.7500])
    """

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write z, divided by 1 and its size."""
        # Without a buffer of its own: |z| + 1 is built in `out` and divided in place.
        torch.abs(z, out=out).add_(1)
        return torch.div(z, out, out=out)

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = (1 - |f|)²."""
        # (|f| - 1)² = (1 - |f|)², so the sign of the difference doesn't matter.
        out.abs_().sub_(1)
        return delta.mul_(out).mul_(out)
