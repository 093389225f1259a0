"""Text and categories: one column of 0 and 1 for each frequent level."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Self, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.errors import CellTypeError


class LevelsDocument(TypedDict):
    """The levels of one column as plain data."""

    levels: list[str]
    other: bool
    missing: bool


@dataclass(frozen=True)
class Levels:
    """The levels of one column, as text.

    Args:
        levels: the frequent ones, in alphabetical order.
        other: whether one more column stands for the rare levels, and for unseen ones.
        missing: whether one more column stands for missing values.

    >>> column = pd.Series(["red", "red", "green", "green", None])
    >>> levels = Levels.fit(column, "colour", max_categories=100, min_frequency=2)
    >>> levels.labels
    ['green', 'red', '(missing)']
    >>> levels.one_hot(pd.Series(["red", "blue"]), "colour")
    array([[0., 1., 0.],
           [0., 0., 0.]], dtype=float32)
    """

    levels: list[str]
    other: bool
    missing: bool

    @classmethod
    def fit(
        cls, column: pd.Series[Any], name: str, max_categories: int, min_frequency: int
    ) -> Self:
        """Learn the levels of a training column.

        Args:
            column: (rows,) hashable values.
            name: the column's name, for errors.
            max_categories: how many levels to tell apart, the rare ones counting as one.
            min_frequency: how many rows a level must have not to be rare.

        Raises:
            DataError: a cell holds a list, a dictionary or the like.
        """
        codes, texts = _factorize(column, name)
        counts: Counter[str] = Counter()
        for text, count in zip(texts, np.bincount(codes[codes >= 0]).tolist(), strict=True):
            counts[text] += count
        ranked = sorted(counts, key=lambda text: (-counts[text], text))
        kept = [text for text in ranked if counts[text] >= min_frequency]
        if len(kept) < len(ranked) or len(kept) > max_categories:
            kept = kept[: max_categories - 1]
        other = len(kept) < len(ranked)
        return cls(sorted(kept), other, bool((codes < 0).any()))

    @property
    def labels(self) -> list[str]:
        """What each column of 0 and 1 stands for; of two, the second says it all."""
        every = self.levels + ["(other)"] * self.other + ["(missing)"] * self.missing
        return every[1:] if len(every) == 2 else every

    def one_hot(self, column: pd.Series[Any], name: str) -> NDArray[np.float32]:
        """Return (rows, labels) with a 1 where a row has that level.

        A level that training didn't have counts as rare, or as none where there was no rare one.
        """
        codes, texts = _factorize(column, name)
        place = {level: index for index, level in enumerate(self.levels)}
        count = len(self.levels)
        elsewhere = count if self.other else -1
        nowhere = count + self.other if self.missing else -1
        found = np.array([place.get(text, elsewhere) for text in texts] + [nowhere])[codes]
        found -= int(count + self.other + self.missing == 2)  # the first of two has no column
        rows = np.flatnonzero(found >= 0)
        marked = np.zeros((len(codes), len(self.labels)), dtype=np.float32)
        marked[rows, found[rows]] = 1
        return marked

    def to_document(self) -> dict[str, Any]:
        """Return plain data; ``Levels(**data)`` is the way back."""
        return asdict(self)


def _factorize(column: pd.Series[Any], name: str) -> tuple[NDArray[np.intp], list[str]]:
    """Return each row's code, -1 where missing, and each code's text."""
    try:
        codes, values = pd.factorize(column)
    except TypeError as error:
        raise CellTypeError(
            f"column {name!r} can't be read as text or categories: {error}; "
            "a cell's argument must be a string or a number, no list or dictionary"
        ) from error
    return codes, [_text(value) for value in values.tolist()]


def _text(value: Any) -> str:
    """Return a level's text, the same for 1, 1.0 and True, which are equal."""
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return str(int(value)) if whole else str(value)
