"""The report on several runs: scores side by side, curves in one chart, differing settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wellfit.charts import Axis, Chart, Points, floats, row_metrics
from wellfit.charts.model import Dash
from wellfit.core.metrics import Metric
from wellfit.report.page.blocks import (
    Block,
    Code,
    Page,
    Plot,
    Prose,
    Section,
    TableBlock,
    bounds_text,
    format_score,
    number,
    score_title,
    setting,
)
from wellfit.report.page.curves import curve_plot, held_out
from wellfit.report.page.run_data import RunData

_DASHES: tuple[Dash, ...] = ("solid", "dash", "dot", "dashdot")


def comparison_page(runs: Sequence[RunData]) -> Page:
    """Return the page that compares runs."""
    names = ", ".join(run.name for run in runs)
    notes = [f"{run.name}: {note}" for run in runs for note in run.notes]
    sections = [
        Section("Summary", list(_summary(runs))),
        Section(
            "Learning", list(_curves(runs)) or [Prose("No run has finished an epoch.", "warn")]
        ),
        Section("Settings", list(_settings(runs))),
        Section(
            "Runs",
            [Code(run.name, str(run.config.get("command", "command unknown"))) for run in runs],
        ),
    ]
    return Page(f"{len(runs)} runs compared", names, sections, notes)


def _summary(runs: Sequence[RunData]) -> Iterator[Block]:
    data = dict.fromkeys(str(run.about.get("name", "unknown")) for run in runs)
    splits = {(str(run.about.get("source")), str(run.about.get("split"))) for run in runs}
    if len(data) > 1 or len(splits) > 1:
        yield Prose(
            f"These runs were tested on different rows ({', '.join(data)}): their scores aren't "
            "directly comparable.",
            "warn",
        )
    targets = dict.fromkeys(str(run.about.get("target")) for run in runs)
    if len(targets) > 1:
        yield Prose(
            f"These runs predict different targets ({', '.join(targets)}): each score is to be "
            "read beside its own baseline.",
            "warn",
        )
    titles = dict.fromkeys(score_title(score) for run in runs for score in _scores(run))
    yield _table(runs, list(titles))
    for title in titles:
        yield _intervals(runs, title)


def _scores(run: RunData) -> Sequence[Mapping[str, Any]]:
    """Return the scores of a run on its test rows."""
    return run.ended.get("test", ())


def _table(runs: Sequence[RunData], titles: Sequence[str]) -> TableBlock:
    rows = []
    for run in runs:
        scores = {score_title(score): score for score in _scores(run)}
        figures = [_with_interval(scores.get(title, {})) for title in titles]
        ended = [number(run.ended.get(key)) for key in ("epochs", "seconds", "parameters")]
        rows.append([run.name, *figures, *ended, str(run.ended.get("status", "not ended"))])
    head = ["run", *titles, "epochs", "seconds", "parameters", "status"]
    return TableBlock(head, rows, title="On test rows, with 95 % intervals")


def _with_interval(score: Mapping[str, Any]) -> str:
    """Return a score with its interval; a dash for a run that lacks it."""
    bounds = bounds_text(score)
    return format_score(score, "value") + (f" ({bounds})" if bounds else "")


def _intervals(runs: Sequence[RunData], title: str) -> Plot:
    """Return a score of each run that has it, with its interval."""
    marks: list[Points] = []
    rows: list[list[str]] = []
    metric = Metric.of(title)
    for color, run in enumerate(runs):
        score = next((one for one in _scores(run) if score_title(one) == title), None)
        if score is None or score["value"] is None:
            continue
        metric = Metric.of(score["name"])
        marks.append(_score_mark(score, len(rows), color))
        rows.append([run.name, *(format_score(score, key) for key in ("value", "low", "high"))])
    words = "; ".join(f"{row[0]} {row[1]} ({row[2]} to {row[3]})" for row in rows)
    table = TableBlock(["run", title, "from", "to"], rows, title=f"{title} with 95 % intervals")
    chart = Chart(
        f"{title[:1].upper()}{title[1:]} on test rows, with 95 % confidence intervals",
        f"{title} on test rows: {words}",
        marks,
        Axis(metric.label, metric=metric),
        Axis(names=[name for name, *_ in rows], downwards=True),
    )
    return Plot(chart, table, height=150 + 34 * len(rows))


def _score_mark(score: Mapping[str, Any], place: int, color: int) -> Points:
    """Return a score as a point with its interval, in the unit of the axis."""
    scale = Metric.of(score["name"]).scale
    value, low, high = (score[key] for key in ("value", "low", "high"))
    known = low is not None and high is not None
    errors = (scale * floats([value - low]), scale * floats([high - value])) if known else None
    return Points(
        scale * floats([value]),
        floats([place]),
        color=color,
        size=7,
        errors=errors,
        sideways=True,
        hover=[format_score(score, "value")],
    )


def _curves(runs: Sequence[RunData]) -> Iterator[Plot]:
    """Yield each metric's curves, on the validation set if there is one."""
    names = dict.fromkeys(name for run in runs for name in row_metrics(run.metrics))
    for name in names:
        lines = [
            held_out(run.metrics, name, run.name, place, _DASHES[place // 8 % len(_DASHES)])
            for place, run in enumerate(runs)
        ]
        yield curve_plot(name, [line for line in lines if line is not None])


def _settings(runs: Sequence[RunData]) -> Iterator[Block]:
    """Yield the settings in which runs differ."""
    all_settings = [_flat(run.config) for run in runs]
    keys = dict.fromkeys(key for settings in all_settings for key in settings)
    rows = [
        [key, *values]
        for key in keys
        if len(set(values := [settings.get(key, "–") for settings in all_settings])) > 1
    ]
    if rows:
        head = ["", *(run.name for run in runs)]
        yield TableBlock(head, rows, title="What differs", figures=False)
    else:
        yield Prose("All settings are the same.")


def _flat(config: Mapping[str, Any]) -> dict[str, str]:
    settings, about = config.get("settings") or {}, config.get("data") or {}
    data = {f"data: {key}": setting(about.get(key)) for key in ("name", "target", "split")}
    versions = {f"version: {k}": str(v) for k, v in (config.get("versions") or {}).items()}
    seed = {"seed": setting(config.get("seed"))}
    return {**{k: setting(v) for k, v in settings.items()}, **seed, **data, **versions}
