"""Evaluation of a regressor: predicted and true values, residuals, largest errors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wellfit.charts import agreement_chart, residual_chart, residual_histogram
from wellfit.charts.numbers import MOST_OUTPUTS
from wellfit.core.words import percent
from wellfit.report.page.blocks import Block, Plot, Prose, TableBlock, number
from wellfit.report.page.classes import row_cells
from wellfit.report.page.run_data import RunData, TestPredictions
from wellfit.report.page.spread import interval_blocks

_MOST_ROWS = 10
_QUANTILES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)

Floats = NDArray[np.float64]


def residual_blocks(run: RunData) -> Iterator[Block]:
    """Yield the evaluation of a regressor on the test set."""
    predictions = run.test_predictions
    if predictions is None:
        yield Prose("The test set is missing.")
        return
    unit = str(run.about.get("target") or "the target")
    y, predicted = (part.reshape(len(part), -1) for part in (predictions.y, predictions.predicted))
    for output in range(min(y.shape[1], MOST_OUTPUTS)):
        name = f"{unit}, output {output + 1}" if y.shape[1] > 1 else unit
        yield from _plots(y[:, output], predicted[:, output], name)
    if y.shape[1] > MOST_OUTPUTS:
        yield Prose(f"The other {y.shape[1] - MOST_OUTPUTS} outputs are not shown.")
    yield from interval_blocks(run.model, predictions, unit, run.test_weights)
    yield _worst(predictions, np.abs(y - predicted).max(axis=1))


def _plots(y: Floats, predicted: Floats, name: str) -> Iterator[Plot]:
    table = _quantiles(y, predicted)
    yield Plot(agreement_chart(y, predicted, name), table)
    yield Plot(residual_chart(y, predicted, name), table)
    yield Plot(residual_histogram(y, predicted, name), table, ("log",))


def _quantiles(y: Floats, predicted: Floats) -> TableBlock:
    columns = [np.quantile(v, _QUANTILES).tolist() for v in (y, predicted, y - predicted)]
    words = {0: "least", 0.5: "median", 1: "most"}
    rows = [
        [words.get(share, f"{percent(share, 0)} below"), *map(number, values)]
        for share, values in zip(_QUANTILES, zip(*columns, strict=True), strict=True)
    ]
    head = ["of test rows", "true", "predicted", "true - predicted"]
    return TableBlock(head, rows, title="Quantiles of test rows")


def _worst(predictions: TestPredictions, errors: Floats) -> TableBlock:
    shown = np.argsort(-errors, kind="stable")[:_MOST_ROWS]
    columns, cells = row_cells(predictions.X, shown)
    rows = [
        [str(row + 1), _format(predictions.y[row]), _format(predictions.predicted[row]), *values]
        for row, values in zip(shown.tolist(), cells, strict=True)
    ]
    head = ["test row", "true", "predicted", *columns]
    return TableBlock(head, rows, title="The largest residuals", figures=False)


def _format(value: Floats) -> str:
    return ", ".join(number(float(one)) for one in np.atleast_1d(value))
