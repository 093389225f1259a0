"""Live progress: a line in a terminal, a bar and learning curves in a notebook."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from wellfit.core.hyper import hyper
from wellfit.core.metrics import Metric, title_of
from wellfit.core.notebook import CellOutput, running_cell
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, Run, State
from wellfit.training.notebook_progress import NotebookProgress

_DELAY = 2.0  # seconds, after which a notebook shows what nobody asked to be shown


class ProgressView(Protocol):
    """A display of the progress of a training."""

    def move(self, epoch: int, done: int) -> None:
        """Show that ``done`` steps of an epoch are over."""

    def add(self, logs: EpochLogs) -> None:
        """Show the metrics of an epoch."""

    def close(self) -> None:
        """Show the end."""


class Progress(Callback, name="progress"):
    """Shows how far training is: a live line in a terminal, learning curves in a notebook.

    Silent elsewhere, as in a log file, where each refresh would be a line. In a notebook it is one
    output for each cell, redrawn twice a second at most.

    >>> Progress(delay=2.0).on_train_end({})
    """

    delay: float = hyper("seconds of training before a notebook shows it", default=0.0, low=0)
    terminal: bool = hyper("whether to show it in a terminal", default=True)

    @classmethod
    def of(cls, verbose: int | None) -> list[Progress]:
        """Return what shows progress at an estimator's ``verbose``: at most one.

        >>> Progress.of(1), Progress.of(0), Progress.of(None)
        ([Progress()], [], [])
        """
        if verbose is None:
            return [cls(delay=_DELAY, terminal=False)] if running_cell() else []
        return [cls()] if verbose else []

    def on_train_begin(self, run: Run, state: State) -> None:
        """Open the display, if there is somebody to read it."""
        view: ProgressView
        output = CellOutput.now()
        if output is not None:
            view = NotebookProgress(output, run, self.delay)
        # In a log file every refresh of the line would be a line.
        elif self.terminal and sys.stderr.isatty():
            view = TerminalProgress(run)
        else:
            return
        state["live"] = view

    def on_batches_end(self, epoch: int, done: int, total: int, state: State) -> None:
        """Move the bar."""
        if "live" in state:
            state["live"].move(epoch, done)

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Show the means over the members that still train."""
        if "live" in state:
            state["live"].add(logs)
        return None

    def on_train_end(self, state: State) -> None:
        """Close the display."""
        if "live" in state:
            state.pop("live").close()


class TerminalProgress:
    """A live line of epoch, metrics and time left, on standard error.

    Args:
        run: the training.
    """

    def __init__(self, run: Run) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._run = run
        self._bar: Any = Bar(
            TextColumn("{task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}"),
            console=Console(stderr=True),
        )
        done = run.first_epoch * run.per_epoch
        first = run.progress(run.first_epoch + 1, 0)
        self._task = self._bar.add_task(
            "", total=run.steps, completed=done, epoch=first, metrics=""
        )
        self._bar.start()

    def move(self, epoch: int, done: int) -> None:
        """Move the bar."""
        completed = (epoch - 1) * self._run.per_epoch + done
        self._bar.update(self._task, completed=completed, epoch=self._run.progress(epoch, done))

    def add(self, logs: EpochLogs) -> None:
        """Show the means over the members that still train."""
        shown = (
            f"{title_of(name)} {Metric.of(name).format(values[logs.active].mean(), more=1)}"
            for name, values in logs.metrics.items()
            if name != "step"  # which the line begins with
        )
        self._bar.update(self._task, metrics="  ".join(shown))

    def close(self) -> None:
        """Close the line."""
        self._bar.stop()
