"""Baselines: simple models trained and scored on the same rows as the network."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellfit.diagnose.verdicts.scores import Baseline, RowMetric, Values

MOST_ROWS = 20_000  # to train baselines on, where there are few columns
_MOST_CELLS = 400_000  # of these rows: as many as the models manage in a second
_FOREST_ROWS = 5000
_TRIED = 50  # columns at each split of a tree
_FEW_CLASSES = 10  # so that boosting has rounds enough
_FOLDS = 5
_ROUNDS, _TREES = 300, 100  # of boosting in all: a round grows a tree for each class


class BaselineRows(NamedTuple):
    """Rows as baselines read them.

    Attributes:
        X: (N, D) what the network reads.
        extra: (N, E) what trees read besides: categories encoded by their targets.
        y: codes, yes or no for each label, or numbers.
    """

    X: NDArray[np.float32]
    extra: NDArray[np.float64]
    y: NDArray[Any]

    def take(self, ids: NDArray[np.integer]) -> BaselineRows:
        """Return some of the rows."""
        return BaselineRows(self.X[ids], self.extra[ids], self.y[ids])

    @property
    def all(self) -> NDArray[Any]:
        """All columns, for trees."""
        return np.hstack([self.X, self.extra]) if self.extra.size else self.X


def affordable(columns: int, rows: int) -> int:
    """Return how many of the rows baselines are trained on.

    >>> affordable(8, 100_000), affordable(784, 60_000), affordable(20, 300)
    (20000, 1000, 300)
    """
    return min(rows, MOST_ROWS, max(_MOST_CELLS // max(columns, 1), 1000))


def compare(
    metric: RowMetric, training: BaselineRows, unseen: BaselineRows, errors: Values
) -> Iterator[Baseline]:
    """Yield the baselines' scores on unseen rows, compared with the network's errors (N,) there.

    The first uses no column: majority class, mean, or quantile. The others are a linear model,
    extremely randomized trees, and, but for many classes, gradient boosting.
    """
    yield _beside_constant(metric, training.y, unseen.y, errors)
    for name, predicted in _predictions(metric, training, unseen):
        yield _beside(metric, name, unseen.y, predicted, errors)


def compare_by_folds(metric: RowMetric, rows: BaselineRows, errors: Values) -> Iterator[Baseline]:
    """Yield the baselines' out-of-fold scores, compared with the network's errors (N,).

    The baselines are those of :func:`compare`, each trained on four fifths of the rows at a time.
    The constant is that of all rows: the commonest class of four fifths would be the rarer one of
    the others where classes are equally common, so that any guess would seem better.
    """
    yield _beside_constant(metric, rows.y, rows.y, errors)
    folds = list(_folds(metric, rows.y))
    parts = [dict(_predictions(metric, rows.take(fit), rows.take(out))) for fit, out in folds]
    order = np.argsort(np.concatenate([out for _, out in folds]))
    for name in parts[0]:
        if all(name in part for part in parts):
            predicted = np.concatenate([part[name] for part in parts])[order]
            yield _beside(metric, name, rows.y, predicted, errors)


def _folds(
    metric: RowMetric, y: NDArray[Any]
) -> Iterator[tuple[NDArray[np.integer], NDArray[np.integer]]]:
    """Yield the rows to train on and those held out; each class has its share in every fold."""
    order = np.random.RandomState(0).permutation(len(y))
    if metric.is_share and y.ndim == 1:
        order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=int)
    fold[order] = np.arange(len(y)) % min(_FOLDS, len(y))
    for number in range(min(_FOLDS, len(y))):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _beside_constant(
    metric: RowMetric, y: NDArray[Any], unseen: NDArray[Any], errors: Values
) -> Baseline:
    """Return the baseline that uses no column: the best constant of ``y`` for the unseen rows."""
    name = "majority-class" if metric.is_share else "mean" if metric.level is None else "quantile"
    constant = np.broadcast_to(metric.constant(y), unseen.shape)
    return _beside(metric, name, unseen, constant, errors)


def _beside(
    metric: RowMetric, name: str, y: NDArray[Any], predicted: NDArray[Any], errors: Values
) -> Baseline:
    own = metric.errors(y, predicted)
    saved = errors - own
    return Baseline(name, float(1 - own.mean()), *difference(saved, metric.is_share))


def difference(saved: Values, is_share: bool) -> tuple[float, float]:
    """Return the mean difference of rows' errors (N,), and its standard error.

    Where rows are right or wrong, half a row more is counted on which only the one is right, and
    half a row on which only the other is: few rows that differ don't make a difference certain.

    Source: Agresti and Min, "Simple improved confidence intervals for comparing matched
    proportions", 2005.
    """
    n = len(saved)
    if n < 2:
        return float(saved.mean()), float("inf")
    variance = float(saved.var(ddof=1)) + (1 / n if is_share else 0.0)
    return float(saved.mean()), float(np.sqrt(variance / n))


def _predictions(
    metric: RowMetric, training: BaselineRows, unseen: BaselineRows
) -> Iterator[tuple[str, NDArray[Any]]]:
    y = training.y
    if not metric.is_share:
        y = y.astype(np.float64)
    if len(y) < 2 or (y == y[0]).all():  # no model can learn from these
        return
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # a solver that hasn't converged is a baseline all the same
        if metric.level is None:
            yield "linear model", _linear(metric, training, y, unseen)
            few = slice(0, _FOREST_ROWS)
            forest = _forest(metric, training.all.shape[1]).fit(training.all[few], y[few])
            yield "random trees", np.asarray(forest.predict(unseen.all))
        boosted = _boosting(metric, y, training.all.shape[1])
        if boosted is not None:
            yield "boosted trees", np.asarray(boosted.fit(training.all, y).predict(unseen.all))


def _linear(
    metric: RowMetric, training: BaselineRows, y: NDArray[Any], unseen: BaselineRows
) -> NDArray[Any]:
    from sklearn.linear_model import LogisticRegression, Ridge  # needed by verdicts with rows only

    if not metric.is_share or y.ndim > 1:
        predicted = Ridge(1.0).fit(training.X, y).predict(unseen.X)
        return predicted > 0.5 if metric.is_share else predicted
    model = LogisticRegression(max_iter=50, tol=1e-2, class_weight=_class_weight(metric))
    return np.asarray(model.fit(training.X, y).predict(unseen.X))


def _forest(metric: RowMetric, columns: int) -> Any:
    """Return extremely randomized trees.

    Source: Geurts, Ernst and Wehenkel, "Extremely randomized trees", 2006.
    """
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    given = {"n_estimators": _TREES, "min_samples_leaf": 2, "random_state": 0}
    if metric.is_share:
        return ExtraTreesClassifier(**given, class_weight=_class_weight(metric))
    return ExtraTreesRegressor(**given, max_features=_share(columns))


def _boosting(metric: RowMetric, y: NDArray[Any], columns: int) -> Any:
    """Return gradient boosting, or None where it would take too long."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    classes = len(set(y.tolist())) if metric.is_share and y.ndim == 1 else 1
    if y.ndim > 1 or classes > _FEW_CLASSES:
        return None
    rounds = max(30, min(100, _ROUNDS // classes, 10_000 // columns))
    given: dict[str, Any] = {
        "max_iter": rounds,
        # Larger steps make up for fewer rounds, but with rare classes they diverge.
        "learning_rate": 0.1 if classes > 2 else 10 / rounds,
        "max_features": _share(columns),
        "early_stopping": False,
        "random_state": 0,
    }
    if metric.is_share:
        weight = _class_weight(metric)
        return HistGradientBoostingClassifier(**given, class_weight=weight)
    if metric.level is None:
        return HistGradientBoostingRegressor(**given)
    return HistGradientBoostingRegressor(**given, loss="quantile", quantile=metric.level)


def _share(columns: int) -> float:
    """Return the share of columns tried at a split: all, or so many that a second is enough."""
    return min(1.0, _TRIED / columns)


def _class_weight(metric: RowMetric) -> str | None:
    return "balanced" if metric.name == "balanced accuracy" else None
