"""The base class of initializers, and the two distributions that most draw from."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Generator, Tensor

from wellfit.core.hyper import Config


class Initializer(Config, family="initializer"):
    """Draws the initial weights of a layer.

    >>> import torch
    >>> from wellfit.nn import GlorotUniform
    >>> GlorotUniform().sample(3, 2, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 2])
    """

    @abstractmethod
    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Return weights (fan_in, fan_out), float64, drawn from ``generator`` alone."""


def normal(rows: int, columns: int, std: float, generator: Generator) -> Tensor:
    """Return a table of N(0, std²), float64."""
    return torch.randn(rows, columns, dtype=torch.float64, generator=generator).mul_(std)


def uniform(rows: int, columns: int, limit: float, generator: Generator) -> Tensor:
    """Return a table of U(-limit, limit), float64."""
    unit = torch.rand(rows, columns, dtype=torch.float64, generator=generator)
    return unit.mul_(2).sub_(1).mul_(limit)
