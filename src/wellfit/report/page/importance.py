"""Permutation importance: how much the score falls when a column is shuffled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from wellfit.charts import importance_chart
from wellfit.core.metrics import Metric
from wellfit.datasets.splitting import take_rows
from wellfit.report.page.blocks import Block, Plot, Prose, TableBlock, number
from wellfit.report.page.run_data import RunData, TestPredictions

_ROWS, _FEWEST_ROWS = 1000, 200
_REPEATS, _FEWEST_REPEATS = 5, 2
_SECONDS = 2.0
_MOST_SHOWN = 20


def importance_blocks(run: RunData) -> Iterator[Block]:
    """Yield the chart, or the reason why there is none."""
    predictions = run.test_predictions
    if predictions is None or run.data is None:
        yield Prose("The test set is missing.")
    elif run.data.image_shape:
        yield Prose(
            "The columns are pixels, and single pixels have little effect: see the weights of "
            "the first layer under Layers."
        )
    else:
        yield _measured(run.model, predictions)


def _measured(model: Any, predictions: TestPredictions) -> Block:
    import pandas as pd
    from sklearn.inspection import permutation_importance

    table = predictions.X if isinstance(predictions.X, pd.DataFrame) else np.asarray(predictions.X)
    # A fixed seed: the same run gives the same report.
    chosen = np.random.default_rng(0).permutation(len(table))[:_ROWS]
    part, y = take_rows(table, chosen), predictions.y[chosen]
    rows, repeats = _affordable(model, part)
    if not repeats:
        return Prose(f"With {table.shape[1]:,} columns, shuffling each of them takes too long.")
    part, y = take_rows(part, np.arange(rows)), y[:rows]
    scoring = _scoring(predictions, y)
    found = permutation_importance(
        model, part, y, scoring=scoring, n_repeats=repeats, random_state=0
    )
    names = [str(c) for c in getattr(table, "columns", range(table.shape[1]))]
    return _plot(names, found, Metric.of(scoring.removeprefix("neg_")), (rows, repeats))


def _affordable(model: Any, part: Any) -> tuple[int, int]:
    """Return the numbers of rows and of shuffles that fit the time limit; 0 if none do."""
    model.predict(take_rows(part, np.arange(1)))  # the first call includes one-time preparations
    # Fewer rows before fewer repeats: the standard deviations need at least two shuffles.
    for rows in (len(part), min(len(part), _FEWEST_ROWS)):
        began = time.perf_counter()
        model.predict(take_rows(part, np.arange(rows)))
        each = (time.perf_counter() - began) * part.shape[1]
        repeats = min(_REPEATS, int(_SECONDS / max(each, 1e-9)))
        if repeats >= _FEWEST_REPEATS:
            return rows, repeats
    return rows, 0


def _scoring(predictions: TestPredictions, y: Any) -> str:
    """Return the scorer for the importance."""
    if predictions.probabilities is None:
        return "r2"
    # The log loss responds to changed confidence, which accuracy misses; it needs every class.
    if predictions.y.ndim == 1 and set(np.unique(y).tolist()) == set(predictions.classes):
        return "neg_log_loss"
    return "accuracy"


def _plot(names: list[str], found: Any, metric: Metric, how: tuple[int, int]) -> Plot:
    means = dict(zip(names, found.importances_mean.tolist(), strict=True))
    deviations = dict(zip(names, found.importances_std.tolist(), strict=True))
    chart = importance_chart(means, deviations, metric, _MOST_SHOWN)
    chart = replace(
        chart,
        details=f"Means over {how[1]} shuffles among {how[0]:,} test rows, with standard "
        "deviations. Correlated columns can replace each other, so that each of them looks "
        "unimportant.",
    )
    order = sorted(names, key=lambda name: -means[name])
    rows = [[name, number(means[name]), number(deviations[name])] for name in order]
    head = ["column", chart.x.title, "standard deviation"]
    height = max(260, 110 + 24 * len(chart.y.names))
    return Plot(chart, TableBlock(head, rows, title=chart.title), height=height, wide=True)
