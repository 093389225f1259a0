"""Scores of classes that are functions of counts: hits, false alarms and misses of each class."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from wellfit.report.scores.intervals import (
    UNKNOWN,
    ConfidenceInterval,
    Floats,
    wilson,
    wilson_f1,
    wilson_mean,
)
from wellfit.report.scores.predictions import Predictions

_OF_ONE_CLASS = ("precision", "recall", "f1", "jaccard")


def count_interval(
    name: str, predictions: Predictions, positive: int | None
) -> ConfidenceInterval | None:
    """Return the interval of a score of counts; None if it isn't one.

    Args:
        name: of a scorer, without ``neg_``.
        predictions: of a classifier.
        positive: the position of the class that a scorer of one class is of.
    """
    if name in _OF_ONE_CLASS:
        return None if positive is None else class_interval(name, predictions, positive)
    metric, _, average = name.rpartition("_")
    if name == "balanced_accuracy":
        return _of_proportions(predictions, predictions.truth)
    if _is_accuracy(name, predictions):
        right = predictions.truth & predictions.assigned
        return row_share(predictions, np.asarray(right.any(axis=1)))
    if average == "macro" and metric in ("precision", "recall"):
        of = predictions.truth if metric == "recall" else predictions.assigned
        if predictions.y.ndim == 1 and of[:, _present(predictions)].any(axis=0).all():
            return _of_proportions(predictions, of)
    if metric in _OF_ONE_CLASS and average in _AVERAGES:
        return _averaged_interval(metric, average, predictions)
    combine = _COMBINED.get(name)
    return (
        None if combine is None else predictions.bootstrap.interval(_counts(predictions), combine)
    )


def _averaged_interval(metric: str, average: str, predictions: Predictions) -> ConfidenceInterval:
    """Return the interval of a mean over classes."""
    found = predictions.bootstrap.interval(_counts(predictions), _averaged(metric, average))
    if found != UNKNOWN or not (predictions.truth == predictions.assigned).all():
        return found
    # Where all rows are right they are in every resample, however few they are.
    each = [
        class_interval(metric, predictions, place)
        for place in np.flatnonzero(_present(predictions)).tolist()
    ]
    low = np.linalg.norm([1 - one.low for one in each]) / len(each)
    return ConfidenceInterval(1 - float(low), 1.0, "Wilson")


def class_interval(name: str, predictions: Predictions, place: int) -> ConfidenceInterval:
    """Return the interval of a class's precision, recall, F1 score or Jaccard index.

    Args:
        name: one of these, as scorers are called.
        predictions: of a classifier.
        place: the position of the class or label.
    """
    truth, assigned = predictions.truth[:, [place]], predictions.assigned[:, [place]]
    of = {"precision": assigned, "recall": truth}.get(name, truth | assigned)
    (hits,), (rows,) = predictions.proportion(truth & assigned, of)
    return wilson_f1(hits, rows) if name == "f1" else wilson(hits, rows)


def row_share(predictions: Predictions, hits: NDArray[np.bool_]) -> ConfidenceInterval:
    """Return the interval of the share of rows (rows,) that hit."""
    (count,), (rows,) = predictions.proportion(hits[:, None], np.ones_like(hits)[:, None])
    return wilson(count, rows)


def _is_accuracy(name: str, predictions: Predictions) -> bool:
    """Say whether a mean over classes is the share of rows that are classified correctly."""
    micro = name in ("precision_micro", "recall_micro", "f1_micro")
    return predictions.y.ndim == 1 and (micro or name == "recall_weighted")


def _of_proportions(predictions: Predictions, of: NDArray[np.bool_]) -> ConfidenceInterval:
    """Return the interval of the mean proportion of hits among the rows of each class."""
    hits, rows = predictions.proportion(predictions.truth & predictions.assigned, of)
    return wilson_mean(hits[rows > 0].astype(float), rows[rows > 0].astype(float))


def _present(predictions: Predictions) -> NDArray[np.bool_]:
    """Return which classes (classes,) occur: scikit-learn's means leave the others out."""
    occurs = np.asarray((predictions.truth | predictions.assigned).any(axis=0))
    return occurs if predictions.y.ndim == 1 else np.ones_like(occurs)


def _counts(predictions: Predictions) -> NDArray[np.bool_]:
    """Return each row's hits, assignments and true classes (rows, 3 · classes)."""
    there = _present(predictions)
    truth, assigned = predictions.truth[:, there], predictions.assigned[:, there]
    return np.hstack([truth & assigned, assigned, truth])


def _split(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the hits, the assignments and the true rows (..., classes) of sums."""
    hits, assigned, truth = np.split(sums[..., :-1], 3, axis=-1)
    return hits, assigned, truth


def _averaged(metric: str, average: str) -> Callable[[Floats], Floats]:
    """Return what computes a mean over classes from sums of :func:`_counts`."""

    def combine(sums: Floats) -> Floats:
        hits, assigned, truth = _split(sums)
        if average == "micro":
            hits, assigned, truth = (
                one.sum(axis=-1, keepdims=True) for one in (hits, assigned, truth)
            )
        below = {
            "precision": assigned,
            "recall": truth,
            "f1": (assigned + truth) / 2,
            "jaccard": assigned + truth - hits,
        }[metric]
        each = np.divide(hits, below, out=np.zeros_like(hits), where=below > 0)
        if average != "weighted":
            return np.asarray(each.mean(axis=-1))
        return np.asarray((each * truth).sum(axis=-1) / truth.sum(axis=-1))

    return combine


def _matthews(sums: Floats) -> Floats:
    """Return Matthews' correlation coefficient (Gorodkin, 2004, of several classes)."""
    (hits, assigned, truth), rows = _split(sums), sums[..., -1]
    covariance = hits.sum(axis=-1) * rows - (assigned * truth).sum(axis=-1)
    own = [rows**2 - (one**2).sum(axis=-1) for one in (assigned, truth)]
    return np.asarray(covariance / np.sqrt(own[0] * own[1]))


def _likelihood_ratio(positive: bool) -> Callable[[Floats], Floats]:
    """Return what computes the likelihood ratio of a positive or a negative prediction."""

    def combine(sums: Floats) -> Floats:
        (hits, assigned, truth), rows = _split(sums), sums[..., -1]
        recall = hits[..., 1] / truth[..., 1]
        alarms = (assigned[..., 1] - hits[..., 1]) / (rows - truth[..., 1])
        return np.asarray(recall / alarms if positive else (1 - recall) / (1 - alarms))

    return combine


_AVERAGES = ("macro", "micro", "weighted")
_COMBINED: Mapping[str, Callable[[Floats], Floats]] = {
    "matthews_corrcoef": _matthews,
    "positive_likelihood_ratio": _likelihood_ratio(True),
    "negative_likelihood_ratio": _likelihood_ratio(False),
}
