"""How good predicted classes are: confusions, worst mistakes, calibration, ROC, precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.report.page.curves import COLOURS
from wellfit.report.page.material import Answers, Material
from wellfit.report.page.parts import (
    Block,
    Chart,
    Gallery,
    Prose,
    Table,
    Trace,
    cut,
    literal,
    named_axis,
    sampled,
    upright,
)
from wellfit.report.page.pixels import grey, tiled
from wellfit.report.scores import confusion
from wellfit.report.words import percent, short

_MOST_CLASSES = 30  # beyond this a confusion matrix gives way to a list of confusions
_MOST_COUNTED = 15  # classes beyond which the cells have no numbers
_MOST_CONFUSIONS = 15
_MOST_PICTURES, _MOST_ROWS, _MOST_COLUMNS = 24, 10, 12
_MOST_CURVES, _MOST_POINTS = 8, 200
_BINS = 10
_Z = 1.959963984540054

Floats = NDArray[np.float64]


def class_blocks(run: Material) -> Iterator[Block]:
    """Yield all that test rows tell of a classifier."""
    tested = run.tested
    if tested is None:
        yield from _remembered(run)
        return
    if tested.one_class_each:
        classes, counts = confusion(tested.y, tested.predicted, tested.classes)
        names = [*tested.names, *map(str, classes[len(tested.names) :])]
        yield confusion_block(counts, names)
        yield calibration(tested)
        yield from mistakes(run, tested)
    yield from threshold_charts(tested)


def _remembered(run: Material) -> Iterator[Block]:
    """Yield what the run folder keeps of the test rows: the confusions."""
    kept = run.ended.get("confusion")
    if kept:
        yield confusion_block(np.asarray(kept["counts"]), [str(c) for c in kept["classes"]])
    else:
        yield Prose("There are no test rows at hand, and the run folder keeps no confusions.")


def confusion_block(counts: NDArray[np.int64], names: Sequence[str]) -> Block:
    """Return the matrix where it can be taken in, else a table of the commonest confusions."""
    common = commonest(counts, names)
    if len(names) > _MOST_CLASSES:
        return common
    right = int(np.trace(counts))
    trace = _confusion_trace(counts, names)
    layout = {
        "xaxis": named_axis(names, "predicted"),
        "yaxis": upright(names, "true"),
    }
    told = f"{right:,} of {counts.sum():,} test rows are classified correctly. "
    told += "The commonest confusions: "
    told += "; ".join(f"{a} taken for {b} ({n})" for a, b, n, _ in common.rows[:3]) or "none"
    table = Table(
        ["true \\ predicted", *names],
        [
            [name, *(f"{count:,}" for count in row)]
            for name, row in zip(names, counts.tolist(), strict=True)
        ],
        title="Rows by true and predicted class",
    )
    height = min(620, max(300, 110 + 34 * len(names)))
    return Chart(
        "Which classes are taken for which", f"{told}.", [trace], layout, table, (), height
    )


def _confusion_trace(counts: NDArray[np.int64], names: Sequence[str]) -> Trace:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cells = [
        [
            [literal(true), literal(predicted), count, share]
            for predicted, count, share in zip(names, row, of_class, strict=True)
        ]
        for true, row, of_class in zip(names, counts.tolist(), shares.tolist(), strict=True)
    ]
    trace: Trace = {"type": "heatmap", "z": _shades(shares), "customdata": cells}
    trace |= {"colorscale": "--scale", "zmin": -1, "zmax": 1, "showscale": False}
    trace |= {"xgap": 1, "ygap": 1}
    if len(names) <= _MOST_COUNTED:
        trace |= {"text": _cells(counts), "texttemplate": "%{text}"}
        trace["textfont"] = {"color": "--text"}
    trace["hovertemplate"] = (
        "true %{customdata[0]}<br>predicted %{customdata[1]}<br>"
        "%{customdata[2]} rows, %{customdata[3]:.1%} of the class<extra></extra>"
    )
    return trace


def _shades(shares: Floats) -> Floats:
    """Return shades from 1, all of a class are right, to -1, as many are wrong as anywhere."""
    errors = shares.copy()
    np.fill_diagonal(errors, 0)
    return np.where(
        errors > 0, -np.sqrt(errors / max(errors.max(), 0.02)), np.diag(shares.diagonal())
    )


def _cells(counts: NDArray[np.int64]) -> list[list[str]]:
    """Return counts as texts; zeros would hide the errors among them."""
    return [[f"{count:,}" if count else "" for count in row] for row in counts.tolist()]


def commonest(counts: NDArray[np.int64], names: Sequence[str]) -> Table:
    """Return a table of the pairs of classes that are confused most often."""
    errors = counts.copy()
    np.fill_diagonal(errors, 0)
    rows = []
    for place in np.argsort(-errors, axis=None, kind="stable")[:_MOST_CONFUSIONS].tolist():
        true, predicted = divmod(place, len(names))
        count = int(errors[true, predicted])
        if count:
            share = percent(count / counts[true].sum())
            rows.append([names[true], names[predicted], f"{count:,}", share])
    return Table(
        ["true class", "predicted as", "rows", "of the true class"],
        rows,
        title="The commonest confusions",
    )


def mistakes(run: Material, tested: Answers) -> Iterator[Block]:
    """Yield the mistakes that the model was surest of: as pictures, or as rows of a table."""
    wrong = np.flatnonzero(tested.y != tested.predicted)
    if not wrong.size:
        yield Prose("Every test row is classified correctly.", "good")
        return
    worst = wrong[np.argsort(tested.given[wrong], kind="stable")]
    shape = run.data.image_shape if run.data is not None else None
    yield _pictures(tested, worst, shape) if shape else _rows(tested, worst)


def _pictures(tested: Answers, worst: NDArray[np.int64], shape: tuple[int, int]) -> Gallery:
    shown, pairs = worst[:_MOST_PICTURES], _pairs(tested, worst[:_MOST_PICTURES])
    images = grey(np.asarray(tested.X)[shown].reshape(-1, *shape))
    columns = min(8, len(shown))
    return Gallery(
        "The worst mistakes",
        tiled(images, columns),
        [f"{true} → {predicted}, {sure}" for true, predicted, sure, _ in pairs],
        columns,
        (shape[1], shape[0]),
        scale=max(1, 84 // max(shape)),
        note=f"{len(shown)} of {len(worst):,} mistakes, those first in which the true class was "
        "given the least probability: true class → predicted class, and how sure of it.",
    )


def _rows(tested: Answers, worst: NDArray[np.int64]) -> Table:
    shown = worst[:_MOST_ROWS]
    columns, cells = row_cells(tested.X, shown)
    pairs = _pairs(tested, shown)
    rows = [
        [str(row + 1), true, predicted, given, *values]
        for row, (true, predicted, _, given), values in zip(
            shown.tolist(), pairs, cells, strict=True
        )
    ]
    head = ["test row", "true", "predicted", "true class given", *columns]
    title = f"The worst {len(rows)} of {len(worst):,} mistakes"
    return Table(head, rows, title=title, figures=False)


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


def _pairs(tested: Answers, rows: NDArray[np.int64]) -> list[tuple[str, str, str, str]]:
    """Return the true class, the predicted one and its probability, and the true one's."""
    assert tested.chances is not None
    best = tested.chances[rows].argmax(axis=1)
    told = []
    for row, answer in zip(rows.tolist(), best.tolist(), strict=True):
        place = tested.places[row]
        true = tested.names[place] if place >= 0 else str(tested.y[row])
        sure = percent(float(tested.chances[row, answer]), 0)
        told.append((true, tested.names[answer], sure, f"{tested.given[row]:.2g}"))
    return told


