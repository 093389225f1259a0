"""Which columns the model relies on: how much worse it gets when one is shuffled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from wellfit.report.page.curves import COLOURS
from wellfit.report.page.material import Answers, Material
from wellfit.report.page.parts import Block, Chart, Prose, Table, literal, number, upright

_ROWS, _FEWEST_ROWS = 1000, 200
_REPEATS, _FEWEST_REPEATS = 5, 2
_SECONDS = 2.0
_MOST_SHOWN = 20


def importance_blocks(run: Material) -> Iterator[Block]:
    """Yield the chart, or why there is none."""
    tested = run.tested
    if tested is None or run.data is None:
        yield Prose("There are no test rows at hand to shuffle columns of.")
    elif run.data.image_shape:
        yield Prose(
            "The columns are pixels, and a single pixel says little: see what the first layer "
            "looks for, under Layers."
        )
    else:
        yield _measured(run.model, tested)


def _measured(model: Any, tested: Answers) -> Block:
    import pandas as pd
    from sklearn.inspection import permutation_importance

    table = tested.X if isinstance(tested.X, pd.DataFrame) else np.asarray(tested.X)
    chosen = np.random.default_rng(0).permutation(len(table))[:_ROWS]
    part, y = _take(table, chosen), tested.y[chosen]
    rows, repeats = _affordable(model, part)
    if not repeats:
        return Prose(f"With {table.shape[1]:,} columns, shuffling each of them takes too long.")
    part, y = _take(part, np.arange(rows)), y[:rows]
    scoring, what = _scoring(tested, y)
    found = permutation_importance(
        model, part, y, scoring=scoring, n_repeats=repeats, random_state=0
    )
    names = [str(c) for c in getattr(table, "columns", range(table.shape[1]))]
    return _chart(names, found.importances_mean, found.importances_std, what, (rows, repeats))


def _take(table: Any, rows: Any) -> Any:
    return table.iloc[rows] if hasattr(table, "iloc") else table[rows]


def _affordable(model: Any, part: Any) -> tuple[int, int]:
    """Return how many rows, and how often to shuffle each column, are done in time; 0 if none."""
    model.predict(_take(part, np.arange(1)))  # the first call also prepares
    for rows in (len(part), min(len(part), _FEWEST_ROWS)):
        began = time.perf_counter()
        model.predict(_take(part, np.arange(rows)))
        each = (time.perf_counter() - began) * part.shape[1]
        repeats = min(_REPEATS, int(_SECONDS / max(each, 1e-9)))
        if repeats >= _FEWEST_REPEATS:
            return rows, repeats
    return rows, 0


def _scoring(tested: Answers, y: Any) -> tuple[str | None, str]:
    """Return a scorer, and how its loss is told."""
    if tested.chances is None:
        return "r2", "R²"
    if tested.y.ndim == 1 and set(np.unique(y).tolist()) == set(tested.classes):
        return "neg_log_loss", "log loss"
    return "accuracy", "accuracy"


def _chart(names: list[str], means: Any, spreads: Any, what: str, how: tuple[int, int]) -> Chart:
    order = np.argsort(-means, kind="stable")
    shown = order[:_MOST_SHOWN]
    bars = {"type": "data", "array": spreads[shown], "color": "--text", "thickness": 1.2}
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": means[shown],
        "y": list(range(len(shown))),
        "hovertext": [literal(names[place]) for place in shown],
        "hovertemplate": "%{hovertext}: %{x:.3g}<extra></extra>",
        "error_x": bars,
        "marker": {"color": COLOURS[0]},
    }
    unit = "rise of the log loss" if what == "log loss" else f"loss of {what}"
    layout = {
        "xaxis": {"title": {"text": unit}},
        "yaxis": upright([names[p] for p in shown]),
    }
    rows = [[names[p], number(float(means[p])), number(float(spreads[p]))] for p in order]
    first = ", ".join(f"{name} {value}" for name, value, _ in rows[:3])
    told = f"{unit} when a column's values are shuffled among {how[0]:,} test rows, "
    told += f"the mean of {how[1]} times with its deviation. The first: {first}. Columns that say "
    told += "the same stand in for each other, and both look unimportant."
    table = Table(["column", unit, "deviation"], rows, title="Importance by permutation")
    height = max(260, 110 + 24 * len(shown))
    return Chart("What the model relies on", told, [trace], layout, table, (), height, wide=True)
