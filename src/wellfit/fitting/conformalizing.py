"""Calibration of fitted networks by rows that they haven't learned from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import InputError, ModelFileError
from wellfit.fitting.conformal import IntervalScores, SetScores
from wellfit.fitting.job import TrainingJob
from wellfit.fitting.network import FittedNetwork
from wellfit.fitting.targets import ClassTargets, NumberTargets, TargetEncoder


def conformalized(network: FittedNetwork, job: TrainingJob) -> FittedNetwork:
    """Return a network calibrated by the rows that its job has set apart, if it has."""
    if job.conformal_rows is None:
        return network
    whole = job.full_job or job
    assert whole.y is not None
    rows, targets = job.conformal_rows, network.targets
    outputs = network.evaluate(whole.rows.x[rows], job.compute, targets.loss.predict)
    return replace(network, conformal=scores(targets, outputs, whole.y[rows]))


def scores(
    targets: TargetEncoder, outputs: NDArray[np.floating], y: NDArray[Any]
) -> IntervalScores | SetScores:
    """Return the scores of calibration rows.

    Args:
        targets: the encoder of the network's targets.
        outputs: (n_rows, n_outputs) of the network.
        y: the rows' targets, read.

    Raises:
        InputError: targets for which there are neither intervals nor sets.
    """
    if isinstance(targets, NumberTargets):
        columns = targets.columns(y)[..., np.newaxis]
        return IntervalScores(targets.estimates(outputs) - columns, targets.loss.levels())
    if isinstance(targets, ClassTargets) and targets.one_label:
        probabilities = targets.probabilities(outputs)
        return SetScores.of(probabilities, targets.labels.encode(y))
    raise InputError(
        "prediction sets are of classes, of which a row has one; here it has several labels or "
        "probabilities. Expected targets of one label a row"
    )


def from_array(targets: TargetEncoder, array: NDArray[Any]) -> IntervalScores | SetScores:
    """Return the scores that a file holds for targets of this kind.

    Raises:
        ModelFileError: an array of another form.
    """
    width: tuple[int, ...] = (2,)
    if isinstance(targets, NumberTargets):
        width = targets.n_targets, max(len(targets.loss.levels()), 1)
    if array.dtype != np.float64 or array.shape[1:] != width or not len(array):
        raise ModelFileError(
            f"tensor 'conformal' is of type {array.dtype} and shape {array.shape}; expected "
            f"float64 and (rows, {', '.join(map(str, width))})"
        )
    if not np.isfinite(array).all():
        raise ModelFileError("tensor 'conformal' holds NaN or infinities")
    if isinstance(targets, NumberTargets):
        return IntervalScores(array, targets.loss.levels())
    if isinstance(targets, ClassTargets) and targets.one_label:
        return SetScores(*array.T)
    raise ModelFileError("tensor 'conformal' is none of a model with several labels a row")
