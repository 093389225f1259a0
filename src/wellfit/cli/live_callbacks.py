"""Callbacks of the command line: progress on the screen, metrics in the run folder.

They have no name in the registry, because only the command line uses them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import field
from itertools import count
from math import isnan
from typing import Any, ClassVar

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wellfit.charts import learning_charts, loss_and_accuracy, scorers_of
from wellfit.charts.to_terminal import Plots
from wellfit.cli.run_folder import RunFolder
from wellfit.core.metrics import Metric, title_of
from wellfit.core.words import duration
from wellfit.nn.matmul_backend import rounding
from wellfit.training import Callback, Decision, EpochLogs, Run

State = dict[str, Any]

_EVERY = 0.1  # seconds between two frames
_PLAIN_LINES = 10


class MetricsWriter(Callback):
    """Writes the metrics of each epoch into the run folder when it ends.

    Args:
        folder: the run folder.
        config: the run's settings, written when training starts.
        judged: name of the rows that ``val_…`` metrics are computed on.
    """

    exclusive_files: ClassVar[bool] = True

    folder: RunFolder = field()
    config: Mapping[str, Any] = field()
    judged: str = field()

    def on_train_begin(self, run: Run, state: State) -> None:
        """Create the run folder: until now nothing was written.

        A resumed run knows the metrics of all its epochs. The file may lack some, if the disk was
        full or the process ended before they reached the disk.
        """
        resumed = run.first_epoch and run.view is not None
        history = run.view.result().history() if resumed and run.view is not None else {}
        epochs = [
            dict(zip(history, values, strict=True))
            for values in zip(*history.values(), strict=True)
        ]
        self.folder.begin(self.config, map(self._line, count(1), epochs))
        state["live"] = {"printed": self.config.get("settings", {}).get("precision") != "auto"}

    def on_batches_end(self, epoch: int, done: int, total: int, state: State) -> Decision | None:
        """Record the precision that "auto" chose: a resumed run must not choose again."""
        if not state["live"]["printed"]:
            chosen = "bfloat16" if rounding() else "float32"
            self.folder.configure({**self.config, "precision": chosen})
            state["live"]["printed"] = True
        return None

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Append a line."""
        self.folder.record(self._line(logs.epoch, {**logs.means(), "seconds": logs.seconds}))
        return None

    def _line(self, epoch: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        prefix = "val" if self.judged == "validation" else self.judged
        named = {name.replace("val_", f"{prefix}_"): value for name, value in metrics.items()}
        seconds = round(named.pop("seconds"), 4)
        return {"epoch": epoch, "seconds": seconds, **named}

    def on_train_end(self, state: State) -> None:
        """Close the metrics."""
        self.folder.close()


class DeferredCallback(Callback):
    """A callback that is created when training starts, from values known only then."""

    exclusive_files: ClassVar[bool] = True  # of whatever is made, in the run folder

    make: Callable[[], Callback] = field()
    made: list[Callback] = field(default_factory=list)

    def on_train_begin(self, run: Run, state: State) -> None:
        """Create the callback, and start it."""
        self.made[:] = [self.make()]
        self.made[0].on_train_begin(run, state)

    def on_batches_end(self, epoch: int, done: int, total: int, state: State) -> Decision | None:
        """Forward to the callback."""
        return self.made[0].on_batches_end(epoch, done, total, state)

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Forward to the callback."""
        return self.made[0].on_epoch_end(logs, state)

    def on_decisions_applied(self, logs: EpochLogs, state: State) -> None:
        """Forward to the callback."""
        self.made[0].on_decisions_applied(logs, state)

    def on_train_end(self, state: State) -> None:
        """Forward to the callback."""
        self.made[0].on_train_end(state)


class ProgressLines(Callback):
    """Prints a line every ``every`` epochs, by default about ten lines, for logs and pipes."""

    console: Console = field()
    judged: str = field()
    every: int | None = None

    def on_train_begin(self, run: Run, state: State) -> None:
        """Compute how often to print."""
        every = self.every or max(1, run.epochs // _PLAIN_LINES)
        state |= {"epochs": run.epochs, "every": every, "live": run}

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Print a line if it is due."""
        epoch, epochs = logs.epoch, state["epochs"]
        if epoch % state["every"] == 0 or epoch in (1, epochs):
            left = logs.seconds / epoch * (epochs - epoch)
            texts = [state["live"].progress(epoch), *_metrics(logs, self.judged)]
            self.console.print("  ".join([*texts, f"{duration(left)} left"]), soft_wrap=True)
        return None


class LiveDisplay(Callback):
    """Shows a progress bar with the remaining time, and the learning curves."""

    console: Console = field()
    judged: str = field()
    clock: Callable[[], float] = time.perf_counter

    def on_train_begin(self, run: Run, state: State) -> None:
        """Draw the first frame."""
        # Values under "live" are for this process only; a checkpoint keeps the others.
        state.setdefault("history", {})
        live = {"run": run, "screen": Live(console=self.console, auto_refresh=False)}
        live |= {"at": run.progress(run.first_epoch + 1, 0), "over": False}
        live["done"] = float(run.first_epoch)
        state["live"] = {**live, "began": self.clock(), "shown": 0.0}
        state["live"]["screen"].start()

    def on_batches_end(self, epoch: int, done: int, total: int, state: State) -> Decision | None:
        """Advance the progress bar."""
        live = state["live"]
        live |= {"done": epoch - 1 + done / total, "at": live["run"].progress(epoch, done)}
        if self.clock() - live["shown"] > _EVERY:
            self._draw(state)
        return None

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Add a point to the curves."""
        for name, value in logs.means().items():
            state["history"].setdefault(name, []).append(value)
        return None

    def on_train_end(self, state: State) -> None:
        """Draw the last frame and leave it there."""
        if "live" in state:
            state["live"]["over"] = True
            self._draw(state)
            state.pop("live")["screen"].stop()

    def _draw(self, state: State) -> None:
        live = state["live"]
        live["shown"] = self.clock()
        live["screen"].update(self.frame(state), refresh=True)

    def frame(self, state: State) -> RenderableType:
        """Return the progress bar and the curves below it."""
        live, history = state["live"], state["history"]
        run, done, over = live["run"], live["done"], live["over"]
        passed, gone = self.clock() - live["began"], done - run.first_epoch
        left = passed / gone * (run.epochs - done) if gone else 0
        text = Text(duration(passed) if over else f"{duration(left)} left")
        rates = history.get("learning_rate")
        if rates and not over:
            text.append(f"   learning rate {rates[-1]:.2g}", "dim")
        for name in scorers_of(history):  # which have no room for a curve
            value = history[f"val_{name}"][-1]
            text.append(f"   {self.judged} {Metric.of(name).title} ", "dim")
            text.append(Metric.of(name).format(value))
        line = Table.grid(padding=(0, 2, 0, 0))
        bar = ProgressBar(total=run.epochs, completed=done, width=24)
        line.add_row(live["at"], bar, text)
        if not history:
            return line
        ahead = 0 if over else run.steps if run.in_steps else run.epochs
        charts = learning_charts(history, judged=self.judged, names=loss_and_accuracy(history))
        return Group(line, Text(), Plots(charts, end=ahead))


def _metrics(logs: EpochLogs, judged: str) -> list[str]:
    """Return the metrics of the network as short texts; one on both kinds of rows is one."""
    texts: dict[str, str] = {}
    for name, value in logs.means().items():
        if isnan(value) or name == "step":  # an epoch without evaluation; the line's beginning
            continue
        bare, shown = name.removeprefix("val_"), Metric.of(name).format(value)
        if bare != name and bare in texts:
            texts[bare] += f", {judged} {shown}"
        else:
            texts[name] = f"{title_of(name.replace('val_', f'{judged} '))} {shown}"
    return [*texts.values()]
