"""The report on a training, or on a search and its best model."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from wellfit.core.words import moment, spent
from wellfit.diagnose.verdicts.result import missing
from wellfit.estimators.display import architecture_rows, average_of, own_architecture_note
from wellfit.report.page.blocks import (
    Block,
    Code,
    Facts,
    FindingBlock,
    Findings,
    KeyFigure,
    KeyFigures,
    Page,
    Prose,
    Section,
    TableBlock,
    Tone,
    bounds_text,
    format_score,
    number,
    score_title,
    setting,
)
from wellfit.report.page.classes import class_blocks
from wellfit.report.page.curves import curve_plots
from wellfit.report.page.data import data_blocks
from wellfit.report.page.drawing import network_drawing, network_table
from wellfit.report.page.importance import importance_blocks
from wellfit.report.page.layers import layer_blocks
from wellfit.report.page.residuals import residual_blocks
from wellfit.report.page.run_data import RunData
from wellfit.report.page.search import search_blocks
from wellfit.report.page.spread import coverage_table
from wellfit.report.page.verdict import verdict_of
from wellfit.report.scores import weighing

Blocks = Callable[[RunData], Iterator[Block]]

_TONES: dict[str, Tone] = {"pass": "good", "warn": "warn", "fail": "bad"}


def run_page(run: RunData) -> Page:
    """Return the page of a training or a search."""
    what = "search" if run.is_search else "training"
    data = run.about.get("name", "unknown data")
    sections = [
        Section(name, blocks) for name, of in _sections(run).items() if (blocks := list(of(run)))
    ]
    title = run.name if str(data) in run.name else f"{run.name}: {data}"
    subtitle = f"wellfit {what} on {data}, {started(run)}"
    return Page(title, subtitle, sections, list(run.notes))


def started(run: RunData) -> str:
    """Return the start time of a run as text."""
    text = str(run.config.get("started") or "")
    return text.replace("T", " ").replace("+00:00", " UTC") if text else "at an unknown time"


def _sections(run: RunData) -> dict[str, Blocks]:
    regression = run.about.get("task") == "regression"
    return {
        "Summary": summary_blocks,
        **({"Search": search_blocks} if run.is_search else {}),
        "Learning": learning_blocks,
        "Test rows": residual_blocks if regression else class_blocks,
        "Inputs": importance_blocks,
        "Layers": layer_blocks,
        "Data": data_blocks,
        "Run": run_blocks,
    }


def summary_blocks(run: RunData) -> Iterator[Block]:
    """Yield the summary."""
    verdict = verdict_of(run)
    yield from verdict_blocks(verdict)
    yield KeyFigures(list(_figures(run)))
    if run.ended.get("test"):
        yield score_table(run.ended)
    if run.ended.get("coverage"):
        yield coverage_table(run.ended["coverage"])
    if run.ended.get("classes"):
        yield class_score_table(run.ended["classes"])
    if run.ended.get("weighted_by"):
        yield Prose(weighing(run.ended["weighted_by"]))
    yield from evidence(verdict)
    if run.model is not None and hasattr(run.model, "network_"):
        network = run.model.network_
        if network.n_networks > 1:
            yield Prose(
                f"The model is {average_of(network)}. Each has the weights of its own best epoch. "
                "Layers, weights and embeddings are shown of the first. "
                f"{own_architecture_note(network)}"
            )
        yield network_drawing(network.weights.network, network.n_networks)


def _figures(run: RunData) -> Iterator[KeyFigure]:
    ended = run.ended
    for score in ended.get("test", ())[:2]:
        bounds = bounds_text(score)
        interval = f"; 95 %: {bounds}" if bounds else ""
        yield KeyFigure(score_title(score), format_score(score, "value"), f"test rows{interval}")
    epochs = ended.get("epochs", run.metrics[-1]["epoch"] if run.metrics else 0)
    best, history = ended.get("best_epoch"), _steps(run)
    kept = str(ended.get("status", ""))
    if best and best != epochs:
        kept = f"{'median best' if run.averages else 'best'} {moment(history, best)}"
    count, unit = spent(history, epochs).split()
    yield KeyFigure(unit if unit.endswith("s") else f"{unit}s", count, kept)
    seconds = ended.get("seconds", run.metrics[-1].get("seconds") if run.metrics else None)
    yield KeyFigure("training time", "–" if seconds is None else f"{seconds:,.1f} s")
    if ended.get("parameters"):
        count = ended.get("networks", 1)
        of = f"of {count} networks" if count > 1 else ""
        yield KeyFigure("parameters", number(ended["parameters"]), of)


def _steps(run: RunData) -> dict[str, list[float]]:
    """Return the steps at the end of each epoch, where a run was judged in steps."""
    steps = [row["step"] for row in run.metrics if row.get("step")]
    return {"step": steps} if steps else {}


def score_table(ended: Mapping[str, Any]) -> TableBlock:
    """Return the test scores, with those of the baseline and of the training set."""
    beside = ("baseline", "training")
    parts = [{score["name"]: score for score in ended.get(part, ())} for part in beside]
    rows = [
        [
            score_title(score),
            format_score(score, "value"),
            _interval(score),
            *(
                format_score(part.get(score["name"], {"name": score["name"]}), "value")
                for part in parts
            ),
        ]
        for score in ended["test"]
    ]
    trained = ended.get("trained_rows")
    head = [
        "",
        f"on {number(ended.get('test_rows'))} test rows",
        "95 % interval",
        "baseline on the test set",
        "on training rows" if trained is None else f"on {number(trained)} training rows",
    ]
    return TableBlock(head, rows, title="Scores")


def _interval(score: Mapping[str, Any]) -> str:
    """Return a score's interval with its method."""
    bounds = bounds_text(score)
    return f"{bounds} ({score.get('interval', '')})" if bounds else "–"


