"""Scores of predictions with 95 % confidence intervals.

Proportions of rows have Wilson's interval, areas under the ROC curve DeLong's, the average
precision the jackknife's, all others a bootstrap interval (BCa, of a fixed seed).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from wellfit.core.errors import HyperparameterError
from wellfit.core.metrics import Metric, title_of
from wellfit.fitting.scorer_choice import has_positive_class, positive_class
from wellfit.fitting.scoring import (
    precomputable,
    scorer_list,
    scorer_name,
    scorer_of,
    takes_weights,
)
from wellfit.report.scores import ranking
from wellfit.report.scores.averaging import LOG_LOSS, MAE, R2, RMSE, ROW_MEANS, RowMeans
from wellfit.report.scores.counting import class_interval, count_interval, row_share
from wellfit.report.scores.fixed import fixed_predictor
from wellfit.report.scores.intervals import (
    UNKNOWN,
    ConfidenceInterval,
    Floats,
    by_influence,
    wilson,
)
from wellfit.report.scores.predictions import Predictions, in_order

_UNEVEN = 2  # balanced accuracy is shown where a class has this many times the rows of another
# Resamples say nothing of the largest value, and have larger errors of calibration than the rows.
_WITHOUT_INTERVAL = ("max_error", "calibration_error")
_CLOSE = 1e-6


@dataclass(frozen=True)
class Score:
    """A score with the bounds and the method of its 95 % confidence interval.

    ``value`` has the unit of the target for ``MAE`` and ``RMSE``, and no unit otherwise. Costs
    aren't negated. The bounds are NaN where there is no interval. ``of`` is the class that it is
    a score of, if it is one class's; ``"unweighted"`` where rows have weights that it can't heed.
    """

    name: str
    value: float
    low: float
    high: float
    interval: str
    of: str = ""

    @property
    def metric(self) -> Metric:
        """The metric that its name stands for."""
        return Metric.of(self.name)

    @property
    def title(self) -> str:
        """What to call it."""
        return title_of(self.name, self.of)

    @property
    def text(self) -> str:
        """The value as it is printed; a dash where these rows leave it undefined."""
        return "–" if math.isnan(self.value) else self.metric.format(self.value)

    @property
    def bounds(self) -> str:
        """The interval as text, without its method; empty if there is none."""
        return self.metric.format_interval(self.low, self.high)


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 score of a class, or of a label.

    Attributes:
        name: of the class.
        rows: how many of the rows are of it.
        scores: the three.
    """

    name: str
    rows: int
    scores: tuple[Score, ...]


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
        The accuracy, the balanced accuracy if a class has twice the rows of another, and the log
        loss in nats. For labels, a row is right if all of its labels are; the label accuracy
        counts them one by one, and the log loss is their mean.

    >>> probabilities = [[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]]
    >>> for score in classification_scores([0, 1, 1], [0, 1, 0], probabilities, [0, 1]):
    ...     print(f"{score.title} {score.value:.3f} ({score.low:.3f} to {score.high:.3f})")
    accuracy 0.667 (0.208 to 0.939)
    balanced accuracy 0.750 (0.304 to 0.953)
    log loss 0.301 (0.105 to 0.693)
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    predictions = Predictions(np.asarray(y), np.asarray(predicted), chances, np.asarray(classes))
    return list(usual_scores(predictions))


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
    truth, predictions = (np.asarray(part, dtype=np.float64) for part in (y, predicted))
    return list(usual_scores(Predictions(truth, predictions)))


