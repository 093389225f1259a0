r"""Penalties on weights (never on biases or scales), added to the loss.

A layer's weights come as (K, in, out), the strengths as (K, 1, 1).
"""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from wellfit.core.hyper import Config, hyper


class Penalty(Config, family="penalty"):
    """A cost of large weights.

    >>> import torch
    >>> w, strength = torch.full((1, 2, 2), 3.0), torch.full((1, 1, 1), 0.1)
    >>> L2(0.1).value(w, strength)
    tensor([1.8000])
    """

    strength: float = hyper(
        "factor λ", default=1e-4, low=0, scale="log", search=(1e-7, 1e-1), per_member=True
    )

    @abstractmethod
    def value(self, weight: Tensor, strength: Tensor) -> Tensor:
        """Return the penalty of one layer's weights, (K,)."""

    @abstractmethod
    def add_gradient(self, weight: Tensor, strength: Tensor, grad: Tensor) -> None:
        """Add the penalty's derivative to ``grad``, of the weights' shape."""


class L1(Penalty, name="l1"):
    r"""λ Σ |w|: drives weights to zero; derivative λ sign w.

    Source: Tibshirani, "Regression shrinkage and selection via the lasso", 1996.

    >>> import torch
    >>> L1(0.1).value(torch.full((1, 2, 2), -3.0), torch.full((1, 1, 1), 0.1))
    tensor([1.2000])
    """

    def value(self, weight: Tensor, strength: Tensor) -> Tensor:
        """Return λ Σ |w|."""
        return weight.abs().sum((1, 2)) * strength.flatten()

    def add_gradient(self, weight: Tensor, strength: Tensor, grad: Tensor) -> None:
        """Add λ sign w."""
        grad.addcmul_(weight.sign(), strength)


class L2(Penalty, name="l2"):
    r"""λ/2 Σ w²: keeps weights small ("weight decay"); derivative λ w.

    Source: Krogh and Hertz, "A simple weight decay can improve generalization", 1991.

    >>> import torch
    >>> L2(0.1).value(torch.full((1, 2, 2), 3.0), torch.full((1, 1, 1), 0.1))
    tensor([1.8000])
    """

    def value(self, weight: Tensor, strength: Tensor) -> Tensor:
        """Return λ/2 Σ w²."""
        return weight.square().sum((1, 2)) * strength.flatten() / 2

    def add_gradient(self, weight: Tensor, strength: Tensor, grad: Tensor) -> None:
        """Add λ w."""
        grad.addcmul_(weight, strength)
