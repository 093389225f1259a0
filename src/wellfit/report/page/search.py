"""What a search tried: how the best got better, and what each parameter did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wellfit.report.page.curves import COLOURS
from wellfit.report.page.material import Material
from wellfit.report.page.parts import (
    Block,
    Chart,
    Facts,
    Prose,
    Table,
    Trace,
    cut,
    literal,
    number,
    setting,
)
from wellfit.report.page.space import space_blocks

if TYPE_CHECKING:
    import pandas as pd

_FIGURES = ("rank", "mean", "std", "fits", "seconds", "epochs")
_FOLD = "fold "
_MOST_ROWS, _MOST_AXES = 50, 12
_LOG_FROM = 30  # how many times the smallest the largest is, where an axis is logarithmic


def search_blocks(run: Material) -> Iterator[Block]:
    """Yield all there is to see of the candidates."""
    frame = run.candidates
    yield Facts(list(_facts(run)), title="The search")
    if frame is None or not len(frame):
        yield Prose("No candidate was finished.", "warn")
        return
    names = parameters_of(frame)
    yield ranks_chart(frame, names)
    yield from space_blocks(frame, names)
    for name in names[:_MOST_AXES]:
        yield axis_chart(frame, name)
    yield _table(frame, names)


def _facts(run: Material) -> Iterator[tuple[str, str]]:
    options = run.config.get("search") or {}
    found = run.ended.get("search") or {}
    for key in ("candidates", "cv", "sampler", "halving", "restarts", "score", "time_limit"):
        if options.get(key) is not None:
            yield {"cv": "folds"}.get(key, key.replace("_", " ")), str(options[key])
    if options.get("space"):
        yield "space", json.dumps(options["space"], ensure_ascii=False)
    if found:
        yield "best score on held-out folds", _score(found.get("mean"), found.get("std"))
        yield "seconds", number(found.get("seconds"))
    for key, value in (found.get("best_params") or {}).items():
        yield f"best {_named(key)}", setting(value)


def parameters_of(frame: pd.DataFrame) -> list[str]:
    """Return the columns that are parameters."""
    names = [str(name) for name in frame.columns]
    return [name for name in names if name not in _FIGURES and not name.startswith(_FOLD)]


def _named(name: str) -> str:
    return name.rpartition("__")[2].replace("_", " ")


def ranks_chart(frame: pd.DataFrame, names: Sequence[str]) -> Chart:
    """Return the candidates' scores by rank, each with its deviation over folds."""
    means, spreads = _floats(frame["mean"]), _floats(frame["std"])
    trace: Trace = {"type": "scatter", "mode": "markers", "x": frame["rank"].tolist(), "y": means}
    trace |= {"marker": {"size": 7, "color": COLOURS[0]}, "hovertext": _hover(frame, names)}
    trace |= {"error_y": {"type": "data", "array": spreads, "color": "--quiet", "thickness": 1}}
    trace["hovertemplate"] = "rank %{x}: %{y:.4f}<br>%{hovertext}<extra></extra>"
    layout = {
        "xaxis": {"title": {"text": "rank"}},
        "yaxis": {"title": {"text": "mean score on held-out folds"}},
    }
    finite = means[np.isfinite(means)]
    told = "No candidate has a score."
    if finite.size:
        told = f"The scores of {len(frame)} candidates: the best {number(float(finite.max()))}, "
        told += f"half are above {number(float(np.median(finite)))}. Bars are deviations over "
        told += "folds."
    rows = [[str(r), number(float(m))] for r, m in zip(frame["rank"], means, strict=True)]
    table = Table(["rank", "mean score"], rows[:_MOST_ROWS], title="Scores by rank")
    return Chart("All candidates by rank", told, [trace], layout, table)


def axis_chart(frame: pd.DataFrame, name: str) -> Chart:
    """Return the candidates' scores by one parameter."""
    values, means = frame[name], _floats(frame["mean"])
    numeric = values.map(_is_number).all()
    axis: dict[str, Any] = {"title": {"text": literal(_named(name))}}
    if numeric:
        x: list[Any] = values.astype(float).tolist()
        if min(x) > 0 and max(x) / min(x) > _LOG_FROM:
            axis["type"] = "log"
    else:
        x = [literal(cut(_text(value))) for value in values]
        axis |= {"type": "category", "categoryarray": sorted(set(x), key=_natural)}
    marker = {"size": 7, "opacity": 0.75, "color": COLOURS[0]}
    trace: Trace = {"type": "scatter", "mode": "markers", "x": x, "y": means, "marker": marker}
    trace["hovertemplate"] = "%{x}: %{y:.4f}<extra></extra>"
    layout = {"xaxis": axis, "yaxis": {"title": {"text": "mean score"}}}
    rows = [[_text(value), number(float(mean))] for value, mean in zip(values, means, strict=True)]
    best = rows[0][0]
    told = f"The candidates' mean scores by {_named(name)}; the best has {best}."
    table = Table([_named(name), "mean score"], rows[:_MOST_ROWS], title=f"Scores by {name}")
    return Chart(f"Score by {_named(name)}", told, [trace], layout, table)


def _hover(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    return [
        "<br>".join(f"{literal(_named(name))} {literal(_text(row[name]))}" for name in names)
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


def _floats(values: Any) -> Any:
    return np.asarray(values, dtype=float)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _score(mean: Any, std: Any) -> str:
    """Return a mean with its deviation over the folds."""
    if mean is None or mean != mean:
        return "–"
    return f"{mean:.4f}" + (f" ± {std:.4f}" if std is not None and std == std else "")


def _natural(text: str) -> tuple[bool, list[int], str]:
    """Sort layers by their sizes, 64-64 before 128, and other texts by the alphabet."""
    parts = text.split("-")
    sizes = all(part.isdigit() for part in parts)
    return not sizes, [int(part) for part in parts] if sizes else [], text


def _text(value: Any) -> str:
    if isinstance(value, float):
        return number(int(value)) if value.is_integer() else number(value)
    return str(value)
