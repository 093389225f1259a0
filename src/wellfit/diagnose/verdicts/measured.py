"""The metric, targets and predictions of a fitted estimator, as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier

from wellfit.diagnose.verdicts.scores import RowMetric
from wellfit.estimators.base import BaseMLP
from wellfit.fitting import ClassTargets
from wellfit.nn.losses import AbsoluteError, Huber, Loss
from wellfit.preprocessing import as_table

_FOLDS, _SMOOTH = 5, 10.0  # of mean targets; rows that the mean of all counts as
_MEDIAN = (AbsoluteError, Huber)  # losses that outliers don't rule: R² would


def metric_of(estimator: BaseMLP, loss: Loss) -> RowMetric:
    """Return what the estimator is scored by: accuracy, R², or D² where it estimates quantiles.

    With class weights it is balanced accuracy: they are for classes that count alike.
    """
    if is_classifier(estimator):
        weighted = getattr(estimator, "class_weight", None) is not None
        single = not _classes(estimator).multilabel
        return RowMetric("balanced accuracy" if weighted and single else "accuracy")
    if loss.point_level is not None:
        return RowMetric("D²", loss.point_level)
    return RowMetric("D²", 0.5) if isinstance(loss, _MEDIAN) else RowMetric("R²")


def targets(estimator: BaseMLP, y: Any) -> NDArray[Any]:
    """Return codes of classes (N,), yes or no (N, L), or numbers (N,) or (N, T)."""
    if not is_classifier(estimator):
        return _flat(np.asarray(y, dtype=np.float64))
    return _classes(estimator).codes(y)


def predictions(estimator: BaseMLP, X: Any) -> NDArray[Any]:
    """Return the estimator's predictions as :func:`targets` returns the targets."""
    predict = estimator.predict_proba if is_classifier(estimator) else estimator.predict
    return as_predictions(estimator, predict(X))


def as_predictions(estimator: BaseMLP, given: Any) -> NDArray[Any]:
    """Return probabilities or estimates as :func:`targets` returns the targets."""
    if not is_classifier(estimator):
        return _flat(np.asarray(given, dtype=np.float64))
    chances = np.asarray(given)
    return chances > 0.5 if _classes(estimator).multilabel else chances.argmax(axis=1)


def encoded_by_target(
    estimator: BaseMLP, training: Any, y: NDArray[Any], unseen: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the categories of both (N, columns), each level as the mean of its targets.

    What the network reads lacks rare levels; so a baseline gets them all. A training row's own
    target isn't in its means: they are of other fifths of the rows.

    Source: Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes in
    classification and prediction problems", 2001.
    """
    table = estimator.network_.features.table
    places = [] if table is None else [at for at, k in enumerate(table.kinds_) if k == "category"]
    first, other = _as_text(training, places), _as_text(unseen, places)
    if not places or y.ndim > 1:
        return np.empty((len(first), 0)), np.empty((len(other), 0))
    wanted = np.eye(y.max() + 1)[y][:, 1:] if is_classifier(estimator) else y[:, None]
    codes = [pd.factorize(cells)[0] for cells in np.vstack([first, other]).T]
    columns = [_level_means(one[: len(first)], one[len(first) :], wanted) for one in codes]
    return np.hstack([own for own, _ in columns]), np.hstack([means for _, means in columns])


def _classes(estimator: BaseMLP) -> ClassTargets:
    targets = estimator.network_.targets
    assert isinstance(targets, ClassTargets)
    return targets


def _level_means(
    first: NDArray[np.integer], other: NDArray[np.integer], wanted: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean targets of the rows' levels: out of fold for the first, whole for others."""
    count = int(max(first.max(), other.max(initial=0))) + 1

    def means(rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        sums, codes = np.zeros((count, wanted.shape[1])), first[rows]
        np.add.at(sums, codes, wanted[rows])
        sizes = np.bincount(codes, minlength=count)[:, None]
        return (sums + _SMOOTH * wanted.mean(axis=0)) / (sizes + _SMOOTH)

    fold = np.random.default_rng(0).permutation(len(first)) % _FOLDS
    own = np.empty_like(wanted, dtype=np.float64)
    for k in range(_FOLDS):
        own[fold == k] = means(fold != k)[first[fold == k]]
    return own, means(fold >= 0)[other]


def _as_text(X: Any, places: list[int]) -> NDArray[np.object_]:
    """Return columns (N, columns) as text; missing values are empty."""
    if not places:
        return np.empty((X.shape[0] if hasattr(X, "shape") else len(X), 0), dtype=object)
    frame = pd.DataFrame(as_table(X)).iloc[:, places].astype(object)
    return frame.where(frame.notna(), "").astype(str).to_numpy(dtype=object)


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
