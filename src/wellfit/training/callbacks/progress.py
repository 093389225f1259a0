"""A live line in the terminal."""

from __future__ import annotations

import sys

from wellfit.core.metrics import Metric, title_of
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, Run, State


class Progress(Callback, name="progress"):
    """A live line of epoch, metrics, learning rate and time left; silent outside a terminal.

    >>> Progress().on_train_end({})
    """

    def on_train_begin(self, run: Run, state: State) -> None:
        """Open the line, if there is somebody to read it."""
        # In a log file every refresh of the line would be a line.
        if not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        bar = Bar(
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
        task = bar.add_task("", total=run.steps, completed=done, epoch=first, metrics="")
        bar.start()
        state["live"] = (bar, task, run)

    def on_batches_end(self, epoch: int, done: int, total: int, state: State) -> None:
        """Move the bar."""
        if "live" in state:
            bar, task, run = state["live"]
            completed = (epoch - 1) * run.per_epoch + done
            bar.update(task, completed=completed, epoch=run.progress(epoch, done))

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Show the means over the members that still train."""
        if "live" in state:
            bar, task, _ = state["live"]
            shown = (
                f"{title_of(name)} {Metric.of(name).format(values[logs.active].mean(), more=1)}"
                for name, values in logs.metrics.items()
                if name != "step"  # which the line begins with
            )
            bar.update(task, metrics="  ".join(shown))
        return None

    def on_train_end(self, state: State) -> None:
        """Close the line."""
        if "live" in state:
            state.pop("live")[0].stop()
