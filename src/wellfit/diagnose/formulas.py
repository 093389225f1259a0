"""Targets that are computed from two columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.preprocessing.columns import kinds_of

_MOST = 150  # numeric columns whose pairs are tried
_ROWS = 200  # that each pair is compared on first
_EXACT = 1e-6  # of the target's standard deviation

Floats = NDArray[np.float64]


def formula_of(table: pd.DataFrame, y: Floats) -> str:
    """Return the sum, difference, product or ratio of two columns that ``y`` equals, in words.

    Rows with a missing value are left out; at least half of the rows must be left, and 20. The
    result is empty where there is no such pair, or fewer than three numeric columns.

    Args:
        table: (rows, columns).
        y: (rows,) the target.

    >>> table = pd.DataFrame({"a": range(30), "b": [3, 1, 2] * 10, "c": [1, 5] * 15})
    >>> formula_of(table, (table.b + table.c).to_numpy(float))
    "the target equals 'b' + 'c'"
    """
    numeric = [at for at, kind in enumerate(kinds_of(table)) if kind == "number"]
    if not 3 <= len(numeric) <= _MOST:
        return ""
    values = table.iloc[:, numeric].to_numpy(np.float64, na_value=np.nan).T
    names = [str(table.columns[at]) for at in numeric]
    for first, second, sign in _pairs(values[:, :_ROWS], y[:_ROWS]):
        left, right = values[first], values[second]
        made = {"+": np.add, "-": np.subtract, "×": np.multiply, "/": np.divide}[sign]
        with np.errstate(all="ignore"):
            known, exact = _equal(made(left, right), y)
        if known >= max(20, len(y) / 2) and exact:
            return f"the target equals {names[first]!r} {sign} {names[second]!r}"
    return ""


def _equal(made: Floats, y: Floats) -> tuple[int, bool]:
    """Return how many rows have a value, and whether these equal the target."""
    known = np.isfinite(made)
    near = np.abs(made - y)[known] <= _EXACT * y.std()
    return int(known.sum()), bool(near.all())


def _pairs(values: Floats, y: Floats) -> Iterator[tuple[int, int, str]]:
    """Yield the pairs of columns (columns, rows), and their sign, that fit the rows given."""
    varied = np.nanmax(values, axis=1, initial=-np.inf) > np.nanmin(values, axis=1, initial=np.inf)
    limit = _EXACT * max(float(y.std()), 1e-300)
    with np.errstate(all="ignore"):
        for first in np.flatnonzero(varied):
            one = values[first]
            for sign, wanted in (("+", y - one), ("-", one - y), ("×", y / one), ("/", one / y)):
                # An undefined difference says nothing, as of a missing value or 0 / 0.
                scale = np.abs(one) if sign == "×" else 1.0
                off = np.abs(values - wanted) * scale > limit
                fits = ~off.any(axis=1) & varied
                for second in np.flatnonzero(fits):
                    yield int(first), int(second), sign
