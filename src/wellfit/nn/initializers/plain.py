"""Initializers whose spread is a hyper-parameter, whatever the layer's size."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from wellfit.core.hyper import nonnegative
from wellfit.nn.initializers.base import Initializer, normal, uniform


class Normal(Initializer, name="normal"):
    """N(0, std²).

    >>> Normal(std=0).sample(1, 2, torch.Generator()).abs()
    tensor([[0., 0.]], dtype=torch.float64)
    """

    std: float = nonnegative("standard deviation", default=0.05, search=(1e-3, 1))

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw from the normal distribution."""
        return normal(fan_in, fan_out, self.std, generator)


class TruncatedNormal(Initializer, name="truncated_normal"):
    """N(0, std²), redrawn beyond two standard deviations.

    >>> w = TruncatedNormal(std=1.0).sample(100, 100, torch.Generator().manual_seed(0))
    >>> bool(w.abs().max() <= 2)
    True
    """

    std: float = nonnegative(
        "standard deviation before truncation", default=0.05, search=(1e-3, 1)
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

    limit: float = nonnegative("half of the range", default=0.05, search=(1e-3, 1))

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw from the uniform distribution."""
        return uniform(fan_in, fan_out, self.limit, generator)


class Identical(Initializer, name="identical"):
    """One unit's weights from N(0, std²), the same for all units of the layer.

    Alike units compute the same and get the same gradient (where no dropout tells them apart), so
    that they stay alike for ever: however wide, the layer does the work of one unit. For showing
    why weights start at random.

    Source: Rumelhart, Hinton and Williams, "Learning internal representations by error
    propagation", 1986, on breaking the symmetry.

    >>> w = Identical().sample(4, 3, torch.Generator().manual_seed(0))
    >>> bool((w == w[:, :1]).all())
    True
    """

    std: float = nonnegative(
        "standard deviation of the one unit's weights", default=0.05, search=(1e-3, 1)
    )

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Draw one column, and repeat it."""
        return normal(fan_in, 1, self.std, generator).repeat(1, fan_out)
