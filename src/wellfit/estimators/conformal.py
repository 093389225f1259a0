"""Prediction intervals and sets of fitted estimators, and their calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.core.errors import DataError, InputError, UnknownNameError
from wellfit.core.fitted import require_fitted
from wellfit.fitting import Compute, FittedNetwork, NumberTargets, TargetEncoder
from wellfit.fitting.conformal import (
    SET_METHODS,
    IntervalScores,
    SetMethod,
    SetScores,
    check_level,
)
from wellfit.fitting.conformalizing import estimates, limits_of, scores_of
from wellfit.fitting.conformalizing import levels_of as estimated_levels
from wellfit.fitting.validation import validate_features

Model = TypeVar("Model")
Scores = IntervalScores | SetScores
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # that a report looks at


@dataclass(frozen=True)
class ConformalModel:
    """What intervals and sets need of a fitted model, whether one network predicts or several.

    Attributes:
        targets: the encoder of its targets.
        levels: the quantiles that are estimated; () of predictions and probabilities.
        scores: of its calibration rows; None where it has none.
        estimates: returns what the model estimates of rows: (n_samples, n_targets, n_estimates)
            of numbers, (n_samples, n_classes) of classes.
        scored: returns the estimates (n_networks, n_samples, …) of the networks that were scored.
        keep: lets the model have other scores.
        networks: that predict; their outputs bound the targets.
    """

    targets: TargetEncoder
    levels: tuple[float, ...]
    scores: Scores | None
    estimates: Callable[[Any], NDArray[Any]]
    scored: Callable[[Any], NDArray[Any]]
    keep: Callable[[Scores], None]
    networks: Sequence[FittedNetwork]

    @property
    def limits(self) -> NDArray[np.float64]:
        """The least and the largest number (2, n_targets) that a target may be."""
        low, high = np.stack([limits_of(each) for each in self.networks], axis=1)
        return np.stack([low.min(axis=0), high.max(axis=0)])


@singledispatch
def conformal_model(model: Any) -> ConformalModel:
    """Return what intervals and sets need of an estimator; ensembles have their own way.

    Raises:
        NotFittedError: before ``fit``.
    """
    require_fitted(model, "network_")
    network: FittedNetwork = model.network_
    targets, known = network.targets, network.conformal

    def mean(X: Any) -> NDArray[Any]:
        return estimates(targets, model.outputs(X))

    def scored(X: Any) -> NDArray[Any]:
        if known is None or known.folds is None:
            return mean(X)[np.newaxis]
        x = validate_features(model, X, network.features)
        each = network.outputs_of_each(x, Compute.of(model))
        return np.stack([estimates(targets, outputs) for outputs in each])

    def keep(found: Scores) -> None:
        model.network_ = replace(network, conformal=found)

    return ConformalModel(targets, estimated_levels(targets), known, mean, scored, keep, [network])


class Elsewhere:
    """A method that another kind of estimator has: looked for here, it says where it is.

    Args:
        message: what is said.

    >>> hasattr(type("Here", (), {"there": Elsewhere("it is there")})(), "there")
    False
    """

    def __init__(self, message: str) -> None:
        self.message = message

    def __get__(self, model: Any, owner: Any = None) -> Any:
        raise AttributeError(self.message)


def predict_interval(model: Any, X: Any, level: float = 0.9) -> NDArray[np.float64]:
    """Return intervals, in y's units, that hold the targets of a share ``level`` of new rows.

    That is guaranteed on average over rows drawn like those that calibrated the intervals,
    whatever the network: conformal prediction. Rows of another kind have no guarantee. No bound
    lies beyond what ``output_activation`` puts out, nor below the least target of the loss.

    Args:
        model: the fitted regressor.
        X: (n_samples, n_features).
        level: the share, in (0, 1); the guarantee is for one level at a time, and for each
            target by itself.

    Returns:
        (n_samples, 2) lower and upper bounds, or (n_samples, n_outputs, 2) where y had several
        columns.

    Raises:
        HyperparameterError: a level outside of (0, 1).
        InputError: the model was trained without ``conformal``, and never calibrated.
        DataError: too few calibration rows for the level: it takes 9 for 0.9, 99 for 0.99.
        NotFittedError: before ``fit``.

    Source: Romano, Patterson and Candès, "Conformalized quantile regression", 2019.

    >>> from sklearn.datasets import load_diabetes
    >>> from wellfit import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = MLPRegressor(conformal="split", random_state=0).fit(X[:300], y[:300])
    >>> low, high = reg.predict_interval(X[300:], level=0.9).T
    >>> bool(np.mean((low <= y[300:]) & (y[300:] <= high)) > 0.8)
    True
    """
    (found,) = intervals_at(model, X, [level])
    return found


def intervals_at(model: Any, X: Any, levels: Sequence[float]) -> list[NDArray[np.float64]]:
    """Return the intervals of several levels, as :func:`predict_interval` returns those of one."""
    view, shares = conformal_model(model), [check_level(level) for level in levels]
    known, targets = view.scores, view.targets
    if not isinstance(known, IntervalScores):
        raise InputError(_uncalibrated(model, "intervals"))
    assert isinstance(targets, NumberTargets)
    estimated, (low, high) = view.scored(X), view.limits[..., np.newaxis]
    # No target lies beyond, so that nothing is lost where a bound doesn't either.
    found = [np.clip(known.interval(estimated, share), low, high) for share in shares]
    return [each[:, 0] for each in found] if targets.flat else found


def predict_set(
    model: Any, X: Any, level: float = 0.9, *, method: SetMethod = "lac"
) -> NDArray[np.bool_]:
    """Return sets of classes, one a row, that hold the class of a share ``level`` of new rows.

    That is guaranteed on average over rows drawn like those that calibrated the sets, whatever
    the network: conformal prediction. Rows of another kind have no guarantee.

    Args:
        model: the fitted classifier.
        X: (n_samples, n_features).
        level: the share, in (0, 1); the guarantee is for one level at a time.
        method: ``"lac"`` for the smallest sets on average; ``"aps"`` for sets that are about as
            often right on hard rows as on easy ones, and larger.

    Returns:
        (n_samples, n_classes) whether a class is in the set, in the order of ``classes_``; the
        likeliest class always is.

    Raises:
        HyperparameterError: a level outside of (0, 1).
        InputError: the model was trained without ``conformal``, and never calibrated.
        DataError: too few calibration rows for the level: it takes 9 for 0.9, 99 for 0.99.
        NotFittedError: before ``fit``.

    Source: Sadinle, Lei and Wasserman, "Least ambiguous set-valued classifiers with bounded
    error levels", 2019; ``"aps"``: Romano, Sesia and Candès, "Classification with valid and
    adaptive coverage", 2020.

    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier(conformal="split", random_state=0).fit(X, y)
    >>> clf.predict_set(X[:2], level=0.9)
    array([[ True, False, False],
           [ True, False, False]])
    """
    (found,) = sets_at(model, X, [level], method)
    return found


def sets_at(
    model: Any, X: Any, levels: Sequence[float], method: SetMethod = "lac"
) -> list[NDArray[np.bool_]]:
    """Return the sets of several levels, as :func:`predict_set` returns those of one."""
    view, shares = conformal_model(model), [check_level(level) for level in levels]
    if method not in SET_METHODS:
        raise UnknownNameError("method of prediction sets", method, SET_METHODS)
    known = view.scores
    if not isinstance(known, SetScores):
        raise InputError(_uncalibrated(model, "sets"))
    probabilities = view.scored(X)
    return [known.sets(probabilities, share, method) for share in shares]


def known_scores(model: Any) -> Scores | None:
    """Return the scores of a model's calibration rows; None where it has none, or isn't fitted."""
    network = getattr(model, "network_", None)
    known: Scores | None = getattr(model, "conformal_", getattr(network, "conformal", None))
    return known


def levels_of(model: Any, levels: Sequence[float] = LEVELS) -> list[float]:
    """Return the levels that a model has calibration rows for; none where it isn't calibrated."""
    known = known_scores(model)
    rows = 0 if known is None else len(known.array)
    return [level for level in levels if level * (rows + 1) <= rows]


