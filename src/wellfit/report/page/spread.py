"""Evaluation of calibrated intervals and sets: the share of test rows that they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.charts import count_chart, interval_chart
from wellfit.charts.numbers import MOST_OUTPUTS
from wellfit.core.words import percent, pluralize
from wellfit.estimators.conformal import levels_of
from wellfit.report.coverage import Coverage
from wellfit.report.coverage_texts import coverage_cells, size_title
from wellfit.report.page.blocks import Block, Plot, TableBlock
from wellfit.report.page.run_data import TestPredictions

_SHOWN = 0.9  # whose intervals are drawn, or the highest level below
Weight = NDArray[np.float64] | None  # (rows,) by which each counts in coverage
_MOST_SIZES = 10  # bars of set sizes; larger sets count in the last


def interval_blocks(
    model: Any, predictions: TestPredictions, unit: str, weight: Weight = None
) -> Iterator[Block]:
    """Yield coverage and widths of a calibrated regressor's intervals; nothing of others."""
    if not levels_of(model):
        return
    y = predictions.y.reshape(len(predictions.y), -1)
    found = Coverage.of_intervals(model, predictions.X, y, weight)
    table = coverage_table(found.plain())
    yield Plot(found.chart, table)
    place = max(sum(level <= _SHOWN for level in found.levels) - 1, 0)
    bounds, level = found.each[place], found.levels[place]
    for output in range(min(y.shape[1], MOST_OUTPUTS)):
        name = f"{unit}, output {output + 1}" if y.shape[1] > 1 else unit
        yield Plot(interval_chart(y[:, output], bounds[:, output], level, name), table)


def set_blocks(model: Any, predictions: TestPredictions, weight: Weight = None) -> Iterator[Block]:
    """Yield coverage and sizes of a calibrated classifier's sets; nothing of others."""
    if not levels_of(model):
        return
    found = Coverage.of_sets(model, predictions.X, predictions.places, weight)
    table = coverage_table(found.plain())
    yield Plot(found.chart, table)
    accuracy = float(np.mean(predictions.y == predictions.predicted))
    # Below the accuracy, a set is the likeliest class alone.
    wanted = max(accuracy, _SHOWN)
    place = next((p for p, level in enumerate(found.levels) if level > wanted), -1)
    yield Plot(_sizes(found.each[place], found.levels[place]), table)


def coverage_table(found: Mapping[str, Any]) -> TableBlock:
    """Return coverage and sizes by level.

    Args:
        found: what a run folder stores of a :class:`~wellfit.report.coverage.Coverage`.
    """
    head = ["level", "coverage", "95 % interval", size_title(str(found["of"]))]
    title = f"Coverage of prediction {found['of']} on {found['rows']:,} test rows"
    return TableBlock(head, [list(coverage_cells(one)) for one in found["levels"]], title=title)


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
