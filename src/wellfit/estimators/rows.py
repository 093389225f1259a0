"""Rows on their way to a job: weighed, split into training and validation rows, and the seed."""

from __future__ import annotations

import numbers
import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.core._sklearn_compat import check_sample_weight
from wellfit.core.errors import DataError, HyperparameterError
from wellfit.core.rng import derive, drawn_seed
from wellfit.datasets.splitting import take_rows
from wellfit.estimators import settings
from wellfit.fitting import ClassTargets, FittedNetwork, TargetEncoder
from wellfit.fitting.job import RowSplit
from wellfit.training import fraction_of, split
from wellfit.training.checkpoint import seeds
from wellfit.training.processes import process_group

Positions = NDArray[np.integer]


class Parts(NamedTuple):
    """The rows to train on, those that are held out, and those that calibrate, if any do."""

    train: Positions
    held_out: Positions | None = None
    conformal: Positions | None = None

    def of(self, kept: Positions, n_samples: int) -> RowSplit:
        """Return the same rows by their positions in X, ``kept`` of its ``n_samples`` rows."""
        if len(kept) == n_samples:  # of many rows, another copy of their positions is large
            return RowSplit(self.train, self.held_out, n_samples, self.conformal)
        held, calibrating = (None if ids is None else kept[ids] for ids in self[1:])
        return RowSplit(kept[self.train], held, n_samples, calibrating)


def weighed(
    estimator: Any,
    targets: TargetEncoder,
    x: Any,
    y: NDArray[Any],
    sample_weight: ArrayLike | None,
) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None, Positions]:
    """Drop rows of weight 0, balance classes, and scale the weights to mean 1.

    Args:
        estimator: whose ``class_weight`` counts, if it has one.
        targets: the encoder of y.
        x: (n_samples, n_features), validated.
        y: (n_samples, ...), read.
        sample_weight: (n_samples,) or None.

    Returns:
        Rows, targets and weights (None where all are 1) of the rows that count, and the positions
        of these.
    """
    rows = x.shape[0]
    if rows != len(y):
        raise DataError(
            f"X has {rows} rows and y has {len(y)}: Found input variables with inconsistent "
            "numbers of samples"
        )
    weight = None
    if isinstance(targets, ClassTargets):
        weight = targets.class_weights(y, getattr(estimator, "class_weight", None))
    if sample_weight is not None:
        given = check_sample_weight(
            sample_weight,
            x if hasattr(x, "dtype") else y,
            dtype=np.float64,
            ensure_non_negative=True,
        )
        weight = given if weight is None else weight * given
    if weight is None:
        return x, y, None, np.arange(rows)
    kept = np.flatnonzero(weight)
    if not len(kept):
        raise DataError("all sample weights are 0; expected at least one row that counts")
    if len(kept) < rows:
        x, y, weight = take_rows(x, kept), y[kept], weight[kept]
    return x, y, weight / weight.mean(), kept


def split_rows(
    estimator: Any, targets: TargetEncoder, y: NDArray[Any], given: bool, seed: int
) -> Parts:
    """Return the rows to train on, those that are held out, and those that calibrate.

    The rows that calibrate intervals or sets are others than those held out: these have chosen
    the epoch, and a network is better on them than on rows that nobody has looked at.

    Args:
        estimator: whose ``validation_fraction``, ``subsample``, ``early_stopping`` and
            ``conformal`` count.
        targets: the encoder of y.
        y: (n_samples, ...), read.
        given: whether validation rows are given apart, or networks of folds hold out their own.
        seed: of the draw.
    """
    if estimator.conformal != "split":
        return _held_out(estimator, targets, y, given, seed)
    draw = derive(seed, "conformal")
    rest, calibrating = split(len(y), estimator.conformal_fraction, draw, strata=targets.strata(y))
    rest, calibrating = np.sort(rest), np.sort(calibrating)
    train, held, _ = _held_out(estimator, targets, y[rest], given, seed)
    return Parts(rest[train], None if held is None else rest[held], calibrating)


def _held_out(
    estimator: Any, targets: TargetEncoder, y: NDArray[Any], given: bool, seed: int
) -> Parts:
    """Return the rows to train on, and those that are held out, if any are."""
    fraction = estimator.validation_fraction
    real = isinstance(fraction, numbers.Real)
    if fraction is not None and not (real and 0 < fraction < 1):
        raise HyperparameterError(
            f"validation_fraction is {fraction!r}; expected a number in (0, 1) or None"
        )
    train, held_out = np.arange(len(y)), None
    whole = given or not settings.holds_out(estimator) or len(y) < 2
    if whole and estimator.subsample >= 1:
        return Parts(train)
    strata = targets.strata(y)
    if not whole:
        train, held_out = split(len(y), fraction or 0.1, seed, strata=strata)
    left = None if strata is None else strata[train]
    return Parts(fraction_of(train, estimator.subsample, seed, strata=left), held_out)


def seed_of(
    estimator: Any,
    before: FittedNetwork | None,
    resume_from: str | os.PathLike[str] | None = None,
) -> int:
    """Return the seed of everything random in one fit; going on keeps the first one's.

    Processes that train one network take that of the first.
    """
    return process_group(estimator.processes).from_first(_own_seed(estimator, before, resume_from))


def _own_seed(
    estimator: Any, before: FittedNetwork | None, resume_from: str | os.PathLike[str] | None
) -> int:
    if resume_from is not None and estimator.random_state is None:
        return seeds(resume_from)[0]
    if before is not None and before.seed is not None:
        return before.seed
    return drawn_seed(estimator.random_state)
