"""The number of folds whose networks are averaged, where a parameter leaves it open."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from wellfit.core.parameter import is_auto
from wellfit.datasets import StreamedTable
from wellfit.estimators import settings
from wellfit.estimators.architectures import given_bagging
from wellfit.estimators.table_defaults import MANY_COLUMNS, leaves_open
from wellfit.estimators.validation_folds import FEWEST_ROWS, folds_of
from wellfit.fitting.validation import validate_features
from wellfit.preprocessing import preprocessor_of
from wellfit.training.processes import process_group

_FOLDS = 8
_MOST_ROWS = 100_000  # above which a tenth is easily spared, and submodels read all at once


class FoldCounts(NamedTuple):
    """How many folds have networks of their own: those that are averaged, or those that judge."""

    averaged: int | None = None
    judging: int | None = None


def fold_counts(estimator: Any, x: Any, *, given: bool, alone: bool) -> FoldCounts:
    """Return which folds a fit has.

    Args:
        estimator: whose ``bagging`` and ``validation_folds`` count.
        x: (n_samples, n_features), validated.
        given: whether validation rows are given apart.
        alone: whether the training is run by itself; else nothing is chosen for it.

    Raises:
        HyperparameterError: more folds than rows, or folds beside what excludes them.
    """
    asked = given_bagging(estimator)
    if not alone:
        return FoldCounts(asked)
    averaged = bagging_of(estimator, x, given=given)
    # Both are refused where both are asked for, and "auto" has one kind at most.
    chosen = averaged != asked
    return FoldCounts(averaged, None if chosen else folds_of(estimator, x.shape[0], given))


def averaged_as_by_default(estimator: Any, X: Any, *, given: bool) -> dict[str, Any]:
    """Return ``bagging`` as a parameter where a fit to rows averages networks; else nothing."""
    count = bagging_of(estimator, validate_features(estimator, X), given=given)
    return {} if count is None else {"bagging": count}


def bagging_of(estimator: Any, x: Any, *, given: bool) -> int | None:
    """Return of how many folds an estimator averages the networks; None for a single one.

    Args:
        estimator: whose ``bagging`` counts.
        x: (n_samples, n_features), validated.
        given: whether validation rows are given apart.
    """
    asked = given_bagging(estimator)
    if asked is not None or not is_auto(getattr(estimator, "bagging", None)):
        return asked
    fits = FEWEST_ROWS <= x.shape[0] <= _MOST_ROWS and leaves_open(estimator)
    single = given or not fits or _asks_for_one(estimator) or not _is_table(estimator, x)
    return None if single else _FOLDS


def _asks_for_one(estimator: Any) -> bool:
    """Say whether a parameter describes how a single network is validated, or where it begins."""
    asked = (
        estimator.validation_fraction is not None,
        not is_auto(estimator.validation_folds),
        estimator.pretrained is not None,
        estimator.warm_start,
        estimator.image_shape is not None,
        estimator.processes == "dask",
        process_group(estimator.processes).size > 1,
    )
    return any(asked) or not settings.holds_out(estimator)


def _is_table(estimator: Any, x: Any) -> bool:
    """Say whether rows are those of a table in memory, and not those of images."""
    if isinstance(x, StreamedTable) or sparse.issparse(x):
        return False
    numeric = x.select_dtypes(np.number).shape[1] if isinstance(x, pd.DataFrame) else x.shape[1]
    return preprocessor_of(estimator.preprocess) is not None and numeric < MANY_COLUMNS