def calibration(tested: Answers) -> Chart:
    """Return how often answers are right, by how sure the model was of them."""
    assert tested.chances is not None
    sure, right = tested.chances.max(axis=1), tested.y == tested.predicted
    place = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(place, minlength=_BINS)
    there = np.flatnonzero(counts)
    means = np.bincount(place, sure, _BINS)[there] / counts[there]
    shares = np.bincount(place, right.astype(float), _BINS)[there] / counts[there]
    low, high = wilson(shares, counts[there])
    error = float((counts[there] * np.abs(means - shares)).sum() / len(sure))
    rows = [
        [f"{b / _BINS:.0%} to {(b + 1) / _BINS:.0%}", f"{counts[b]:,}", percent(m), percent(s)]
        for b, m, s in zip(there.tolist(), means.tolist(), shares.tolist(), strict=True)
    ]
    traces: list[Trace] = [
        {"type": "scatter", "mode": "lines", "name": "perfect", "x": [0, 1], "y": [0, 1]}
        | {"line": {"color": "--quiet", "dash": "dot"}, "hoverinfo": "skip"},
        {"type": "scatter", "mode": "lines+markers", "name": "the model", "x": means, "y": shares}
        | {"line": {"color": COLOURS[0]}, "marker": {"size": 8}}
        | {"error_y": _bars(high - shares, shares - low), "customdata": counts[there]}
        | {"hovertemplate": "sure %{x:.1%}<br>right %{y:.1%} of %{customdata} rows"},
    ]
    axis = {"range": [0, 1.03], "tickformat": ".0%"}
    layout = {
        "xaxis": {**axis, "title": {"text": "mean probability of the answer"}},
        "yaxis": {**axis, "title": {"text": "share of answers that are right"}},
    }
    told = f"How sure the model is, and how often it is right. The two differ by {percent(error)} "
    told += "on average (expected calibration error). Bars are 95 % intervals."
    table = Table(["how sure", "rows", "mean probability", "right"], rows, title="Calibration")
    return Chart("Is it right as often as it says?", told, traces, layout, table)


