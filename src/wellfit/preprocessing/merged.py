"""Categories whose rare levels the encoder merges into one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from wellfit.core.words import percent
from wellfit.preprocessing.categories import most_levels
from wellfit.preprocessing.columns import kind_of
from wellfit.preprocessing.table_documents import DEFAULTS

if TYPE_CHECKING:
    from wellfit.preprocessing.table import TablePreprocessor

_FREE = 0.9  # share of values that occur once in an identifier, or in free text


class MergedLevels(NamedTuple):
    """The levels of a column of text or categories that the encoder keeps, and those it merges.

    Attributes:
        name: the column's.
        levels: how many it has.
        kept: how many of them the encoder keeps apart.
        rows: share of the rows with a value whose level is among the others.
        single: share of the levels that occur once.
    """

    name: str
    levels: int
    kept: int
    rows: float
    single: float

    def __str__(self) -> str:
        """Return what is merged as a sentence."""
        what = f"column {self.name!r} has {self.levels:,} levels"
        if self.single > _FREE:
            once = percent(self.single, 0)
            what = f"column {self.name!r} is an identifier or free text ({once} of its "
            what += f"{self.levels:,} values occur once)"
        if not self.kept:
            return f"{what}: the encoder keeps none of them"
        return (
            f"{what}: the encoder keeps {self.kept:,} and merges the other "
            f"{self.levels - self.kept:,} ({percent(self.rows, 0)} of the rows) into one"
        )


def merged_levels(
    table: pd.DataFrame,
    most: float = 0.2,
    encoder: TablePreprocessor | None = None,
    coded_from: int | None = None,
) -> Iterator[MergedLevels]:
    """Yield the columns in which more than a share ``most`` of the rows has a merged level.

    Args:
        table: (rows, columns) as the estimator is given it.
        most: share of the rows with a value.
        encoder: whose settings count; None for those of ``preprocess="auto"``.
        coded_from: how many levels a column must have to become one of codes; None where none
            does.

    >>> names = [f"n{i}" for i in range(300)]
    >>> table = pd.DataFrame({"name": names, "town": ["Bern", "Ulm", "Bonn"] * 100})
    >>> print(*merged_levels(table))
    column 'name' is an identifier or free text (100 % of its 300 values occur once): the encoder
    keeps none of them
    """
    rare, most_kept = DEFAULTS["min_frequency"], DEFAULTS["max_categories"]
    if encoder is not None:
        rare, most_kept = encoder.min_frequency, encoder.max_categories
    for place in range(table.shape[1]):
        column = table.iloc[:, place]
        if kind_of(column) == "category":
            one = _merged(column, rare, most_kept, coded_from)
            if one.rows > most:
                yield one


def _merged(
    column: pd.Series[Any], rare: int, most: int | str, coded_from: int | None
) -> MergedLevels:
    codes = pd.factorize(column)[0]
    counts = np.sort(np.bincount(codes[codes >= 0]))[::-1]
    levels = len(counts)
    kept = int((counts >= rare).sum())
    limit = most_levels(most, coded_from is not None and kept >= coded_from)
    if kept < levels or kept > limit:  # as Levels.fit does
        kept = min(kept, limit - 1)
    rows = float(counts[kept:].sum() / max(counts.sum(), 1))
    single = float((counts == 1).mean()) if levels else 0.0
    return MergedLevels(str(column.name), levels, kept, rows, single)
