"""Evaluation of a classifier: confusion matrix, largest errors, calibration, ROC, precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.charts import (
    Calibration,
    calibration_chart,
    confusion_chart,
    frequent_errors,
    precision_recall_chart,
    roc_chart,
)
from wellfit.core.words import percent, short
from wellfit.report.page.blocks import Block, Gallery, Plot, Prose, TableBlock
from wellfit.report.page.pixels import grey, tiled
from wellfit.report.page.run_data import RunData, TestPredictions
from wellfit.report.page.spread import set_blocks
from wellfit.report.scores import confusion

_MOST_CLASSES = 30  # more classes are shown as a list of confusions
_MOST_CONFUSIONS = 15
_MOST_PICTURES, _MOST_ROWS, _MOST_COLUMNS = 24, 10, 12
_MOST_CURVES = 8

Floats = NDArray[np.float64]


def class_blocks(run: RunData) -> Iterator[Block]:
    """Yield the evaluation of a classifier on the test set."""
    predictions = run.test_predictions
    if predictions is None:
        yield from _remembered(run)
        return
    if predictions.one_class_each:
        classes, counts = confusion(predictions.y, predictions.predicted, predictions.classes)
        named = dict(zip(predictions.classes, predictions.names, strict=True))
        yield confusion_block(counts, [named.get(label, str(label)) for label in classes])
        yield calibration(predictions)
        yield from set_blocks(run.model, predictions, run.test_weights)
        yield from mistakes(run, predictions)
    yield from threshold_plots(predictions)


def _remembered(run: RunData) -> Iterator[Block]:
    """Yield the confusion matrix stored in the run folder."""
    kept = run.ended.get("confusion")
    if kept:
        yield confusion_block(np.asarray(kept["counts"]), [str(c) for c in kept["classes"]])
    else:
        yield Prose("The test set is missing, and the run folder has no confusion matrix.")


def confusion_block(counts: NDArray[np.int64], names: Sequence[str]) -> Block:
    """Return the confusion matrix, or a table of the most frequent errors for many classes."""
    if len(names) > _MOST_CLASSES:
        return most_frequent(counts, names)
    rows = [
        [name, *(f"{count:,}" for count in row)]
        for name, row in zip(names, counts.tolist(), strict=True)
    ]
    title = "Rows by true and predicted class"
    table = TableBlock(["true \\ predicted", *names], rows, title=title)
    height = min(620, max(300, 110 + 34 * len(names)))
    return Plot(confusion_chart(counts, names), table, height=height)


def most_frequent(counts: NDArray[np.int64], names: Sequence[str]) -> TableBlock:
    """Return a table of the pairs of classes that are confused most often."""
    found = frequent_errors(counts, names, _MOST_CONFUSIONS)
    rows = [[*pair, f"{count:,}", percent(share)] for *pair, count, share in found]
    head = ["true class", "predicted as", "rows", "of the true class"]
    return TableBlock(head, rows, title="The most frequent errors")


def mistakes(run: RunData, predictions: TestPredictions) -> Iterator[Block]:
    """Yield the errors with the highest confidence, as images or as rows of a table."""
    wrong = np.flatnonzero(predictions.y != predictions.predicted)
    if not wrong.size:
        yield Prose("All test rows are classified correctly.", "good")
        return
    worst = wrong[np.argsort(predictions.true_class_probability[wrong], kind="stable")]
    shape = run.data.image_shape if run.data is not None else None
    yield _pictures(predictions, worst, shape) if shape else _rows(predictions, worst)


def _pictures(
    predictions: TestPredictions, worst: NDArray[np.int64], shape: tuple[int, int]
) -> Gallery:
    shown, pairs = worst[:_MOST_PICTURES], _pairs(predictions, worst[:_MOST_PICTURES])
    images = grey(np.asarray(predictions.X)[shown].reshape(-1, *shape))
    columns = min(8, len(shown))
    return Gallery(
        "The largest errors",
        tiled(images, columns),
        [f"{true} → {predicted}, {sure}" for true, predicted, sure, _ in pairs],
        columns,
        (shape[1], shape[0]),
        scale=max(1, 84 // max(shape)),
        note=f"{len(shown)} of {len(worst):,} errors, ordered by the predicted probability of "
        "the true class: true class → predicted class, and its probability.",
    )


def _rows(predictions: TestPredictions, worst: NDArray[np.int64]) -> TableBlock:
    shown = worst[:_MOST_ROWS]
    columns, cells = row_cells(predictions.X, shown)
    pairs = _pairs(predictions, shown)
    rows = [
        [str(row + 1), true, predicted, given, *values]
        for row, (true, predicted, _, given), values in zip(
            shown.tolist(), pairs, cells, strict=True
        )
    ]
    head = ["test row", "true", "predicted", "probability of true class", *columns]
    title = f"The largest {len(rows)} of {len(worst):,} errors"
    return TableBlock(head, rows, title=title, figures=False)


def row_cells(X: Any, shown: NDArray[np.int64]) -> tuple[list[str], list[list[str]]]:
    """Return the names of the first columns, and the cells of some rows in them."""
    import pandas as pd

    table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    part = table.iloc[shown, :_MOST_COLUMNS]
    left = table.shape[1] - part.shape[1]
    names = [str(name) for name in part.columns] + ([f"and {left} more"] if left else [])
    more = ["…"] if left else []
    cells = [[*map(_cell, row), *more] for row in part.astype(object).to_numpy().tolist()]
    return names, cells


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "–"
    text = short(value) if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _pairs(
    predictions: TestPredictions, rows: NDArray[np.int64]
) -> list[tuple[str, str, str, str]]:
    """Return the true class, the predicted class, and the probabilities of both."""
    assert predictions.probabilities is not None
    best = predictions.probabilities[rows].argmax(axis=1)
    texts = []
    for row, answer in zip(rows.tolist(), best.tolist(), strict=True):
        place = predictions.places[row]
        true = predictions.names[place] if place >= 0 else str(predictions.y[row])
        sure = percent(float(predictions.probabilities[row, answer]), 0)
        texts.append(
            (
                true,
                predictions.names[answer],
                sure,
                f"{predictions.true_class_probability[row]:.2g}",
            )
        )
    return texts


def calibration(predictions: TestPredictions) -> Plot:
    """Return the calibration curve: accuracy by predicted probability."""
    assert predictions.probabilities is not None
    found = Calibration.of(
        predictions.probabilities.max(axis=1), predictions.y == predictions.predicted
    )
    rows = [
        [f"{10 * b} % to {10 * b + 10} %", f"{n:,}", percent(m), percent(s)]
        for b, n, m, s in zip(
            found.bins.tolist(),
            found.counts.tolist(),
            found.confidence.tolist(),
            found.frequency.tolist(),
            strict=True,
        )
    ]
    head = ["probability", "rows", "mean probability", "accuracy"]
    return Plot(calibration_chart(found), TableBlock(head, rows, title="Calibration by bins"))


def threshold_plots(predictions: TestPredictions) -> Iterator[Plot]:
    """Yield the one-vs-rest ROC and precision-recall curves of the classes."""
    truths = _truths(predictions)
    if not truths:
        return
    for of, name in ((roc_chart, "ROC AUC"), (precision_recall_chart, "average precision")):
        chart, areas = of(truths)
        worst = dict(sorted(areas.items(), key=lambda pair: pair[1])[:_MOST_CURVES])
        if len(worst) < len(areas):
            chart, _ = of({name: truths[name] for name in worst})
            left = f"Shown are the {len(worst)} of {len(areas)} classes with the lowest {name}."
            chart = replace(chart, details=f"{chart.details} {left}")
        rows = [[c, f"{area:.4f}"] for c, area in sorted(areas.items(), key=lambda pair: pair[1])]
        yield Plot(chart, TableBlock(["class", name], rows, title=f"{chart.title}: {name}"))


def _truths(predictions: TestPredictions) -> dict[str, tuple[NDArray[np.bool_], Floats]]:
    """Return a mask of each class and its predicted probabilities.

    Classes that no row or every row has are omitted.
    """
    assert predictions.probabilities is not None
    classes = range(len(predictions.names))
    if predictions.y.ndim > 1:
        truths = {c: predictions.y[:, c] == 1 for c in classes}
    elif len(predictions.names) == 2:
        truths = {1: predictions.places == 1}
    else:
        truths = {c: predictions.places == c for c in classes}
    known = {c: truth for c, truth in truths.items() if 0 < truth.sum() < len(truth)}
    return {
        predictions.names[c]: (truth, predictions.probabilities[:, c])
        for c, truth in known.items()
    }
