"""Batches that lie outside what a preprocessor has learned from other rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.preprocessing.categories import Levels, most_levels
from wellfit.preprocessing.cells import number_matrix
from wellfit.preprocessing.columns import Kind, Table
from wellfit.preprocessing.numeric import AffineScaling, Numbers
from wellfit.preprocessing.table import TablePreprocessor

_SAMPLE = 1000  # rows of a batch that are looked at
_FEWEST = 8  # values by which a scale can be judged
_FAR = (
    5.0  # scales by which half of the values are off: bent towards ±3, they are hard to tell apart
)
_NARROW = 0.05  # of a scale that all values lie in
_NEW = 0.05  # share of cells


def problems_of(
    table: TablePreprocessor, X: Table, *, narrow: bool = True
) -> dict[str, list[str]]:
    """Return what a batch holds that a preprocessor can't express: columns' names by problem.

    Args:
        table: fitted on other rows.
        X: (rows, columns) with the columns that it was fitted on, checked.
        narrow: whether numbers that are nearly all equal are of another scale. Of rows in the
            order of a number, each batch is such, and none is of another scale.

    Returns:
        ``"empty"``: columns that had no value; ``"constant"``: those that had one value, and have
        others now; ``"scale"``: numbers of another magnitude, or dates of another time;
        ``"levels"``: categories, many of whose levels are new.

    >>> table = TablePreprocessor().fit(pd.DataFrame({"a": [1.0, 1.0], "b": ["u", "u"]}))
    >>> problems_of(table, pd.DataFrame({"a": [1.0, 2.0], "b": ["v", "v"]}))
    {'constant': ['a'], 'levels': ['b']}
    """
    # A sample finds any problem that matters for the whole batch, in bounded time.
    X = X[:: -(-X.shape[0] // _SAMPLE)]
    names = [column.name for column in table.columns]
    problems: dict[str, list[str]] = {}
    for problem, at in _found(table, X, names, narrow):
        problems.setdefault(problem, []).append(names[at])
    return problems


def _found(
    table: TablePreprocessor, X: Table, names: Sequence[str], narrow: bool
) -> Iterator[tuple[str, int]]:
    for at in _places(table, "empty"):
        if pd.notna(X.iloc[:, at] if isinstance(X, pd.DataFrame) else X[:, at]).any():
            yield "empty", at
    for numbers, kinds in (
        (table.numbers_, ("number", "date", "duration")),
        (table.flags_, ("flag",)),
    ):
        places = _places(table, *kinds)
        values = number_matrix(X, places, table.kinds_, names)
        for problem, index in _of_numbers(numbers, values, narrow):
            yield problem, places[index]
    for at, levels in zip(_places(table, "category"), table.categories_, strict=True):
        column = X.iloc[:, at] if isinstance(X, pd.DataFrame) else pd.Series(X[:, at])
        if _has_new_levels(levels, column, names[at], table):
            yield "levels", at


def _places(table: TablePreprocessor, *kinds: Kind) -> list[int]:
    return [at for at, kind in enumerate(table.kinds_) if kind in kinds]


def _of_numbers(numbers: Numbers, values: NDArray[Any], narrow: bool) -> Iterator[tuple[str, int]]:
    """Yield the problems of numeric columns (rows, columns), NaN where missing."""
    scaling = next(
        (each for each in numbers.scalings.values() if isinstance(each, AffineScaling)), None
    )
    for index in range(values.shape[1]):
        column = values[:, index]
        column = column[~np.isnan(column)]
        if not numbers.varies[index]:
            if (column != numbers.fill[index]).any():
                yield "constant", index
        elif scaling is not None and has_other_scale(
            (column - scaling.center[index]) / scaling.scale[index], narrow=narrow
        ):
            yield "scale", index


def has_other_scale(scaled: NDArray[Any], *, narrow: bool = True) -> bool:
    """Return whether scaled numbers are mostly far from 0 or, where ``narrow``, nearly equal.

    >>> has_other_scale(np.linspace(-2, 2, 9)), has_other_scale(100 * np.linspace(-2, 2, 9))
    (False, True)
    """
    if len(scaled) < _FEWEST:
        return False
    low, high = scaled.min(), scaled.max()
    return bool(np.median(np.abs(scaled)) > _FAR or (narrow and 0 < high - low < _NARROW))


def _has_new_levels(
    levels: Levels, column: pd.Series[Any], name: str, table: TablePreprocessor
) -> bool:
    """Return whether many cells have levels that would have been kept, had they been there."""
    cells = column.notna()
    unknown = column[cells & ~levels.are_known(column, name)]
    counts = unknown.value_counts()
    new = counts[counts >= table.min_frequency].sum()
    most = most_levels(table.max_categories, levels.coded)
    if levels.other and len(levels.levels) >= most - 1:
        return bool(new) and len(unknown) == cells.sum()  # of so many, some were left out
    return bool(new > _NEW * cells.sum())
