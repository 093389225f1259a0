"""Learning curves: metrics by epoch, of one training or of several over each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from wellfit.charts.model import MANY, Axis, Chart, Color, Dash, Line, Mark, Rule, floats
from wellfit.core.metrics import Metric, split_rows

History: TypeAlias = Mapping[str, Sequence[float]]
# A mapping for each epoch, with its number as "epoch".
Rows: TypeAlias = Sequence[Mapping[str, Any]]

_LOG_FROM = 10  # a cost that falls by more than this factor is drawn on a logarithmic axis
_LOOKS: dict[str, tuple[Color, Dash]] = {"training": (0, "solid")}
_HELD_OUT: tuple[Color, Dash] = (1, "dash")
_NOT_CURVES = ("epoch", "step", "seconds")


def metric_names(keys: Iterable[str]) -> list[str]:
    """Return the metrics that have curves, without their rows: the loss first, the rate last.

    >>> metric_names(["epoch", "learning_rate", "val_loss", "accuracy", "loss"])
    ['loss', 'accuracy', 'learning_rate']
    """
    bare = dict.fromkeys(split_rows(key)[0] for key in keys if key not in _NOT_CURVES)
    return sorted(bare, key=lambda name: (name == "learning_rate") - (name == "loss"))


def shown_metrics(history: History) -> list[str]:
    """Return the metrics drawn by default: loss, objective, accuracy and the scorers given.

    >>> shown_metrics({"loss": [2.0, 1.0], "val_roc_auc": [0.5, 0.7], "seconds": [0.1, 0.2]})
    ['loss', 'roc_auc']
    """
    return [*loss_and_accuracy(history), *scorers_of(history)]


def loss_and_accuracy(history: History) -> list[str]:
    """Return what is drawn where there is room for little: loss, objective and accuracy, if any.

    >>> loss_and_accuracy({"loss": [2.0, 1.0], "val_roc_auc": [0.5, 0.7]})
    ['loss']
    """
    return [name for name in ("loss", "objective", "accuracy") if history.get(name)]


def scorers_of(history: History) -> list[str]:
    """Return the scorers that were asked for, which are of validation rows only.

    >>> scorers_of({"loss": [2.0, 1.0], "val_loss": [2.1, 1.4], "val_roc_auc": [0.5, 0.7]})
    ['roc_auc']
    """
    return [name for name in metric_names(history) if name not in history]


def learning_charts(
    history: History,
    *,
    best_epoch: int | None = None,
    judged: str = "validation",
    names: Sequence[str] | None = None,
    averaged: bool = False,
) -> list[Chart]:
    """Return a chart of each metric by epoch.

    Args:
        history: lists by name: ``loss``, and ``accuracy``, ``val_loss``, … where there are any.
        best_epoch: the epoch, from 1, whose weights were kept; marked where it isn't the last.
        judged: what to call the rows that ``val_…`` is of.
        names: of which metrics; by default those of :func:`shown_metrics`.
        averaged: whether the metrics are means of several networks. Each keeps the weights of an
            epoch of its own, so that none is marked.

    >>> charts = learning_charts({"loss": [2.0, 1.0], "val_loss": [2.1, 1.4]}, best_epoch=2)
    >>> [chart.summary for chart in charts]
    ['Loss: 1 in training, 1.4 in validation']
    """
    charts, steps = [], history.get("step")
    kept = steps[best_epoch - 1] if steps and best_epoch else best_epoch
    by = "step" if steps else "epoch"
    for name in shown_metrics(history) if names is None else names:
        lines = [
            curve(key, history[key], rows if rows == "training" else judged, steps)
            for key, rows in ((name, "training"), (f"val_{name}", judged))
            if len(history.get(key, ()))
        ]
        charts.append(metric_chart(name, lines, kept, by=by, averaged=averaged))
    return charts


def curve(
    key: str,
    values: Sequence[float | None],
    label: str,
    epochs: Sequence[float] | None = None,
    color: Color | None = None,
) -> Line:
    """Return a metric's line, in the unit of its axis.

    Args:
        key: the metric's name, with its rows: training rows are drawn solid, others dashed.
        values: one for each epoch; None where there is none.
        label: for the legend.
        epochs: which, or the steps; by default epochs from 1.
        color: by default one for training rows and one for others.
    """
    y, rows = Metric.of(key).scale * floats(values), split_rows(key)[1]
    x = floats(range(1, len(y) + 1) if epochs is None else epochs)
    judged = np.isfinite(y)
    if rows != "training" and judged.any():  # the line goes on over epochs that weren't judged
        x, y = x[judged], y[judged]
    own, dash = _LOOKS.get(rows, _HELD_OUT)
    shade = own if color is None else color
    return Line(x, y, label, shade, dash, points=len(y) <= MANY, smooth=len(y) > MANY)


def metric_chart(
    name: str,
    lines: Sequence[Line],
    best: float | None = None,
    *,
    title: str = "",
    unit: str = "",
    by: str = "epoch",
    averaged: bool = False,
) -> Chart:
    """Return a chart of lines by epoch, or by step.

    Args:
        name: the metric.
        lines: what :func:`curve` returns, or the like.
        best: the epoch, or step, to put a mark at, unless it is the last one.
        title: what to call it; by default the metric's title.
        unit: the y-axis' title; by default the metric's label.
        by: ``"epoch"`` or ``"step"``.
        averaged: whether the lines are means of several networks, which have no epoch to mark.
    """
    metric = Metric.of(name)
    last = max((int(line.x[-1]) for line in lines if len(line.x)), default=1)
    kept = int(best) if best and best < last and not averaged else None
    title = title or _capital(metric.title)
    averaged = averaged and name != "learning_rate"  # which is the same of all
    title += ", mean of several networks" if averaged else ""
    log = not metric.higher_is_better and _needs_log_axis(lines)
    y = Axis(unit or metric.label, log=log, metric=metric)
    lines = [replace(line, value=_value(line, y, kept)) for line in lines]
    where = f" in {by} {kept}" if kept else ""
    text = ", ".join(f"{line.value} in {line.label}" for line in lines if line.label)
    if len(lines) == 1 and not text:
        text = lines[0].value
    marks: list[Mark] = [*lines]
    margin = 0.015 * max(last - 1, 1)  # or half of the first and the last point would be cut
    if kept:
        marks.append(Rule(kept, label=f"kept: {by} {kept}"))
    return Chart(
        title,
        f"{title}{where}: {text or 'no numbers'}",
        marks,
        Axis(by, low=1 - margin, high=max(last, 2) + margin, whole=True),
        y,
        _details(lines, y, f"{by} {kept}" if kept else "")
        + (" Each mean is over the networks that trained so long." if averaged else ""),
    )


def member_chart(name: str, histories: Sequence[History]) -> Chart:
    """Return one metric of several trainings by epoch, a thin line for each."""
    lines = []
    for key, what in ((name, "training"), (f"val_{name}", "validation")):
        there = [history[key] for history in histories if history.get(key)]
        for place, values in enumerate(there):
            steps = histories[place].get("step")
            line = curve(key, values, "" if place else what, steps)
            lines.append(replace(line, width=1.0, opacity=0.6, points=len(values) == 1))
    chart = metric_chart(name, lines, by="step" if "step" in histories[0] else "epoch")
    return replace(chart, summary=f"{chart.title} of {len(histories)} members", details="")


def row_metrics(rows: Rows) -> list[str]:
    """Return the metrics of rows that have curves.

    >>> row_metrics([{"epoch": 1, "val_loss": 2.0, "accuracy": 0.5}])
    ['loss', 'accuracy']
    """
    return metric_names(key for row in rows for key in row)


def row_curves(rows: Rows, name: str) -> list[Line]:
    """Return a metric's lines: of training rows, and of those that it was judged by."""
    known = dict.fromkeys(key for row in rows for key in row if split_rows(key)[0] == name)
    keys = sorted(known, key=lambda key: key != name)
    return [row_curve(rows, key, "" if key == "learning_rate" else None) for key in keys]


