"""The test for jumps in a feature's effect, on rows that took no part in either estimate."""

from __future__ import annotations

import numpy as np

from wellfit.nn.embeddings.edges import Numbers, Places, SortedColumn, tree_edges

_CELLS = 256  # places of a feature, at most; what is nearer together isn't told apart
_FEW = 48  # values that a bend at each describes well enough
_BENDS = 8  # of the smooth estimate
_PRIOR = 5.0  # rows that a bin's mean is drawn to the mean of all by
_LEAST_GAIN, _BY_CHANCE = 0.002, 10.0  # of the target's variance; the same, times rows
_RIDGE = 1e-6


def has_jumps(column: SortedColumn, shares: Numbers, goal: Numbers, n_bins: int) -> bool:
    """Return whether bins' means predict the target better than a line with a few bends, or none.

    Every second row makes both estimates, and the others judge them; then the other way round. So
    neither a smooth effect has jumps, which many bins describe with more noise than lines do, nor
    a feature without effect.

    Args:
        column: of one feature.
        shares: (n,) of the rows, of sum 1.
        goal: (n, outputs) targets of mean 0 and of variance 1 in total.
        n_bins: of the tree whose splits the bins are.
    """
    if len(column.distinct) <= _FEW:
        return False
    (at, place), rows = _cells(column), len(shares)
    odd = np.arange(rows) % 2 == 1
    halves = [_sums(place[half], shares[half], goal[half], len(at)) for half in (odd, ~odd)]
    errors = np.zeros(3)
    for own, other in (halves, reversed(halves)):
        mean = own[1].sum(0) / own[0].sum() + 0 * own[1]
        estimates = _means_of_bins(at, *own, n_bins, rows), _bent_line(at, *own), mean
        errors += [_error(each, *other) for each in estimates]
    gain = min(errors[1:]) - errors[0]
    return bool(gain > _LEAST_GAIN + _BY_CHANCE / rows)


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


def _sums(place: Places, shares: Numbers, goal: Numbers, n: int) -> tuple[Numbers, Numbers]:
    """Return the mass (cells,) of some rows, and their targets' sums (cells, outputs)."""
    columns = [np.bincount(place, weights=shares * each, minlength=n) for each in goal.T]
    mass: Numbers = np.bincount(place, weights=shares, minlength=n).astype(np.float64)
    return mass, np.stack(columns, axis=1)


def _means_of_bins(at: Numbers, mass: Numbers, sums: Numbers, n_bins: int, rows: int) -> Numbers:
    """Return the estimate (cells, outputs) by the means of a tree's bins."""
    there, total = mass > 0, mass.sum()
    edges = tree_edges(at[there], mass[there] / total, sums[there] / total, n_bins)
    bins = np.searchsorted(edges[1:-1], at, side="right")
    prior = _PRIOR / rows
    counted = np.bincount(bins, weights=mass) + prior
    summed = np.stack([np.bincount(bins, weights=each) for each in sums.T], axis=1)
    means: Numbers = (summed + prior * sums.sum(0) / total) / counted[:, None]
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
