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
from wellfit.nn.embeddings.base import EmbeddingOp, NumericEmbedding
from wellfit.nn.ops import BindContext, Op, ParameterShape

Numbers = NDArray[np.float64]

_SPAN = 3.0  # of scaled numbers, where no rows say more
_ROUNDING = 1e-9  # of shares of the rows
_LEAST_SHARE = 0.25  # of the rows that a bin of a tree holds, where all hold as many


class PiecewiseLinear(NumericEmbedding, name="piecewise_linear"):
    r"""embedding(x) = x u + e(x) W + b, where e(x) says how far x has come through each bin.

    For edges b₀ < … < b_T, eₜ(x) = (x - bₜ₋₁) / (bₜ - bₜ₋₁), cut to [0, 1]; the first bin isn't
    cut below, nor the last above. Every number of the embedding is then a line with a bend at
    every edge. W starts at 0: a network begins as if only the lines x u + b were there.

    The edges are learned from the training rows before the first step, and belong to the
    weights: folds with other edges share a stack. They are quantiles (as many rows in every bin,
    duplicates removed), or the splits of a regression tree on the target, which lie where its mean
    changes; a column of at most ``n_bins`` + 1 values has an edge at each.

    Source: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
    learning", 2022; with x u and without an activation, Gorishniy, Kotelnikov and Babenko, "TabM",
    2024.

    Args:
        size: numbers that a feature becomes.
        activation: None, or ``"relu"``.
        n_bins: T, at most: a feature with fewer distinct values has fewer.
        bins: ``"quantile"`` or ``"tree"``.
        columns, lr_multiplier: as of every embedding.

    >>> PiecewiseLinear(n_bins=16).parameters(inputs=3)
    ParameterShape(rows=18, columns=24, weight_rows=0, matrices=1)
    """

    starts_from_rows: ClassVar[bool] = True

    n_bins: int = hyper(
        "bins of a feature, at most", default=48, low=2, high=4096, scale="log", search=(8, 128)
    )
    bins: str = hyper(
        "where the edges of the bins come from",
        default="quantile",
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
    """Computes e(x) and x side by side, so that one product gives the embedding but for b."""

    def __init__(self, context: BindContext, layer: PiecewiseLinear) -> None:
        super().__init__(context, layer, layer.n_bins + 1)
        self._weight, self._bias, self._grad, self._grad_bias = (
            self.apart(part)
            for block in (context.weight, context.grad)
            for part in (block[:, :-1], block[:, -1:])
        )
        self._packed = self.out.new_empty(self._weight.shape)
        self._slopes = torch.empty_like(self._packed)
        self._bias_sum = self.out.new_empty(self._bias.shape)
        self._e, self._made = self.buffer(layer.n_bins + 1), self.buffer(self.size)
        self._start, self._steepness, self._low, self._high = _bins(context.stats)

    def pack(self) -> None:
        # A batched product takes members and features as one axis, which they are only in memory
        # of their own.
        self._packed.copy_(self._weight)

    def embed(self, x: Tensor, out: Tensor) -> None:
        e, made = self._shares(x), self._made[:, :, : x.shape[2]]
        torch.bmm(e.flatten(0, 1), self._packed.flatten(0, 1), out=made.flatten(0, 1))
        torch.add(made, self._bias, out=out)

    def _shares(self, x: Tensor) -> Tensor:
        """Return e(x), and x as its last column, (K, F, rows, T + 1)."""
        e = self._e[:, :, : x.shape[2]]
        torch.sub(x, self._start, out=e).mul_(self._steepness)
        return torch.clamp(e, self._low, self._high, out=e)

    def learn(self, x: Tensor, delta: Tensor, *, again: bool, first: bool) -> None:
        e = self._shares(x) if again else self._e[:, :, : x.shape[2]]
        slopes, beta = self._slopes.flatten(0, 1), 0 if first else 1
        torch.baddbmm(
            slopes,
            e.flatten(0, 1).transpose(1, 2),
            delta.flatten(0, 1),
            beta=beta,
            alpha=self.mean,
            out=slopes,
        )
        total = delta.sum(2, keepdim=True)
        self._bias_sum = total if first else self._bias_sum.add_(total)

    def settle(self) -> None:
        self._grad.copy_(self._slopes)
        torch.mul(self._bias_sum, self.mean, out=self._grad_bias)

    def descend(self, x: Tensor, delta: Tensor) -> Tensor:
        e = self._e[:, :, : x.shape[2]]
        inside = (e > self._low) & (e < self._high)
        slopes = torch.bmm(delta.flatten(0, 1), self._packed.flatten(0, 1).transpose(1, 2))
        return slopes.view(e.shape).mul_(self._steepness).mul_(inside).sum(-1)


def _bins(edges: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return where bins start, 1 / their width, and their limits, (K, F, 1, T + 1) each.

    The last column is x itself. Bins of no width, which fill up the edges of features with few
    values, are 0 throughout.
    """
    below, above = edges[:, :-1], edges[:, 1:]
    real = above > below
    steepness = torch.where(real, 1 / (above - below), 0)
    low, high = torch.zeros_like(below), torch.ones_like(below)
    low[:, 0] = -math.inf
    # The last bin of some width is the one up to the largest edge.
    high[real & (above == edges[:, -1:])] = math.inf
    ends = ((below, 0.0), (steepness, 1.0), (low, -math.inf), (high, math.inf))
    return tuple(  # type: ignore[return-value]
        torch.cat([part, torch.full_like(part[:, :1], end)], dim=1).transpose(1, 2)[:, :, None]
        for part, end in ends
    )


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
