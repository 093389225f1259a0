"""Scores that are functions of means over rows: losses, errors, R² and its relatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import xlogy

from wellfit.report.scores.intervals import ConfidenceInterval, Floats
from wellfit.report.scores.predictions import Predictions
from wellfit.report.scores.resampling import Combine

Values = Callable[[Predictions], Floats]


@dataclass(frozen=True)
class RowMeans:
    """A score that is a function of means over rows.

    Attributes:
        values: of each row (rows, columns).
        combine: returns scores (...) from the values' means (..., columns).
    """

    values: Values
    combine: Combine = lambda means: means.mean(axis=-1)

    def of_sums(self, sums: Floats) -> Floats:
        """Return scores (...) from sums (..., columns + 1), the last of which is of rows."""
        return self.combine(sums[..., :-1] / sums[..., -1:])

    def value(self, predictions: Predictions) -> float:
        """Return the score of all rows."""
        means = np.average(self.values(predictions), axis=0, weights=predictions.weight)
        return float(self.combine(means))

    def interval(self, predictions: Predictions) -> ConfidenceInterval:
        """Return the score's interval."""
        return predictions.bootstrap.interval(self.values(predictions), self.of_sums)


def row_losses(predictions: Predictions) -> Floats:
    """Return the log loss of each row (rows, 1) in nats; of labels, the mean over them.

    A class that the training set didn't have has no probability.
    """
    given = predictions.given
    if predictions.y.ndim > 1:
        right = np.where(predictions.truth, given, 1 - given)
    else:
        new = np.zeros((len(given), len(predictions.all_classes) - given.shape[1]))
        right = np.hstack([given, new])[predictions.truth][:, None]
    least = np.finfo(np.float32).eps  # as for float32 probabilities in scikit-learn
    return np.asarray(-np.log(right.clip(least, 1)).mean(axis=1, keepdims=True))


def _columns(values: Any) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    return table.reshape(len(table), -1)


def _pair(predictions: Predictions) -> tuple[Floats, Floats]:
    return _columns(predictions.y), _columns(predictions.predicted)


def _errors(predictions: Predictions) -> Floats:
    y, predicted = _pair(predictions)
    return y - predicted


def _squares(predictions: Predictions) -> Floats:
    return _errors(predictions) ** 2


def _log_squares(predictions: Predictions) -> Floats:
    y, predicted = _pair(predictions)
    return np.asarray((np.log1p(y) - np.log1p(predicted)) ** 2)


def _percentages(predictions: Predictions) -> Floats:
    y, _ = _pair(predictions)
    return np.asarray(abs(_errors(predictions)) / np.maximum(abs(y), np.finfo(np.float64).eps))


def _poisson(predictions: Predictions) -> Floats:
    y, predicted = _pair(predictions)
    return np.asarray(2 * (xlogy(y, y / predicted) - y + predicted))


def _gamma(predictions: Predictions) -> Floats:
    y, predicted = _pair(predictions)
    return np.asarray(2 * (np.log(predicted / y) + y / predicted - 1))


def _spread(predictions: Predictions) -> Floats:
    """Return errors, their squares, targets and their squares (rows, 4 · outputs)."""
    y, errors = _columns(predictions.y), _errors(predictions)
    # Around the mean, the square of a mean doesn't swamp the mean of squares.
    y = y - y.mean(axis=0)
    return np.hstack([errors, errors**2, y, y**2])


def _explained(means: Floats, centred: bool) -> Floats:
    errors, squares, targets, spreads = np.split(means, 4, axis=-1)
    unexplained = squares - errors**2 if centred else squares
    return np.asarray((1 - unexplained / (spreads - targets**2)).mean(axis=-1))


def _brier(predictions: Predictions) -> Floats:
    apart = (predictions.given - predictions.truth[:, : predictions.given.shape[1]]) ** 2
    # scikit-learn halves it where two classes make the same error twice.
    return np.asarray(
        apart.sum(axis=1, keepdims=True) / (2 if predictions.task == "binary" else 1)
    )


def _beside_shares(losses: Values) -> Values:
    """Return losses beside the true classes (rows, 1 + classes)."""
    return lambda predictions: np.hstack([losses(predictions), predictions.truth])


def _over_entropy(means: Floats) -> Floats:
    shares = means[..., 1:]
    return np.asarray(1 + means[..., 0] / xlogy(shares, shares).sum(axis=-1))


def _over_brier(means: Floats) -> Floats:
    shares = means[..., 1:]
    halves = 2 if shares.shape[-1] == 2 else 1
    return np.asarray(1 - means[..., 0] * halves / (1 - (shares**2).sum(axis=-1)))


def _roots(means: Floats) -> Floats:
    return np.asarray(np.sqrt(means).mean(axis=-1))


R2 = RowMeans(_spread, lambda means: _explained(means, centred=False))
RMSE = RowMeans(_squares, _roots)
MAE = RowMeans(lambda predictions: abs(_errors(predictions)))
LOG_LOSS = RowMeans(row_losses)

# By the names of scorers, without ``neg_``.
ROW_MEANS: Mapping[str, RowMeans] = {
    "r2": R2,
    "explained_variance": RowMeans(_spread, lambda means: _explained(means, centred=True)),
    "root_mean_squared_error": RMSE,
    "mean_absolute_error": MAE,
    "mean_squared_error": RowMeans(_squares),
    "mean_squared_log_error": RowMeans(_log_squares),
    "root_mean_squared_log_error": RowMeans(_log_squares, _roots),
    "mean_absolute_percentage_error": RowMeans(_percentages),
    "mean_poisson_deviance": RowMeans(_poisson),
    "mean_gamma_deviance": RowMeans(_gamma),
    "log_loss": LOG_LOSS,
    "brier_score": RowMeans(_brier),
    "d2_log_loss_score": RowMeans(_beside_shares(row_losses), _over_entropy),
    "d2_brier_score": RowMeans(_beside_shares(_brier), _over_brier),
}
