"""Observers are told what happened and answer which members to stop and whose weights to keep.

An observer is a frozen config; what it remembers during a run is a dictionary that the loop
holds for it. Arrays in it are saved with a checkpoint, so that a resumed run goes on as if it
had never stopped. Observers never touch the members.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import Config, hyper

State = dict[str, Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Run:
    """What is known when training starts: K members, epochs planned, steps of an epoch."""

    members: int
    epochs: int
    per_epoch: int
    first_epoch: int
    has_validation: bool


@dataclass(frozen=True)
class Record:
    """What happened in one epoch (counted from 1).

    ``metrics`` maps names (``loss``, ``accuracy``, ``val_loss``, ``val_accuracy``,
    ``learning_rate``) to values (K,), NaN for members that no longer train; ``active`` (K,) says
    which do; ``seconds`` counts from the start of training.
    """

    epoch: int
    seconds: float
    active: Mask
    metrics: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Answer:
    """Which members to stop, and whose weights of this moment to keep as their best, each (K,)."""

    stop: Mask | bool = False
    keep: Mask | bool = False


class Observer(Config, family="observer"):
    """Told what happens during training.

    >>> class StopAtOnce(Observer, name="stop_at_once"):
    ...     def epoch(self, record, state):
    ...         return Answer(stop=record.active)
    """

    def start(self, run: Run, state: State) -> None:
        """Hear that training starts; ``state`` is what a run now resumed left, else empty."""

    def progress(self, epoch: int, done: int, total: int, state: State) -> None:
        """Hear that ``done`` of ``total`` steps of an epoch are behind us."""

    def epoch(self, record: Record, state: State) -> Answer | None:
        """Hear that an epoch is over; answer, or say nothing."""
        return None

    def finish(self, state: State) -> None:
        """Hear that training is over, for whatever reason."""


class History(Observer, name="history"):
    """Remembers every record: metrics by name, arrays (epochs, K); ``seconds`` is (epochs,).

    >>> state = {}
    >>> History().start(Run(1, 1, 1, 0, False), state)
    >>> record = Record(1, 0.5, np.array([True]), {"loss": np.array([2.3])})
    >>> History().epoch(record, state)
    >>> state["loss"].tolist(), state["seconds"].tolist()
    ([[2.3]], [0.5])
    """

    def epoch(self, record: Record, state: State) -> Answer | None:
        """Append the record."""
        for name, values in {**record.metrics, "seconds": np.float64(record.seconds)}.items():
            row = np.asarray(values)[None]
            state[name] = np.concatenate([state[name], row]) if name in state else row
        return None


class EarlyStopping(Observer, name="early_stopping"):
    """Stops a member that no longer improves, and restores its best weights.

    A value counts as better when it improves on the best by more than ``min_delta``. Each member
    is judged on its own.

    Source: Prechelt, "Early stopping - but when?", 1998.

    Raises:
        HyperparameterError: the monitored metric is not among those of the run.

    >>> EarlyStopping(patience=3)
    EarlyStopping(patience=3)
    """

    patience: int = hyper(
        "epochs without improvement before stopping", default=10, low=1, scale="log"
    )
    monitor: str = hyper("the metric judged by", default="val_loss")
    min_delta: float = hyper("smallest change that counts", default=0.0, low=0)
    restore_best: bool = hyper("end with the best epoch's weights, not the last", default=True)

    def start(self, run: Run, state: State) -> None:
        """Remember nothing better than infinity."""
        if not state:
            state["best"] = np.full(run.members, np.inf)
            state["waited"] = np.zeros(run.members, dtype=np.int64)

    def epoch(self, record: Record, state: State) -> Answer:
        """Keep members that improved; stop those that waited too long."""
        value = self._monitored(record)
        better = record.active & (value < state["best"] - self.min_delta)
        state["best"] = np.where(better, value, state["best"])
        state["waited"] = np.where(better, 0, state["waited"] + 1)
        stop = record.active & (state["waited"] >= self.patience)
        return Answer(stop=stop, keep=better if self.restore_best else False)

    def _monitored(self, record: Record) -> NDArray[np.float64]:
        if self.monitor not in record.metrics:
            known = ", ".join(sorted(record.metrics))
            raise HyperparameterError(
                f"early stopping monitors {self.monitor!r}, which this run doesn't have; "
                f"expected one of {known}"
            )
        value = record.metrics[self.monitor]
        return -value if "accuracy" in self.monitor or "score" in self.monitor else value


class Progress(Observer, name="progress"):
    """A live line of epoch, metrics, learning rate and time left; silent outside a terminal.

    >>> Progress().finish({})
    """

    def start(self, run: Run, state: State) -> None:
        """Open the line, if there is somebody to read it."""
        if not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        bar = Bar(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}"),
            console=Console(stderr=True),
        )
        total = run.epochs * run.per_epoch
        done = run.first_epoch * run.per_epoch
        task = bar.add_task("", total=total, completed=done, epoch="1", metrics="")
        bar.start()
        state["live"] = (bar, task, run)

    def progress(self, epoch: int, done: int, total: int, state: State) -> None:
        """Move the bar."""
        if "live" in state:
            bar, task, run = state["live"]
            completed = (epoch - 1) * run.per_epoch + done
            bar.update(task, completed=completed, epoch=f"{epoch}/{run.epochs}")

    def epoch(self, record: Record, state: State) -> Answer | None:
        """Show the means over the members that still train."""
        if "live" in state:
            bar, task, _ = state["live"]
            shown = (
                f"{name.replace('_', ' ')} {values[record.active].mean():.4g}"
                for name, values in record.metrics.items()
            )
            bar.update(task, metrics="  ".join(shown))
        return None

    def finish(self, state: State) -> None:
        """Close the line."""
        if "live" in state:
            state.pop("live")[0].stop()
