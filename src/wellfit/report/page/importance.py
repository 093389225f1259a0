"""The inputs of a model: permutation importance, effects of columns, and single rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from wellfit.datasets.splitting import take_rows
from wellfit.explanation import (
    ColumnEffect,
    PermutationImportance,
    accumulated_local_effects,
    partial_dependence,
    permutation_importance,
)
from wellfit.report.page.blocks import Block, Plot, Prose, TableBlock, number
from wellfit.report.page.embeddings import embedding_plots
from wellfit.report.page.run_data import RunData, TestPredictions
from wellfit.report.page.single_rows import row_blocks

_ROWS, _FEWEST_ROWS = 1000, 200
_REPEATS, _FEWEST_REPEATS = 5, 2
_SECONDS = 3.0  # of the processor: the same run gives the same report on a busy machine
_MOST_SHOWN = 20
_EFFECTS = 3  # columns whose effects are drawn
_EFFECT_ROWS, _VALUES = 200, 15


def importance_blocks(run: RunData) -> Iterator[Block]:
    """Yield the charts, or the reason why there are none."""
    predictions = run.test_predictions
    if predictions is None or run.data is None:
        yield Prose("The test set is missing.")
    elif run.data.image_shape:
        yield Prose(
            "The columns are pixels, and single pixels have little effect: see the weights of "
            "the first layer under Layers."
        )
    else:
        yield from _measured(run.model, predictions)
        yield from row_blocks(run)


def _measured(model: Any, predictions: TestPredictions) -> Iterator[Block]:
    import pandas as pd

    table = predictions.X if isinstance(predictions.X, pd.DataFrame) else np.asarray(predictions.X)
    # A fixed seed: the same run gives the same report.
    chosen = np.random.default_rng(0).permutation(len(table))[:_ROWS]
    part, y = take_rows(table, chosen), predictions.y[chosen]
    if len(part) < 2:
        yield Prose("A single test row can't be shuffled.")
        return
    rows, repeats = _affordable(model, part)
    if not repeats:
        yield Prose(f"With {table.shape[1]:,} columns, shuffling each of them takes too long.")
        return
    part, y = take_rows(part, np.arange(rows)), y[:rows]
    found = permutation_importance(model, part, y, n_repeats=repeats, max_rows=None)
    yield _plot(found, repeats)
    for column in found.important(_EFFECTS):
        few: dict[str, Any] = {"max_rows": _EFFECT_ROWS}
        yield _effect(partial_dependence(model, part, column, n_values=_VALUES, **few))
        yield _effect(accumulated_local_effects(model, part, column, n_bins=_VALUES, **few))
    yield from embedding_plots(model, part, found.ranking)


def _affordable(model: Any, part: Any) -> tuple[int, int]:
    """Return the numbers of rows and of shuffles that fit the time limit; 0 if none do."""
    model.predict(take_rows(part, np.arange(1)))  # the first call includes one-time preparations
    # Fewer rows before fewer repeats: the standard deviations need at least two shuffles.
    for rows in (len(part), min(len(part), _FEWEST_ROWS)):
        began = time.process_time()
        model.predict(take_rows(part, np.arange(rows)))
        each = (time.process_time() - began) * part.shape[1]
        repeats = min(_REPEATS, int(_SECONDS / max(each, 1e-9)))
        if repeats >= _FEWEST_REPEATS:
            return rows, repeats
    return rows, 0


def _plot(found: PermutationImportance, repeats: int) -> Plot:
    chart = replace(
        found.chart_of(_MOST_SHOWN),
        details=f"Means over {repeats} shuffles among {found.n_rows:,} test rows, with 95 % "
        "confidence intervals of other rows. Correlated columns can replace each other, so that "
        "each of them looks unimportant.",
    )
    rows = [
        [name, number(mean), f"{number(low)} to {number(high)}"]
        for name, mean, low, high in found.to_frame().itertuples(index=False)
    ]
    head = ["column", chart.x.title, "95 % interval"]
    height = max(260, 110 + 24 * len(chart.y.names))
    return Plot(chart, TableBlock(head, rows, title=chart.title), height=height, wide=True)


def _effect(effect: ColumnEffect) -> Plot:
    chart = effect.chart
    rows = [
        [label, *map(number, values)]
        for label, values in zip(effect.labels, effect.values.tolist(), strict=True)
    ]
    head = [effect.column, *effect.outputs]
    return Plot(chart, TableBlock(head, rows, title=chart.title))
