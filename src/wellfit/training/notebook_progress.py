"""The progress of a training in a notebook: a bar, and learning curves that grow."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from wellfit.charts import Axis, Chart, learning_charts, loss_and_accuracy, scorers_of
from wellfit.charts.to_markup import progress_bar, svg
from wellfit.core.metrics import Metric, title_of
from wellfit.core.notebook import CellOutput
from wellfit.core.pace import RedrawPace
from wellfit.core.words import duration, pluralize

if TYPE_CHECKING:
    from wellfit.training.callbacks.base import EpochLogs, Run

_SIZE = (330, 200)  # of a curve, in pixels


class NotebookProgress:
    """A bar, the latest metrics, and their curves by epoch, of the means over the members.

    Args:
        output: of the cell that trains.
        run: the training.
        delay: seconds before anything is shown. What is over sooner and was to be delayed is not
            shown at all.
    """

    def __init__(self, output: CellOutput, run: Run, delay: float) -> None:
        self._output, self._run = output, run
        self._pace, self._drawn = RedrawPace(delay), not delay
        self._began = time.perf_counter()
        self._epoch, self._done = run.first_epoch, 0  # whole epochs, and steps of the next
        # A resumed training has no curve of what was before: its epochs keep their places.
        self._before = run.first_epoch
        self._history: dict[str, list[float]] = {}

    def move(self, epoch: int, done: int) -> None:
        """Move the bar."""
        self._epoch, self._done = epoch - 1, done
        if self._pace.due():
            self._output.show(self, self._html(over=False), self._line(over=False))
            self._drawn = True
            self._pace.drawn()

    def add(self, logs: EpochLogs) -> None:
        """Add a point to the curves."""
        self._epoch, self._done = logs.epoch, 0
        for name, value in logs.means().items():
            self._history.setdefault(name, [math.nan] * self._before).append(value)

    def close(self) -> None:
        """Show how far the training came, and leave it there."""
        if self._drawn:
            self._output.finish(self, self._html(over=True), self._line(over=True))

    # What is shown.

    @property
    def _share(self) -> float:
        """How much of the run is over, from 0 to 1."""
        steps = self._epoch * self._run.per_epoch + self._done
        whole = self._run.steps or self._run.epochs * self._run.per_epoch
        return min(steps / whole, 1.0) if whole else 1.0

    def _head(self, over: bool) -> str:
        """Return how far it is, and how long it took or will take, in words."""
        run, passed = self._run, time.perf_counter() - self._began
        at = run.progress(max(self._epoch, 1), None) if over else self._at()
        members = f"{pluralize(run.k, 'network')}, " if run.k > 1 and not run.part else ""
        gone = self._share - self._before / max(run.epochs, 1)
        left = f", {duration(passed / gone * (1 - self._share))} left" if gone > 0 else ""
        return f"{members}{at}, {duration(passed)}{'' if over else left}"

    def _at(self) -> str:
        return self._run.progress(min(self._epoch + 1, self._run.epochs), self._done)

    def _metrics(self) -> str:
        """Return the latest value of each metric, in words."""
        return ", ".join(
            f"{title_of(name)} {Metric.of(name).format(values[-1], more=1)}"
            for name, values in self._history.items()
            if name != "step" and not math.isnan(values[-1])
        )

    def _line(self, over: bool) -> str:
        return f"{self._head(over)}: {self._metrics()}" if self._history else self._head(over)

    def _html(self, over: bool) -> str:
        share = 1.0 if over else self._share
        return (
            f"<div>{progress_bar(share)} {escape(self._head(over))}</div>"
            f'<div style="opacity:.75">{escape(self._metrics())}</div>'
            f"<div>{''.join(svg(chart, _SIZE) for chart in self._charts(over))}</div>"
        )

    def _charts(self, over: bool) -> list[Chart]:
        """Return the charts; while training goes on, there is room for what is to come."""
        shown = [*loss_and_accuracy(self._history), *scorers_of(self._history)]
        known = {name: values for name, values in self._history.items() if len(values)}
        charts = learning_charts(known, names=shown)
        if over:
            return charts
        end = self._run.steps if self._run.in_steps else self._run.epochs
        return [replace(chart, x=_until(chart.x, end)) for chart in charts]


def _until(axis: Axis, end: int) -> Axis:
    """Return an axis that reaches to the end of the run."""
    return replace(axis, high=max(end, 2) + 0.015 * max(end - 1, 1))
