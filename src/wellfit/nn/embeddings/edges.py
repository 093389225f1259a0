"""The edges of bins: splits of a regression tree on the target, or quantiles."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]
Leaf = tuple[int, int, int]  # its tree, and the places of the sums at its ends

_ROUNDING = 1e-9  # of shares of the rows
# Of the rows that a bin of a tree holds, where all hold as many. It is small, so that single
# values of many rows, such as a capital gain of exactly 7,688, can have a bin of their own.
_LEAST_SHARE = 0.1
_MOST_CELLS = 4_000_000  # rows, times columns and outputs, that are looked at together


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


class TreeRows(NamedTuple):
    """The rows that a tree reads, those of equal values together.

    Attributes:
        distinct: (n,) values, once each and ascending.
        mass: (n,) the share of the rows at each.
        sums: (n, outputs) the mean target there, times that share.
    """

    distinct: Numbers
    mass: Numbers
    sums: Numbers


def columns_in_parts(values: Numbers, goal: Numbers | None) -> Iterator[list[SortedColumn]]:
    """Yield the columns of values (rows, features), as many at once as memory has room for."""
    outputs = 1 if goal is None else goal.shape[1]
    at_once = max(1, _MOST_CELLS // max(1, len(values) * outputs))
    for start in range(0, values.shape[1], at_once):
        yield [SortedColumn.of(each) for each in values[:, start : start + at_once].T]


def edges_of(
    columns: Sequence[SortedColumn], shares: Numbers, goal: Numbers | None, n_bins: Sequence[int]
) -> list[Numbers]:
    """Return each feature's ascending edges, at most as many as its bins and one more.

    Args:
        columns: features.
        shares: (rows,) of sum 1.
        goal: (rows, outputs) targets of mean 0 and of variance 1 in total; None for quantiles.
        n_bins: of each feature, at most.
    """
    pairs = list(zip(columns, n_bins, strict=True))
    many = [(column, bins) for column, bins in pairs if len(column.distinct) > bins + 1]
    if goal is None:
        found = [_quantiles(column, shares, bins) for column, bins in many]
    else:
        read = [TreeRows(at, *sums_at(place, shares, goal, len(at))) for (_, at, place), _ in many]
        found = tree_edges(read, [bins for _, bins in many])
    edges = iter(found)
    return [
        next(edges) if len(column.distinct) > bins + 1 else column.distinct
        for column, bins in pairs
    ]


def sums_at(place: Places, shares: Numbers, goal: Numbers, n: int) -> tuple[Numbers, Numbers]:
    """Return the mass (n,) of the rows at each place, and their targets' sums (n, outputs)."""
    columns = [np.bincount(place, weights=shares * each, minlength=n) for each in goal.T]
    mass: Numbers = np.bincount(place, weights=shares, minlength=n).astype(np.float64)
    return mass, np.stack(columns, axis=1).astype(np.float64)


def _quantiles(column: SortedColumn, shares: Numbers, n_bins: int) -> Numbers:
    distinct = column.distinct
    # The least value up to which so large a share of the rows lies, but for rounding: rows that
    # count twice have the same quantiles as rows that are there twice.
    levels = np.linspace(0, 1, n_bins + 1)
    mass = np.bincount(column.place, weights=shares)
    places = np.searchsorted(np.cumsum(mass), levels - _ROUNDING)
    return distinct[np.unique(np.clip(places, 0, len(distinct) - 1))]


