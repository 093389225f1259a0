"""Activations without a kink that grow like z on the right."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from wellfit.core.hyper import hyper
from wellfit.nn.activations.base import Activation

_aten = torch.ops.aten
_LINEAR_FROM = 40  # where softplus z and z are the same number, in double precision too


class Softplus(Activation, name="softplus"):
    r"""f(z) = log(1 + e^z), a smooth relu; f' = 1 / (1 + e^-z).

    Source: Dugas, Bengio, Bélisle, Nadeau and Garcia, "Incorporating second-order functional
    knowledge for better option pricing", 2001.

    >>> Softplus().forward(torch.tensor([0.0, 100.0]), out=torch.empty(2))
    tensor([  0.6931, 100.0000])
    """

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write log(1 + e^z)."""
        _aten.softplus.out(z, 1, _LINEAR_FROM, out=out)
        return out

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = sigmoid z."""
        # The same threshold as in forward, or the derivative wouldn't be that of the function.
        _aten.softplus_backward.grad_input(delta, z, 1, _LINEAR_FROM, grad_input=delta)
        return delta


class GELU(Activation, name="gelu"):
    r"""f(z) = z Φ(z), Φ the standard normal distribution; f' = Φ(z) + z φ(z).

    ``approximate="tanh"`` takes z/2 · (1 + tanh(√(2/π) (z + 0.044715 z³))) for it.

    Source: Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    >>> GELU().forward(torch.tensor([-1.0, 0.0, 1.0]), out=torch.empty(3))
    tensor([-0.1587,  0.0000,  0.8413])
    """

    approximate: str = hyper(
        "none for the exact function, or tanh", default="none", choices=("none", "tanh")
    )

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write z times the normal distribution's share below z."""
        # PyTorch's own kernel with out= is wrong in float32 where out isn't contiguous.
        return out.copy_(F.gelu(z, approximate=self.approximate))

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = Φ(z) + z φ(z), or the approximation's derivative."""
        _aten.gelu_backward.grad_input(delta, z, approximate=self.approximate, grad_input=delta)
        return delta


class SiLU(Activation, name="silu", aliases=("swish",)):
    r"""f(z) = z σ(z), σ the logistic function, also known as swish; f' = σ (1 + z (1 - σ)).

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", 2018.

    >>> SiLU().forward(torch.tensor([-1.0, 0.0, 1.0]), out=torch.empty(3))
    tensor([-0.2689,  0.0000,  0.7311])
    """

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write z times its logistic function."""
        _aten.silu.out(z, out=out)
        return out

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = σ (1 + z (1 - σ))."""
        _aten.silu_backward.grad_input(delta, z, grad_input=delta)
        return delta


class Mish(Activation, name="mish"):
    r"""f(z) = z t, t = tanh(log(1 + e^z)); f' = t + z σ(z) (1 - t²), σ the logistic function.

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2020.

    >>> Mish().forward(torch.tensor([-1.0, 0.0, 1.0]), out=torch.empty(3))
    tensor([-0.3034,  0.0000,  0.8651])
    """

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write z times the tanh of its softplus."""
        _aten.mish.out(z, out=out)
        return out

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = t + z σ(z) (1 - t²)."""
        return delta.copy_(_aten.mish_backward(delta, z))  # PyTorch has no kernel in place
