"""How good predicted numbers are: against the truth, what is left, the worst rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wellfit.report.page.classes import row_cells
from wellfit.report.page.curves import COLOURS
from wellfit.report.page.material import Answers, Material
from wellfit.report.page.parts import Block, Chart, Prose, Table, Trace, number
from wellfit.report.words import percent

_MOST_POINTS, _MOST_OUTPUTS, _MOST_ROWS = 2000, 4, 10
_BINS = 50
_QUANTILES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)

Floats = NDArray[np.float64]


def residual_blocks(run: Material) -> Iterator[Block]:
    """Yield all that test rows tell of a regressor."""
    tested = run.tested
    if tested is None:
        yield Prose("There are no test rows at hand to compare predictions with.")
        return
    unit = str(run.about.get("target") or "the target")
    y, predicted = (part.reshape(len(part), -1) for part in (tested.y, tested.predicted))
    for output in range(min(y.shape[1], _MOST_OUTPUTS)):
        name = f"{unit}, output {output + 1}" if y.shape[1] > 1 else unit
        yield from _charts(y[:, output], predicted[:, output], name)
    if y.shape[1] > _MOST_OUTPUTS:
        yield Prose(f"The other {y.shape[1] - _MOST_OUTPUTS} outputs are not drawn.")
    yield _worst(tested, np.abs(y - predicted).max(axis=1))


def _charts(y: Floats, predicted: Floats, name: str) -> Iterator[Chart]:
    rest = y - predicted
    table = _quantiles(y, predicted)
    shown = np.random.default_rng(0).permutation(len(y))[:_MOST_POINTS]
    drawn = "" if len(shown) == len(y) else f" {len(shown):,} rows of {len(y):,}, at random."
    spread = number(float(np.sqrt(np.mean(rest**2))))
    low, high = float(min(y.min(), predicted.min())), float(max(y.max(), predicted.max()))
    line = _line([low, high], [low, high], "perfect")
    yield _scatter(
        f"Predicted and true: {name}",
        f"Predictions against the truth; a perfect one lies on the line.{drawn}",
        ("true", "predicted"),
        [line, _points(y[shown], predicted[shown])],
        table,
    )
    low, high = float(predicted.min()), float(predicted.max())
    yield _scatter(
        f"What is left by prediction: {name}",
        f"True minus predicted, by prediction; its root mean square is {spread}.{drawn}",
        ("predicted", "true − predicted"),
        [_line([low, high], [0, 0], "right"), _points(predicted[shown], rest[shown])],
        table,
    )
    yield _histogram(rest, name, table)


def _points(x: Floats, y: Floats) -> Trace:
    marker = {"size": 5, "opacity": 0.45, "color": COLOURS[0]}
    return {"type": "scatter", "mode": "markers", "name": "test rows", "marker": marker} | {
        "x": x,
        "y": y,
    }


def _line(x: list[float], y: list[float], name: str) -> Trace:
    line = {"color": "--quiet", "dash": "dot"}
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": line}


def _scatter(
    title: str, told: str, axes: tuple[str, str], traces: list[Trace], table: Table
) -> Chart:
    layout = {"xaxis": {"title": {"text": axes[0]}}, "yaxis": {"title": {"text": axes[1]}}}
    return Chart(title, told, traces, layout, table)


def _histogram(rest: Floats, name: str, table: Table) -> Chart:
    finite = rest[np.isfinite(rest)]
    counts, edges = np.histogram(finite, bins=_BINS)
    centre = (edges[1:] + edges[:-1]) / 2
    trace: Trace = {"type": "bar", "x": centre, "y": counts, "marker": {"color": COLOURS[0]}}
    layout = {
        "xaxis": {"title": {"text": "true − predicted"}},
        "yaxis": {"title": {"text": "test rows"}},
        "bargap": 0.03,
    }
    middle, mean = number(float(np.median(finite))), number(float(finite.mean()))
    told = f"How what is left is spread: its median is {middle}, its mean {mean}."
    return Chart(f"What is left: {name}", told, [trace], layout, table, ("log",))


def _quantiles(y: Floats, predicted: Floats) -> Table:
    columns = [np.quantile(v, _QUANTILES).tolist() for v in (y, predicted, y - predicted)]
    words = {0: "least", 0.5: "median", 1: "most"}
    rows = [
        [words.get(share, f"{percent(share, 0)} below"), *map(number, values)]
        for share, values in zip(_QUANTILES, zip(*columns, strict=True), strict=True)
    ]
    head = ["of test rows", "true", "predicted", "true − predicted"]
    return Table(head, rows, title="Quantiles of test rows")


def _worst(tested: Answers, errors: Floats) -> Table:
    shown = np.argsort(-errors, kind="stable")[:_MOST_ROWS]
    columns, cells = row_cells(tested.X, shown)
    rows = [
        [str(row + 1), _told(tested.y[row]), _told(tested.predicted[row]), *values]
        for row, values in zip(shown.tolist(), cells, strict=True)
    ]
    head = ["test row", "true", "predicted", *columns]
    return Table(head, rows, title="The rows that are most wrong", figures=False)


def _told(value: Floats) -> str:
    return ", ".join(number(float(one)) for one in np.atleast_1d(value))
