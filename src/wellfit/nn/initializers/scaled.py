r"""Initializers that keep the variance of activations or gradients from layer to layer.

Most draw weights with variance g / fan: g follows from the activation function, and the fan is
that of the sum whose variance is to be kept: ``fan_in`` going forward, ``fan_out`` going back.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from wellfit.core.hyper import hyper, nonnegative
from wellfit.nn.initializers.base import Initializer, normal, uniform


def _fan(default: str) -> Any:
    return hyper(
        "what the variance is divided by: units read, units written, or their mean",
        default=default,
        choices=("fan_in", "fan_out", "fan_average"),
    )


class _Scaled(Initializer):
    """Draws with variance ``_numerator`` / fan."""

    _numerator: ClassVar[float] = 1.0

    fan: str = _fan("fan_in")

    def _variance(self, fan_in: int, fan_out: int) -> float:
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_average": (fan_in + fan_out) / 2}
        return self._numerator / fans[self.fan]


class _ScaledNormal(_Scaled):
    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw from the normal distribution of the layer's variance."""
        return normal(fan_in, fan_out, math.sqrt(self._variance(fan_in, fan_out)), generator)


class _ScaledUniform(_Scaled):
    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw from the uniform distribution of the layer's variance, limit² / 3."""
        limit = math.sqrt(3 * self._variance(fan_in, fan_out))
        return uniform(fan_in, fan_out, limit, generator)


class GlorotNormal(_ScaledNormal, name="glorot_normal", aliases=("xavier_normal",)):
    """N(0, 2 / (fan_in + fan_out)), also known as Xavier's, for sigmoid, tanh and linear units.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.

    >>> w = GlorotNormal().sample(300, 100, torch.Generator().manual_seed(0))
    >>> round(float(w.std()), 2) == round((2 / 400) ** 0.5, 2)
    True
    """

    fan: str = _fan("fan_average")


class GlorotUniform(_ScaledUniform, name="glorot_uniform", aliases=("xavier_uniform",)):
    """U(±√(6 / (fan_in + fan_out))), also known as Xavier's, for sigmoid, tanh and linear units.

    Source: Glorot and Bengio, 2010 (see :class:`GlorotNormal`).

    >>> w = GlorotUniform().sample(3, 3, torch.Generator().manual_seed(0))
    >>> bool(w.abs().max() <= 1)
    True
    """

    fan: str = _fan("fan_average")


class HeNormal(_ScaledNormal, name="he_normal", aliases=("kaiming_normal",)):
    """N(0, 2 / fan_in), for rectified units.

    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015.

    >>> w = HeNormal().sample(200, 200, torch.Generator().manual_seed(0))
    >>> round(float(w.std()), 2)
    0.1
    """

    _numerator: ClassVar[float] = 2.0


class HeUniform(_ScaledUniform, name="he_uniform", aliases=("kaiming_uniform",)):
    """U(±√(6 / fan_in)), for rectified units.

    Source: He, Zhang, Ren and Sun, 2015 (see :class:`HeNormal`).

    >>> w = HeUniform().sample(6, 4, torch.Generator().manual_seed(0))
    >>> bool(w.abs().max() <= 1)
    True
    """

    _numerator: ClassVar[float] = 2.0


class LecunNormal(_ScaledNormal, name="lecun_normal"):
    """N(0, 1 / fan_in), the 1/√n initialization; the one that selu wants.

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.

    >>> w = LecunNormal().sample(100, 100, torch.Generator().manual_seed(0))
    >>> round(float(w.std()), 2)
    0.1
    """


class LecunUniform(_ScaledUniform, name="lecun_uniform"):
    """U(±√(3 / fan_in)).

    Source: LeCun, Bottou, Orr and Müller, 1998 (see :class:`LecunNormal`).

    >>> w = LecunUniform().sample(3, 3, torch.Generator().manual_seed(0))
    >>> bool(w.abs().max() <= 1)
    True
    """


class Orthogonal(Initializer, name="orthogonal"):
    """W = ``gain`` · Q, Q uniform among matrices with orthonormal columns (or rows, if fewer).

    A linear layer then keeps the length of every vector, and so does a chain of them.

    Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning
    in deep linear neural networks", 2014.

    >>> w = Orthogonal().sample(5, 3, torch.Generator().manual_seed(0))
    >>> torch.allclose(w.T @ w, torch.eye(3, dtype=torch.float64))
    True
    """

    gain: float = nonnegative(
        "factor: 1 for linear units, √2 for relu", default=1.0, search=(0.5, 2)
    )

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw a normal matrix and orthonormalize it."""
        tall = normal(max(fan_in, fan_out), min(fan_in, fan_out), 1.0, generator)
        q, r = torch.linalg.qr(tall)
        q *= r.diagonal().sgn()  # without the signs Q would not be uniform
        return self.gain * (q if fan_in >= fan_out else q.T)