def row_curve(rows: Rows, key: str, label: str | None = None, color: Color | None = None) -> Line:
    """Return a metric's line; where it wasn't measured in every epoch, the line goes on."""
    there = [row for row in rows if key in row]
    values = [row[key] if isinstance(row[key], (int, float)) else None for row in there]
    label = split_rows(key)[1] if label is None else label
    return curve(key, values, label, [row.get("step") or row["epoch"] for row in there], color)


def row_unit(rows: Rows) -> str:
    """Return what curves of rows are by: ``"step"`` where they were judged in steps."""
    return "step" if rows and rows[0].get("step") else "epoch"


def _needs_log_axis(lines: Sequence[Line]) -> bool:
    """Say whether positive values lie so far apart that a linear axis would hide the low ones."""
    values = np.concatenate([line.finite for line in lines] or [np.empty(0)])
    return bool(len(values)) and bool(values.min() > 0) and values.max() > _LOG_FROM * values.min()


def _value(line: Line, axis: Axis, kept: int | None) -> str:
    """Return what a line has come to: in the epoch that was kept, or in the last one."""
    at = np.flatnonzero(line.x == kept) if kept else np.arange(len(line.y))
    return axis.format(float(line.y[at[-1]])) if len(at) else "–"


def _details(lines: Sequence[Line], axis: Axis, kept: str) -> str:
    """Return how far each line goes, for those who don't see it."""
    shown, parts = axis.format, []
    for line in lines:
        if len(line.finite) > 1:
            ends = f"from {shown(line.finite[0])} to {shown(line.finite[-1])}"
            reach = f"between {shown(line.finite.min())} and {shown(line.finite.max())}"
            parts.append(f"{line.label} {ends}, {reach}".strip())
        gaps = len(line.y) - len(line.finite)
        if gaps:
            parts.append(f"{line.label} is no number in {gaps:,} epoch{'' if gaps == 1 else 's'}")
    mark = f" The weights of {kept} were kept." if kept else ""
    return f"{_capital('; '.join(parts))}.{mark}" if parts else mark.strip()


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