def _bars(plus: Floats, minus: Floats) -> dict[str, Any]:
    shape = {"type": "data", "symmetric": False, "thickness": 1.2, "width": 3}
    return {**shape, "array": plus, "arrayminus": minus, "color": COLOURS[0]}


def wilson(shares: Floats, counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the bounds of shares' 95 % intervals.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    >>> low, high = wilson(np.array([0.5]), np.array([100]))
    >>> low.round(3), high.round(3)
    (array([0.404]), array([0.596]))
    """
    z = _Z**2 / counts
    middle = (shares + z / 2) / (1 + z)
    half = np.sqrt(z * (shares * (1 - shares) + z / 4)) / (1 + z)
    return middle - half, middle + half


def threshold_charts(tested: Answers) -> Iterator[Chart]:
    """Yield ROC curves and precision-recall curves: of each class against the others."""
    from sklearn.metrics import precision_recall_curve, roc_curve

    assert tested.chances is not None
    truths = _truths(tested)
    if not truths:
        return
    chances, names = tested.chances, list(tested.names)
    aucs = {c: _auc(*roc_curve(truth, chances[:, c])[:2]) for c, truth in truths.items()}
    shown = sorted(aucs, key=aucs.__getitem__)[:_MOST_CURVES]
    left = len(aucs) - len(shown)
    more = f" Shown are the {len(shown)} classes with the least area." if left else ""
    rocs = {c: roc_curve(truths[c], chances[:, c])[:2] for c in shown}
    rows = [[names[c], f"{aucs[c]:.4f}"] for c in sorted(aucs, key=aucs.__getitem__)]
    yield _curves(
        ("ROC curve", "false positives", "true positives", "area under the curve"),
        {names[c]: line for c, line in rocs.items()},
        rows,
        more,
        diagonal=True,
    )
    lines, rows = {}, []
    for c in shown:
        precision, recall, _ = precision_recall_curve(truths[c], chances[:, c])
        lines[names[c]] = (recall[::-1], precision[::-1])
        rows.append([names[c], f"{_average_precision(precision, recall):.4f}"])
    yield _curves(
        ("Precision and recall", "recall", "precision", "average precision"), lines, rows, more
    )


def _truths(tested: Answers) -> dict[int, NDArray[np.bool_]]:
    """Return for each class which rows are of it; not for those that no or every row is of."""
    classes = range(len(tested.names))
    if tested.y.ndim > 1:
        truths = {c: tested.y[:, c] == 1 for c in classes}
    elif len(tested.names) == 2:
        truths = {1: tested.places == 1}
    else:
        truths = {c: tested.places == c for c in classes}
    return {c: truth for c, truth in truths.items() if 0 < truth.sum() < len(truth)}


def _auc(x: Floats, y: Floats) -> float:
    return float(np.trapezoid(y, x))


def _average_precision(precision: Floats, recall: Floats) -> float:
    return float(-np.sum(np.diff(recall) * precision[:-1]))


def _curves(
    words: tuple[str, str, str, str],
    lines: dict[str, tuple[Floats, Floats]],
    rows: list[list[str]],
    more: str,
    diagonal: bool = False,
) -> Chart:
    title, x, y, area = words
    traces: list[Trace] = []
    if diagonal:
        traces.append(
            {"type": "scatter", "mode": "lines", "name": "chance", "x": [0, 1], "y": [0, 1]}
            | {"line": {"color": "--quiet", "dash": "dot"}, "hoverinfo": "skip"}
        )
    for place, (name, line) in enumerate(lines.items()):
        points = sampled(len(line[0]), _MOST_POINTS)
        traces.append(
            {"type": "scatter", "mode": "lines", "name": literal(cut(name))}
            | {"x": line[0][points], "y": line[1][points]}
            | {"line": {"color": COLOURS[place % len(COLOURS)], "width": 2}}
        )
    axis = {"range": [-0.02, 1.02]}
    layout = {"xaxis": {**axis, "title": {"text": x}}, "yaxis": {**axis, "title": {"text": y}}}
    told = ", ".join(f"{value} for {name}" for name, value in rows[:_MOST_CURVES])
    table = Table(["class", area], rows, title=f"{title}: {area}")
    return Chart(title, f"The {area} is {told}.{more}", traces, layout, table)
