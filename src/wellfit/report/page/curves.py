"""Learning curves of one training, or of several runs in one chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

from wellfit.charts import (
    Line,
    metric_chart,
    row_curve,
    row_curves,
    row_metrics,
    row_unit,
    sampled,
)
from wellfit.charts.model import Color, Dash
from wellfit.core.metrics import split_rows
from wellfit.report.page.blocks import Plot, TableBlock
from wellfit.report.page.run_data import Lines, RunData

_MOST_ROWS = 60


def curve_plots(run: RunData) -> Iterator[Plot]:
    """Yield a plot for each metric, with the learning rate last."""
    rows, kept, by = run.metrics, run.ended.get("best_epoch"), row_unit(run.metrics)
    if by == "step" and kept:
        kept = next((row["step"] for row in rows if row["epoch"] == kept), None)
    for name in row_metrics(rows):
        yield curve_plot(name, row_curves(rows, name), kept, by=by, averaged=run.averages)


def held_out(
    metrics: Lines, name: str, label: str, color: Color, dash: Dash = "solid"
) -> Line | None:
    """Return a run's curve of a metric, on the validation set if there is one.

    The label says which rows the curve is of, since those of other runs may be of others.
    """
    known = {key for line in metrics for key in line}
    for key in (f"val_{name}", f"test_{name}", name):
        if key in known:
            of = "" if name == "learning_rate" else f" ({split_rows(key)[1]})"
            return replace(row_curve(metrics, key, f"{label}{of}", color), dash=dash)
    return None


def curve_plot(
    name: str,
    lines: Sequence[Line],
    kept: int | None = None,
    *,
    title: str = "",
    unit: str = "",
    by: str = "epoch",
    averaged: bool = False,
) -> Plot:
    """Return a plot of curves by epoch, with a mark at the epoch whose weights were kept."""
    chart = metric_chart(name, lines, kept, title=title, unit=unit, by=by, averaged=averaged)
    noisy = any(line.smooth for line in lines) and name != "learning_rate"
    return Plot(chart, curve_table(chart.lines, chart), ("log", "smooth") if noisy else ("log",))


def curve_table(lines: Sequence[Line], chart: Any) -> TableBlock:
    """Return the curves' numbers: of all epochs, or of some that are evenly spread."""
    epochs = sorted({int(epoch) for line in lines for epoch in line.x})
    values = [dict(zip(line.x.tolist(), line.y.tolist(), strict=True)) for line in lines]
    chosen = [epochs[place] for place in sampled(len(epochs), _MOST_ROWS)]
    rows = [[str(e), *(_cell(of.get(e), chart) for of in values)] for e in chosen]
    return TableBlock(
        [chart.x.title, *(line.label or chart.title for line in lines)],
        rows,
        title=f"{chart.title} by {chart.x.title}",
    )


def _cell(value: float | None, chart: Any) -> str:
    return "–" if value is None or not isfinite(value) else chart.y.format(value)
