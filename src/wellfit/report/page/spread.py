"""Evaluation of calibrated intervals and sets: the share of test rows that they hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.charts import count_chart, coverage_chart, interval_chart
from wellfit.charts.numbers import MOST_OUTPUTS
from wellfit.core.words import percent, pluralize
from wellfit.estimators.conformal import intervals_at, levels_of, sets_at
from wellfit.report.page.blocks import Block, Plot, TableBlock, number
from wellfit.report.page.run_data import TestPredictions

_SHOWN = 0.9  # whose intervals are drawn, or the highest level below
_MOST_SIZES = 10  # bars of set sizes; larger sets count in the last


def interval_blocks(model: Any, predictions: TestPredictions, unit: str) -> Iterator[Block]:
    """Yield coverage and widths of a calibrated regressor's intervals; nothing of others."""
    levels = levels_of(model)
    if not levels:
        return
    y = predictions.y.reshape(len(predictions.y), -1)
    each = [bounds.reshape(*y.shape, 2) for bounds in intervals_at(model, predictions.X, levels)]
    held = [(b[..., 0] <= y) & (y <= b[..., 1]) for b in each]
    rows = [
        [percent(level, 0), percent(float(h.mean())), number(float(np.diff(b).mean()))]
        for level, h, b in zip(levels, held, each, strict=True)
    ]
    head = ["level", "test rows held", "mean width"]
    table = TableBlock(head, rows, title="Coverage of prediction intervals")
    shares = [float(h.mean()) for h in held]
    yield Plot(coverage_chart(levels, shares, len(y), "intervals"), table)
    place = max(sum(level <= _SHOWN for level in levels) - 1, 0)
    for output in range(min(y.shape[1], MOST_OUTPUTS)):
        name = f"{unit}, output {output + 1}" if y.shape[1] > 1 else unit
        chart = interval_chart(y[:, output], each[place][:, output], levels[place], name)
        yield Plot(chart, table)


def set_blocks(model: Any, predictions: TestPredictions) -> Iterator[Block]:
    """Yield coverage and sizes of a calibrated classifier's sets; nothing of others."""
    levels = levels_of(model)
    if not levels:
        return
    known, places = predictions.places >= 0, predictions.places
    everyone = np.arange(len(places))
    each = sets_at(model, predictions.X, levels)
    held = [float((sets[everyone, places] & known).mean()) for sets in each]
    sizes = [float(sets.sum(axis=1).mean()) for sets in each]
    rows = [
        [percent(level, 0), percent(share), f"{size:.2f}"]
        for level, share, size in zip(levels, held, sizes, strict=True)
    ]
    head = ["level", "test rows held", "mean classes in a set"]
    table = TableBlock(head, rows, title="Coverage of prediction sets")
    yield Plot(coverage_chart(levels, held, len(places), "sets"), table)
    accuracy = float(np.mean(predictions.y == predictions.predicted))
    # Below the accuracy, a set is the likeliest class alone.
    place = next((p for p, level in enumerate(levels) if level > max(accuracy, _SHOWN)), -1)
    yield Plot(_sizes(each[place], levels[place]), table)


def _sizes(sets: NDArray[np.bool_], level: float) -> Any:
    """Return the chart of how many classes sets have."""
    counts = np.bincount(np.minimum(sets.sum(axis=1), _MOST_SIZES))
    names = [str(size) for size in range(len(counts))]
    if len(counts) > _MOST_SIZES:
        names[-1] = f"{_MOST_SIZES} and more"
    single = percent(float(counts[1]) / len(sets))
    return count_chart(
        dict(zip(names[1:], counts[1:].tolist(), strict=True)),
        title=f"Classes in a prediction set at {percent(level, 0)}",
        summary=f"{single} of {pluralize(len(sets), 'row')} have a single class",
        names="classes in the set",
        unit="rows",
    )
