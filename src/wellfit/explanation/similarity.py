"""An order of categories in which neighbours have rows that are alike in all other columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellfit.explanation.cells import RowsOfCells
from wellfit.explanation.grids import codes_of, ordered_values

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_POINTS = 64  # at which distributions of numbers are compared


def similarity_order(rows: RowsOfCells, column: str, levels: Ints, count: int) -> Ints:
    """Return the levels of a column in an order of likeness.

    The distance of two levels is the sum, over all other columns, of how far the distributions of
    these differ: by Kolmogorov and Smirnov's statistic of numbers, by half of the absolute
    differences of shares of categories. Classical scaling puts the levels on a line.

    Args:
        rows: the rows.
        column: whose levels they are, which isn't compared.
        levels: (n_rows,) each row's level, from 0; -1 for none.
        count: of the levels; each has some row.

    Source: Apley and Zhu, 2020, appendix E.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"town": list("aabbcc"), "height": [1, 3, 7, 9, 3, 7]})
    >>> similarity_order(RowsOfCells.of(frame), "town", np.array([0, 0, 1, 1, 2, 2]), 3)[1]
    np.int64(2)
    """
    if count < 3:
        return np.arange(count)
    distance = np.zeros((count, count))
    for name in rows.names:
        if name != column:
            distance += _distances(_frequencies(rows, name, levels, count))
    # Classical scaling: the first axis of the centred squares.
    squares = -(distance**2) / 2
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()
    axis = np.linalg.eigh(centred)[1][:, -1]
    # An axis has no direction: the more frequent end comes first, so that repeats agree.
    return np.argsort(axis if axis[0] <= axis[-1] else -axis, kind="stable")


def _frequencies(rows: RowsOfCells, name: str, levels: Ints, count: int) -> tuple[Floats, bool]:
    """Return each level's distribution over a column (count, points), and whether it adds up."""
    values = ordered_values(rows, name)
    if values is None:
        codes = codes_of(rows.column(name))
        shares = np.zeros((count, int(codes.max()) + 1))
        there = levels >= 0
        np.add.at(shares, (levels[there], codes[there]), 1)
        return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1), False
    known = np.isfinite(values)
    if not known.any():
        return np.zeros((count, 1)), True
    points = np.quantile(values[known], np.linspace(0, 1, _POINTS))
    each = [np.sort(values[known & (levels == level)]) for level in range(count)]
    below = [np.searchsorted(own, points, side="right") / max(len(own), 1) for own in each]
    return np.array(below), True


def _distances(distributions: tuple[Floats, bool]) -> Floats:
    """Return how far the levels' distributions of a column differ, (count, count)."""
    shares, cumulative = distributions
    apart = np.abs(shares[:, None] - shares[None])
    return np.asarray(apart.max(axis=2) if cumulative else apart.sum(axis=2) / 2)
