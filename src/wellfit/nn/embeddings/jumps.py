"""The test for jumps in features' effects, on rows that took no part in either estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from wellfit.nn.embeddings.edges import (
    Numbers,
    Places,
    SortedColumn,
    TreeRows,
    sums_at,
    tree_edges,
)

_CELLS = 256  # places of a feature, at most; what is nearer together isn't told apart
_FEW = 48  # values that a bend at each describes well enough
_BENDS = 8  # of the smooth estimate
_PRIOR = 5.0  # rows that a bin's mean is drawn to the mean of all by
_LEAST_GAIN, _BY_CHANCE = 0.002, 10.0  # of the target's variance; the same, times rows
_RIDGE = 1e-6


class _Halves(NamedTuple):
    """A feature's places, and at each the sums of every second row and of the others."""

    at: Numbers
    odd: tuple[Numbers, Numbers]
    even: tuple[Numbers, Numbers]

    @classmethod
    def of(cls, column: SortedColumn, shares: Numbers, goal: Numbers) -> Self:
        at, place = _cells(column)
        odd = np.arange(len(shares)) % 2 == 1
        return cls(
            at, *(sums_at(place[ids], shares[ids], goal[ids], len(at)) for ids in (odd, ~odd))
        )


def have_jumps(
    columns: Sequence[SortedColumn], shares: Numbers, goal: Numbers, n_bins: int
) -> list[bool]:
    """Return which features' bins' means predict better than a line with a few bends, or none.

    Every second row makes both estimates, and the others judge them; then the other way round. So
    neither a smooth effect has jumps, which many bins describe with more noise than lines do, nor
    a feature without effect.

    Args:
        columns: features.
        shares: (n,) of the rows, of sum 1.
        goal: (n, outputs) targets of mean 0 and of variance 1 in total.
        n_bins: of the trees whose splits the bins are.
    """
    judged = [
        _Halves.of(each, shares, goal) if len(each.distinct) > _FEW else None for each in columns
    ]
    read = [_rows(each.at, *half) for each in judged if each for half in (each.odd, each.even)]
    edges = iter(tree_edges(read, [n_bins] * len(read)))
    rows = len(shares)
    least = _LEAST_GAIN + _BY_CHANCE / rows
    return [
        each is not None and _gain(each, (next(edges), next(edges)), rows) > least
        for each in judged
    ]


def _rows(at: Numbers, mass: Numbers, sums: Numbers) -> TreeRows:
    """Return what a tree reads of some rows, as if they were all."""
    there, total = mass > 0, mass.sum()
    return TreeRows(at[there], mass[there] / total, sums[there] / total)


def _gain(halves: _Halves, edges: tuple[Numbers, Numbers], rows: int) -> float:
    """Return by how much bins' means are better than a bent line and the mean of all."""
    at, odd, even = halves
    errors = np.zeros(3)
    for own, other, found in zip((odd, even), (even, odd), edges, strict=True):
        mean = own[1].sum(0) / own[0].sum() + 0 * own[1]
        estimates = _means_of_bins(at, *own, found, rows), _bent_line(at, *own), mean
        errors += [_error(each, *other) for each in estimates]
    return float(min(errors[1:]) - errors[0])


def _cells(column: SortedColumn) -> tuple[Numbers, Places]:
    """Return ascending places (cells,), and which of them each value is at."""
    values, distinct, place = column
    if len(distinct) <= _CELLS:
        return distinct, place
    below = np.cumsum(np.bincount(place)) / len(values)
    cells = np.unique(np.minimum(below * _CELLS, _CELLS - 1).astype(int), return_inverse=True)[1]
    place = cells[place]
    at: Numbers = np.bincount(place, weights=values) / np.bincount(place)
    return at, place


def _means_of_bins(
    at: Numbers, mass: Numbers, sums: Numbers, edges: Numbers, rows: int
) -> Numbers:
    """Return the estimate (cells, outputs) by the means of a tree's bins."""
    bins = np.searchsorted(edges[1:-1], at, side="right")
    prior = _PRIOR / rows
    counted = np.bincount(bins, weights=mass) + prior
    summed = np.stack([np.bincount(bins, weights=each) for each in sums.T], axis=1)
    means: Numbers = (summed + prior * sums.sum(0) / mass.sum()) / counted[:, None]
    return means[bins]


def _bent_line(at: Numbers, mass: Numbers, sums: Numbers) -> Numbers:
    """Return the estimate (cells, outputs) by a line with bends at quantiles."""
    bends = _quantiles(at, mass)
    if len(bends) <= _BENDS // 2:  # one value has most of the rows
        others = np.where(np.arange(len(at)) == mass.argmax(), 0, mass)
        bends = np.union1d(at[:1], _quantiles(at, others))
    come = np.clip((at[:, None] - bends[:-1]) / np.diff(bends), 0, 1)
    line = np.column_stack([np.ones(len(at)), come])
    square = line.T @ (line * mass[:, None])
    square[np.diag_indices_from(square)] += _RIDGE * mass.sum()
    estimate: Numbers = line @ np.linalg.solve(square, line.T @ sums)
    return estimate


def _quantiles(at: Numbers, mass: Numbers) -> Numbers:
    levels = np.linspace(0, mass.sum(), _BENDS + 1)
    return at[np.unique(np.clip(np.searchsorted(np.cumsum(mass), levels), 0, len(at) - 1))]


def _error(estimate: Numbers, mass: Numbers, sums: Numbers) -> float:
    """Return the squared error of an estimate, but for what is the same for all."""
    return float((mass[:, None] * estimate**2 - 2 * estimate * sums).sum())