def tree_edges(read: Sequence[TreeRows], n_bins: Sequence[int]) -> list[Numbers]:
    """Return the ends, and the splits of a tree that lower the target's variance most, for each.

    The trees grow together, a split of each in every round, so that one call of NumPy looks at
    all new leaves.

    Args:
        read: what each tree reads.
        n_bins: leaves of each tree, at most.
    """
    if not read:
        return []
    # All trees' sums up to each value stand in one array; those of a tree begin with 0.
    weight = np.concatenate([np.r_[0.0, np.cumsum(each.mass)] for each in read])
    none = np.zeros((1, read[0].sums.shape[1]))
    total = np.concatenate([np.r_[none, np.cumsum(each.sums, axis=0)] for each in read])
    sizes = [len(each.distinct) for each in read]
    firsts = [0, *np.cumsum(np.add(sizes, 1)).tolist()][:-1]
    roots = [(tree, at, at + sizes[tree]) for tree, at in enumerate(firsts)]
    splits = _splits(roots, weight, total, n_bins)
    return [
        _with_ends(each.distinct, np.sort(np.array(split, np.intp)) - first)
        for each, split, first in zip(read, splits, firsts, strict=True)
    ]


def _splits(
    roots: list[Leaf], weight: Numbers, total: Numbers, n_bins: Sequence[int]
) -> list[list[int]]:
    """Return where each tree splits; of its leaves, the one that gains most is the next."""
    least = _LEAST_SHARE / np.asarray(n_bins) - _ROUNDING
    splits: list[list[int]] = [[] for _ in roots]
    waiting: list[list[tuple[float, int, Leaf]]] = [[] for _ in roots]
    made = roots
    while made:
        tree, start, stop = np.array(made).T
        found = _best_splits(start, stop, weight, total, least[tree])
        for leaf, gain, split in zip(made, *found, strict=True):
            if gain > 0:
                heapq.heappush(waiting[leaf[0]], (-gain, split, leaf))
        made = []
        for own, leaves, bins in zip(splits, waiting, n_bins, strict=True):
            if leaves and len(own) < bins - 1:
                _, split, (k, begin, end) = heapq.heappop(leaves)
                own.append(split)
                made += [(k, begin, split), (k, split, end)]
    return splits


def _with_ends(distinct: Numbers, splits: Places) -> Numbers:
    """Return the ends, and the middles before some places."""
    middles = (distinct[splits - 1] + distinct[splits]) / 2
    return np.concatenate([distinct[:1], middles, distinct[-1:]])


def _best_splits(
    start: Places, stop: Places, weight: Numbers, total: Numbers, least: Numbers
) -> tuple[list[float], list[int]]:
    """Return by how much leaves' best splits lower the variance, or 0, and their places."""
    sizes = stop - start - 1
    leaf = np.repeat(np.arange(len(start)), sizes)
    at = np.arange(len(leaf)) + np.repeat(start + 1 - (np.cumsum(sizes) - sizes), sizes)
    left, right = weight[at] - weight[start][leaf], weight[stop][leaf] - weight[at]
    large = np.minimum(left, right) >= least[leaf]
    leaf, at, left, right = leaf[large], at[large], left[large], right[large]
    gains, places = np.zeros(len(start)), start.copy()
    if not len(leaf):
        return gains.tolist(), places.tolist()
    left_sum, right_sum = total[at] - total[start][leaf], total[stop][leaf] - total[at]
    gain = (left_sum**2).sum(1) / left + (right_sum**2).sum(1) / right
    gain -= ((left_sum + right_sum) ** 2).sum(1) / (left + right)
    # The first of several that gain as much, whatever the order in which rows were added up.
    gain = gain.round(9)
    there, begin = np.unique(leaf, return_index=True)
    gains[there] = np.maximum.reduceat(gain, begin)
    best = np.flatnonzero(gain == gains[leaf])
    of, first = np.unique(leaf[best], return_index=True)
    places[of] = at[best[first]]
    return gains.tolist(), places.tolist()


def goal_of(target: Tensor, shares: Numbers) -> Numbers:
    """Return targets (rows, outputs), classes as columns of 0 and 1, of mean 0 and variance 1."""
    values = target.cpu().numpy()
    if values.dtype.kind in "iu":
        values = np.eye(int(values.max()) + 1)[values]
    columns: Numbers = values.reshape(len(values), -1).astype(np.float64)
    columns = columns - shares @ columns
    spread = np.sqrt(float((shares @ columns**2).sum()))
    return columns / spread if spread else columns