def usual_scores(predictions: Predictions, *, intervals: bool = True) -> Iterator[Score]:
    """Yield the scores that are always shown, without those of single classes.

    Args:
        predictions: the predictions.
        intervals: whether to compute the intervals too.
    """
    if predictions.probabilities is None:
        yield from _of_numbers(predictions, intervals)
        return
    right = np.asarray(predictions.y == predictions.predicted)
    whole = np.asarray(right if right.ndim == 1 else right.all(axis=1))
    share = np.average(whole, weights=predictions.weight)
    yield _score("accuracy", share, row_share(predictions, whole))
    if right.ndim > 1:
        labels = RowMeans(lambda one: (one.y == one.predicted).astype(float))
        yield _of_means("label accuracy", labels, predictions, intervals)
    elif _is_uneven(predictions):
        hits = predictions.sums(predictions.truth & predictions.assigned)
        with np.errstate(invalid="ignore"):  # of classes without a row that counts
            recalls = hits / predictions.sums(predictions.truth)
        interval = count_interval("balanced_accuracy", predictions, None) or UNKNOWN
        yield _score("balanced accuracy", np.nanmean(recalls), interval)
    yield _of_means("log loss", LOG_LOSS, predictions, intervals)


def _is_uneven(predictions: Predictions) -> bool:
    rows = predictions.sums(predictions.truth)
    rows = rows[rows > 0]
    return len(rows) > 1 and rows.max() >= _UNEVEN * rows.min()


def _of_numbers(predictions: Predictions, intervals: bool) -> Iterator[Score]:
    y, predicted = predictions.y, predictions.predicted
    several = y.ndim > 1
    for output in range(y.shape[1] if several else 1):
        one = predictions
        if several:
            one = Predictions(y[:, output], predicted[:, output], weight=predictions.weight)
        more = f", output {output + 1}" if several else ""
        for name, means in (("R²", R2), ("RMSE", RMSE), ("MAE", MAE)):
            if name != "R²" or np.ptp(one.y) > 0:
                yield _of_means(f"{name}{more}", means, one, intervals)


def _of_means(name: str, means: RowMeans, predictions: Predictions, intervals: bool) -> Score:
    interval = means.interval(predictions) if intervals else UNKNOWN
    return _score(name, means.value(predictions), interval)


def class_scores(predictions: Predictions, names: Iterable[str]) -> list[ClassScores]:
    """Return precision, recall and F1 score of each class or label; NaN where not defined.

    Args:
        predictions: of a classifier.
        names: of the classes, those that only the truth has at the end.

    Returns:
        The classes in their order.
    """
    truth, assigned = predictions.truth, predictions.assigned
    hits, of, to = map(predictions.sums, (truth & assigned, truth, assigned))
    with np.errstate(invalid="ignore"):
        values = {"precision": hits / to, "recall": hits / of, "f1": 2 * hits / (of + to)}
    found = [
        ClassScores(
            name,
            int(truth[:, place].sum()),
            tuple(
                _score(key, each[place], class_interval(key, predictions, place))
                for key, each in values.items()
            ),
        )
        for place, name in enumerate(names)
    ]
    if predictions.y.ndim > 1:
        return found
    known = predictions.all_classes
    return [found[known.index(label)] for label in in_order(known)]


def asked_scores(
    scoring: Any,
    predictions: Predictions,
    model: Any = None,
    X: Any = None,
    *,
    intervals: bool = True,
    name_of: Any = str,
) -> Iterator[Score]:
    """Yield the scores that ``scoring`` asks for.

    Args:
        scoring: names or scorers, one or several, as of an estimator's ``scoring``.
        predictions: the predictions.
        model: the estimator, for functions that ask for more than predictions; None where there
            is none, as of a baseline, which these then don't score.
        X: (rows, columns) its rows.
        intervals: whether to compute the intervals too.
        name_of: returns the name of a class, to be shown.

    Raises:
        HyperparameterError: a scorer for other targets.
    """
    for wanted in scorer_list(scoring):
        name = scorer_name(wanted)
        scorer = scorer_of(wanted, predictions.task)
        heeds = predictions.weight is None or takes_weights(scorer)
        rows = predictions if heeds else replace(predictions, weight=None)
        if precomputable(scorer):
            value = _value(scorer, fixed_predictor(rows), None, rows.y, rows.weight)
        elif model is not None:
            value = _value(scorer, model, X, rows.y, rows.weight)
        else:
            continue
        cost = name.startswith("neg_") and isinstance(wanted, str)
        key, value = (name.removeprefix("neg_"), -value) if cost else (name, value)
        interval = UNKNOWN
        if intervals and math.isfinite(value):
            interval = _interval(key, value, scorer, rows, -1 if cost else 1)
        positive = positive_class(predictions.classes) if predictions.task == "binary" else None
        of = name_of(positive) if positive is not None and has_positive_class(key) else ""
        of = of if heeds else "unweighted"
        yield _score(key, value, interval, of)


