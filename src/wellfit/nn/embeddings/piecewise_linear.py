"""The piecewise linear embedding of numeric features."""

from __future__ import annotations

import heapq
import math
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper
from wellfit.nn.embeddings.base import EmbeddingOp, NumericEmbedding, add_rows
from wellfit.nn.ops import BindContext, Op, ParameterShape

Numbers = NDArray[np.float64]

_SPAN = 3.0  # of scaled numbers, where no rows say more
_ROUNDING = 1e-9  # of shares of the rows
# Of the rows that a bin of a tree holds, where all hold as many. It is small, so that single
# values of many rows, such as a capital gain of exactly 7,688, can have a bin of their own.
_LEAST_SHARE = 0.1


class PiecewiseLinear(NumericEmbedding, name="piecewise_linear"):
    r"""embedding(x) = x u + e(x) W + b, where e(x) says how far x has come through each bin.

    For edges b₀ < … < b_T, eₜ(x) = (x - bₜ₋₁) / (bₜ - bₜ₋₁), cut to [0, 1]; the first bin isn't
    cut below, nor the last above. Every number of the embedding is then a line with a bend at
    every edge. W starts at 0: a network begins as if only the lines x u + b were there.

    The edges are learned from the training rows before the first step, and belong to the
    weights: folds with other edges share a stack. They are the splits of a regression tree on the
    target, which lie where its mean changes, or quantiles (as many rows in every bin, duplicates
    removed); a column of at most ``n_bins`` + 1 values has an edge at each.

    Source: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
    learning", 2022; with x u and without an activation, Gorishniy, Kotelnikov and Babenko, "TabM",
    2024.

    Args:
        size: numbers that a feature becomes.
        activation: None, or ``"relu"``.
        n_bins: T, at most: a feature with fewer distinct values has fewer.
        bins: ``"tree"`` or ``"quantile"``.
        columns, lr_multiplier: as of every embedding.

    >>> PiecewiseLinear(n_bins=16).parameters(inputs=3)
    ParameterShape(rows=18, columns=12, weight_rows=0, matrices=1)
    """

    starts_from_rows: ClassVar[bool] = True

    size: int = hyper("numbers that a feature becomes", default=4, low=1)
    n_bins: int = hyper(
        "bins of a feature, at most", default=48, low=2, high=4096, scale="log", search=(8, 128)
    )
    bins: str = hyper(
        "where the edges of the bins come from",
        default="tree",
        choices=("quantile", "tree"),
        init_only=True,
    )

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the shape of W, u and b: a row for each bin, and two more."""
        return ParameterShape(self.n_bins + 2, len(self.embedded(inputs)) * self.size)

    def statistics(self, inputs: int) -> ParameterShape:
        """Return the shape of the edges, a column for each feature."""
        return ParameterShape(self.n_bins + 1, len(self.embedded(inputs)))

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Return W = 0, and u and b uniform within ±1/√size."""
        rows, columns = self.n_bins + 2, len(self.embedded(inputs)) * self.size
        block = torch.zeros(rows, columns, dtype=torch.float64)
        bound = 1 / math.sqrt(self.size)
        block[-2:] = torch.rand(2, columns, generator=generator, dtype=torch.float64)
        block[-2:].mul_(2 * bound).sub_(bound)
        return block

    def initial_statistics(self, inputs: int) -> Tensor:
        """Return edges from -3 to 3, evenly spread: of scaled numbers, where no rows say more."""
        edges = torch.linspace(-_SPAN, _SPAN, self.n_bins + 1, dtype=torch.float64)
        return edges[:, None].repeat(1, len(self.embedded(inputs)))

    def statistics_of(self, x: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the edges (n_bins + 1, features) for training rows, the last one repeated."""
        values = x[:, list(self.embedded(x.shape[1]))].double().cpu().numpy()
        shares = np.ones(len(values)) if weight is None else weight.double().cpu().numpy()
        there = shares > 0  # a row of weight 0 is as if it weren't there
        values, shares = values[there], shares[there] / shares[there].sum()
        goal = _goal(target[torch.from_numpy(there)], shares) if self.bins == "tree" else None
        edges = [_edges(column, shares, goal, self.n_bins) for column in values.T]
        filled = [np.pad(each, (0, self.n_bins + 1 - len(each)), mode="edge") for each in edges]
        return torch.from_numpy(np.stack(filled, axis=1))

    def check_statistics(self, block: Tensor) -> None:
        """Refuse edges that don't ascend."""
        if (block[1:] < block[:-1]).any():
            raise HyperparameterError(
                f"the edges of numeric_embedding {self.name!r} descend somewhere; expected "
                "ascending ones"
            )

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return _PiecewiseLinearOp(context, self)


class _PiecewiseLinearOp(EmbeddingOp):
    """Looks a feature's bin up, and the line that the embedding is within it.

    Of all bins below x, e(x) W is the sum of their rows of W; of x's own, a share of one row. Both
    stand in a table, a row for each bin, made anew when W has moved. So a step costs as much as
    reading a few numbers of a feature, however many bins it has.
    """

    def __init__(self, context: BindContext, layer: PiecewiseLinear) -> None:
        super().__init__(context, layer, 4 * layer.size)
        self._weight, self._grad = (
            self.apart(block) for block in (context.weight, context.grad)
        )  # (K, F, T + 2, size)
        self._bins = _Bins(context.stats)
        shape = (*self._bins.real.shape[:3], 2, layer.size)
        self._table, self._sums = self.out.new_empty(shape), self.out.new_empty(shape)
        self._slope = self.out.new_zeros(*shape[:2], 1, layer.size)
        self._lines = self.out.new_empty(shape[0] * shape[1] * self.block, 2, layer.size)
        self._share = self._place = self.out

    def pack(self) -> None:
        weight, bias = self._weight[:, :, :-2] * self._bins.real, self._weight[:, :, -1:]
        below, inside = self._table.unbind(3)
        below[:, :, :1] = bias
        torch.add(weight.cumsum(2)[:, :, :-1], bias, out=below[:, :, 1:])
        inside.copy_(weight)

    def embed(self, x: Tensor, out: Tensor) -> None:
        self._find(x)
        below, inside = self._looked_up(out.shape)
        torch.addcmul(below, self._share, inside, out=out)
        out.addcmul_(x, self._weight[:, :, -2:-1])

    def _find(self, x: Tensor) -> None:
        """Find the bins (K · F · rows,) that x lies in, and the shares of them below it."""
        self._place, self._share = self._bins.find(x)

    def _looked_up(self, shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Return the bins' rows of the table, both parts of a shape (K, F, rows, size)."""
        lines = self._lines[: len(self._place)]
        torch.index_select(self._table.flatten(0, 2), 0, self._place, out=lines)
        below, inside = lines.unbind(1)
        return below.view(shape), inside.view(shape)

    def learn(self, x: Tensor, delta: Tensor, *, again: bool, first: bool) -> None:
        if again:
            self._find(x)
        if first:
            self._sums.zero_()
            self._slope.zero_()
        both = self._lines[: len(self._place)]
        below, inside = both.view(*delta.shape[:3], *both.shape[1:]).unbind(3)
        below.copy_(delta)
        torch.mul(delta, self._share, out=inside)
        add_rows(self._sums.flatten(0, 2), self._place, both)
        slope = self._slope.flatten(0, 1)
        slope.baddbmm_(x.transpose(2, 3).flatten(0, 1), delta.flatten(0, 1))

    def settle(self) -> None:
        below, inside = self._sums.mul_(self.mean).unbind(3)
        # A row of W is whole in the embedding of all that lies in bins above its own. Sums from
        # above, and no differences: what is 0 stays 0, which rules such as Adam magnify else.
        above = below.flip(2).cumsum(2).flip(2)
        inside[:, :, :-1].add_(above[:, :, 1:])
        torch.mul(inside, self._bins.real, out=self._grad[:, :, :-2])
        torch.mul(self._slope, self.mean, out=self._grad[:, :, -2:-1])
        self._grad[:, :, -1:] = above[:, :, :1]

    def descend(self, x: Tensor, delta: Tensor) -> Tensor:
        inside = self._looked_up(delta.shape)[1] * self._bins.steepness_at(self._place, x)
        return ((inside + self._weight[:, :, -2:-1]) * delta).sum(-1)


class _Bins:
    """The bins of K members' features, to be looked up.

    Args:
        edges: (K, T + 1, F) ascending; bins of no width are passed over.
    """

    def __init__(self, edges: Tensor) -> None:
        edges = edges.transpose(1, 2).contiguous()
        below, above = edges[..., :-1], edges[..., 1:]
        self.real = (above > below).to(edges.dtype).unsqueeze(-1)  # (K, F, T, 1)
        steepness = torch.where(above > below, 1 / (above - below), 0)
        self._lines = torch.stack([below, steepness], dim=-1).flatten(0, 2)
        # Above the last bin of some width there is none.
        inner = above[..., :-1]
        self._inner = torch.where(inner < edges[..., -1:], inner, math.inf).contiguous()
        members, features, bins = below.shape
        first = torch.arange(0, members * features * bins, bins, device=edges.device)
        self._first = first.view(members, features, 1)

    def find(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bins (K · F · rows,) that x (K, F, rows, 1) lies in, and its share of them.

        Below the first bin a share is negative, above the last it is more than 1.
        """
        place = torch.searchsorted(self._inner, x.squeeze(-1).contiguous(), right=True)
        flat = place.add_(self._first).flatten()
        start, steepness = self._lines.index_select(0, flat).view(*x.shape[:-1], 2).unbind(-1)
        return flat, (x - start.unsqueeze(-1)).mul_(steepness.unsqueeze(-1))

    def steepness_at(self, place: Tensor, x: Tensor) -> Tensor:
        """Return 1 / width of bins, as x (K, F, rows, 1)."""
        return self._lines[:, 1].index_select(0, place).view(x.shape)


def _edges(values: Numbers, shares: Numbers, goal: Numbers | None, n_bins: int) -> Numbers:
    """Return at most ``n_bins`` + 1 ascending edges for one feature's values."""
    distinct, place = np.unique(values, return_inverse=True)
    if len(distinct) <= n_bins + 1:
        return distinct
    mass: Numbers = np.bincount(place, weights=shares).astype(np.float64)
    if goal is not None:
        counted = [np.bincount(place, weights=shares * each) for each in goal.T]
        sums: Numbers = np.stack(counted, axis=1).astype(np.float64)
        return _tree_edges(distinct, mass, sums, n_bins)
    # The least value up to which so large a share of the rows lies, but for rounding: rows that
    # count twice have the same quantiles as rows that are there twice.
    levels = np.linspace(0, 1, n_bins + 1)
    places = np.searchsorted(np.cumsum(mass), levels - _ROUNDING)
    return distinct[np.unique(np.clip(places, 0, len(distinct) - 1))]


def _tree_edges(distinct: Numbers, mass: Numbers, sums: Numbers, n_bins: int) -> Numbers:
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


def _goal(target: Tensor, shares: Numbers) -> Numbers:
    """Return targets (rows, outputs), classes as columns of 0 and 1, of mean 0 and variance 1."""
    values = target.cpu().numpy()
    if values.dtype.kind in "iu":
        values = np.eye(int(values.max()) + 1)[values]
    columns: Numbers = values.reshape(len(values), -1).astype(np.float64)
    columns = columns - shares @ columns
    spread = np.sqrt(float((shares @ columns**2).sum()))
    return columns / spread if spread else columns
