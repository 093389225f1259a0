"""Charts that explain predictions: effects of a column, and attributions of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wellfit.charts.model import (
    Axis,
    Bars,
    Chart,
    Floats,
    Line,
    Mark,
    Points,
    Rule,
    cut,
    floats,
    sampled,
)
from wellfit.core.words import short, signed

_MOST_CURVES = 50  # rows whose own curves are drawn
_MOST_LINES = 10
_FEW = 30  # values of a curve up to which each has a point


def effect_chart(
    column: str,
    numbers: Floats | None,
    labels: Sequence[str],
    values: Mapping[str, Floats],
    unit: str,
    *,
    individual: Floats | None = None,
    accumulated: bool = False,
) -> Chart:
    """Return how predictions depend on a column: a line for each output, points of categories.

    Args:
        column: its name.
        numbers: (n,) its values; None where they have labels only.
        labels: (n,) its values as text.
        values: by output, (n,) predictions.
        unit: what predictions are, such as ``"probability"``.
        individual: (rows, n) single rows' predictions, some of which are drawn too.
        accumulated: whether these are accumulated local effects, and not partial dependence.
    """
    x = np.arange(len(labels), dtype=np.float64) if numbers is None else numbers
    marks: list[Mark] = []
    if individual is not None and numbers is not None:
        shown = individual[sampled(len(individual), _MOST_CURVES)]
        marks += [Line(x, each, color="quiet", width=0.8, opacity=0.3) for each in shown]
    several = len(values) > 1
    for place, (name, each) in enumerate(list(values.items())[:_MOST_LINES]):
        label = name if several else ""
        if numbers is None:
            hover = [f"{text}: {short(value)}" for text, value in zip(labels, each, strict=True)]
            marks.append(Points(x, each, label, place, size=7.0, hover=hover))
        else:
            marks.append(Line(x, each, label, place, points=len(x) <= _FEW))
    rows = "" if individual is None or numbers is None else " Thin lines are single rows."
    kind = "Accumulated local effects" if accumulated else "Partial dependence"
    return Chart(
        f"{kind} of {column}",
        f"{kind}: {_range_of(column, labels, values)}",
        marks,
        Axis(column, names=() if numbers is not None else [cut(label) for label in labels]),
        Axis(f"mean {unit} and effect" if accumulated else f"mean {unit}"),
        (_ACCUMULATED if accumulated else _DEPENDENCE) + rows + _beyond(values, unit),
    )


_DEPENDENCE = "The mean prediction with the column set to a value in all rows, others as they are."
_ACCUMULATED = (
    "The mean prediction, and by how much predictions differ from it with the column's value, "
    "by differences among rows that have about that value."
)


def _beyond(values: Mapping[str, Floats], unit: str) -> str:
    """Return what to say of accumulated effects that lie where no probability does."""
    every = np.concatenate([*values.values()])
    if unit != "probability" or (every.min() >= 0 and every.max() <= 1):
        return ""
    return " Effects that add up are no probabilities, and may lie beyond 0 and 1."


def _range_of(column: str, labels: Sequence[str], values: Mapping[str, Floats]) -> str:
    """Return from where to where the output ranges that ranges farthest."""
    name = max(values, key=lambda each: float(np.ptp(values[each])))
    low, high = int(values[name].argmin()), int(values[name].argmax())
    ends = [f"{short(float(values[name][at]))} ({column} {labels[at]})" for at in (low, high)]
    of = f"{name}, " if len(values) > 1 else ""
    return f"{of}{ends[0]} to {ends[1]}"


def attribution_chart(
    values: Mapping[str, float], baseline: float, prediction: float, unit: str, most: int = 12
) -> Chart:
    """Return what each column adds to a prediction, the largest on top.

    Args:
        values: by column, with its cell, what it adds to the baseline.
        baseline: what they are added to.
        prediction: what they add up to.
        unit: what a prediction is, such as ``"probability of yes"``.
        most: columns to draw; the others are one bar.
    """
    names = sorted(values, key=lambda name: -abs(values[name]))
    kept = len(names) if len(names) == most + 1 else most  # a single other has room for its name
    shown = {name: values[name] for name in names[:kept]}
    if names[kept:]:
        shown[f"{len(names) - kept:,} others"] = sum(values[name] for name in names[kept:])
    numbers = floats(list(shown.values()))
    places = np.arange(len(numbers), dtype=np.float64)
    marks: list[Mark] = [Rule(0, color="quiet", dash="solid")]
    for color, own in enumerate((numbers >= 0, numbers < 0)):
        hover = [
            f"{name}: {signed(value)}" for name, value in shown.items() if (value < 0) == color
        ]
        if own.any():
            marks.append(Bars(places[own], numbers[own], color, across=True, hover=hover))
    return Chart(
        "Attributions",
        f"{unit[:1].upper()}{unit[1:]}: {short(baseline)} (baseline) "
        f"{signed(prediction - baseline)} = {short(prediction)}",
        marks,
        Axis(f"added to the {unit}"),
        Axis(names=[cut(name, 30) for name in shown], downwards=True),
        "Bars add up from the baseline's output to the prediction.",
    )