def conformalize(model: Model, X: Any, y: ArrayLike) -> Model:
    """Calibrate intervals or sets by rows that the model hasn't learned from.

    Their scores take the place of any others. Predictions and probabilities are as before.
    Intervals of a loss that estimates no quantiles are equally wide in all rows; those of
    ``"quantile"`` and ``"mean_and_quantiles"`` aren't.

    Args:
        model: the fitted estimator.
        X: (n_samples, n_features) rows drawn like those that will be predicted.
        y: their targets.

    Returns:
        The estimator itself.

    Raises:
        DataError: targets that don't go with the rows, or labels that training hasn't seen.
        InputError: a classifier of several labels a row.
        NotFittedError: before ``fit``.

    >>> from sklearn.datasets import load_diabetes
    >>> from wellfit import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = MLPRegressor(random_state=0).fit(X[:300], y[:300])
    >>> reg.conformalize(X[300:], y[300:]).predict_interval(X[:2]).shape
    (2, 2)
    """
    view = conformal_model(model)
    targets, estimated = view.targets.read(y, warn=False), view.estimates(X)
    if len(targets) != len(estimated):
        raise DataError(
            f"X has {len(estimated)} rows and y has {len(targets)}; expected a target for each row"
        )
    view.keep(scores_of(view.targets, estimated, targets, view.levels))
    return model


def _uncalibrated(model: Any, what: str) -> str:
    return (
        f"this {type(model).__name__} isn't calibrated for {what}; expected conformal='split' "
        "before fit, or conformalize(X, y) with rows that it hasn't learned from"
    )
