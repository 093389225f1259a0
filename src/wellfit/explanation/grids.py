"""The values of a column at which a model's effects are looked at: cells that some row has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.errors import InputError
from wellfit.explanation.cells import RowsOfCells, texts_of
from wellfit.preprocessing.cells import read_numbers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ENDS = 0.01  # share of the rows beyond the ends of a grid, on either side


@dataclass(frozen=True, eq=False)
class ColumnGrid:
    """Cells of a column, each that of some row, so that the model reads them as it reads rows.

    Attributes:
        column: its name.
        places: (n,) the rows that have these cells.
        labels: (n,) the cells as text.
        numbers: (n,) the cells, rising, where they are numbers; None of dates and categories.
    """

    column: str
    places: Ints
    labels: tuple[str, ...]
    numbers: Floats | None = None

    @classmethod
    def at(cls, rows: RowsOfCells, column: str, places: Sequence[int] | Ints) -> ColumnGrid:
        """Return the grid of the cells of these rows."""
        cells = rows.column(column).iloc[list(places)]
        numbers = None
        if rows.kind(column) == "number":
            numbers = read_numbers(cells, "number", column)
        return cls(column, np.asarray(places, np.int64), tuple(texts_of(cells.tolist())), numbers)

    @classmethod
    def of(cls, rows: RowsOfCells, column: str, most: int) -> ColumnGrid:
        """Return a grid over a column's cells.

        Numbers, dates and durations are taken at quantiles of the rows, and evenly over their
        range; categories are the most frequent ones, with missing values as one of them.

        Args:
            rows: that have the cells.
            column: its name.
            most: cells, at most.

        Raises:
            UnknownNameError: there is no such column; names the nearest.
            InputError: a column of one value.
        """
        values = ordered_values(rows, column)
        if values is None:
            codes = codes_of(rows.column(column))
            counts = np.bincount(codes)
            kept = np.argsort(-counts, kind="stable")[:most]
            firsts = np.array([np.flatnonzero(codes == code)[0] for code in kept])
            _refuse_constant(column, len(kept), rows)
            return cls.at(rows, column, firsts)
        distinct, first = np.unique(values[np.isfinite(values)], return_index=True)
        _refuse_constant(column, len(distinct), rows)
        known = np.flatnonzero(np.isfinite(values))
        if len(distinct) <= most:
            return cls.at(rows, column, known[first])
        of_rows = quantile_places(values, np.linspace(_ENDS, 1 - _ENDS, -(-most // 2)))
        low, high = values[of_rows[[0, -1]]]
        even = np.linspace(low, high, most // 2 + 2)[1:-1]
        nearest = np.abs(distinct[:, None] - even).argmin(axis=0)
        both = np.concatenate([of_rows, known[first][nearest]])
        return cls.at(rows, column, both[np.unique(values[both], return_index=True)[1]])


def ordered_values(rows: RowsOfCells, column: str) -> Floats | None:
    """Return a column's values (n_rows,) as numbers, NaN where missing; None of categories.

    Dates and durations are in seconds.
    """
    kind = rows.kind(column)
    if kind not in ("number", "date", "duration"):
        return None
    return read_numbers(rows.column(column), kind, column)


def codes_of(cells: pd.Series[Any]) -> Ints:
    """Return a number for each cell (n_rows,), the same where cells are; missing is one too."""
    return np.asarray(pd.factorize(cells, use_na_sentinel=False)[0], dtype=np.int64)


def quantile_places(values: Floats, levels: Floats) -> Ints:
    """Return the positions of the values at quantiles, each value once, rising.

    >>> quantile_places(np.array([5.0, np.nan, 1.0, 3.0]), np.array([0.0, 0.5, 1.0]))
    array([2, 3, 0])
    """
    order = np.argsort(values, kind="stable")[: int(np.isfinite(values).sum())]
    places = order[np.round(levels * (len(order) - 1)).astype(np.int64)]
    return np.asarray(places[np.unique(values[places], return_index=True)[1]], dtype=np.int64)


def _refuse_constant(column: str, distinct: int, rows: RowsOfCells) -> None:
    if distinct < 2:
        known = rows.column(column).dropna().tolist()
        held = f"one value, {known[0]!r}," if known else "no value"
        raise InputError(
            f"column {column!r} has {held} in all {len(rows):,} rows; expected at least two "
            "different values"
        )
