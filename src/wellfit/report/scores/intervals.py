"""Confidence intervals of proportions, and of what has an influence of each row.

Sources: Wilson, "Probable inference, the law of succession, and statistical inference", 1927; Zou
and Donner, "Construction of confidence limits about effect measures: a general approach", 2008;
Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney statistic.
Part 2", 2006.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Z = 1.959963984540054  # 97.5 % of the normal distribution lie below


class ConfidenceInterval(NamedTuple):
    """The bounds of a 95 % confidence interval, NaN where there is none, and its method."""

    low: float
    high: float
    method: str


UNKNOWN = ConfidenceInterval(np.nan, np.nan, "")


def wilson(hits: float, rows: float) -> ConfidenceInterval:
    """Return Wilson's interval of a proportion, which is accurate near 0 and 1 too.

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    Args:
        hits: how many rows count.
        rows: of how many.

    >>> wilson(9, 10)
    ConfidenceInterval(low=0.595..., high=0.982..., method='Wilson')
    """
    if rows < 1:
        return UNKNOWN
    share, spread = hits / rows, Z**2 / rows
    middle = (share + spread / 2) / (1 + spread)
    half = Z * ((share * (1 - share) + spread / 4) / rows) ** 0.5 / (1 + spread)
    # But for rounding, that of no hit begins at 0, and that of hits only ends at 1.
    low = middle - half if hits > 0 else 0.0
    return ConfidenceInterval(low, middle + half if hits < rows else 1.0, "Wilson")


def wilson_mean(hits: Floats, rows: Floats) -> ConfidenceInterval:
    """Return the interval of the mean of proportions of different rows, such as of recalls.

    Its distances from the mean are the roots of the mean squared distances of Wilson's bounds,
    over the number of proportions (Zou and Donner's method of variance estimates recovery).

    Args:
        hits: (proportions,) how many rows count.
        rows: (proportions,) of how many, at least 1.

    >>> wilson_mean(np.array([9.0]), np.array([10.0])) == wilson(9, 10)
    True
    """
    shares, bounds = hits / rows, [wilson(*each) for each in zip(hits, rows, strict=True)]
    low = np.linalg.norm(shares - [one.low for one in bounds]) / len(shares)
    high = np.linalg.norm([one.high for one in bounds] - shares) / len(shares)
    mean = float(shares.mean())
    return ConfidenceInterval(mean - float(low), mean + float(high), "Wilson")


def wilson_f1(hits: float, relevant: float) -> ConfidenceInterval:
    """Return the interval of a class's F1 score.

    F1 = 2J / (1 + J) rises with J = TP / (TP + FP + FN), which is a proportion: its bounds are
    those of J (Lam, Gopal and Qian, "Confidence intervals for the F1 score: a comparison of four
    methods", 2023).

    Args:
        hits: rows that are rightly assigned to the class, TP.
        relevant: rows that are of the class or assigned to it, TP + FP + FN.

    >>> wilson_f1(10, 10)
    ConfidenceInterval(low=0.838..., high=1.0, method='Wilson')
    """
    low, high, method = wilson(hits, relevant)
    return ConfidenceInterval(2 * low / (1 + low), 2 * high / (1 + high), method)


def by_influence(value: float, influence: Floats, method: str) -> ConfidenceInterval:
    """Return the interval of a score in [0, 1] to whose error each row adds its influence.

    It is normal on the scale log(v / (1 - v)), so that it ends within [0, 1].

    Args:
        value: the score.
        influence: (rows,) by how much each row moves it.
        method: the name of the interval.
    """
    error = float(np.sqrt(np.square(influence).sum()))
    if not 0 < value < 1 or not error:
        return UNKNOWN
    middle, half = np.log(value / (1 - value)), Z * error / (value * (1 - value))
    low, high = 1 / (1 + np.exp(-(middle + np.array([-half, half]))))
    return ConfidenceInterval(float(low), float(high), method)


def newcombe(auc: float, positives: int, negatives: int) -> ConfidenceInterval:
    """Return the interval of an area under the ROC curve by the numbers of rows alone.

    Its bounds A are |auc - A| = z √V(A) away, with Newcombe's variance V (his method 5).

    >>> newcombe(1.0, 20, 30)
    ConfidenceInterval(low=0.91..., high=1.0, method='Newcombe')
    """
    from scipy.optimize import brentq

    half = (positives + negatives) / 2 - 1

    def beyond(bound: float) -> float:
        tails = 1 + half * ((1 - bound) / (2 - bound) + bound / (1 + bound))
        return (auc - bound) ** 2 - Z**2 * bound * (1 - bound) * tails / (positives * negatives)

    # At 0 and 1 the variance is 0: an area that ends there has only one bound within.
    low = float(brentq(beyond, 0, auc)) if 0 < auc < 1 else float(brentq(beyond, 1e-9, 1 - 1e-9))
    high = float(brentq(beyond, auc, 1)) if 0 < auc < 1 else low
    return ConfidenceInterval(low if auc > 0 else 0.0, high if auc < 1 else 1.0, "Newcombe")
