"""The piecewise linear embedding that may jump at the edges of bins."""

from __future__ import annotations

import math
from itertools import compress

import numpy as np
import torch
from torch import Generator, Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper
from wellfit.nn.embeddings.base import NumericEmbedding
from wellfit.nn.embeddings.edges import (
    Numbers,
    between_values,
    columns_in_parts,
    edges_of,
    goal_of,
    stacked,
)
from wellfit.nn.embeddings.jumps import have_jumps
from wellfit.nn.embeddings.piecewise_linear import PiecewiseLinear, PiecewiseLinearOp
from wellfit.nn.embeddings.remembering import remembered
from wellfit.nn.ops import BindContext, Op, ParameterShape

# Of a bin's own number: by rules such as Adam it learns so many times as fast as the lines.
_FACTOR = 3.0


class PiecewiseWithJumps(PiecewiseLinear, name="piecewise_with_jumps"):
    r"""embedding(x) = x u + e(x) W + b + g J[bin(x)]: piecewise linear, with a jump at every edge.

    Where the effect of a feature jumps, a line needs many rows to follow: capital gains of single
    amounts, coordinates of towns, codes that are numbers. A number of each bin's own needs few.
    Where the effect is smooth, it only adds noise. So g is 3 for a feature for which means of bins
    predict the target better than a line with eight bends, each estimated on half of the training
    rows and judged on the other half. For all others g is 0, and this is the piecewise linear
    embedding, of half as many bins.

    J starts at 0, and is there for the columns of ``jumping`` only. The features that jump are
    learned from the training rows before the first step, like the edges, and belong to the weights
    like them. Estimators find ``jumping`` by all rows that they train on; where no column jumps,
    their networks have the piecewise linear embedding.

    Source: the piecewise linear part as of :class:`PiecewiseLinear`; a number for each bin is what
    a tree's leaf has (Breiman, Friedman, Olshen and Stone, "Classification and regression trees",
    1984).

    Args:
        n_bins: T, at most, for features that jump; others have at most half as many.
        jumping: the inputs that may jump, from 0; all that are embedded where empty.
        size, activation, bins, columns, lr_multiplier: as of :class:`PiecewiseLinear`.

    >>> PiecewiseWithJumps(n_bins=16).parameters(inputs=3)
    ParameterShape(rows=34, columns=12, weight_rows=0, matrices=1)
    >>> PiecewiseWithJumps(n_bins=16, jumping=(2,)).parameters(inputs=3)
    ParameterShape(rows=24, columns=12, weight_rows=0, matrices=1)
    """

    n_bins: int = hyper(
        "bins of a feature, at most", default=96, low=2, high=4096, scale="log", search=(8, 128)
    )
    jumping: tuple[int, ...] = hyper(
        "inputs that may jump, from 0; all that are embedded where empty", default=(), kw_only=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle_positions("jumping")
        others = sorted(set(self.jumping) - set(self.columns)) if self.columns else []
        if others:
            raise HyperparameterError(
                f"jumping of numeric_embedding {self.name!r} holds {others[0]}; expected some of "
                f"its columns, {self.columns!r}"
            )

    def may_jump(self, inputs: int) -> list[int]:
        """Return the places, among the embedded columns, of those that may jump."""
        embedded = self.embedded(inputs)
        return [place for place, at in enumerate(embedded) if at in (self.jumping or embedded)]

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the shape of W, u and b, and of J, which lies in as many rows as it fills."""
        features, own = len(self.embedded(inputs)), len(self.may_jump(inputs))
        rows = self.n_bins + 2 + -(-self.n_bins * own // features)
        return ParameterShape(rows, features * self.size)

    def statistics(self, inputs: int) -> ParameterShape:
        """Return the shape of the edges and g, a column for each feature."""
        return ParameterShape(self.n_bins + 2, len(self.embedded(inputs)))

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Return W = J = 0, and u and b uniform within ±1/√size."""
        lines = super().initial_parameters(inputs, generator)
        rows = self.parameters(inputs).rows - len(lines)
        return torch.cat([lines, lines.new_zeros(rows, lines.shape[1])])

    def initial_statistics(self, inputs: int) -> Tensor:
        """Return edges from -3 to 3, evenly spread, and g = 0."""
        edges = super().initial_statistics(inputs)
        return torch.cat([edges, edges.new_zeros(1, edges.shape[1])])

    @remembered
    def fitted_to(self, x: Tensor, target: Tensor, weight: Tensor | None) -> NumericEmbedding:
        """Return the embedding whose columns that jump may; the piecewise linear one for none."""
        values, shares, target = self.counted(x, target, weight)
        goal, embedded = goal_of(target, shares), self.embedded(x.shape[1])
        may = self.may_jump(x.shape[1])
        found = [
            jumps
            for columns in columns_in_parts(values[:, may], goal)
            for jumps in have_jumps(columns, shares, goal, self.n_bins)
        ]
        jumping = tuple(embedded[place] for place, jumps in zip(may, found, strict=True) if jumps)
        if jumping:
            return self.replace(jumping=jumping)
        given = {key: value for key, value in self.values() if key in PiecewiseLinear._fields}
        return PiecewiseLinear(**{**given, "n_bins": self._smooth_bins})

    @remembered
    def statistics_of(self, x: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the edges for training rows, the last one repeated, and g."""
        values, shares, target = self.counted(x, target, weight)
        goal, may = goal_of(target, shares), self.may_jump(x.shape[1])
        splits = goal if self.bins == "tree" else None
        edges: list[Numbers] = []
        jumps: list[bool] = []
        for columns in columns_in_parts(values, goal):
            asked = [len(jumps) + k in may for k in range(len(columns))]
            found = iter(have_jumps([*compress(columns, asked)], shares, goal, self.n_bins))
            have = [may_jump and next(found) for may_jump in asked]
            n_bins = [self.n_bins if own else self._smooth_bins for own in have]
            edges += [
                between_values(each, column.distinct) if own else each
                for each, column, own in zip(
                    edges_of(columns, shares, splits, n_bins), columns, have, strict=True
                )
            ]
            jumps += have
        factors = torch.from_numpy(_FACTOR * np.array([jumps], np.float64))
        return torch.cat([stacked(edges, self.n_bins), factors])

    @property
    def _smooth_bins(self) -> int:
        """The bins of a feature without jumps, at most."""
        return max(2, self.n_bins // 2)

    def check_statistics(self, block: Tensor) -> None:
        """Refuse edges that don't ascend."""
        super().check_statistics(block[:-1])

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return _PiecewiseWithJumpsOp(context, self)


class _PiecewiseWithJumpsOp(PiecewiseLinearOp):
    """Adds a bin's own number to the rows of the table that are looked up anyway."""

    def __init__(self, context: BindContext, layer: PiecewiseWithJumps) -> None:
        super().__init__(context, layer)
        may = layer.may_jump(context.inputs)
        self._may = torch.tensor(may, device=context.stats.device)
        self._own, self._own_grad = (
            self._of_bins(block, len(may)) for block in (context.weight, context.grad)
        )  # (K, columns that may jump, T, size)
        self._factor = context.stats[:, -1, may][:, :, None, None]
        self._of_sums = self._factor * self.mean

    def _of_bins(self, block: Tensor, columns: int) -> Tensor:
        """Return the numbers of bins, which follow W, u and b, as a view."""
        shape = self._n_bins, columns, self.size
        own = block[:, self._n_bins + 2 :].flatten(1)[:, : math.prod(shape)]
        return own.view(-1, *shape).transpose(1, 2)

    def pack(self) -> None:
        super().pack()
        self._table.select(3, 0).index_add_(1, self._may, self._own * self._factor)

    def settle(self) -> None:
        # Before the sums are added up over bins.
        below = self._sums.select(3, 0).index_select(1, self._may)
        torch.mul(below, self._of_sums, out=self._own_grad)
        super().settle()
