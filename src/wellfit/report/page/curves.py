"""Learning curves of one training, or of several runs in one chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

from wellfit.charts import Line, curve, metric_chart, metric_names, sampled
from wellfit.charts.model import Color, Dash
from wellfit.core.metrics import split_rows
from wellfit.report.page.blocks import Plot, Table
from wellfit.report.page.run_data import Lines, RunData

_MOST_ROWS = 60


def curve_plots(run: RunData) -> Iterator[Plot]:
    """Yield a plot for each metric, with the learning rate last."""
    kept = run.ended.get("best_epoch")
    for name in names_of(run.metrics):
        yield curve_plot(name, list(_lines(run.metrics, name)), kept)


def names_of(metrics: Lines) -> list[str]:
    """Return the metrics that have curves.

    >>> names_of([{"epoch": 1, "val_loss": 2.0, "accuracy": 0.5}])
    ['loss', 'accuracy']
    """
    return metric_names(key for line in metrics for key in line)


def held_out(
    metrics: Lines, name: str, label: str, color: Color, dash: Dash = "solid"
) -> Line | None:
    """Return a run's curve of a metric, on the validation set if there is one."""
    known = {key for line in metrics for key in line}
    for key in (f"val_{name}", f"test_{name}", name):
        if key in known:
            return replace(_line(metrics, key, label, color), dash=dash)
    return None


def curve_plot(
    name: str, lines: Sequence[Line], kept: int | None = None, *, title: str = "", unit: str = ""
) -> Plot:
    """Return a plot of curves by epoch, with a mark at the epoch whose weights were kept."""
    chart = metric_chart(name, lines, kept, title=title, unit=unit)
    noisy = any(line.smooth for line in lines) and name != "learning_rate"
    return Plot(chart, curve_table(chart.lines, chart), ("log", "smooth") if noisy else ("log",))


def curve_table(lines: Sequence[Line], chart: Any) -> Table:
    """Return the curves' numbers: of all epochs, or of some that are evenly spread."""
    epochs = sorted({int(epoch) for line in lines for epoch in line.x})
    values = [dict(zip(line.x.tolist(), line.y.tolist(), strict=True)) for line in lines]
    chosen = [epochs[place] for place in sampled(len(epochs), _MOST_ROWS)]
    rows = [[str(e), *(_cell(of.get(e), chart) for of in values)] for e in chosen]
    return Table(
        ["epoch", *(line.label or chart.title for line in lines)],
        rows,
        title=f"{chart.title} by epoch",
    )


def _cell(value: float | None, chart: Any) -> str:
    return "–" if value is None or not isfinite(value) else chart.y.format(value)


def _lines(metrics: Lines, name: str) -> Iterator[Line]:
    """Yield a metric's curves: on training rows, and on those that it was judged by."""
    known = dict.fromkeys(key for line in metrics for key in line if split_rows(key)[0] == name)
    for key in sorted(known, key=lambda key: key != name):
        yield _line(metrics, key, "" if key == "learning_rate" else split_rows(key)[1])


def _line(metrics: Lines, key: str, label: str, color: Color | None = None) -> Line:
    # A metric that was not judged in every epoch has gaps, over which the line goes on.
    points = [(line["epoch"], _real(line[key])) for line in metrics if key in line]
    return curve(key, [y for _, y in points], label, [x for x, _ in points], color)


def _real(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and isfinite(value)
    return float(value) if is_number else None
