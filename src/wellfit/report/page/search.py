"""The candidates of a search: scores by rank and by parameter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wellfit.charts import Axis, Chart, Points, floats
from wellfit.report.page.blocks import (
    Block,
    Facts,
    Plot,
    Prose,
    Table,
    number,
    setting,
)
from wellfit.report.page.run_data import RunData
from wellfit.report.page.space import space_blocks

if TYPE_CHECKING:
    import pandas as pd

_FIGURES = ("rank", "mean", "std", "fits", "seconds", "epochs")
_FOLD = "fold "
_MOST_ROWS = 50


def search_blocks(run: RunData) -> Iterator[Block]:
    """Yield everything about the candidates."""
    frame = run.candidates
    yield Facts(list(_facts(run)), title="The search")
    if frame is None or not len(frame):
        yield Prose("No candidate was finished.", "warn")
        return
    names = parameters_of(frame)
    yield ranks_plot(frame, names)
    yield from space_blocks(frame, names)
    yield _table(frame, names)


def _facts(run: RunData) -> Iterator[tuple[str, str]]:
    options = run.config.get("search") or {}
    found = run.ended.get("search") or {}
    for key in ("candidates", "cv", "sampler", "halving", "restarts", "score", "time_limit"):
        if options.get(key) is not None:
            yield {"cv": "folds"}.get(key, key.replace("_", " ")), str(options[key])
    if options.get("space"):
        yield "space", json.dumps(options["space"], ensure_ascii=False)
    if found:
        yield "best mean score on the folds", _score(found.get("mean"), found.get("std"))
        yield "seconds", number(found.get("seconds"))
    for key, value in (found.get("best_params") or {}).items():
        yield f"best {_named(key)}", setting(value)


def parameters_of(frame: pd.DataFrame) -> list[str]:
    """Return the columns that are parameters."""
    names = [str(name) for name in frame.columns]
    return [name for name in names if name not in _FIGURES and not name.startswith(_FOLD)]


def _named(name: str) -> str:
    return name.rpartition("__")[2].replace("_", " ")


def ranks_plot(frame: pd.DataFrame, names: Sequence[str]) -> Plot:
    """Return the candidates' scores by rank, with standard deviations over the folds."""
    ranks, means, spreads = (floats(frame[key]) for key in ("rank", "mean", "std"))
    known = means[np.isfinite(means)]
    text = "No candidate has a score"
    if known.size:
        best, half = number(float(known.max())), number(float(np.median(known)))
        text = f"The scores of {len(frame)} candidates: best {best}, median {half}"
    chart = Chart(
        "All candidates by rank",
        text,
        [Points(ranks, means, errors=(spreads, spreads), hover=_hover(frame, names))],
        Axis("rank", whole=True),
        Axis("mean score on the folds"),
        "Bars are standard deviations over the folds.",
    )
    rows = [[f"{r:.0f}", number(float(m))] for r, m in zip(ranks, means, strict=True)]
    return Plot(chart, Table(["rank", "mean score"], rows[:_MOST_ROWS], title="Scores by rank"))


def _hover(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    return [
        "\n".join(
            [
                f"rank {row['rank']}: {_score(row['mean'], row['std'])}",
                *(f"{_named(name)} {_text(row[name])}" for name in names),
            ]
        )
        for row in frame.to_dict("records")
    ]


def _table(frame: pd.DataFrame, names: Sequence[str]) -> Table:
    shown = frame.head(_MOST_ROWS)
    rows = [
        [
            str(row["rank"]),
            _score(row["mean"], row["std"]),
            str(row["fits"]),
            number(row["seconds"]),
            *(_text(row[name]) for name in names),
        ]
        for row in shown.to_dict("records")
    ]
    left = len(frame) - len(shown)
    title = "The candidates" + (f" (the first {len(shown)}; {left:,} more)" if left else "")
    head = ["rank", "score", "fits", "seconds", *map(_named, names)]
    return Table(head, rows, title=title)


def _score(mean: Any, std: Any) -> str:
    """Return a mean with its deviation over the folds."""
    if mean is None or mean != mean:
        return "–"
    return f"{mean:.4f}" + (f" ± {std:.4f}" if std is not None and std == std else "")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return number(int(value)) if value.is_integer() else number(value)
    return str(value)
