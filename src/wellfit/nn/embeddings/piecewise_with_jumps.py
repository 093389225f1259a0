"""The piecewise linear embedding that may jump at the edges of bins."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from wellfit.core.hyper import hyper
from wellfit.nn.embeddings.edges import between_values, edges_of, goal_of, stacked
from wellfit.nn.embeddings.jumps import has_jumps
from wellfit.nn.embeddings.piecewise_linear import PiecewiseLinear, PiecewiseLinearOp
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

    J starts at 0. The features that jump are learned from the training rows before the first step,
    like the edges, and belong to the weights like them.

    Source: the piecewise linear part as of :class:`PiecewiseLinear`; a number for each bin is what
    a tree's leaf has (Breiman, Friedman, Olshen and Stone, "Classification and regression trees",
    1984).

    Args:
        n_bins: T, at most, for features that jump; others have at most half as many.
        size, activation, bins, columns, lr_multiplier: as of :class:`PiecewiseLinear`.

    >>> PiecewiseWithJumps(n_bins=16).parameters(inputs=3)
    ParameterShape(rows=34, columns=12, weight_rows=0, matrices=1)
    """

    n_bins: int = hyper(
        "bins of a feature, at most", default=96, low=2, high=4096, scale="log", search=(8, 128)
    )

    def parameters(self, inputs: int) -> ParameterShape:
        """Return the shape of W, u, b and J: two rows for each bin, and two more."""
        return ParameterShape(2 * self.n_bins + 2, len(self.embedded(inputs)) * self.size)

    def statistics(self, inputs: int) -> ParameterShape:
        """Return the shape of the edges and g, a column for each feature."""
        return ParameterShape(self.n_bins + 2, len(self.embedded(inputs)))

    def initial_parameters(self, inputs: int, generator: Generator) -> Tensor:
        """Return W = J = 0, and u and b uniform within ±1/√size."""
        lines = super().initial_parameters(inputs, generator)
        return torch.cat([lines, lines.new_zeros(self.n_bins, lines.shape[1])])

    def initial_statistics(self, inputs: int) -> Tensor:
        """Return edges from -3 to 3, evenly spread, and g = 0."""
        edges = super().initial_statistics(inputs)
        return torch.cat([edges, edges.new_zeros(1, edges.shape[1])])

    def statistics_of(self, x: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Return the edges for training rows, the last one repeated, and g."""
        values, shares, target = self.counted(x, target, weight)
        goal, most, smooth = goal_of(target, shares), self.n_bins, max(2, self.n_bins // 2)
        jump = [has_jumps(column, shares, goal, most) for column in values.T]
        splits = goal if self.bins == "tree" else None
        edges = [
            between_values(edges_of(column, shares, splits, most), column)
            if jumps
            else edges_of(column, shares, splits, smooth)
            for column, jumps in zip(values.T, jump, strict=True)
        ]
        factors = torch.from_numpy(_FACTOR * np.array([jump], np.float64))
        return torch.cat([stacked(edges, most), factors])

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
        self._factor = context.stats[:, -1][:, :, None, None]  # (K, F, 1, 1)
        self._of_sums = self._factor * self.mean

    def pack(self) -> None:
        super().pack()
        own = self._weight[:, :, self._n_bins + 2 :]
        self._table.select(3, 0).addcmul_(own, self._factor)

    def settle(self) -> None:
        jumps = self._grad[:, :, self._n_bins + 2 :]
        # Before the sums are added up over bins.
        torch.mul(self._sums.select(3, 0), self._of_sums, out=jumps)
        super().settle()