def class_score_table(classes: Sequence[Mapping[str, Any]]) -> TableBlock:
    """Return precision, recall and F1 score of each class with their intervals."""
    titles = [score_title(score) for score in classes[0]["scores"]]
    head = ["class", "test rows", *(text for title in titles for text in (title, "95 % interval"))]
    rows = [
        [
            str(each["name"]),
            f"{each['rows']:,}",
            *(
                text
                for score in each["scores"]
                for text in (format_score(score, "value"), bounds_text(score) or "–")
            ),
        ]
        for each in classes
    ]
    return TableBlock(head, rows, title="Precision, recall and F1 score by class, on test rows")


def verdict_blocks(verdict: Any) -> Iterator[Block]:
    """Yield the verdict and its suggestions."""
    if not isinstance(verdict, Mapping):
        return
    worst = max(map(_severity, _findings(verdict)), default=0)
    tone: Tone = ("good", "warn", "bad")[worst]
    if verdict.get("sentence"):
        yield Prose(str(verdict["sentence"]), tone)
    if verdict.get("sure"):
        yield Prose(str(verdict["sure"]))
    yield from _suggestions(verdict.get("suggestions", ()))


def evidence(verdict: Any) -> Iterator[Block]:
    """Yield the evidence of the verdict, problems first, and what couldn't be assessed."""
    found = _findings(verdict) if isinstance(verdict, Mapping) else []
    if found:
        ordered = sorted(found, key=_severity, reverse=True)
        unjudged = verdict.get("unjudged")
        note = " ".join(missing(unjudged)) if isinstance(unjudged, Mapping) else ""
        yield Findings("Evidence for the verdict", [_finding(f) for f in ordered], note)


def _findings(verdict: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in verdict.get("findings", ()) if isinstance(one, Mapping)]


def _severity(finding: Mapping[str, Any]) -> int:
    return ("pass", "warn", "fail").index(_outcome(finding))


def _outcome(finding: Mapping[str, Any]) -> str:
    outcome = str(finding.get("outcome"))
    return outcome if outcome in _TONES else "pass"


def _finding(finding: Mapping[str, Any]) -> FindingBlock:
    name = str(finding.get("check", "")).replace("_", " ")
    outcome = _outcome(finding)
    observed, advice = str(finding.get("observed", "")), str(finding.get("advice") or "")
    return FindingBlock(outcome, _TONES[outcome], name, observed, advice)


def _suggestions(suggestions: Sequence[Any]) -> Iterator[Block]:
    rows = [
        [str(one.get(key, "")) for key in ("name", "change", "why")]
        for one in suggestions
        if isinstance(one, Mapping)
    ]
    if rows:
        yield TableBlock(["parameter", "change", "why"], rows, title="Suggestions", figures=False)


def learning_blocks(run: RunData) -> Iterator[Block]:
    """Yield the learning curves."""
    if not run.metrics:
        yield Prose("No epoch was finished.", "warn")
    yield from curve_plots(run)
    if run.model is not None and hasattr(run.model, "network_"):
        heads, rows = architecture_rows(run.model.network_)
        if rows:
            yield TableBlock(heads, rows, title="Architectures in the average")
            yield Prose(own_architecture_note(run.model.network_))


def run_blocks(run: RunData) -> Iterator[Block]:
    """Yield the command that repeats the run, its settings and its machine."""
    config = run.config
    if config.get("command"):
        yield Code("Command to repeat the run", str(config["command"]))
    if run.ended.get("status") in (None, "interrupted") and config.get("request"):
        command = "search" if run.is_search else "train"
        yield Code(
            "Command to resume the run", shlex.join(["wellfit", command, "--resume", run.folder])
        )
    if run.model is not None and hasattr(run.model, "network_"):
        network = run.model.network_
        yield network_table(network.weights.network, network.n_networks)
    settings = config.get("settings") or {}
    rows = [[key, setting(value)] for key, value in settings.items()]
    yield TableBlock(["parameter", "value"], rows, title="Settings", figures=False)
    versions, machine = config.get("versions") or {}, config.get("machine") or {}
    about = {"started": config.get("started"), "seed": config.get("seed"), **versions, **machine}
    pairs = [(key, str(value)) for key, value in about.items() if value is not None]
    yield Facts(pairs, title="Environment")
