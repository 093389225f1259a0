"""Scores of predictions with 95 % confidence intervals.

Fractions of rows have Wilson's interval (Wilson, 1927), which is accurate near 0 and 100 % too.
Means over rows, and scores computed from them, have the normal approximation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.core.metrics import Metric

Interval = Literal["Wilson", "normal"]
Floats = NDArray[np.float64]

_Z = 1.959963984540054  # 97.5 % of the normal distribution lie below


@dataclass(frozen=True)
class Score:
    """A score with the bounds and the method of its 95 % confidence interval.

    ``value`` has the unit of the target for ``MAE`` and ``RMSE``, and no unit otherwise.
    """

    name: str
    value: float
    low: float
    high: float
    interval: Interval

    @property
    def metric(self) -> Metric:
        """The metric that its name stands for."""
        return Metric.of(self.name)


def classification_scores(
    y: ArrayLike, predicted: ArrayLike, probabilities: ArrayLike, classes: ArrayLike
) -> list[Score]:
    """Return the accuracy and the log loss of a classifier.

    Args:
        y: (rows,) the true classes, or (rows, labels) of 0 and 1.
        predicted: predictions, shaped like ``y``.
        probabilities: (rows, classes) of each class, or of each label.
        classes: (classes,) the class of each column of ``probabilities``.

    Returns:
        The accuracy and the log loss in nats. For labels, a row is right if all of its labels
        are; the label accuracy counts them one by one, and the log loss is their mean.

    >>> probabilities = [[1, 0], [0, 1], [0.5, 0.5]]
    >>> for score in classification_scores([0, 1, 1], [0, 1, 0], probabilities, [0, 1]):
    ...     print(f"{score.name} {score.value:.3f} ({score.low:.3f} to {score.high:.3f})")
    accuracy 0.667 (0.208 to 0.939)
    log loss 0.231 (0.000 to 0.684)
    """
    truth, answers = np.asarray(y), np.asarray(predicted)
    chances = np.asarray(probabilities, dtype=np.float64)
    right = truth == answers
    if truth.ndim == 2:
        given = np.where(truth == 1, chances, 1 - chances)
        labels = _mean("label accuracy", right.mean(axis=1), high=1)
        return [_share("accuracy", right.all(axis=1)), labels, _log_loss(given)]
    position = positions(truth, classes)
    given = chances[np.arange(len(truth)), position]
    given[position < 0] = 0  # a class that the training set didn't have
    return [_share("accuracy", right), _log_loss(given[:, None])]


def regression_scores(y: ArrayLike, predicted: ArrayLike) -> list[Score]:
    """Return R², the root mean squared error and the mean absolute error.

    Args:
        y: (rows,) the true values, or (rows, outputs).
        predicted: predictions, shaped like ``y``.

    Returns:
        Three scores for each output.

    >>> [score.name for score in regression_scores([1.0, 2.0, 4.0], [1.1, 1.9, 3.5])]
    ['R²', 'RMSE', 'MAE']
    """
    truth, answers = (np.asarray(part, dtype=np.float64) for part in (y, predicted))
    if truth.ndim == 1:
        return list(_of_output(truth, answers))
    return [
        Score(f"{score.name}, output {output}", score.value, score.low, score.high, score.interval)
        for output in range(1, truth.shape[1] + 1)
        for score in _of_output(truth[:, output - 1], answers[:, output - 1])
    ]


def confusion(
    y: ArrayLike, predicted: ArrayLike, classes: Sequence[Any]
) -> tuple[list[Any], NDArray[np.int64]]:
    """Compute a confusion matrix.

    Args:
        y: (rows,) the true classes.
        predicted: (rows,) the predicted classes.
        classes: classes of the training set.

    Returns:
        The classes, those that only ``y`` has at the end, and the counts (true, predicted).

    >>> confusion(["a", "b", "b"], ["a", "a", "b"], ["a", "b"])
    (['a', 'b'], array([[1, 0],
           [1, 1]]))
    """
    truth = np.asarray(y)
    new = sorted(set(truth[positions(truth, classes) < 0].tolist()), key=str)
    every = [*np.asarray(classes).tolist(), *new]
    counts = np.zeros((len(every), len(every)), dtype=np.int64)
    np.add.at(counts, (positions(truth, every), positions(predicted, every)), 1)
    return every, counts


def positions(labels: ArrayLike, classes: Any) -> NDArray[np.int64]:
    """Return the position of each label among the classes, -1 if it isn't one of them."""
    import pandas as pd

    return np.asarray(pd.Index(np.asarray(classes)).get_indexer(pd.Index(np.asarray(labels))))


def _of_output(y: Floats, predicted: Floats) -> Iterator[Score]:
    squares, spread = (y - predicted) ** 2, (y - y.mean()) ** 2
    error, variance = squares.mean(), spread.mean()
    if variance > 0:
        # Each row's influence on 1 - error / variance (the delta method).
        influence = (error * (spread - variance) / variance - (squares - error)) / variance
        yield _mean("R²", influence + 1 - error / variance, high=1)
    mean = _mean("", squares, low=0)
    value, low, high = np.sqrt([mean.value, mean.low, mean.high]).tolist()
    yield Score("RMSE", value, low, high, mean.interval)
    yield _mean("MAE", np.abs(y - predicted), low=0)


def _share(name: str, right: NDArray[np.bool_]) -> Score:
    from scipy.stats import binomtest

    bounds = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return Score(name, float(right.mean()), float(bounds.low), float(bounds.high), "Wilson")


def _log_loss(given: Floats) -> Score:
    """Score the probabilities (rows, labels) of the true classes or labels."""
    least = np.finfo(np.float32).eps  # as for float32 probabilities in scikit-learn
    return _mean("log loss", -np.log(given.clip(least, 1)).mean(axis=1), low=0)


def _mean(name: str, values: Floats, low: float = -np.inf, high: float = np.inf) -> Score:
    """Score a mean over rows; the interval is limited to the range of the score."""
    mean = float(values.mean())
    half = _Z * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else np.inf
    return Score(name, mean, max(mean - half, low), min(mean + half, high), "normal")
