"""Areas under ROC and precision-recall curves, and by how much each row moves them.

Sources: DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated
receiver operating characteristic curves", 1988; Sun and Xu, "Fast implementation of DeLong's
algorithm", 2014.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from wellfit.report.scores.intervals import (
    UNKNOWN,
    ConfidenceInterval,
    Floats,
    by_influence,
    newcombe,
)

Bools = NDArray[np.bool_]


def auc(positive: Bools, given: Floats) -> tuple[float, Floats]:
    """Return the area under a ROC curve, and by how much each row (rows,) moves it.

    The sum of the squared influences is DeLong's variance.

    Args:
        positive: (rows,) which rows are of the class; some are and some aren't.
        given: (rows,) the predicted probabilities of it.

    >>> auc(np.array([True, True, False]), np.array([0.9, 0.4, 0.5]))[0]
    0.5
    """
    from scipy.stats import rankdata

    m, n = int(positive.sum()), int((~positive).sum())
    everyone, own = rankdata(given), np.empty(len(given))
    own[positive], own[~positive] = rankdata(given[positive]), rankdata(given[~positive])
    # Of a positive row: the share of the negative ones below it; of a negative one, likewise.
    below = everyone - own
    share = np.where(positive, below / n, 1 - below / m)
    area = float(share[positive].mean())
    counts = np.where(positive, m, n)
    # Divided by counts - 1, squares sum to the variance of a sample; a row alone has none.
    return area, (share - area) / np.sqrt(counts * np.maximum(counts - 1, 1))


def average_precision(positive: Bools, given: Floats) -> tuple[float, Floats]:
    """Return the average precision, and by how much each row (rows,) moves it.

    The influences are those of the jackknife: what the precision is without a row, for all rows
    at once.

    Args:
        positive: (rows,) which rows are of the class; at least two are.
        given: (rows,) the predicted probabilities of it.
    """
    _, level = np.unique(-given, return_inverse=True)
    hits = np.bincount(level, positive)  # at each threshold, the highest first
    found, rows = hits.cumsum(), np.bincount(level).cumsum()
    total, size = found[-1], len(given)
    area = float((hits * found / rows).sum() / total)
    above = np.concatenate([[0.0], (hits * found / rows).cumsum()[:-1]])
    fewer = np.maximum(rows - 1, 1)

    def below(count: Floats) -> Floats:
        """Return the sum over the lower thresholds, which have so many hits, and a row less."""
        each = hits * count / fewer
        return each[::-1].cumsum()[::-1] - each

    without = above + (hits - 1) * (found - 1) / fewer + below(found - 1)
    if_positive = without / max(total - 1, 1)
    if_negative = (above + hits * found / fewer + below(found)) / total
    left_out = np.where(positive, if_positive[level], if_negative[level])
    return area, (left_out.mean() - left_out) * np.sqrt((size - 1) / size)


def mean_auc(truth: Bools, given: Floats, weighted: bool = False) -> tuple[float, Floats]:
    """Return the mean area of classes or labels, each against the rest, and the influences.

    Args:
        truth: (rows, classes) which rows are of which.
        given: (rows, classes) the predicted probabilities.
        weighted: whether classes count by their shares of the rows.
    """
    return _mean([auc(truth[:, k], given[:, k]) for k in range(truth.shape[1])], truth, weighted)


def mean_precision(truth: Bools, given: Floats) -> tuple[float, Floats]:
    """Return the mean average precision of classes or labels, and the influences."""
    each = [average_precision(truth[:, k], given[:, k]) for k in range(truth.shape[1])]
    return _mean(each, truth, weighted=False)


def pairwise_auc(truth: Bools, given: Floats, weighted: bool = False) -> tuple[float, Floats]:
    """Return the mean area over all pairs of classes, in both directions, and the influences.

    The shares of the classes, by which pairs may be weighted, are taken as given.
    """
    rows, classes = truth.shape
    areas, shares = [], []
    influence = np.zeros((classes * (classes - 1) // 2, rows))
    for pair, (a, b) in enumerate(combinations(range(classes), 2)):
        both = truth[:, a] | truth[:, b]
        one, moved = auc(truth[both, a], given[both, a])
        other, also = auc(truth[both, b], given[both, b])
        areas.append((one + other) / 2)
        shares.append(both.mean())
        influence[pair, both] = (moved + also) / 2
    weights = np.array(shares) if weighted else np.ones(len(areas))
    weights /= weights.sum()
    return float(weights @ areas), weights @ influence


def _mean(each: list[tuple[float, Floats]], truth: Bools, weighted: bool) -> tuple[float, Floats]:
    areas = np.array([area for area, _ in each])
    influence = np.stack([moved for _, moved in each])
    if not weighted:
        return float(areas.mean()), influence.mean(axis=0)
    weights = truth.mean(axis=0)
    mean = float(weights @ areas / weights.sum())
    # Rows of a class also move its share.
    moved = truth @ (areas - mean) / len(truth) / weights.sum()
    return mean, weights @ influence / weights.sum() + moved


def auc_interval(truth: Bools, area: float, influence: Floats) -> ConfidenceInterval:
    """Return DeLong's interval of an area or a mean of areas, or else Newcombe's.

    DeLong's has no width where the area is 0 or 1, and is none where a class has one row.

    Args:
        truth: (rows,) or (rows, classes), which rows are of which.
        area: the area.
        influence: (rows,) by how much each row moves it.
    """
    # Of several areas, that of the rarest class is the least sure.
    rarest = int(truth.reshape(len(truth), -1).sum(axis=0).min())
    others = len(truth) - rarest
    if 0 < area < 1 and min(rarest, others) > 1:
        return by_influence(area, influence, "DeLong")
    return newcombe(area, rarest, others) if rarest and others else UNKNOWN