def _value(scorer: Any, model: Any, X: Any, y: Any, weight: Floats | None) -> float:
    """Return a score; NaN where it isn't defined on these rows, as of a single class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return float(
                scorer(model, X, y, **({} if weight is None else {"sample_weight": weight}))
            )
        except ValueError as error:
            if isinstance(error, HyperparameterError):
                raise
            return math.nan


def _interval(
    key: str, value: float, scorer: Any, predictions: Predictions, sign: int
) -> ConfidenceInterval:
    """Return the interval of a score, by the method that suits it."""
    if key in _WITHOUT_INTERVAL:
        return UNKNOWN
    found = _by_name(key, value, predictions)
    if found is not None:
        return found
    if not precomputable(scorer):
        return UNKNOWN

    weight = predictions.weight

    def resampled(rows: Any) -> float:
        given = predictions.y[rows], None if weight is None else weight[rows]
        return sign * _value(scorer, fixed_predictor(predictions, rows), None, *given)

    return predictions.bootstrap.of_function(resampled)


def _by_name(key: str, value: float, predictions: Predictions) -> ConfidenceInterval | None:
    """Return the interval of a score that is known by its name; None of any other."""
    means = ROW_MEANS.get(key)
    if means is not None:
        # scikit-learn may define a score differently, as the log loss of labels.
        same = abs(means.value(predictions) - value) <= _CLOSE * max(1, abs(value))
        return means.interval(predictions) if same else None
    if predictions.probabilities is None:
        return None
    if key in ("accuracy", "top_k_accuracy"):
        everyone = np.ones((len(predictions.y), 1), dtype=bool)
        (rows,) = predictions.proportion(everyone, everyone)[1]
        return wilson(round(value * rows) if predictions.weight is None else value * rows, rows)
    if key.startswith(("roc_auc", "average_precision")):
        # Weighted ranks have no such formulas: the bootstrap is left.
        return None if predictions.weight is not None else _of_ranks(key, value, predictions)
    positive = positive_class(predictions.classes) if predictions.task == "binary" else None
    place = None if positive is None else predictions.all_classes.index(positive)
    return count_interval(key, predictions, place)


def _of_ranks(key: str, value: float, predictions: Predictions) -> ConfidenceInterval | None:
    """Return the interval of an area under a ROC curve, or of an average precision."""
    truth, given = predictions.truth, predictions.given
    if truth.shape != given.shape or not truth.any(axis=0).all() or truth.all(axis=0).any():
        return None  # a class that only the truth has, or that it doesn't have
    if predictions.task == "binary":
        place = predictions.all_classes.index(positive_class(predictions.classes))
        if key.startswith("roc_auc"):
            place = 1
        truth, given = truth[:, [place]], given[:, [place]]
    weighted = key.endswith("_weighted")
    if key == "average_precision":
        if truth.sum(axis=0).min() < 2:
            return UNKNOWN
        area, influence = ranking.mean_precision(truth, given)
        found = by_influence(area, influence, "jackknife")
    else:
        pairs = key.startswith("roc_auc_ovo") and predictions.task == "multiclass"
        area, influence = (ranking.pairwise_auc if pairs else ranking.mean_auc)(
            truth, given, weighted
        )
        found = ranking.auc_interval(truth, area, influence)
    return found if abs(area - value) <= _CLOSE else None


def _score(name: str, value: Any, interval: ConfidenceInterval, of: str = "") -> Score:
    return Score(name, float(value), *interval, of)
