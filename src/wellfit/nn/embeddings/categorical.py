"""The base class of embeddings of categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper
from wellfit.core.parameter import is_auto
from wellfit.nn.layers.base import Layer


class CategoricalEmbedding(Layer, family="categorical_embedding"):
    """Turns each of the last columns, which hold codes, into ``size`` numbers.

    A code is a whole number from 0: the place of a category's level. The other columns come first,
    each where it was, so that what reads them needn't know of the codes; the numbers of the
    categories follow, column by column. It is the lowest layer: codes must not be disturbed.

    While training, a code counts as 0, that of other levels, at random. So the row of code 0
    learns the effect of a level that training didn't have, and the network doesn't rely on levels
    of few rows.

    It has no weights in the sense of penalties, constraints and layer rates: it belongs to the
    linear layer above it, with which it is frozen and transferred.

    Args:
        size: numbers that a column becomes.
        min_levels: levels from which on an estimator gives a column a code; those of fewer become
            columns of 0 and 1.
        levels: how many codes each of the last columns has.
        lr_multiplier: factor on its learning rate.
        unknown_rate: share of the codes that count as other levels at a step.
    """

    size: int = hyper(
        "numbers that a column becomes", default=8, low=1, scale="log", search=(2, 32)
    )
    min_levels: int = hyper(
        "levels from which on a column is embedded", default=50, low=2, kw_only=True
    )
    levels: tuple[int, ...] = hyper("codes of each column", default=(16,), kw_only=True)
    lr_multiplier: float = hyper(
        "factor on its learning rate",
        default=1.0,
        low=0,
        open_low=True,
        scale="log",
        search=(0.1, 10),
        per_member=True,
        kw_only=True,
    )
    unknown_rate: float = hyper(
        "share of codes that count as other levels while training",
        default=0.3,
        low=0,
        high=1,
        open_high=True,
        search=(0, 0.6),
        per_member=True,
        kw_only=True,
    )

    @classmethod
    def from_value(cls, given: Any) -> Self:
        """Return the embedding that a parameter's value stands for: ``"auto"`` where it suits."""
        return super().from_value("entity" if is_auto(given) else given)

    def __post_init__(self) -> None:
        super().__post_init__()
        counts = tuple(self.levels) if isinstance(self.levels, (tuple, list)) else ()
        if not counts or not all(type(count) is int and count > 0 for count in counts):
            raise HyperparameterError(
                f"levels of categorical_embedding {self.name!r} is {self.levels!r}; expected the "
                "number of codes of each column"
            )
        object.__setattr__(self, "levels", counts)

    def kept(self, inputs: int) -> int:
        """Return how many columns stay as they are, of so many.

        Raises:
            HyperparameterError: there are fewer columns than have codes.
        """
        if inputs < len(self.levels):
            raise HyperparameterError(
                f"levels of categorical_embedding {self.name!r} are of {len(self.levels)} "
                f"columns, and there are {inputs} inputs; expected at least as many inputs"
            )
        return inputs - len(self.levels)

    def width(self, inputs: int) -> int:
        """Return the numbers of all columns."""
        return self.kept(inputs) + len(self.levels) * self.size

    def without_codes(self, x: Tensor) -> Tensor:
        """Return rows (rows, inputs) as they come out, with 0 for all numbers of categories."""
        numbers = x.new_zeros(len(x), len(self.levels) * self.size)
        return torch.cat([x[:, : self.kept(x.shape[1])], numbers], 1)

    def names(self, inputs: Sequence[str]) -> list[str]:
        """Return the names of all its numbers, of inputs with such names."""
        kept = self.kept(len(inputs))
        numbers = range(1, self.size + 1)
        return [*inputs[:kept], *(f"{name} {at}" for name in inputs[kept:] for at in numbers)]

    def learning_rate_factor(self) -> float:
        """Return the factor on the learning rate of what it learns."""
        return self.lr_multiplier
