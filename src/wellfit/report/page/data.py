"""The data of a run, and the findings of the checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.charts import count_chart, histogram_chart
from wellfit.core import registry
from wellfit.core._sklearn_compat import safe_indexing
from wellfit.core.errors import WellfitError
from wellfit.core.hyper import resolve
from wellfit.core.words import percent
from wellfit.datasets import Column, Summary, describe, duplicates_across
from wellfit.diagnose import Check, Report, check
from wellfit.report.page.blocks import (
    Block,
    Facts,
    FindingBlock,
    Findings,
    Plot,
    Prose,
    TableBlock,
    Tone,
    number,
)
from wellfit.report.page.run_data import MOST_TOLD, RunData, class_names

_MOST_COLUMNS, _MOST_CLASSES, _MOST_LEVELS = 100, 60, 4
_TONES: dict[str, Tone] = {"pass": "good", "warn": "warn", "fail": "bad"}
# Bytes of training rows that a second or two are enough for: to summarize them; to compare them
# with the test rows; to prepare and check them. MNIST has 47 million.
_MOST_COMPARED, _MOST_CHECKED = 50e6, 50e6


def data_blocks(run: RunData) -> Iterator[Block]:
    """Yield a summary of the data, from the settings alone if the data are missing."""
    if run.data is None:
        yield Facts(list(_remembered(run)), title="Data")
        return
    if _bytes(run.data.X) > MOST_TOLD:
        yield Facts(list(_remembered(run)), title="Data")
        yield Prose(
            "The table is too large for a report; use `wellfit data show` and `wellfit check`."
        )
        return
    summary = describe(run.data.X, run.data.y, task=run.task)
    yield Facts(list(_facts(run, summary)), title="Data")
    yield from _target(run, summary)
    yield check_findings(run)
    if run.data.image_shape is None:
        yield _columns(summary)


def _remembered(run: RunData) -> Iterator[tuple[str, str]]:
    about = run.about
    yield "name", str(about.get("name", "unknown"))
    for key in ("source", "task", "target", "split"):
        if about.get(key):
            yield key, str(about[key])
    for key in ("training_rows", "validation_rows", "test_rows"):
        if about.get(key):
            yield key.replace("_", " "), number(about[key])
    columns = about.get("columns")
    yield "columns", number(columns if isinstance(columns, int) else len(columns or ()))


def _facts(run: RunData, summary: Summary) -> Iterator[tuple[str, str]]:
    data = run.data
    assert data is not None
    yield "name", data.name
    for name, text in (("about", data.description), ("source", data.source)):
        if text:
            yield name, text
    for name, X in (("training", data.X), ("validation", data.X_val), ("test", data.X_test)):
        if X is not None:
            yield f"{name} rows", f"{len(X):,}"
    yield "split", str(run.about.get("split", ""))
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in summary.kinds.items())
    size = f", images of {' × '.join(map(str, data.image_shape))}" if data.image_shape else ""
    yield "columns", f"{len(summary.columns):,}: {kinds}{size}"
    yield "missing cells", f"{summary.missing:,}"
    yield "duplicate training rows", f"{summary.duplicate_rows:,}"
    if data.X_test is not None and _bytes(data.X) <= _MOST_COMPARED:
        across = duplicates_across(data.X, data.X_test)
        yield "test rows that also occur in the training set", f"{across:,}"


def _target(run: RunData, summary: Summary) -> Iterator[Block]:
    target = summary.target
    if target is None or run.data is None:
        return
    if target.classes:
        yield _class_plot(run, target.classes)
        return
    values = np.asarray(run.data.y, dtype=float).ravel()
    figures = [("least", target.low), ("mean", target.mean), ("most", target.high)]
    figures += [("deviation", target.std)]
    unit = str(run.about.get("target") or "target")
    chart = histogram_chart(values, "The target", unit, "training rows")
    table = TableBlock(
        ["figure", "value"], [[n, number(v)] for n, v in figures], title="The target"
    )
    yield Plot(chart, table, ("log",))


def _class_plot(run: RunData, classes: dict[Any, int]) -> Plot:
    assert run.data is not None
    names, counts = class_names(list(classes), run.data.class_names), list(classes.values())
    total = max(1, len(run.data.y))
    few, many = min(counts), max(counts)
    shown = dict(list(zip(names, map(float, counts), strict=True))[:_MOST_CLASSES])
    chart = count_chart(
        shown,
        title="Classes",
        summary=f"Training rows of each of {len(names)} classes: from {few:,} to {many:,}",
        names="class",
        unit="training rows",
    )
    rows = [[n, f"{c:,}", percent(c / total)] for n, c in zip(names, counts, strict=True)]
    return Plot(chart, TableBlock(["class", "training rows", "share"], rows, title="Classes"))


def _columns(summary: Summary) -> TableBlock:
    rows = [
        [c.name, c.kind, f"{c.missing:,}" if c.missing else "–", f"{c.distinct:,}", _values(c)]
        for c in summary.columns[:_MOST_COLUMNS]
    ]
    left = len(summary.columns) - len(rows)
    title = "Columns" + (f" (the first {len(rows)}; {left:,} more)" if left else "")
    head = ["column", "type", "missing", "distinct", "values"]
    return TableBlock(head, rows, title=title, figures=False)


def _values(column: Column) -> str:
    if column.low is not None:
        return f"{number(column.low)} to {number(column.high)}, mean {number(column.mean)}"
    shown = ", ".join(f"{level} {count:,}" for level, count in column.top[:_MOST_LEVELS])
    return shown + (", …" if column.distinct > _MOST_LEVELS else "")


def check_findings(run: RunData) -> Block:
    """Return the findings of the quick checks: of the data and of the initial weights."""
    data = run.data
    if run.model is None or data is None:
        return Prose("The checks need the model, which is missing.")
    every = [resolve(Check, name) for name in registry.names(Check.family)]
    quick = sorted((one for one in every if one.stage != "trial"), key=lambda one: one.stage)
    X, y, note = data.X, data.y, ""
    chosen = _affordable(X)
    if len(chosen) < len(X):
        X, y = safe_indexing(X, chosen), safe_indexing(y, chosen)
        left = ", ".join(one.name.replace("_", " ") for one in quick if one.whole)
        quick = [one for one in quick if not one.whole]
        note = (
            f"Checked {len(chosen):,} of {len(data.X):,} random training rows. Skipped to save "
            f"time: {left}. `wellfit check` checks all rows."
        )
    try:
        report = check(run.model, X, y, X_test=data.X_test, y_test=data.y_test, checks=quick)
    except (WellfitError, ValueError) as error:
        return Prose(f"The checks failed to run: {error}", "warn")
    return findings_block(replace(report, notes=(*report.notes, note) if note else report.notes))


def _affordable(X: Any) -> NDArray[np.integer]:
    """Return the sorted positions of random rows, as many as can be checked in time."""
    rows = len(X)
    most = int(_MOST_CHECKED * rows / max(1, _bytes(X)))
    if most >= rows:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, max(1, most), replace=False))


def _bytes(X: Any) -> int:
    """Return the approximate memory of a table or an array."""
    return int(X.memory_usage(index=False).sum() if hasattr(X, "memory_usage") else X.nbytes)


def findings_block(report: Report) -> Findings:
    """Return a report of checks, findings first."""
    alarms = list(report.alarms)
    ordered = [*alarms, *(one for one in report if one not in alarms)]
    findings = [
        FindingBlock(
            str(f.outcome), _TONES[str(f.outcome)], f.check.replace("_", " "), f.observed, f.advice
        )
        for f in ordered
    ]
    return Findings(
        "Sanity checks",
        findings,
        note=" ".join([f"{report.summary}.", *report.notes]),
    )
