"""Scales of charts that are drawn by hand, in a terminal or as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wellfit.charts.model import Axis, Chart, Floats


@dataclass(frozen=True)
class HeightScale:
    """How values become heights: from ``low`` to ``high``, a little beyond a single value.

    ``bottom`` and ``top`` are the least and the largest value.
    """

    axis: Axis
    low: float
    high: float
    bottom: float
    top: float

    @classmethod
    def of(cls, chart: Chart) -> HeightScale:
        """Return a scale on which all finite values have a place."""
        finite = np.concatenate([line.finite for line in chart.lines] or [np.empty(0)])
        bottom, top = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        low, high = bottom, top
        if low == high:
            low, high = low - abs(low) / 2 - 1e-9, high + abs(high) / 2 + 1e-9
        return cls(chart.y, low, high, bottom, top)

    def heights(self, values: Floats) -> Floats:
        """Return the values as heights from 0, the bottom, to 1; NaN where not finite."""
        values = np.where(np.isfinite(values), values, np.nan)
        if self.axis.log:
            low, high, values = math.log(self.low), math.log(self.high), np.log(values)
        else:
            low, high = self.low, self.high
        return (values - low) / (high - low)

    def label(self, row: int, rows: int) -> str:
        """Return what stands beside a row, counted from the top: three rows have a label."""
        if row not in (0, (rows - 1) // 2, rows - 1):
            return ""
        height = 1 - row / (rows - 1)
        if self.axis.log:
            return self.axis.format(self.low ** (1 - height) * self.high**height)
        return self.axis.format(self.low + (self.high - self.low) * height)


def places(x: Floats, end: float) -> Floats:
    """Return how far along an axis from 1 to its end each point is, from 0 to 1.

    >>> places(np.array([1.0, 2.0, 3.0]), 5)
    array([0.  , 0.25, 0.5 ])
    """
    return (x - 1) / max(end - 1, 1)
