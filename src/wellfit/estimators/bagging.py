"""The trainings of networks that each leave out a fold of an estimator's rows."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import HyperparameterError
from wellfit.core.rng import derive
from wellfit.estimators.architectures import OWN, variants
from wellfit.fitting import FittedNetwork, TrainingJob
from wellfit.fitting.bagging import FoldTrainings, run_folds
from wellfit.fitting.runner import run_alone
from wellfit.fitting.validation_folds import run_validated_by_folds
from wellfit.training import folds

# What depends on how many rows there are, and on who draws.
_OF_FOLD = ("seed", "batch_size", "epochs", "max_steps")


def trained(builder: Any, job: TrainingJob) -> FittedNetwork:
    """Return what a job leads to: one network, or the average of one for each fold.

    Of several architectures, there is one for each fold and architecture.

    Args:
        builder: a ``JobBuilder`` of an estimator, whose ``folds`` and ``bagging`` count.
        job: its training, on all rows where it has folds.

    Raises:
        DivergedError: the loss became infinite before any epoch was worth keeping.
        HyperparameterError: more folds than rows, or what takes a single network.
        InputError: the checkpoints to resume from are of other networks.
        ModelFileError: there are none.
    """
    if builder.folds is None and builder.bagging is None:
        return run_alone(job)
    began = time.perf_counter() - _seconds_before(job)
    network = _of_folds(builder, job)
    # Of networks that were resumed, the curves know how long they had taken before.
    known = network.record.history.get("seconds") or [0.0]
    seconds = max(time.perf_counter() - began, known[-1])
    return replace(network, record=replace(network.record, seconds=seconds))


def _of_folds(builder: Any, job: TrainingJob) -> FittedNetwork:
    """Return what the trainings without a fold each, or validated by those, lead to."""
    if builder.folds is not None:
        return run_validated_by_folds(job, *fold_jobs(builder, job, builder.folds))
    count = builder.bagging
    assert count is not None
    _refuse_single(builder, job)
    jobs, held_out = fold_jobs(builder, job, count)
    trials = [FoldTrainings(OWN, jobs)]
    for name, other in variants(builder.estimator, job):
        own = type(builder)(other)
        own.bagging = count
        trials.append(FoldTrainings(name, fold_jobs(own, own.job_like(job), count)[0]))
    assert job.split is not None  # but of one epoch, which is refused
    return run_folds(
        trials,
        held_out,
        job.split,
        calibrate=_crosses(builder.estimator),
        resume_from=builder.resume_from,
    )


def _seconds_before(job: TrainingJob) -> float:
    """Return how long a training had taken before it was resumed."""
    earlier = [] if job.resume is None else job.resume.history().get("seconds", [])
    return float(earlier[-1]) if len(earlier) else 0.0


def fold_jobs(
    builder: Any, job: TrainingJob, count: int
) -> tuple[list[TrainingJob], list[NDArray[np.integer]]]:
    """Return a training for each fold, without its rows, and the positions of these.

    Args:
        builder: a ``JobBuilder`` of an estimator.
        job: its training on all rows.
        count: how many folds.

    Raises:
        HyperparameterError: more folds than rows.
    """
    stream, split = job.stream, job.split
    assert split is not None
    assert job.y is not None
    rows = len(stream.train)
    if count > rows:
        raise HyperparameterError(
            f"bagging is {count}, and there are {rows} rows to train on; expected at most one "
            "fold for each row"
        )
    strata = job.targets.strata(job.y[stream.train])
    jobs, held_out = [], []
    every = folds(rows, count, stream.seed, strata=strata)
    # Rows that calibrate must not choose the epoch: those of the next fold do.
    apart = stream.validation is None and _crosses(builder.estimator)
    judging = np.roll(every, -1, axis=0) if apart else every
    for number, (fold, judge) in enumerate(zip(every, judging, strict=True)):
        rest = np.setdiff1d(np.arange(rows), [*fold, *judge])[: rows - (1 + apart) * len(fold)]
        own = replace(
            stream,
            train=stream.train[rest],
            # Rows that are given to validate on serve all networks.
            validation=stream.train[judge] if stream.validation is None else stream.validation,
            seed=derive(stream.seed, "fold", number),
        )
        part = replace(split, train=split.train[rest], held_out=split.train[judge])
        like = builder.job_like(replace(job, stream=own, split=part))
        # The network and how it learns are a matter of all rows, so that folds share a stack.
        of_fold = {name: getattr(like.member, name) for name in _OF_FOLD}
        jobs.append(replace(like, member=job.member.replace(**of_fold)))
        held_out.append(stream.train[fold])
    return jobs, held_out


def _crosses(estimator: Any) -> bool:
    """Say whether the folds calibrate intervals or sets."""
    return estimator.conformal == "cross"


def _refuse_single(builder: Any, job: TrainingJob) -> None:
    """Refuse what goes with a single network only.

    Raises:
        HyperparameterError: naming it.
    """
    estimator = builder.estimator
    given = {
        "warm_start": estimator.warm_start or None,
        "validation_fraction": estimator.validation_fraction,
        "partial_fit": "called" if job.split is None else None,
    }
    if builder.resume_from is not None and estimator.random_state is None:
        raise HyperparameterError(
            "resume_from is given and random_state is None: which rows a fold has depends on it; "
            "expected the random_state that the training began with"
        )
    for name, value in given.items():
        if value is not None:
            raise HyperparameterError(
                f"{name} is {value}, and bagging is {builder.bagging}: its networks begin "
                "anew, and each is validated by a fold of its own; expected bagging=None, or no "
                f"{name}"
            )
