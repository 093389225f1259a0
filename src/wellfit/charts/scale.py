"""Scales of charts that are drawn by hand, in a terminal or as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellfit.charts.model import Axis, Chart, Floats, floats

_ROOM = 0.04  # of an axis, beyond the marks on either side


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


@dataclass(frozen=True)
class AxisScale:
    """How values on an axis become places along it, and which of them have a tick.

    Attributes:
        axis: whose scale it is.
        low, high: the values at its ends.
        start, end: where these ends are drawn.
    """

    axis: Axis
    low: float
    high: float
    start: float
    end: float

    @classmethod
    def of(cls, axis: Axis, values: Floats, start: float, end: float) -> AxisScale:
        """Return a scale on which all of the values have a place, and what the axis asks for."""
        known = values[np.isfinite(values) & ((values > 0) | (not axis.log))]
        nothing = (0.1, 1.0) if axis.log else (0.0, 1.0)
        low, high = (float(known.min()), float(known.max())) if len(known) else nothing
        if axis.names:
            low, high = -0.6, len(axis.names) - 0.4
        elif axis.log:
            room = (high / low) ** _ROOM if high > low else 2.0
            low, high = low / room, high * room
        else:
            room = _ROOM * (high - low) or abs(low) / 2 or 0.5
            low, high = low - room, high + room
        low = low if axis.low is None else axis.low
        high = high if axis.high is None else axis.high
        ends = (end, start) if axis.downwards else (start, end)
        return cls(axis, low, high, *ends)

    def at(self, values: Any) -> Floats:
        """Return where values are drawn; NaN for those that a logarithm doesn't know."""
        values, low, high = floats(values), self.low, self.high
        if self.axis.log:
            values = np.log(np.where(values > 0, values, np.nan))
            low, high = math.log(low), math.log(high)
        return self.start + (self.end - self.start) * (values - low) / (high - low)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return at most so many places with what is written there.

        >>> AxisScale(Axis(), 0.0, 1.0, 0.0, 100.0).ticks(3)
        [(0.0, '0'), (50.0, '0.5'), (100.0, '1')]
        >>> AxisScale(Axis(log=True), 1e-4, 1e-1, 0.0, 300.0).ticks(4)[0]
        (0.0, '0.0001')
        """
        if self.axis.hidden:
            return []
        if self.axis.names:
            step = -(-len(self.axis.names) // most)
            named = [(float(place), name) for place, name in enumerate(self.axis.names)][::step]
        else:
            kept = (
                _decades(self.low, self.high, most)
                if self.axis.log
                else _round_numbers(self.low, self.high, most, whole=self.axis.whole)
            )
            named = [(value, _tick_label(value)) for value in kept]
        return [(float(self.at(value)), text) for value, text in named]


def _round_numbers(low: float, high: float, most: int, *, whole: bool) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten from ``low`` to ``high``."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(m * power for m in (1, 2, 5, 10, 20) if span / (m * power) < most + 1)
    step = max(step, 1.0) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    kept = [float(n * step) for n in range(first, last + 1)]
    return kept[:: max(1, -(-len(kept) // (most + 1)))]


def _decades(low: float, high: float, most: int) -> list[float]:
    """Return powers of ten from ``low`` to ``high``; where these are few, some between."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        kept = [f * 10.0**e for e in exponents for f in factors if low <= f * 10.0**e <= high]
        if len(kept) > 2:
            break
    return kept[:: max(1, -(-len(kept) // most))]


def _tick_label(value: float) -> str:
    """Return a round number as it stands at an axis."""
    if value and not 1e-4 <= abs(value) < 1e4:
        return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    return f"{value:.6g}"
