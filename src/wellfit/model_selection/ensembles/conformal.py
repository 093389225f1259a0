"""Intervals and sets of ensembles: of what the members estimate on average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from wellfit.core.errors import HyperparameterError
from wellfit.estimators import settings
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.conformal import ConformalModel, Scores
from wellfit.fitting import TargetEncoder
from wellfit.fitting.conformalizing import estimates, levels_of
from wellfit.model_selection.ensembles.library import Data, divided


def view_of(ensemble: Any) -> ConformalModel:
    """Return what intervals and sets need of an ensemble.

    Where all members estimate the same quantiles, intervals lie between the mean quantiles; else
    around the mean prediction.

    Args:
        ensemble: a fitted ensemble, whose ``conformal_`` holds the scores.

    Raises:
        NotFittedError: before ``fit``.
    """
    check_is_fitted(ensemble)
    encoders = [member.network_.targets for member in ensemble.estimators_]
    levels = common_levels(ensemble.estimators_)

    def mean(X: Any) -> NDArray[Any]:
        pairs = zip(ensemble.estimators_, encoders, strict=True)
        each = [_estimates(targets, member.outputs(X), levels) for member, targets in pairs]
        return np.average(each, axis=0, weights=ensemble.weights_)

    def scored(X: Any) -> NDArray[Any]:
        return mean(X)[np.newaxis]

    def keep(found: Scores) -> None:
        ensemble.conformal_ = found

    known = getattr(ensemble, "conformal_", None)
    networks = [member.network_ for member in ensemble.estimators_]
    return ConformalModel(encoders[0], levels, known, mean, scored, keep, networks)


def common_levels(members: Sequence[BaseMLP]) -> tuple[float, ...]:
    """Return the quantiles that all members estimate; () where they differ."""
    every = {levels_of(member.network_.targets) for member in members}
    return every.pop() if len(every) == 1 else ()


def _estimates(
    targets: TargetEncoder, outputs: NDArray[np.floating], levels: tuple[float, ...]
) -> NDArray[Any]:
    if levels or not levels_of(targets):
        return estimates(targets, outputs)
    return targets.decode(outputs).reshape(len(outputs), -1, 1)  # of members that differ


def without_calibration(
    given: Sequence[BaseMLP], data: Data, draw: np.random.RandomState
) -> tuple[list[BaseMLP], Data, Data | None]:
    """Return members to train, the rows to train them on, and those that calibrate their average.

    Rows that each member set apart for itself would calibrate the members, and not their average.

    Args:
        given: the estimators that members are made like.
        data: all rows.
        draw: draws the rows that calibrate.

    Raises:
        HyperparameterError: members that are calibrated by their own folds.
    """
    asked = [each for each in given if each.conformal is not None]
    if not asked:
        return list(given), data, None
    if any(each.conformal == "cross" for each in asked):
        raise HyperparameterError(
            "conformal is 'cross' of an ensemble's members: their folds calibrate each of them, "
            "and not the average. Expected conformal='split', or conformal=None and "
            "conformalize(X, y) with rows of their own after fit"
        )
    whole = replace(data, X_val=None, y_val=None)
    seed = draw.randint(2**31 - 1)
    kept, held = divided(asked[0], whole, asked[0].conformal_fraction, seed)
    members = [clone(each).set_params(conformal=None, loss=settings.loss(each)) for each in given]
    return members, replace(kept, X_val=data.X_val, y_val=data.y_val), held
