"""Callbacks that end a training early: a time limit, and divergence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from wellfit.core.hyper import hyper
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, Run, State
from wellfit.training.callbacks.monitoring import check_numbers


class TimeLimit(Callback, name="time_limit"):
    """Stops all members at the end of the epoch in which time is up.

    Time counts from the start of training, and stands still while a run is paused.

    >>> TimeLimit(seconds=60)
    TimeLimit(seconds=60)
    """

    seconds: float = hyper("of training", default=3600.0, low=0, open_low=True, scale="log")

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision:
        """Stop if time is up."""
        return Decision(stop=logs.seconds >= self.seconds)


class StopOnDivergence(Callback, name="stop_on_divergence"):
    """Stops a member whose training is lost, long before its numbers overflow.

    That is one whose training loss is more than ``factor`` times that of its first epoch, for
    ``patience`` epochs in a row. A network that learns ends its first epoch below the loss of a
    guess, so this also finds those that learned something, then collapsed and only guess.
    (Members whose loss is no longer finite are always stopped, with or without this callback.)
    Both numbers may be given as a sequence, one for each member.

    >>> StopOnDivergence(factor=2)
    StopOnDivergence(factor=2)
    """

    state_arrays: ClassVar[Mapping[str, str]] = {"first": "f", "waited": "i"}

    factor: float | Sequence[float] = hyper(
        "how much more than the first epoch's loss is too much",
        default=1.2,
        low=1,
        scale="log",
        per_member=True,
    )
    patience: int | Sequence[int] = hyper(
        "such epochs in a row before stopping", default=3, low=1, scale="log", per_member=True
    )

    def on_train_begin(self, run: Run, state: State) -> None:
        """Count from nothing."""
        check_numbers(self, run)
        state.setdefault("waited", np.zeros(run.k, dtype=np.int64))

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision:
        """Count the epochs in which the loss was too high; stop those with too many."""
        loss, k = logs.metrics["loss"], len(logs.active)
        first = state.setdefault("first", loss.copy())
        # Some losses can be negative: the margin is a share of the first one's size.
        margin = (self.numbers("factor", k) - 1) * np.abs(first)
        state["waited"] = np.where(loss > first + margin, state["waited"] + 1, 0)
        return Decision(stop=logs.active & (state["waited"] >= self.numbers("patience", k)))
