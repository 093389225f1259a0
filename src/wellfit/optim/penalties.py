r"""Penalties on weights (never on biases or scales), added to the loss.

A layer's weights come as (K, in, out), the strengths as (K, 1, 1), or as a number that all members
share.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeAlias

from torch import Tensor

from wellfit.core.hyper import Config, hyper
from wellfit.core.members import add_scaled

Strength: TypeAlias = Tensor | float


class Penalty(Config, family="penalty"):
    """A cost of large weights.

    >>> import torch
    >>> L2(0.1).value(torch.full((1, 2, 2), 3.0), 0.1)
    tensor([1.8000])
    """

    strength: float = hyper(
        "factor λ", default=1e-4, low=0, scale="log", search=(1e-7, 1e-1), per_member=True
    )

    @abstractmethod
    def value(self, weight: Tensor, strength: Strength) -> Tensor:
        """Return the penalty of one layer's weights, (K,)."""

    @abstractmethod
    def add_gradient(self, weight: Tensor, strength: Strength, grad: Tensor) -> None:
        """Add the penalty's derivative to ``grad``, of the weights' shape."""


class L1(Penalty, name="l1"):
    r"""λ Σ |w|: drives weights to zero; derivative λ sign w.

    Source: Tibshirani, "Regression shrinkage and selection via the lasso", 1996.

    >>> import torch
    >>> L1(0.1).value(torch.full((1, 2, 2), -3.0), 0.1)
    tensor([1.2000])
    """

    def value(self, weight: Tensor, strength: Strength) -> Tensor:
        """Return λ Σ |w|."""
        return (weight.abs() * strength).sum((1, 2))

    def add_gradient(self, weight: Tensor, strength: Strength, grad: Tensor) -> None:
        """Add λ sign w."""
        add_scaled(grad, weight.sign(), strength)


class L2(Penalty, name="l2"):
    r"""λ/2 Σ w²: keeps weights small ("weight decay"); derivative λ w.

    Source: Krogh and Hertz, "A simple weight decay can improve generalization", 1991.

    >>> import torch
    >>> L2(0.1).value(torch.full((1, 2, 2), 3.0), 0.1)
    tensor([1.8000])
    """

    def value(self, weight: Tensor, strength: Strength) -> Tensor:
        """Return λ/2 Σ w²."""
        return (weight.square() * strength).sum((1, 2)) / 2

    def add_gradient(self, weight: Tensor, strength: Strength, grad: Tensor) -> None:
        """Add λ w."""
        add_scaled(grad, weight, strength)
