"""Charts of predicted numbers: residuals, histograms, importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from wellfit.charts.model import Axis, Bars, Chart, Color, Floats, Line, Points, Rule, cut, floats
from wellfit.core.metrics import Metric
from wellfit.core.words import short

_MOST_POINTS = 3000  # rows beyond which some are drawn, at random
MOST_OUTPUTS = 4
_FEWEST_BARS, _MOST_BARS = 10, 60


def residual_charts(y: ArrayLike, predicted: ArrayLike, unit: str = "") -> list[Chart]:
    """Return predicted against true values and the residuals' distribution, for each output.

    Args:
        y: (rows,) the true values, or (rows, outputs), of which the first four are drawn.
        predicted: what was predicted, shaped like ``y``.
        unit: what the values are, for the labels.
    """
    truth, answers = (floats(part).reshape(len(floats(part)), -1) for part in (y, predicted))
    outputs = truth.shape[1]
    charts = []
    for output in range(min(outputs, MOST_OUTPUTS)):
        name = unit if outputs == 1 else f"output {output + 1}"
        pair = truth[:, output], answers[:, output]
        charts += [agreement_chart(*pair, name), residual_histogram(*pair, name)]
    return charts


def agreement_chart(y: Floats, predicted: Floats, unit: str = "") -> Chart:
    """Return true against predicted values (N,); a perfect prediction lies on the line."""
    ends = floats(
        [min(y.min(), predicted.min()), max(y.max(), predicted.max())] if len(y) else [0, 1]
    )
    return Chart(
        "Predicted and true values",
        _half(y - predicted),
        [
            Line(ends, ends, "predicted = true", "quiet", "dot", 1.5, reference=True),
            _cloud(predicted, y),
        ],
        Axis(f"predicted {unit}".strip()),
        Axis(f"true {unit}".strip()),
        f"On the line, predictions are right.{_drawn(y)}",
    )


def residual_chart(y: Floats, predicted: Floats, unit: str = "") -> Chart:
    """Return residuals, true minus predicted, against predicted values, each (N,)."""
    ends = floats([predicted.min(), predicted.max()] if len(y) else [0, 1])
    rest = y - predicted
    rmse = Metric.of("rmse").format(float(np.sqrt(np.mean(rest**2))))
    return Chart(
        "Residuals",
        _half(rest),
        [
            Line(ends, 0 * ends, "predicted = true", "quiet", "dot", 1.5, reference=True),
            _cloud(predicted, rest),
        ],
        Axis(f"predicted {unit}".strip()),
        Axis(f"true - predicted {unit}".strip()),
        f"The RMSE is {rmse}.{_drawn(y)}",
    )


def residual_histogram(y: Floats, predicted: Floats, unit: str = "") -> Chart:
    """Return how residuals, true minus predicted, are distributed."""
    rest = y - predicted
    chart = histogram_chart(rest, "Distribution of the residuals", f"true - predicted {unit}")
    rule = Rule(0, color="quiet", dash="solid")
    return Chart(chart.title, _half(rest), [*chart.marks, rule], chart.x, chart.y, chart.details)


def histogram_chart(values: Floats, title: str, unit: str, rows: str = "rows") -> Chart:
    """Return how the finite ones of values (N,) are distributed."""
    known = values[np.isfinite(values)]
    count = min(_MOST_BARS, max(_FEWEST_BARS, len(known) // 20))
    counts, edges = np.histogram(known, count, range=_ends(known))
    width = float(edges[1] - edges[0])
    hover = [
        f"{short(low)} to {short(high)}: {n:,} {rows}"
        for low, high, n in zip(edges[:-1], edges[1:], counts.tolist(), strict=True)
    ]
    middle, mean = (short(float(of(known))) if len(known) else "–" for of in (np.median, np.mean))
    bars = Bars((edges[1:] + edges[:-1]) / 2, floats(counts), width=0.95 * width, hover=hover)
    text = f"{title}: mean {mean}, median {middle}"
    return Chart(title, text, [bars], Axis(unit.strip()), Axis(rows))


def outline(values: Floats, bins: int, label: str, color: Color) -> Line:
    """Return a histogram's outline in shares; what few lie far out count at the ends."""
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.001, 0.999]).tolist()
    low, high = (low, high) if high > low else (low - 0.5, low + 0.5)
    counts, edges = np.histogram(known.clip(low, high), bins, range=(low, high))
    middle = (edges[1:] + edges[:-1]) / 2
    return Line(middle, counts / counts.sum(), label, color, width=1.8, step=True)


