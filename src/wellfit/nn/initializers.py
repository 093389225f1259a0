r"""How weights start, before the first step. Biases start at zero.

``fan_in`` and ``fan_out`` are the numbers of units that a layer reads and writes.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Generator, Tensor

from wellfit.core.hyper import Config, hyper


class Initializer(Config, family="initializer"):
    """Draws the first weights of a layer.

    >>> import torch
    >>> GlorotUniform().sample(3, 2, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 2])
    """

    @abstractmethod
    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Return weights (fan_in, fan_out), float64, drawn from ``generator`` alone."""


def _normal(fan_in: int, fan_out: int, std: float, generator: Generator) -> Tensor:
    return torch.randn(fan_in, fan_out, dtype=torch.float64, generator=generator).mul_(std)


def _uniform(fan_in: int, fan_out: int, limit: float, generator: Generator) -> Tensor:
    unit = torch.rand(fan_in, fan_out, dtype=torch.float64, generator=generator)
    return unit.mul_(2).sub_(1).mul_(limit)


class Zeros(Initializer, name="zeros"):
    """Every weight 0: all units of a layer stay alike, which shows why symmetry must be broken.

    >>> Zeros().sample(1, 2, torch.Generator())
    tensor([[0., 0.]], dtype=torch.float64)
    """

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Return zeros."""
        return torch.zeros(fan_in, fan_out, dtype=torch.float64)


class Normal(Initializer, name="normal"):
    """N(0, std²).

    >>> Normal(std=0).sample(1, 2, torch.Generator()).abs()
    tensor([[0., 0.]], dtype=torch.float64)
    """

    std: float = hyper("standard deviation", default=0.05, low=0, search=(1e-3, 1), scale="log")

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw from the normal distribution."""
        return _normal(fan_in, fan_out, self.std, generator)


class TruncatedNormal(Initializer, name="truncated_normal"):
    """N(0, std²), redrawn beyond two standard deviations.

    >>> w = TruncatedNormal(std=1.0).sample(100, 100, torch.Generator().manual_seed(0))
    >>> bool(w.abs().max() <= 2)
    True
    """

    std: float = hyper(
        "standard deviation before truncation", default=0.05, low=0, search=(1e-3, 1), scale="log"
    )

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw from the normal distribution cut at two standard deviations."""
        unit = torch.empty(fan_in, fan_out, dtype=torch.float64)
        torch.nn.init.trunc_normal_(unit, generator=generator)
        return unit.mul_(self.std)


class Uniform(Initializer, name="uniform"):
    """U(-limit, limit).

    >>> w = Uniform(limit=0.5).sample(10, 10, torch.Generator().manual_seed(0))
    >>> bool(w.abs().max() <= 0.5)
    True
    """

    limit: float = hyper("half of the range", default=0.05, low=0, search=(1e-3, 1), scale="log")

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw from the uniform distribution."""
        return _uniform(fan_in, fan_out, self.limit, generator)


class GlorotNormal(Initializer, name="glorot_normal"):
    """N(0, 2 / (fan_in + fan_out)), for sigmoid, tanh and linear units.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.

    >>> w = GlorotNormal().sample(300, 100, torch.Generator().manual_seed(0))
    >>> round(float(w.std()), 2) == round((2 / 400) ** 0.5, 2)
    True
    """

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw with variance 2 / (fan_in + fan_out)."""
        return _normal(fan_in, fan_out, math.sqrt(2 / (fan_in + fan_out)), generator)


class GlorotUniform(Initializer, name="glorot_uniform"):
    """U(±√(6 / (fan_in + fan_out))), for sigmoid, tanh and linear units.

    Source: Glorot and Bengio, 2010 (see :class:`GlorotNormal`).

    >>> w = GlorotUniform().sample(3, 3, torch.Generator().manual_seed(0))
    >>> bool(w.abs().max() <= 1)
    True
    """

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw with variance 2 / (fan_in + fan_out)."""
        return _uniform(fan_in, fan_out, math.sqrt(6 / (fan_in + fan_out)), generator)


class HeNormal(Initializer, name="he_normal"):
    """N(0, 2 / fan_in), for rectified units.

    Source: He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015.

    >>> w = HeNormal().sample(200, 200, torch.Generator().manual_seed(0))
    >>> round(float(w.std()), 2)
    0.1
    """

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw with variance 2 / fan_in."""
        return _normal(fan_in, fan_out, math.sqrt(2 / fan_in), generator)


class HeUniform(Initializer, name="he_uniform"):
    """U(±√(6 / fan_in)), for rectified units.

    Source: He, Zhang, Ren and Sun, 2015 (see :class:`HeNormal`).

    >>> w = HeUniform().sample(6, 4, torch.Generator().manual_seed(0))
    >>> bool(w.abs().max() <= 1)
    True
    """

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw with variance 2 / fan_in."""
        return _uniform(fan_in, fan_out, math.sqrt(6 / fan_in), generator)


class LecunNormal(Initializer, name="lecun_normal"):
    """N(0, 1 / fan_in), the 1/√n initialization.

    Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.

    >>> w = LecunNormal().sample(100, 100, torch.Generator().manual_seed(0))
    >>> round(float(w.std()), 2)
    0.1
    """

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw with variance 1 / fan_in."""
        return _normal(fan_in, fan_out, math.sqrt(1 / fan_in), generator)


class LecunUniform(Initializer, name="lecun_uniform"):
    """U(±√(3 / fan_in)).

    Source: LeCun, Bottou, Orr and Müller, 1998 (see :class:`LecunNormal`).

    >>> w = LecunUniform().sample(3, 3, torch.Generator().manual_seed(0))
    >>> bool(w.abs().max() <= 1)
    True
    """

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw with variance 1 / fan_in."""
        return _uniform(fan_in, fan_out, math.sqrt(3 / fan_in), generator)
