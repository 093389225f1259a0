"""Subgroups of rows by the values of a column."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.errors import InputError, UnknownNameError
from wellfit.core.words import short

_MOST_LEVELS = 8  # the rarer ones are one group
_BINS = 4  # of a column of numbers with many values
_MISSING, _OTHERS = "missing", "all others"


def subgroups(X: Any, column: str) -> Iterator[tuple[str, NDArray[np.integer]]]:
    """Yield the name and the positions of each subgroup.

    Numbers with many values are cut at their quartiles; of more than eight other values, the
    rarer ones are one group.

    Args:
        X: (rows, columns) a table.
        column: its column.

    Raises:
        UnknownNameError: there is no such column.
        InputError: the rows have no named columns.

    >>> table = pd.DataFrame({"sex": ["f", "m", "f", None]})
    >>> [(name, rows.tolist()) for name, rows in subgroups(table, "sex")]
    [('f', [0, 2]), ('m', [1]), ('missing', [3])]
    """
    if not isinstance(X, pd.DataFrame):
        raise InputError(
            f"--by {column}: the rows are an array of {np.shape(X)[1]:,} columns without names; "
            "expected a table"
        )
    names = {str(name): name for name in X.columns}
    if column not in names:
        raise UnknownNameError("column", column, names)
    values = X[names[column]]
    numeric = _is_number(values)
    labels, order = _cut(values) if numeric else _levels(values)
    labels = labels.where(values.notna(), _MISSING)
    known = labels.where(labels.isin([*order, _MISSING]), _OTHERS)
    for name in (*order, _OTHERS, _MISSING):
        rows = np.flatnonzero((known == name).to_numpy())
        if rows.size:
            yield name, rows


def _is_number(values: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return bool(numeric) and values.nunique() > _MOST_LEVELS


def _levels(values: pd.Series) -> tuple[pd.Series, list[str]]:
    """Return each value as text, and the commonest of them, sorted."""
    labels = values.astype(object).map(str)
    counts = labels[values.notna()].value_counts()
    return labels, sorted(map(str, counts.index[:_MOST_LEVELS]))


def _cut(values: pd.Series) -> tuple[pd.Series, list[str]]:
    """Return the quartiles that numbers are in, as text, and all of these, rising."""
    numbers = values.astype(float)
    edges = np.unique(np.nanquantile(numbers, np.linspace(0, 1, _BINS + 1)))
    place = np.searchsorted(edges[1:-1], numbers, side="right")
    names = [f"{short(low)} to {short(high)}" for low, high in pairwise(edges)]
    return pd.Series([names[at] for at in place], index=values.index, dtype=object), names
