"""Single test rows, explained: what each column adds to their predictions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import HyperparameterError, InputError
from wellfit.core.words import percent, signed
from wellfit.datasets.splitting import take_rows
from wellfit.estimators.conformal import intervals_at, levels_of
from wellfit.explanation import Attributions, attribute, baseline_rows
from wellfit.report.page.blocks import Block, Plot, Prose, TableBlock, number
from wellfit.report.page.run_data import RunData, TestPredictions

_SECONDS = 3.0  # of the processor, after which no further row is explained
_SHOWN = 4  # rows
_LEAST = 460  # pixels of a chart, names and bars
_LARGEST = "the largest error", "the second largest error", "the third largest error"
_USUAL = 0.9  # the level of intervals whose widths are compared, or the highest below
_MOST_COLUMNS = 30  # of a row's table

Floats = NDArray[np.float64]


def row_blocks(run: RunData) -> Iterator[Block]:
    """Yield the attributions of a few test rows, or nothing if the model has no networks."""
    predictions, data = run.test_predictions, run.data
    assert predictions is not None
    assert data is not None
    chosen, baseline = _chosen(run.model, predictions), baseline_rows(data.X)
    plots: list[Plot] = []
    began = time.process_time()
    for row, title in chosen.items():
        if plots and time.process_time() - began > _SECONDS:
            break
        try:
            found = attribute(run.model, take_rows(predictions.X, [row]), baseline=baseline)
        except InputError:  # predictions of pairs, or of several labels with no single output
            return
        plots.append(_plot(found, f"Test row {row + 1}: {title}", _truth(predictions, row)))
    yield Prose(_intro(plots, len(predictions.y), len(chosen), baseline is not None))
    yield from plots


def _intro(plots: list[Plot], rows: int, wanted: int, has_baseline: bool) -> str:
    """Return the paragraph above the charts."""
    start = "the mean training row" if has_baseline else "zeros: medians, False, none of a level"
    left = (
        f" More would have taken more than {_SECONDS:.0f} seconds of the processor."
        if len(plots) < wanted
        else ""
    )
    return (
        f"What each column adds to single predictions, by integrated gradients from {start}: "
        f"{len(plots)} of {rows:,} test rows are explained.{left} `wellfit explain RUN ROWS.csv` "
        "explains any others. An attribution says what the model made of a column, not what "
        "changing the column would change in the world."
    )


def _chosen(model: Any, predictions: TestPredictions) -> dict[int, str]:
    """Return the test rows to explain, with what each of them is."""
    errors, doubts = _errors(predictions), _doubts(model, predictions)
    order = np.argsort(errors, kind="stable")
    named = {"a typical error": order[len(order) // 2]}
    if doubts is not None:
        named["the most uncertain"] = doubts.argmax()
    elif predictions.probabilities is None:
        named["the highest prediction"] = _first_output(predictions.predicted).argmax()
    rows: dict[int, list[str]] = {}
    for name, row in [*named.items(), *zip(_LARGEST, order[::-1], strict=False)]:
        if len(rows) < _SHOWN:
            rows.setdefault(int(row), []).append(name)
    return {row: ", ".join(names) for row, names in rows.items()}


def _errors(predictions: TestPredictions) -> Floats:
    """Return how wrong the prediction of each test row is (n,)."""
    if predictions.one_class_each:
        return 1 - predictions.true_class_probability
    told = (
        predictions.predicted if predictions.probabilities is None else predictions.probabilities
    )
    truth = predictions.y.astype(np.float64).reshape(len(told), -1)
    scale = truth.std(axis=0)
    off = np.abs(truth - told.reshape(truth.shape)) / np.where(scale > 0, scale, 1.0)
    return np.asarray(off.max(axis=1))


def _doubts(model: Any, predictions: TestPredictions) -> Floats | None:
    """Return how uncertain the model is of each test row (n,); None where it doesn't say.

    It does by the probability of the likeliest class, by the widths of intervals where these
    differ, or by how far networks disagree whose average predicts.
    """
    if predictions.probabilities is not None:
        sure = np.abs(predictions.probabilities - 0.5).min(axis=1)
        return -(predictions.probabilities.max(axis=1) if predictions.one_class_each else sure)
    if levels := levels_of(model):
        level = max((one for one in levels if one <= _USUAL), default=levels[0])
        (bounds,) = intervals_at(model, predictions.X, [level])
        widths = _first_output(bounds[..., 1] - bounds[..., 0])
        if np.ptp(widths) > 1e-6 * widths.max():
            return widths
    try:
        return _first_output(model.predict_std(predictions.X))
    except (AttributeError, HyperparameterError):  # a single network
        return None


def _first_output(numbers: NDArray[Any]) -> Floats:
    """Return the first column, which is the output that attributions explain."""
    return np.asarray(numbers, dtype=np.float64).reshape(len(numbers), -1)[:, 0]


def _truth(predictions: TestPredictions, row: int) -> str:
    """Return the sentence on what is true of a row, and what was predicted."""
    if predictions.one_class_each:
        assert predictions.probabilities is not None
        place, best = int(predictions.places[row]), int(predictions.probabilities[row].argmax())
        true = predictions.names[place] if place >= 0 else str(predictions.y[row])
        sure = percent(float(predictions.probabilities[row, best]))
        return f"True class: {true}; predicted: {predictions.names[best]} ({sure})."
    pairs = [np.atleast_1d(each[row]) for each in (predictions.y, predictions.predicted)]
    true, told = (", ".join(number(float(one)) for one in each) for each in pairs)
    return f"True: {true}; predicted: {told}."


def _plot(found: Attributions, title: str, truth: str) -> Plot:
    chart = found.chart_of(0)
    notes = [f"{name}: {text}." for name, text in found.understood[0].items()]
    chart = replace(chart, title=title, details=" ".join([truth, chart.details, *notes]))
    frame = found.row_frame(0)
    rows = [
        [str(name), str(cell), signed(value)]
        for name, cell, value in frame[:_MOST_COLUMNS].itertuples(index=False)
    ]
    if len(frame) > _MOST_COLUMNS:
        rest = float(frame["attribution"][_MOST_COLUMNS:].sum())
        rows.append([f"{len(frame) - _MOST_COLUMNS:,} others", "", signed(rest)])
    table = TableBlock(["column", "value", "adds"], rows, title=title)
    height = max(260, 110 + 24 * len(chart.y.names))
    return Plot(chart, table, height=height, least=_LEAST)
