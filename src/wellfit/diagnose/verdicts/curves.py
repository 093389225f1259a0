"""Robust statistics of learning curves: trends with their intervals, noise, rises."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

Curve = NDArray[np.float64]


class Trend(NamedTuple):
    """A slope times a span: what a curve falls by, at least and at most, in 95 of 100 cases."""

    fall: float
    least: float
    most: float


def trend(values: Curve, time: Curve, span: float) -> Trend:
    """Return by how much values fall in a span of time, by the median of all slopes.

    Source: Theil, "A rank-invariant method of linear and polynomial regression analysis", 1950;
    Sen, "Estimates of the regression coefficient based on Kendall's tau", 1968.

    >>> trend(np.array([5.0, 4, 3, 2, 1, 9]), np.arange(6.0), 2.0).fall
    2.0
    """
    if len(values) < 2 or not np.ptp(time):
        return Trend(0.0, 0.0, 0.0)
    slope, _, low, high = (float(part) for part in theilslopes(values, time, 0.95))
    return Trend(-slope * span, -high * span, -low * span)


def noise(values: Curve) -> float:
    """Return the standard deviation of what is left of a curve without its trend, robustly.

    By second differences, in which a line or a parabola is constant and independent noise 6 times
    as varied.

    >>> rng = np.random.default_rng(0)
    >>> round(noise(np.linspace(9, 1, 1000) + rng.normal(0, 0.5, 1000)), 1)
    0.5
    """
    if len(values) < 4:
        return 0.0
    second = np.diff(values, 2)
    return float(1.4826 * np.median(np.abs(second - np.median(second))) / np.sqrt(6))


def rise(values: Curve) -> float:
    """Return how far a curve ever climbs above its lowest point so far; single peaks don't count.

    >>> rise(np.array([3.0, 2, 1, 9, 1, 1])), rise(np.array([3.0, 1, 1, 2, 2]))
    (0.0, 1.0)
    """
    if len(values) < 3:
        return 0.0
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(values, 3), axis=1)
    return float(np.max(smooth - np.minimum.accumulate(smooth)))


def steps_taken(rates: Curve, epochs: int) -> Curve:
    """Return how far training was after each epoch, 0 to 1, by the learning rates so far.

    A schedule that lets the rate run out makes every curve flat at its end; by this clock it
    doesn't.

    >>> steps_taken(np.array([2.0, 1, 1, 0]), 4)
    array([0.5 , 0.75, 1.  , 1.  ])
    """
    usable = len(rates) == epochs and np.isfinite(rates).all() and rates.sum() > 0
    gone = np.cumsum(rates if usable else np.ones(epochs))
    return gone / gone[-1] if epochs else gone
