"""The candidates of a search: scores by rank and by parameter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wellfit.charts import Axis, Chart, Points, floats
from wellfit.core.metrics import Metric
from wellfit.core.words import parameter_titles
from wellfit.report.page.blocks import (
    Block,
    Facts,
    Plot,
    Prose,
    TableBlock,
    number,
    setting,
)
from wellfit.report.page.run_data import RunData
from wellfit.report.page.space import space_blocks
from wellfit.report.searches.candidates import (
    MEAN,
    STD,
    metric_of,
    metrics_beside,
    parameters_of,
)

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 50


def search_blocks(run: RunData) -> Iterator[Block]:
    """Yield everything about the candidates."""
    frame = run.candidates
    yield Facts(list(_facts(run)), title="The search")
    if frame is None or not len(frame):
        yield Prose("No candidate was finished.", "warn")
        return
    # Halving chooses the epochs, and they aren't a parameter.
    halved = {"epochs", "n_samples"} if (run.config.get("search") or {}).get("halving") else set()
    names = [name for name in parameters_of(frame) if name not in halved]
    metric = _metric(run)
    yield ranks_plot(frame, names, metric)
    yield from space_blocks(frame, names, metric)
    yield _table(frame, names, metric)


def _metric(run: RunData) -> Metric:
    """Return what the candidates are ranked by."""
    scoring = (run.config.get("search") or {}).get("score")
    return metric_of(scoring, str(run.config.get("estimator")))


def _facts(run: RunData) -> Iterator[tuple[str, str]]:
    options = run.config.get("search") or {}
    found = run.ended.get("search") or {}
    for key in ("candidates", "cv", "sampler", "halving", "restarts", "score", "time_limit"):
        if options.get(key) is not None:
            yield {"cv": "folds"}.get(key, key.replace("_", " ")), str(options[key])
    if options.get("space"):
        yield "space", json.dumps(options["space"], ensure_ascii=False)
    if found:
        best = _score(_metric(run), found.get("mean"), found.get("std"))
        yield "best mean score on the folds", best
        yield "seconds", number(found.get("seconds"))
    best_params = found.get("best_params") or {}
    for title, value in zip(parameter_titles([*best_params]), best_params.values(), strict=True):
        yield f"best {title}", setting(value)


def ranks_plot(frame: pd.DataFrame, names: Sequence[str], metric: Metric) -> Plot:
    """Return the candidates' scores by rank, with standard deviations over the folds."""
    ranks, means, spreads = (floats(frame[key]) for key in ("rank", "mean", "std"))
    known = means[np.isfinite(means)]
    text = "No candidate has a score"
    if known.size:
        best, half = (metric.format(float(of(known)), more=1) for of in (np.max, np.median))
        text = f"The scores of {len(frame)} candidates: best {best}, median {half}"
    chart = Chart(
        "All candidates by rank",
        text,
        [Points(ranks, means, errors=(spreads, spreads), hover=_hover(frame, names, metric))],
        Axis("rank", whole=True),
        Axis(f"mean {metric.title} on the folds"),
        "Bars are standard deviations over the folds.",
    )
    rows = [
        [f"{r:.0f}", _score(metric, float(m), None)] for r, m in zip(ranks, means, strict=True)
    ]
    return Plot(
        chart,
        TableBlock(["rank", f"mean {metric.title}"], rows[:_MOST_ROWS], title="Scores by rank"),
    )


def _hover(frame: pd.DataFrame, names: Sequence[str], metric: Metric) -> list[str]:
    titles = parameter_titles(names)
    return [
        "\n".join(
            [
                f"rank {row['rank']}: {_score(metric, row['mean'], row['std'])}",
                *(f"{t} {_text(row[name])}" for t, name in zip(titles, names, strict=True)),
            ]
        )
        for row in frame.to_dict("records")
    ]


def _table(frame: pd.DataFrame, names: Sequence[str], metric: Metric) -> TableBlock:
    shown, others = frame.head(_MOST_ROWS), metrics_beside(frame)
    rows = [
        [
            str(row["rank"]),
            _score(metric, row["mean"], row["std"]),
            *(_score(other, row[MEAN + key], row[STD + key]) for key, other in others.items()),
            str(row["fits"]),
            number(row["seconds"]),
            *(_text(row[name]) for name in names),
        ]
        for row in shown.to_dict("records")
    ]
    left = len(frame) - len(shown)
    title = "The candidates: means over the folds" + (
        f" (the first {len(shown)}; {left:,} more)" if left else ""
    )
    titles = [metric.title, *(other.title for other in others.values())]
    head = ["rank", *titles, "fits", "seconds", *parameter_titles(names)]
    return TableBlock(head, rows, title=title)


def _score(metric: Metric, mean: Any, std: Any) -> str:
    """Return a mean with its deviation over the folds."""
    if mean is None or mean != mean:
        return "–"
    text = metric.format(mean, more=1)
    return text + (f" ± {metric.format(std, more=1)}" if std is not None and std == std else "")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return number(int(value)) if value.is_integer() else number(value)
    return str(value)
