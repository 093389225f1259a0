"""Bagging of folds: a network for each fold, all in one stack, whose average predicts.

Each network trains on the rows outside of its fold. So every row is predicted by a network that
hasn't seen it, and these out-of-fold predictions judge the training on all rows. They weigh
architectures, too, where there are several, by greedy selection.

Source: Breiman, "Bagging predictors", 1996; of folds in place of bootstrap samples: Parmanto,
Munro and Doyle, "Improving committee diagnosis with resampling techniques", 1996; of
architectures: Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of
models", 2004.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import DivergedError
from wellfit.fitting.averaged import Fold, WeighedArchitecture, weighted
from wellfit.fitting.conformalizing import conformalized, cross_conformalized
from wellfit.fitting.history import History
from wellfit.fitting.job import RowSplit, TrainingJob, without_exclusive_files
from wellfit.fitting.network import FittedNetwork
from wellfit.fitting.record import TrainingRecord
from wellfit.fitting.runner import JobGroup, alike, train_group
from wellfit.fitting.selection import judge_of, selection_weights
from wellfit.training import Result, Status, Weights
from wellfit.training.checkpoint import read_checkpoint

Ids = NDArray[np.integer]
Outputs = NDArray[np.floating]


class FoldTrainings(NamedTuple):
    """An architecture, by name, and its training for each fold, all of the same rows."""

    name: str
    jobs: Sequence[TrainingJob]


@dataclass(frozen=True, eq=False)
class _Candidate:
    """An architecture's trained networks, and what these say of the rows that each left out.

    Attributes:
        judged: its name; its weight and metric, once it was judged.
        networks: one for each fold.
        outputs: (n, n_outputs) of each, for the rows of its fold.
        oob: (n, n_outputs) for all rows that are in a fold, in their order.
    """

    judged: WeighedArchitecture
    networks: Sequence[FittedNetwork]
    outputs: Sequence[Outputs]
    oob: Outputs


def run_folds(
    trials: Sequence[FoldTrainings],
    held_out: Sequence[Ids],
    split: RowSplit,
    *,
    calibrate: bool = False,
    resume_from: str | os.PathLike[str] | None = None,
) -> FittedNetwork:
    """Train the networks of all folds, and return their average.

    Networks of one shape are trained as one stack. An architecture doesn't count if a network of
    it diverged, or if Ctrl-C came before all of its networks had begun.

    Args:
        trials: the architectures.
        held_out: the positions, among their rows, of those outside of each fold's training rows.
        split: the rows of X that the jobs read.
        calibrate: whether these positions calibrate intervals or sets.
        resume_from: checkpoints of the first stack, to go on from; others begin anew.

    Raises:
        InputError: these checkpoints are of other networks.
        ModelFileError: there is none.
        DivergedError: no architecture is left: a loss became infinite before any epoch was worth
            keeping.
    """
    job, several = trials[0].jobs[0], len(trials) > 1
    library = _judged(_trained(trials, held_out, resume_from), job, held_out)
    by_name = {each.judged.name: each for each in library}
    lost = [
        WeighedArchitecture(each.name, 0.0, library[0].judged.metric, np.nan)
        for each in trials
        if each.name not in by_name
    ]
    counting = [each for each in library if each.judged.weight]
    shares = [each.judged.weight for each in counting]
    mean = _average(counting, by_name.get(trials[0].name, library[0]))
    if Status.INTERRUPTED in {one.record.status for each in library for one in each.networks}:
        mean = replace(mean, record=replace(mean.record, status=str(Status.INTERRUPTED)))
    mean = replace(
        mean,
        settings=job.settings,
        split=split,
        oob=_of_all(weighted([each.oob for each in counting], shares), split),
        architectures=(*(each.judged for each in library), *lost) if several else (),
    )
    if not calibrate:
        return conformalized(mean, job)
    by_fold = zip(*(each.outputs for each in counting), strict=True)
    outputs = [weighted(list(each), shares) for each in by_fold]
    return cross_conformalized(mean, outputs, job, held_out)


def _judged(
    library: Sequence[_Candidate], job: TrainingJob, held_out: Sequence[Ids]
) -> list[_Candidate]:
    """Return architectures with their weights, those that count most first."""
    metric, score = judge_of(job, np.unique(np.concatenate(held_out)))
    weights, alone = selection_weights(np.stack([each.oob for each in library]), score)
    return [
        replace(
            library[place],
            judged=WeighedArchitecture(
                library[place].judged.name,
                float(weights[place]),
                metric.name,
                float(metric.sign * alone[place]),
            ),
        )
        for place in np.lexsort((-alone, -weights)).tolist()
    ]


def _trained(
    trials: Sequence[FoldTrainings],
    held_out: Sequence[Ids],
    resume_from: str | os.PathLike[str] | None,
) -> list[_Candidate]:
    """Return the architectures all of whose networks were trained, at least for a while.

    Raises:
        DivergedError: there is none.
    """
    jobs = [job for trial in trials for job in trial.jobs]
    done: list[FittedNetwork | DivergedError | None] = [None] * len(jobs)
    for group in _told_apart(alike(jobs)):
        begun = None
        if resume_from is not None:
            members = [job.member for job in group.jobs]
            begun = read_checkpoint(resume_from, members)[0], group.jobs[0].compute.precision
            resume_from = None  # of the first stack, which alone wrote checkpoints
        result, precision = train_group(group, paused=begun)
        for index, place in enumerate(group.places):
            done[place] = _fitted(jobs[place], result.member(index), precision)
        if Status.INTERRUPTED in result.status:
            break
    library, errors, ids = [], [], np.unique(np.concatenate(held_out))
    for trial in trials:
        each, done = done[: len(trial.jobs)], done[len(trial.jobs) :]
        networks = [one for one in each if isinstance(one, FittedNetwork)]
        errors += [one for one in each if isinstance(one, DivergedError)]
        if len(networks) == len(each):
            outputs = fold_outputs(networks, trial.jobs[0], held_out)
            oob = _mean_by_row(outputs, held_out, ids)
            judged = WeighedArchitecture(trial.name, 0.0, "", np.nan)
            library.append(_Candidate(judged, networks, outputs, oob))
    if not library:
        raise errors[0]
    for error in errors[:1]:
        warnings.warn(
            f"an architecture is left out, since a network of it diverged: {error}",
            UserWarning,
            stacklevel=7,
        )
    return library


def _told_apart(groups: Sequence[JobGroup]) -> Iterator[JobGroup]:
    """Yield the stacks with the numbers of their networks, as progress names them."""
    total, before = sum(len(group.jobs) for group in groups), 0
    for group in groups:
        numbers = f"{before + 1}-{before + len(group.jobs)} of " if len(groups) > 1 else ""
        part = f"networks {numbers}{total}" if numbers else f"{total} networks"
        # Callbacks whose files take a single training see the first, of the estimator's own
        # networks.
        jobs = tuple(map(without_exclusive_files, group.jobs)) if before else group.jobs
        yield replace(group, jobs=jobs, part=part)
        before += len(group.jobs)


def _fitted(job: TrainingJob, result: Result, precision: str) -> FittedNetwork | DivergedError:
    try:
        return FittedNetwork.of(job, result, precision)
    except DivergedError as error:
        return error


def fold_outputs(
    networks: Sequence[FittedNetwork], job: TrainingJob, held_out: Sequence[Ids]
) -> list[Outputs]:
    """Return the outputs (n, n_outputs) for the rows of each fold by the network without it.

    Args:
        networks: trained without a fold each.
        job: of any of them.
        held_out: the positions of the folds' rows.
    """
    rows, link = (job.full_job or job).rows, job.targets.loss.predict
    return [
        network.evaluate(rows.x[ids], job.compute, link)
        for network, ids in zip(networks, held_out, strict=True)
    ]


def out_of_fold(
    networks: Sequence[FittedNetwork], job: TrainingJob, held_out: Sequence[Ids], split: RowSplit
) -> Outputs:
    """Return the outputs (n_samples, n_outputs) for each row by networks that haven't seen it.

    It is their mean if several haven't, and NaN for rows of X that no network has read.

    Args:
        networks: as of :func:`fold_outputs`.
        job: likewise.
        held_out: likewise.
        split: the rows of X that were read.
    """
    ids = np.unique(np.concatenate(held_out))
    return _of_all(_mean_by_row(fold_outputs(networks, job, held_out), held_out, ids), split)


def _mean_by_row(outputs: Sequence[Outputs], held_out: Sequence[Ids], ids: Ids) -> Outputs:
    """Return the mean outputs (n, n_outputs) of the rows ``ids``, which several folds may hold."""
    places = np.searchsorted(ids, np.concatenate(held_out))
    total = np.zeros((len(ids), outputs[0].shape[1]), outputs[0].dtype)
    np.add.at(total, places, np.concatenate(outputs))
    counts = np.bincount(places)[:, np.newaxis]
    mean: Outputs = total / counts.astype(total.dtype)
    return mean


def _of_all(outputs: Outputs, split: RowSplit) -> Outputs:
    """Return outputs of the rows that were read, with NaN for all others of X."""
    oob = np.full((split.n_samples or len(split.train), outputs.shape[1]), np.nan, outputs.dtype)
    oob[split.train] = outputs
    return oob


def _average(several: Sequence[_Candidate], own: _Candidate) -> FittedNetwork:
    """Return the mean of the networks of some architectures; that which counts most is first.

    How the training went is told by the estimator's ``own`` architecture, which callbacks see.
    """
    networks = [network for each in several for network in each.networks]
    first, *others = (Weights.join([one.weights for one in each.networks]) for each in several)
    record = _mean_record([network.record for network in own.networks])
    known = [one.record.temperature for one in networks if one.record.temperature is not None]
    return replace(
        own.networks[0],
        weights=first,
        others=tuple(others),
        record=replace(record, temperature=float(np.mean(known)) if known else None),
        result=None,
        folds=tuple(Fold(network.record, network.split) for network in networks),
    )


def _mean_record(records: Sequence[TrainingRecord]) -> TrainingRecord:
    """Return the record of a training of several networks: means, and the median best epoch."""
    statuses = {record.status for record in records}
    worst = [str(Status.INTERRUPTED), str(Status.DIVERGED), str(Status.FINISHED)]
    return replace(
        records[0],
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
