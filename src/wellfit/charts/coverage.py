"""Charts of prediction intervals and sets: how many rows they hold, and how wide they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wellfit.charts.classes import wilson
from wellfit.charts.model import Axis, Chart, Floats, Line, Points, floats, sampled
from wellfit.core.words import percent, short

_MOST_INTERVALS = 80  # rows whose intervals are drawn
_USUAL = 0.9  # the level that most ask for
_SETS = " The likeliest class is in every set: no coverage is below the accuracy."


def coverage_chart(
    levels: Sequence[float],
    held: Sequence[float],
    rows: int,
    of: str,
    effective: float | None = None,
) -> Chart:
    """Return the share of rows that intervals or sets hold, by the level asked for.

    Args:
        levels: (n,) asked for, in (0, 1).
        held: (n,) shares of the rows.
        rows: how many rows there are.
        of: ``"intervals"`` or ``"sets"``.
        effective: how many rows alike would leave the shares as uncertain; ``rows`` by default.
    """
    shares, asked = floats(held), floats(levels)
    low, high = wilson(shares, np.full(len(shares), effective or rows))
    ends = floats([asked.min(), 1.0])
    marks = [
        Line(ends, ends, "as asked for", "quiet", "dot", 1.5, reference=True),
        Line(asked, shares, "rows held", points=True, errors=(shares - low, high - shares)),
    ]
    shown = int(np.abs(asked - _USUAL).argmin())
    return Chart(
        f"Coverage of prediction {of}",
        f"At {percent(float(asked[shown]), 0)}, {of} hold {percent(float(shares[shown]))} of the "
        "rows",
        marks,
        Axis("level asked for", high=1.0),
        Axis("share of rows held", high=1.02),
        f"On the line, {of} hold as many of the {rows:,} rows as they promise. Bars are 95 % "
        f"confidence intervals.{_SETS if of == 'sets' else ''}",
    )


def interval_chart(y: Floats, intervals: Floats, level: float, unit: str = "") -> Chart:
    """Return some rows' intervals with their true values, the lowest intervals first.

    Args:
        y: (rows,) true values.
        intervals: (rows, 2) lower and upper bounds.
        level: of the intervals, in (0, 1).
        unit: what the values are, for the labels.
    """
    low, high = intervals.T
    order = np.argsort(low + high, kind="stable")
    shown = order[sampled(len(order), _MOST_INTERVALS)]
    places, half = np.arange(len(shown), dtype=np.float64), (high - low)[shown] / 2
    held = (low <= y) & (y <= high)
    inside, outside = held[shown], ~held[shown]
    middle = (low + high)[shown] / 2
    name = percent(level, 0)
    marks = [
        Points(places, middle, f"{name} interval", "quiet", size=1.0, errors=(half, half)),
        Points(places[inside], y[shown][inside], "true value, inside", 0, size=4.5),
        Points(places[outside], y[shown][outside], "true value, outside", 1, "cross", size=6.0),
    ]
    widths = (high - low)[np.argsort(high - low)]
    narrow, wide = (short(float(np.quantile(widths, share))) for share in (0.05, 0.95))
    return Chart(
        f"Prediction intervals at {name}",
        f"Nine intervals of ten are {narrow} to {wide} wide, {short(float(widths.mean()))} on "
        "average",
        marks,
        Axis("test rows, the lowest intervals first", whole=True),
        Axis(unit),
        f"Of {len(y):,} rows, {percent(float(held.mean()))} are inside; drawn are {len(shown)}.",
    )