def importance_chart(
    means: Mapping[str, float], errors: Mapping[str, float], metric: Metric, most: int = 20
) -> Chart:
    """Return how much a metric suffers when a column is shuffled, the most important on top.

    Args:
        means: by column, in the metric's unit: how much better it is without shuffling.
        errors: half of the widths of their intervals; NaN where one isn't known.
        metric: the metric.
        most: how many columns to draw.
    """
    names = sorted(means, key=lambda name: -means[name])
    text = ", ".join(f"{name} ({short(metric.scale * means[name])})" for name in names[:3])
    way = "decrease" if metric.higher_is_better else "increase"
    unit = " (percentage points)" if metric.is_share else ""
    return bar_chart(
        {name: metric.scale * means[name] for name in names[:most]},
        [metric.scale * errors[name] for name in names[:most]],
        title="Permutation importance",
        summary=f"Most important: {text}",
        unit=f"{way} in {metric.title}{unit}",
    )


def embedding_chart(values: Floats, numbers: Floats, column: str) -> Chart:
    """Return what a column's values (n,) are embedded in, (n, size), each less its mean."""
    apart = numbers - numbers.mean(axis=0)
    lines = [
        Line(values, each, f"number {place + 1}", place) for place, each in enumerate(apart.T)
    ]
    reach = float(np.ptp(apart, axis=0).max()) if len(values) else 0.0
    return Chart(
        f"Embedding of {column}",
        f"Embedding of {column} in {numbers.shape[1]} numbers, which vary by up to {reach:.3g}",
        lines,
        Axis(column),
        Axis("number, less its mean"),
        "Where a line jumps or bends, the network can tell neighbouring values apart.",
    )


def bar_chart(
    values: Mapping[str, float],
    errors: Sequence[float] = (),
    *,
    title: str,
    summary: str,
    unit: str,
    color: Color = 0,
    low: float | None = None,
) -> Chart:
    """Return a bar across for each name, the first on top."""
    numbers = floats(list(values.values()))
    hover = [f"{name}: {short(value)}" for name, value in values.items()]
    places = np.arange(len(numbers), dtype=np.float64)
    spread = floats(errors) if len(errors) else None
    return Chart(
        title,
        summary,
        [Bars(places, numbers, color, spread, across=True, hover=hover)],
        Axis(unit, low=low),
        Axis(names=[cut(name) for name in values], downwards=True),
    )


def count_chart(
    counts: Mapping[str, float], *, title: str, summary: str, names: str, unit: str
) -> Chart:
    """Return an upright bar for each name."""
    values = floats(list(counts.values()))
    hover = [f"{name}: {count:,.0f} {unit}" for name, count in counts.items()]
    bars = Bars(np.arange(len(values), dtype=np.float64), values, hover=hover)
    return Chart(title, summary, [bars], Axis(names, list(counts)), Axis(unit))


def _cloud(x: Floats, y: Floats) -> Points:
    chosen = np.random.default_rng(0).permutation(len(x))[:_MOST_POINTS]
    return Points(x[chosen], y[chosen], size=4.5, opacity=0.45)


def _drawn(y: Floats) -> str:
    if len(y) <= _MOST_POINTS:
        return ""
    return f" Drawn are {_MOST_POINTS:,} of {len(y):,} rows, chosen at random."


def _half(rest: Floats) -> str:
    if not len(rest):
        return "No rows"
    return f"Half of the rows are off by {short(float(np.median(np.abs(rest))))} or less"


def _ends(values: Floats) -> tuple[float, float]:
    """Return ends between which bars have a width, even where all values are about the same."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    half = max((high - low) / 2, 1e-6 * max(abs(low), abs(high)), 1e-12)
    middle = (low + high) / 2
    return middle - half, middle + half
