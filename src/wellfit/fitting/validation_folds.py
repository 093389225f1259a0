"""Validation by folds: one network on all rows, judged by networks that each leave out a fold.

Where rows are few, those that early stopping would hold out are missed in training, and too few to
tell one epoch from another. Networks of like shape, each trained without a fold, judge every epoch
on all rows, as one stack; the network that is kept learns from all of them.

Source: Prechelt, "Early stopping - but when?", 1998, on choosing the epoch; Stone,
"Cross-validatory choice and assessment of statistical predictions", 1974, on choosing by folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace

import numpy as np
from numpy.typing import NDArray

from wellfit.fitting.bagging import mean_history, out_of_fold
from wellfit.fitting.history import History
from wellfit.fitting.job import TrainingJob
from wellfit.fitting.network import FittedNetwork
from wellfit.fitting.runner import JobGroup, run_alone, train_group
from wellfit.training import (
    Callback,
    Decision,
    EarlyStopping,
    EpochLogs,
    Progress,
    Run,
    Status,
)
from wellfit.training.callbacks.base import State


class JointEarlyStopping(Callback):
    """An early stopping that judges all members by their mean, and stops them together."""

    stopping: EarlyStopping = field()

    def on_train_begin(self, run: Run, state: State) -> None:
        """Begin as the early stopping does."""
        self.stopping.on_train_begin(run, state)

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision:
        """Decide on all members by the means of their metrics."""
        means = {name: np.full(len(logs.active), mean) for name, mean in logs.means().items()}
        return self.stopping.on_epoch_end(replace(logs, metrics=means), state)


def run_validated_by_folds(
    job: TrainingJob, folds: Sequence[TrainingJob], held_out: Sequence[NDArray[np.integer]]
) -> FittedNetwork:
    """Train a network on all rows, with the validation metrics of networks without a fold.

    Args:
        job: the training on all rows.
        folds: its like without the rows of each fold, which validate it.
        held_out: the positions of these rows.

    Raises:
        KeyboardInterrupt: Ctrl-C while the folds' networks were trained.
        DivergedError: the loss became infinite before any epoch was worth keeping.
    """
    # Callbacks of the user's see the network that they get; progress is of all that is trained.
    joint = tuple(
        JointEarlyStopping(stopping=each) if isinstance(each, EarlyStopping) else each
        for each in job.callbacks
        if isinstance(each, (EarlyStopping, Progress))
    )
    trials = tuple(replace(each, callbacks=joint) for each in folds)
    result, precision = train_group(JobGroup(tuple(range(len(trials))), trials))
    if Status.INTERRUPTED in result.status:
        raise KeyboardInterrupt
    results = [result.member(place) for place in range(len(trials))]
    curves = mean_history([History(each.history()) for each in results])
    judged = {
        name: values
        for name, values in curves.items()
        if name.startswith("val_") and name != "val_objective"  # which has its own penalties
    }
    network = run_alone(replace(job, val_metrics=judged))
    if Status.DIVERGED in result.status:
        return network
    networks = [
        FittedNetwork.of(trial, each, precision)
        for trial, each in zip(trials, results, strict=True)
    ]
    assert job.split is not None
    return replace(network, oob=out_of_fold(networks, trials[0], held_out, job.split))
