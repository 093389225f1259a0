"""The piecewise linear embedding of numeric features."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper
from wellfit.nn.embeddings.base import EmbeddingOp, NumericEmbedding, add_rows
from wellfit.nn.embeddings.edges import Numbers, columns_in_parts, edges_of, goal_of, stacked
from wellfit.nn.embeddings.remembering import remembered
from wellfit.nn.ops import BindContext, Op, ParameterShape

_SPAN = 3.0  # of scaled numbers, where no rows say more


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

    def may_jump(self, inputs: int) -> list[int]:
        """Return the places, among the embedded columns, of those that may jump: here none."""
        return []

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
        lines = torch.rand(2, columns, generator=generator, dtype=torch.float64)
        block[-2:] = lines.mul_(2 * bound).sub_(bound)
        return block

    def initial_statistics(self, inputs: int) -> Tensor:
        """Return edges from -3 to 3, evenly spread: of scaled numbers, where no rows say more."""
        edges = torch.linspace(-_SPAN, _SPAN, self.n_bins + 1, dtype=torch.float64)
        return edges[:, None].repeat(1, len(self.embedded(inputs)))

    @remembered
    def statistics_of(self, x: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the edges (n_bins + 1, features) for training rows, the last one repeated."""
        values, shares, target = self.counted(x, target, weight)
        goal = goal_of(target, shares) if self.bins == "tree" else None
        edges = [
            edges
            for columns in columns_in_parts(values, goal)
            for edges in edges_of(columns, shares, goal, [self.n_bins] * len(columns))
        ]
        return stacked(edges, self.n_bins)

    def counted(
        self, x: Tensor, target: Tensor, weight: Tensor | None
    ) -> tuple[Numbers, Numbers, Tensor]:
        """Return the embedded columns, the shares and the targets of the rows that count."""
        values = x[:, list(self.embedded(x.shape[1]))].double().cpu().numpy()
        shares = np.ones(len(values)) if weight is None else weight.double().cpu().numpy()
        there = shares > 0  # a row of weight 0 is as if it weren't there
        return (
            values[there],
            shares[there] / shares[there].sum(),
            target[torch.from_numpy(there)],
        )

    def check_statistics(self, block: Tensor) -> None:
        """Refuse edges that don't ascend."""
        if (block[1:] < block[:-1]).any():
            raise HyperparameterError(
                f"the edges of numeric_embedding {self.name!r} descend somewhere; expected "
                "ascending ones"
            )

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return PiecewiseLinearOp(context, self)


class PiecewiseLinearOp(EmbeddingOp):
    """Looks a feature's bin up, and the line that the embedding is within it.

    Of all bins below x, e(x) W is the sum of their rows of W; of x's own, a share of one row. Both
    stand in a table, a row for each bin, made anew when W has moved. So a step costs as much as
    reading a few numbers of a feature, however many bins it has.
    """

    def __init__(self, context: BindContext, layer: PiecewiseLinear) -> None:
        super().__init__(context, layer, 4 * layer.size)
        self._weight, self._grad = (
            self.apart(block) for block in (context.weight, context.grad)
        )  # (K, F, T + 2, size), or more rows
        self._n_bins = layer.n_bins
        self._bins = _Bins(context.stats[:, : layer.n_bins + 1])
        shape = (*self._bins.real.shape[:3], 2, layer.size)
        self._table, self._sums = self.out.new_empty(shape), self.out.new_empty(shape)
        self._slope = self.out.new_zeros(*shape[:2], 1, layer.size)
        self._lines = self.out.new_empty(shape[0] * shape[1] * self.block, 2, layer.size)
        self._share = self._place = self.out

    def pack(self) -> None:
        """Write the table: where each bin's line starts, and how far it goes."""
        weight, _, bias = self._parts(self._weight)
        weight = weight * self._bins.real
        below, inside = self._table.unbind(3)
        below[:, :, :1] = bias
        torch.add(weight.cumsum(2)[:, :, :-1], bias, out=below[:, :, 1:])
        inside.copy_(weight)

    def embed(self, x: Tensor, out: Tensor) -> None:
        """Look the bins of x up, and draw the lines there."""
        self._find(x)
        below, inside = self._looked_up(out.shape)
        torch.addcmul(below, self._share, inside, out=out)
        out.addcmul_(x, self._parts(self._weight)[1])

    def _parts(self, block: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the rows of W, u and b of parameters or gradients."""
        n = self._n_bins
        return block[:, :, :n], block[:, :, n : n + 1], block[:, :, n + 1 : n + 2]

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
        """Add a block's deltas up, bin by bin."""
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
        """Make gradients of the sums."""
        below, inside = self._sums.mul_(self.mean).unbind(3)
        # A row of W is whole in the embedding of all that lies in bins above its own. Sums from
        # above, and no differences: what is 0 stays 0, which rules such as Adam magnify else.
        above = below.flip(2).cumsum(2).flip(2)
        inside[:, :, :-1].add_(above[:, :, 1:])
        weight, slope, bias = self._parts(self._grad)
        torch.mul(inside, self._bins.real, out=weight)
        torch.mul(self._slope, self.mean, out=slope)
        bias.copy_(above[:, :, :1])

    def descend(self, x: Tensor, delta: Tensor) -> Tensor:
        """Return the slopes of the bins that x lies in, times the deltas."""
        inside = self._looked_up(delta.shape)[1] * self._bins.steepness_at(self._place, x)
        return ((inside + self._parts(self._weight)[1]) * delta).sum(-1)


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
