"""Bagging of folds: a network for each fold, all in one stack, whose average predicts.

Each network trains on the rows outside of its fold. So every row is predicted by a network that
hasn't seen it, and these out-of-fold predictions judge the training on all rows.

Source: Breiman, "Bagging predictors", 1996; of folds in place of bootstrap samples: Parmanto,
Munro and Doyle, "Improving committee diagnosis with resampling techniques", 1996.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.fitting.conformalizing import conformalized, cross_conformalized
from wellfit.fitting.history import History
from wellfit.fitting.job import RowSplit, TrainingJob
from wellfit.fitting.network import FittedNetwork, Fold
from wellfit.fitting.record import TrainingRecord
from wellfit.fitting.runner import JobGroup, train_group
from wellfit.training import Status, Weights


def run_folds(
    jobs: Sequence[TrainingJob],
    held_out: Sequence[NDArray[np.integer]],
    split: RowSplit,
    *,
    calibrate: bool = False,
) -> FittedNetwork:
    """Train the networks of all folds as one stack, and return their average.

    Args:
        jobs: one for each fold, of the same rows.
        held_out: the positions, among these rows, of those outside of each job's training rows.
        split: the rows of X that the jobs read.
        calibrate: whether these positions calibrate intervals or sets.

    Raises:
        DivergedError: a network's loss became infinite before any epoch was worth keeping.
    """
    group = JobGroup(tuple(range(len(jobs))), tuple(jobs))
    result, precision = train_group(group)
    networks = [
        FittedNetwork.of(job, result.member(place), precision) for place, job in enumerate(jobs)
    ]
    mean = replace(
        networks[0],
        weights=Weights.join([network.weights for network in networks]),
        record=_mean_record([network.record for network in networks]),
        split=split,
        result=None,
        folds=tuple(Fold(network.record, network.split) for network in networks),
        oob=out_of_fold(networks, jobs[0], held_out, split),
    )
    if calibrate:
        return cross_conformalized(mean, networks, jobs[0], held_out)
    return conformalized(mean, jobs[0])


def out_of_fold(
    networks: Sequence[FittedNetwork],
    job: TrainingJob,
    held_out: Sequence[NDArray[np.integer]],
    split: RowSplit,
) -> NDArray[np.floating]:
    """Return the outputs (n_samples, n_outputs) for each row by networks that haven't seen it.

    It is their mean if several haven't, and NaN for rows of X that no network has read.

    Args:
        networks: trained without a fold each.
        job: of any of them.
        held_out: the positions of the folds' rows.
        split: the rows of X that were read.
    """
    rows = (job.full_job or job).rows
    link, total, counts = job.targets.loss.predict, None, np.zeros((len(rows), 1))
    for network, ids in zip(networks, held_out, strict=True):
        outputs = network.evaluate(rows.x[ids], job.compute, link)
        if total is None:
            total = np.zeros((len(rows), outputs.shape[1]), outputs.dtype)
        total[ids] += outputs
        counts[ids] += 1
    assert total is not None
    read = counts > 0  # rows given to validate on are in no fold
    outputs = (total / np.maximum(counts, 1).astype(total.dtype))[read[:, 0]]
    oob = np.full((split.n_samples or len(split.train), outputs.shape[1]), np.nan, outputs.dtype)
    oob[split.train] = outputs
    return oob


def _mean_record(records: Sequence[TrainingRecord]) -> TrainingRecord:
    """Return the record of a training of several networks: means, and the median best epoch."""
    statuses = {record.status for record in records}
    worst = [str(Status.INTERRUPTED), str(Status.DIVERGED), str(Status.FINISHED)]
    known = [record.temperature for record in records if record.temperature is not None]
    return replace(
        records[0],
        temperature=float(np.mean(known)) if known else None,
        history=mean_history([record.history for record in records]),
        status=next((status for status in worst if status in statuses), records[0].status),
        n_epochs=max(record.n_epochs for record in records),
        best_epoch=int(np.median([record.best_epoch for record in records])),
    )


def mean_history(several: Sequence[History]) -> History:
    """Return the mean of histories by epoch, of the networks that trained so long."""
    mean: dict[str, list[float]] = {}
    for name in several[0]:
        values: list[Any] = [history[name] for history in several]
        longest = max(map(len, values))
        mean[name] = [
            float(np.mean([each[epoch] for each in values if epoch < len(each)]))
            for epoch in range(longest)
        ]
    return History(mean)
