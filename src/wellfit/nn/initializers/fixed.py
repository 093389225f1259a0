"""Initializers that draw nothing. As weights they keep a layer's units alike; they suit biases."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from wellfit.core.hyper import hyper
from wellfit.nn.initializers.base import Initializer


class Zeros(Initializer, name="zeros"):
    """Every weight 0: how biases start, and networks without a hidden layer may.

    >>> Zeros().sample(1, 2, torch.Generator())
    tensor([[0., 0.]], dtype=torch.float64)
    """

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Return zeros."""
        return torch.zeros(fan_in, fan_out, dtype=torch.float64)


class Ones(Initializer, name="ones"):
    """Every weight 1.

    >>> Ones().sample(1, 2, torch.Generator())
    tensor([[1., 1.]], dtype=torch.float64)
    """

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Return ones."""
        return torch.ones(fan_in, fan_out, dtype=torch.float64)


class Constant(Initializer, name="constant"):
    """Every weight ``value``. Biases of 0.1 make rectified units start awake.

    >>> Constant(0.5).sample(1, 2, torch.Generator())
    tensor([[0.5000, 0.5000]], dtype=torch.float64)
    """

    value: float = hyper("of every weight", default=0.1, search=(-1, 1), per_member=True)

    def sample(self, fan_in: int, fan_out: int, generator: Generator) -> Tensor:
        """Return the value, over and over."""
        return torch.full((fan_in, fan_out), float(self.value), dtype=torch.float64)
