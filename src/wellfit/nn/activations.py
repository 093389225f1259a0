r"""Activation functions with their derivatives, written into buffers that already exist.

To add one, write a class here (or in a file of its own): its name, its two methods, its source.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from wellfit.core.hyper import Config, hyper

_aten = torch.ops.aten


class Activation(Config, family="activation"):
    """An elementwise function of the pre-activations z.

    >>> import torch
    >>> z = torch.tensor([-1.0, 0.0, 2.0])
    >>> ReLU().forward(z, out=torch.empty(3))
    tensor([0., 0., 2.])
    """

    @abstractmethod
    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write f(z) into ``out``, of z's shape, and return it."""

    @abstractmethod
    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """Multiply ``delta`` in place by f'(z), given z and ``out`` = f(z), and return it."""


class Identity(Activation, name="identity"):
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


class Sigmoid(Activation, name="sigmoid"):
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


class Tanh(Activation, name="tanh"):
    r"""f(z) = tanh z; f' = 1 - f².

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.

    >>> Tanh().forward(torch.tensor([0.0]), out=torch.empty(1))
    tensor([0.])
    """

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write the hyperbolic tangent of z."""
        return torch.tanh(z, out=out)

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = 1 - f²."""
        _aten.tanh_backward.grad_input(delta, out, grad_input=delta)
        return delta


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
        "slope for z < 0", default=0.01, low=0, high=1, search=(0.001, 0.3), scale="log"
    )

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write z, its negative part times the slope."""
        _aten.leaky_relu.out(z, self.slope, out=out)
        return out

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = 1 where z > 0, else the slope."""
        _aten.leaky_relu_backward.grad_input(delta, z, self.slope, False, grad_input=delta)
        return delta


class ELU(Activation, name="elu"):
    r"""f(z) = z where z > 0, else ``alpha`` · (e^z - 1).

    Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", 2016.

    >>> ELU().forward(torch.tensor([-100.0, 2.0]), out=torch.empty(2))
    tensor([-1.,  2.])
    """

    alpha: float = hyper(
        "minus the limit for z → -∞", default=1.0, low=0, search=(0.1, 3), scale="log"
    )

    def forward(self, z: Tensor, out: Tensor) -> Tensor:
        """Write z, its negative part bent towards -alpha."""
        _aten.elu.out(z, self.alpha, 1, 1, out=out)
        return out

    def backward(self, delta: Tensor, z: Tensor, out: Tensor) -> Tensor:
        """f' = 1 where z > 0, else f + alpha."""
        _aten.elu_backward.grad_input(delta, self.alpha, 1, 1, False, z, grad_input=delta)
        return delta
