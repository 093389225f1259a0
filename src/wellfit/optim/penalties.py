r"""Penalties on weights (never on biases or scales): added to the loss, or decoupled from it.

A penalty in the loss adds its gradient, which the update rule then treats like any other. A
decoupled one acts on the weights themselves at each update, by learning rate times strength. With
rules that rescale gradients, such as Adam, the two are not the same. Decoupled L2 acts before the
update, as in AdamW; decoupled L1 acts after it, so that what it makes zero is zero.

A layer's weights come as (K, in, out), the strengths as (K, 1, 1), or as a number that all members
share.

Source: decoupled L2, Loshchilov and Hutter, "Decoupled weight decay regularization", 2019;
decoupled L1, the proximal step of Duchi and Singer, "Efficient online and batch learning using
forward backward splitting", 2009.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, TypeAlias

from torch import Tensor

from wellfit.core.hyper import Config, hyper, nonnegative
from wellfit.core.stacking import add_scaled

Strength: TypeAlias = Tensor | float


class Penalty(Config, family="penalty"):
    """A cost of large weights.

    >>> import torch
    >>> L2(0.1).value(torch.full((1, 2, 2), 3.0), 0.1)
    tensor([1.8000])
    """

    # L2 multiplies, so it may come before the update; L1 sets weights to zero, which an update
    # after it would undo.
    proximal: ClassVar[bool] = False  # decoupled, it acts after the update and not before

    strength: float = nonnegative("factor λ", default=1e-4, search=(1e-7, 1e-1))

    decoupled: bool = hyper("act on the weights directly, not through the loss", default=False)
    only: tuple[int, ...] = hyper(
        "the layers with weights that it is for, from 0; all where empty", default=()
    )

    @abstractmethod
    def value(self, weight: Tensor, strength: Strength) -> Tensor:
        """Return the penalty of one layer's weights, (K,)."""

    @abstractmethod
    def add_gradient(self, weight: Tensor, strength: Strength, grad: Tensor) -> None:
        """Add the penalty's derivative to ``grad``, of the weights' shape."""

    @abstractmethod
    def shrink(self, weight: Tensor, amount: Strength) -> None:
        """Move the weights in place as the penalty alone would by a step of size 1."""


class L1(Penalty, name="l1"):
    r"""λ Σ |w|: drives weights to zero; derivative λ sign w.

    Source: Tibshirani, "Regression shrinkage and selection via the lasso", 1996.

    >>> import torch
    >>> L1(0.1).value(torch.full((1, 2, 2), -3.0), 0.1)
    tensor([1.2000])
    >>> weight = torch.tensor([[[0.05, -0.3]]])
    >>> L1(0.1, decoupled=True).shrink(weight, 0.1)
    >>> weight
    tensor([[[ 0.0000, -0.2000]]])
    """

    proximal = True

    def value(self, weight: Tensor, strength: Strength) -> Tensor:
        """Return λ Σ |w|."""
        return (weight.abs() * strength).sum((1, 2))

    def add_gradient(self, weight: Tensor, strength: Strength, grad: Tensor) -> None:
        """Add λ sign w."""
        add_scaled(grad, weight.sign(), strength)

    def shrink(self, weight: Tensor, amount: Strength) -> None:
        """Bring every weight nearer to zero by ``amount``; those that are nearer become zero."""
        # w minus its part within ±amount: soft thresholding, with exact zeros inside.
        weight.sub_(weight.clamp(-amount, amount))  # type: ignore[arg-type]


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

    def shrink(self, weight: Tensor, amount: Strength) -> None:
        """Multiply every weight by 1 - ``amount``."""
        weight.mul_(1 - amount)
