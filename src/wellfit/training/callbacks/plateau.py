"""Reduction of the learning rate when a metric stops improving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from wellfit.core.hyper import hyper
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, Run, State
from wellfit.training.callbacks.monitoring import MODES, begin, improved, judged

# The schedule has these numbers as well. Each is a function that only declares, which the command
# line reads without importing it.


def plateau_factor() -> Any:
    """Declare what the learning rate is multiplied by."""
    return hyper(
        "what the learning rate is multiplied by",
        default=0.5,
        low=0,
        high=1,
        open_low=True,
        open_high=True,
        search=(0.1, 0.9),
        per_member=True,
    )


def plateau_patience() -> Any:
    """Declare how long to wait."""
    return hyper(
        "epochs without improvement before a reduction",
        default=5,
        low=1,
        scale="log",
        search=(2, 20),
        per_member=True,
    )


def plateau_monitor() -> Any:
    """Declare the metric."""
    return hyper("the metric judged by", default="val_loss")


def plateau_min_delta() -> Any:
    """Declare what counts as an improvement."""
    return hyper("smallest change that counts", default=0.0, low=0, per_member=True)


def plateau_cooldown() -> Any:
    """Declare the pause after a reduction."""
    return hyper("epochs after a reduction that don't count", default=0, low=0, per_member=True)


def plateau_smallest() -> Any:
    """Declare what is left of the learning rate."""
    return hyper(
        "share of the learning rate that is left at least",
        default=1e-4,
        low=0,
        high=1,
        open_low=True,
        scale="log",
        per_member=True,
    )


def plateau_mode() -> Any:
    """Declare which way is better."""
    return hyper("which way is better", default="auto", choices=MODES)


class PlateauCallback(Callback, name="reduce_lr_on_plateau"):
    """Multiplies a member's learning rate by ``factor`` whenever it no longer improves.

    After ``patience`` epochs in which the monitored metric did not improve by more than
    ``min_delta``; then for ``cooldown`` epochs nothing is counted. Metrics are judged as by early
    stopping. Numbers may be given as a sequence, one for each member.

    Source: Senior, Heigold, Ranzato and Yang, "An empirical study of learning rates in deep
    neural networks for speech recognition", 2013 (performance scheduling).

    Raises:
        HyperparameterError: a ``val_`` metric is monitored, and there are no validation rows.
        UnknownNameError: the monitored metric is not among those of the run.

    >>> state = {}
    >>> halving = PlateauCallback(0.5, patience=1)
    >>> halving.on_train_begin(Run([None], 3, 1, 0, True), state)
    >>> for epoch, loss in enumerate((1.0, 2.0), 1):
    ...     metrics = {"val_loss": np.array([loss])}
    ...     logs = EpochLogs(epoch, 0.0, np.array([True]), metrics)
    ...     print(halving.on_epoch_end(logs, state).scale)
    [1.]
    [0.5]
    """

    state_arrays: ClassVar[Mapping[str, str]] = {
        "best": "f",
        "waited": "i",
        "scale": "f",
        "resting": "f",
    }

    factor: float | Sequence[float] = plateau_factor()
    patience: int | Sequence[int] = plateau_patience()
    monitor: str = plateau_monitor()
    min_delta: float | Sequence[float] = plateau_min_delta()
    cooldown: int | Sequence[int] = plateau_cooldown()
    smallest: float | Sequence[float] = plateau_smallest()
    mode: str = plateau_mode()

    def on_train_begin(self, run: Run, state: State) -> None:
        """Begin with the learning rates as they are."""
        begin(self, self.monitor, run, state)
        state.setdefault("scale", np.ones(run.k))
        state.setdefault("resting", np.zeros(run.k))

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision:
        """Reduce the learning rates of members that waited long enough."""
        k = len(logs.active)
        value = judged(logs, self.monitor, self.mode)
        improved(logs, value, self.numbers("min_delta", k), state)
        # The order is PyTorch's: waiting is reset during the cooldown before it is compared.
        state["waited"] = np.where(state["resting"] > 0, 0, state["waited"])
        state["resting"] = np.maximum(state["resting"] - 1, 0)
        late = state["waited"] >= self.numbers("patience", k)
        due = logs.active & late & ~np.isnan(value)
        before = state["scale"]
        lower = np.maximum(before * self.numbers("factor", k), self.numbers("smallest", k))
        state["scale"] = np.where(due, lower, before)
        state["waited"] = np.where(due, 0, state["waited"])
        state["resting"] = np.where(due, self.numbers("cooldown", k), state["resting"])
        # The loop multiplies rates by what a decision says, so only this epoch's share is
        # returned.
        return Decision(scale=state["scale"] / before)
