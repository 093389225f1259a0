"""Calibration of fitted networks by rows that they haven't learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.errors import InputError, ModelFileError
from wellfit.fitting.conformal import IntervalScores, SetScores
from wellfit.fitting.job import TrainingJob
from wellfit.fitting.network import FittedNetwork
from wellfit.fitting.targets import ClassTargets, NumberTargets, TargetEncoder
from wellfit.nn import Activate, SubmodelMean


def conformalized(network: FittedNetwork, job: TrainingJob) -> FittedNetwork:
    """Return a network calibrated by the rows that its job has set apart, if it has."""
    if job.conformal_rows is None:
        return network
    whole = job.full_job or job
    assert whole.y is not None
    # In the order in which files are read; scores are sorted anyhow.
    rows, targets = np.sort(job.conformal_rows), network.targets
    outputs = network.evaluate(whole.rows.x[rows], job.compute, targets.loss.predict)
    return replace(network, conformal=scores(targets, outputs, whole.y[rows]))


def cross_conformalized(
    mean: FittedNetwork,
    outputs: Sequence[NDArray[np.floating]],
    job: TrainingJob,
    held_out: Sequence[NDArray[np.integer]],
) -> FittedNetwork:
    """Return the average of networks, calibrated by the folds that each of them left out.

    Args:
        mean: the average.
        outputs: (n, n_outputs) for the rows of each fold by the networks without it.
        job: the training of any of them: all read the same rows.
        held_out: the positions of each fold, which may share rows.
    """
    whole, rows = job.full_job or job, np.concatenate(held_out)
    assert whole.y is not None
    folds = np.repeat(np.arange(len(held_out)), [len(ids) for ids in held_out])
    # Rows that were dealt to two folds, to make these equal, may have chosen an epoch.
    _, first, counts = np.unique(rows, return_index=True, return_counts=True)
    once = first[counts == 1]
    found = scores(mean.targets, np.concatenate(outputs)[once], whole.y[rows[once]], folds[once])
    return replace(mean, conformal=found)


def scores(
    targets: TargetEncoder,
    outputs: NDArray[np.floating],
    y: NDArray[Any],
    folds: NDArray[np.int64] | None = None,
) -> IntervalScores | SetScores:
    """Return the scores of calibration rows.

    Args:
        targets: the encoder of the network's targets.
        outputs: (n_rows, n_outputs) of the network.
        y: the rows' targets, read.
        folds: (n_rows,) the network of each row, of several; or None.

    Raises:
        InputError: targets for which there are neither intervals nor sets.
    """
    return scores_of(targets, estimates(targets, outputs), y, levels_of(targets), folds)


def levels_of(targets: TargetEncoder) -> tuple[float, ...]:
    """Return the quantiles that a network estimates; none of classes."""
    return targets.loss.levels() if isinstance(targets, NumberTargets) else ()


def limits_of(network: FittedNetwork) -> NDArray[np.float64]:
    """Return the least and the largest number (2, n_targets) that a network's targets may be.

    Where its outputs run through an activation, no target lies beyond what that puts out; nor
    does one below the least that the loss is defined for.
    """
    targets = network.targets
    assert isinstance(targets, NumberTargets)
    limits = np.tile([[targets.loss.lowest_target], [np.inf]], targets.n_targets)
    layers = [
        each for each in network.weights.network.layers if not isinstance(each, SubmodelMean)
    ]
    if not layers or not isinstance(layers[-1], Activate):
        return limits
    ends = np.array(layers[-1].activation.limits)[:, np.newaxis]
    low, high = targets.scale.inverse_transform(np.tile(ends, targets.n_targets))
    return np.stack([np.maximum(limits[0], low), np.minimum(limits[1], high)])


def estimates(targets: TargetEncoder, outputs: NDArray[np.floating]) -> NDArray[Any]:
    """Return what scores are of: quantiles or predictions in y's units, or probabilities.

    Args:
        targets: the encoder of the network's targets.
        outputs: (n_rows, n_outputs) of the network.

    Returns:
        (n_rows, n_targets, n_estimates) of numbers, (n_rows, n_classes) of classes.

    Raises:
        InputError: targets for which there are neither intervals nor sets.
    """
    if isinstance(targets, NumberTargets):
        return targets.estimates(outputs)
    if isinstance(targets, ClassTargets) and targets.one_label:
        return targets.probabilities(outputs)
    raise InputError(_NEITHER)


def scores_of(
    targets: TargetEncoder,
    estimated: NDArray[Any],
    y: NDArray[Any],
    levels: tuple[float, ...],
    folds: NDArray[np.int64] | None = None,
) -> IntervalScores | SetScores:
    """Return the scores of calibration rows from what is estimated of them.

    Args:
        targets: the encoder of the targets.
        estimated: of each row, see :func:`estimates`.
        y: the rows' targets, read.
        levels: the quantiles that are estimated; () of predictions and probabilities.
        folds: (n_rows,) the network of each row, of several; or None.
    """
    if isinstance(targets, NumberTargets):
        return IntervalScores(estimated - targets.columns(y)[..., np.newaxis], levels, folds)
    if isinstance(targets, ClassTargets):
        return SetScores.of(estimated, targets.labels.encode(y), folds)
    raise InputError(_NEITHER)


_NEITHER = (
    "prediction sets are of classes, of which a row has one; here it has several labels or "
    "probabilities. Expected targets of one label a row"
)


def to_arrays(known: IntervalScores | SetScores) -> dict[str, NDArray[Any]]:
    """Return scores as the tensors of a file, by name."""
    if known.folds is None:
        return {"conformal": known.array}
    return {"conformal": known.array, "conformal_folds": known.folds}


def from_arrays(
    targets: TargetEncoder,
    tensors: Mapping[str, Tensor],
    n_networks: int,
    levels: tuple[float, ...],
) -> IntervalScores | SetScores | None:
    """Return the scores that a file holds for targets of this kind; None if it holds none.

    Args:
        targets: the encoder of the network's targets.
        tensors: all of the file's, by name.
        n_networks: that are averaged.
        levels: the quantiles that are estimated; () of predictions and probabilities.

    Raises:
        ModelFileError: an array of another form.
    """
    folds = _folds(tensors, n_networks)
    if "conformal" not in tensors:
        return None
    array = tensors["conformal"].numpy()
    width: tuple[int, ...] = (2,)
    if isinstance(targets, NumberTargets):
        width = targets.n_targets, max(len(levels), 1)
    if array.dtype != np.float64 or array.shape[1:] != width or not len(array):
        raise ModelFileError(
            f"tensor 'conformal' is of type {array.dtype} and shape {array.shape}; expected "
            f"float64 and (rows, {', '.join(map(str, width))})"
        )
    if not np.isfinite(array).all():
        raise ModelFileError("tensor 'conformal' holds NaN or infinities")
    if isinstance(targets, NumberTargets):
        return IntervalScores(array, levels, folds)
    if isinstance(targets, ClassTargets) and targets.one_label:
        return SetScores(array[:, 0], array[:, 1], folds)
    raise ModelFileError("tensor 'conformal' is none of a model with several labels a row")


def _folds(tensors: Mapping[str, Tensor], n_networks: int) -> NDArray[np.int64] | None:
    """Return the network of each calibration row, if a file holds it."""
    if "conformal_folds" not in tensors:
        return None
    rows = len(tensors["conformal"]) if "conformal" in tensors else 0
    folds = tensors["conformal_folds"].numpy()
    if folds.dtype != np.int64 or folds.shape != (rows,):
        raise ModelFileError(
            f"tensor 'conformal_folds' is of type {folds.dtype} and shape {folds.shape}; expected "
            f"int64 and ({rows},), as tensor 'conformal' has rows"
        )
    if rows and not (folds.min() >= 0 and folds.max() < n_networks):
        raise ModelFileError(
            f"tensor 'conformal_folds' holds numbers from {folds.min()} to {folds.max()}; "
            f"expected them from 0 to below {n_networks}, the number of networks"
        )
    return folds
