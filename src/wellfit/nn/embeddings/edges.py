"""The edges of bins: splits of a regression tree on the target, or quantiles."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]

_ROUNDING = 1e-9  # of shares of the rows
# Of the rows that a bin of a tree holds, where all hold as many. It is small, so that single
# values of many rows, such as a capital gain of exactly 7,688, can have a bin of their own.
_LEAST_SHARE = 0.1


class SortedColumn(NamedTuple):
    """A feature's values, sorted once for all that is asked of them.

    Attributes:
        values: (n,) as they are.
        distinct: the same, once each and ascending.
        place: (n,) which of these each value is.
    """

    values: Numbers
    distinct: Numbers
    place: Places

    @classmethod
    def of(cls, values: Numbers) -> Self:
        """Return the column of some values."""
        return cls(values, *np.unique(values, return_inverse=True))


def stacked(edges: Iterable[Numbers], n_bins: int) -> Tensor:
    """Return features' edges (n_bins + 1, features), the last one of each repeated."""
    filled = [np.pad(each, (0, n_bins + 1 - len(each)), mode="edge") for each in edges]
    return torch.from_numpy(np.stack(filled, axis=1))


def between_values(edges: Numbers, distinct: Numbers) -> Numbers:
    """Return edges with the inner ones moved halfway down to the next smaller of some values.

    A value that is an edge would change bins by rounding, when it is scaled in another precision
    or by another library.

    Args:
        edges: ascending.
        distinct: the values, once each and ascending.

    >>> between_values(np.array([0.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0, 3.0]))
    array([0. , 1.5, 3. ])
    """
    place = np.searchsorted(distinct, edges[1:-1])
    inner = np.where(
        distinct[place] == edges[1:-1], (distinct[place - 1] + distinct[place]) / 2, edges[1:-1]
    )
    return np.concatenate([edges[:1], inner, edges[1:][-1:]])


def edges_of(column: SortedColumn, shares: Numbers, goal: Numbers | None, n_bins: int) -> Numbers:
    """Return at most ``n_bins`` + 1 ascending edges for one feature's values."""
    _, distinct, place = column
    if len(distinct) <= n_bins + 1:
        return distinct
    mass: Numbers = np.bincount(place, weights=shares).astype(np.float64)
    if goal is not None:
        counted = [np.bincount(place, weights=shares * each) for each in goal.T]
        sums: Numbers = np.stack(counted, axis=1).astype(np.float64)
        return tree_edges(distinct, mass, sums, n_bins)
    # The least value up to which so large a share of the rows lies, but for rounding: rows that
    # count twice have the same quantiles as rows that are there twice.
    levels = np.linspace(0, 1, n_bins + 1)
    places = np.searchsorted(np.cumsum(mass), levels - _ROUNDING)
    return distinct[np.unique(np.clip(places, 0, len(distinct) - 1))]


def tree_edges(distinct: Numbers, mass: Numbers, sums: Numbers, n_bins: int) -> Numbers:
    """Return the ends, and the splits of a tree that lower the target's variance most.

    Args:
        distinct: (n,) ascending values.
        mass: (n,) the share of the rows at each.
        sums: (n, outputs) the mean target there, times that share.
        n_bins: leaves of the tree, at most.
    """
    weight, total = np.cumsum(mass), np.cumsum(sums, axis=0)
    least = _LEAST_SHARE / n_bins
    splits: list[int] = []
    # The best split of every leaf, so that the leaf that gains most is the next to be split.
    leaves = [_best_split(0, len(distinct), weight, total, least)]
    while leaves and len(splits) < n_bins - 1:
        gain, split, start, stop = heapq.heappop(leaves)
        if gain >= 0:
            break
        splits.append(split)
        for ends in ((start, split), (split, stop)):
            heapq.heappush(leaves, _best_split(*ends, weight, total, least))
    middles = [(distinct[at - 1] + distinct[at]) / 2 for at in sorted(splits)]
    return np.array([distinct[0], *middles, distinct[-1]])


def _best_split(
    start: int, stop: int, weight: Numbers, total: Numbers, least: float
) -> tuple[float, int, int, int]:
    """Return the change of the variance (below 0) by a leaf's best split, and its places."""
    before = weight[start - 1] if start else 0.0
    before_sum = total[start - 1] if start else 0 * total[0]
    inner, end = slice(start, stop - 1), stop - 1
    left, left_sum = weight[inner] - before, total[inner] - before_sum
    right, right_sum = weight[end] - weight[inner], total[end] - total[inner]
    large = np.minimum(left, right) >= least - _ROUNDING
    if not large.any():
        return 0.0, start, start, stop
    gain = np.zeros(len(left))
    for mass, sums in ((left, left_sum), (right, right_sum)):
        gain[large] += (sums[large] ** 2).sum(1) / mass[large]
    gain[large] -= ((left_sum + right_sum)[large] ** 2).sum(1) / (left + right)[large]
    # The first of several that gain as much, whatever the order in which rows were added up.
    gain = gain.round(9)
    best = int(gain.argmax())
    return -float(gain[best]), start + best + 1, start, stop


def goal_of(target: Tensor, shares: Numbers) -> Numbers:
    """Return targets (rows, outputs), classes as columns of 0 and 1, of mean 0 and variance 1."""
    values = target.cpu().numpy()
    if values.dtype.kind in "iu":
        values = np.eye(int(values.max()) + 1)[values]
    columns: Numbers = values.reshape(len(values), -1).astype(np.float64)
    columns = columns - shares @ columns
    spread = np.sqrt(float((shares @ columns**2).sum()))
    return columns / spread if spread else columns
