"""Load the data of a report from run folders, complete or not, of this or earlier versions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wellfit.cli.plan import Plan
from wellfit.cli.run_folder import (
    HEALTH,
    METRICS,
    MODEL,
    REPORT,
    RESULT,
    read_run,
)
from wellfit.cli.run_forms import health_in, metrics_in, read_lines
from wellfit.cli.sampling import in_memory, sample_notes
from wellfit.cli.search_folder import read_results
from wellfit.cli.source import SplitData, open_source
from wellfit.core.errors import InputError, WellfitError
from wellfit.core.model_folder import is_model
from wellfit.core.words import pluralize
from wellfit.inference.model import read_numpy_model
from wellfit.inference.table_schema import table_schema
from wellfit.report.page import RunData
from wellfit.report.page.run_data import MOST_TOLD

_PARTS = ("training", "validation", "test")


def report_path(runs: Sequence[Path], out: Path | None) -> Path:
    """Return the path of the report.

    Raises:
        InputError: its folder doesn't exist.
    """
    if out is None and len(runs) > 1:
        out = Path(REPORT)
    place = out if out is not None else runs[0] / REPORT
    if place.is_dir():
        raise InputError(f"--out {place} is a folder; expected a file, such as {place / REPORT}")
    if out is not None and not place.parent.is_dir():
        raise InputError(f"--out {place}: the folder {place.parent} doesn't exist")
    return place


def load_run_data(
    path: Path, data_dir: Path | None, *, whole: bool = True, quick: bool = False
) -> RunData:
    """Return everything known about a run.

    Args:
        path: the run's folder.
        data_dir: a folder with named data sets; None for the one used in training.
        whole: whether to load the model and the data too, not only the folder's documents.
        quick: whether the model need only predict, which NumPy may do without PyTorch.

    Raises:
        InputError: there is no run, or its format is unknown.
    """
    config = read_run(path, "report")
    result = config.pop("result", None)
    notes: list[str] = []
    metrics = _lines(path / METRICS, metrics_in, notes)
    health = [
        line
        for line in _lines(path / HEALTH, health_in, notes)
        if not line.get("member")  # the first of several networks stands for all
    ]
    if not isinstance(result, dict):
        result = None
        notes.append(_unfinished_note(path, config))
    model = _model(path, notes, quick) if whole else None
    source = None
    if whole and model is not None and not _is_too_large(config, notes):
        source = _source(config, model, data_dir, notes)
    if model is not None and "search" in config:
        metrics = _history(model)
    return RunData(
        name=path.resolve().name,
        folder=os.fspath(path),
        config=config,
        metrics=metrics,
        health=health,
        result=result,
        model=model,
        data=None if source is None else source.data,
        test_weights=None if source is None else source.test_weights,
        task=None if source is None else source.kind,
        candidates=_candidates(path, notes) if "search" in config else None,
        notes=notes,
    )


def _unfinished_note(path: Path, config: dict[str, Any]) -> str:
    command = "search" if "search" in config else "train"
    broken = " (its result can't be read)" if (path / RESULT).exists() else ""
    return (
        f"This run is unfinished{broken}: it is still training, or was interrupted. "
        f"`wellfit {command} --resume {path}` resumes it."
    )


def _lines(
    path: Path, read: Callable[[Mapping[str, Any]], dict[str, Any] | None], notes: list[str]
) -> list[dict[str, Any]]:
    """Return the complete lines of a file; a killed process may leave an incomplete one."""
    if not path.is_file():
        return []
    try:
        found, lost = read_lines(path)
    except (InputError, OSError) as error:
        notes.append(f"{path.name} can't be read: {error}")
        return []
    right = [line for line in map(read, found) if line is not None]
    lost += len(found) - len(right)
    if lost:
        notes.append(f"{path.name}: ignored {pluralize(lost, 'invalid line')}.")
    return right


def _model(path: Path, notes: list[str], quick: bool) -> Any:
    if not is_model(path / MODEL):
        notes.append("There is no model yet, so its predictions can't be shown.")
        return None
    if quick and (found := read_numpy_model(path / MODEL)) is not None:
        return found
    from wellfit.estimators import load_model  # imports PyTorch, which a comparison doesn't need

    try:
        return load_model(path / MODEL)
    except WellfitError as error:
        notes.append(f"The model can't be read: {error}")
        return None


def _is_too_large(config: dict[str, Any], notes: list[str]) -> bool:
    """Return whether a run's table is too large for a report, without reading it."""
    about = config.get("data") or {}
    try:
        file = Path(str(config["request"]["name"]))
        if file.is_dir():  # of which a sample is read
            return False
        size = file.stat().st_size if file.is_file() else 0
        columns = about.get("columns")
        if isinstance(columns, list):  # a table of 8-byte numbers, not images of one byte a pixel
            rows = sum(about.get(f"{part}_rows", 0) for part in _PARTS)
            size = max(size, 8 * rows * len(columns))
    except (KeyError, TypeError, OSError):  # reading the settings later reports what is wrong
        return False
    if size > MOST_TOLD:
        notes.append(
            f"The table is too large ({size / 1e9:.1f} GB) for a report, so test rows aren't "
            "shown; use `wellfit data show` and `wellfit check`."
        )
    return size > MOST_TOLD


def _source(
    config: dict[str, Any], model: Any, data_dir: Path | None, notes: list[str]
) -> SplitData | None:
    """Return the data as the run read them, unless they are missing or have changed."""
    try:
        if data_dir is not None:
            config = {**config, "request": {**config["request"], "data_dir": str(data_dir)}}
        request = Plan.from_dict(config).request
        schema = None if request.schema.types else table_schema(model, request.target)
        # Without a target it is no file: columns of a named data set have their types.
        if schema is not None and schema.target is not None:
            request = replace(request, schema=schema)
        source = open_source(request)
    except (WellfitError, OSError, KeyError, ValueError) as error:
        notes.append(f"The data are missing, so test rows can't be shown: {error}")
        return None
    changed = _changed(source, config.get("data") or {})
    if changed:
        notes.append(
            f"The data have changed since training ({changed}), so test rows aren't shown."
        )
        return None
    tested = in_memory(source)
    notes.extend(f"{text}." for text in sample_notes(source.data, tested.data, "This report"))
    return tested


def _changed(source: SplitData, about: dict[str, Any]) -> str:
    """Return how the data differ from the training data, or an empty text if they don't."""
    data = source.data
    columns = list(map(str, data.X.columns)) if hasattr(data.X, "columns") else data.X.shape[1]
    if columns != about.get("columns", columns):
        return "other columns"
    rows = {"training_rows": data.X, "test_rows": data.X_test}
    for key, X in rows.items():
        there = 0 if X is None else len(X)
        if there != about.get(key, there):
            return f"{there:,} {key.replace('_', ' ')}, not {about[key]:,}"
    return ""


def _history(model: Any) -> list[dict[str, Any]]:
    """Return the metrics of a search's best candidate, one record an epoch."""
    history = getattr(model, "history_", {})
    epochs = len(history.get("loss", ()))
    return [
        {"epoch": place + 1, **{k: v[place] for k, v in history.items() if len(v) == epochs}}
        for place in range(epochs)
    ]


def _candidates(path: Path, notes: list[str]) -> Any:
    try:
        return read_results(path)
    except (InputError, OSError, ValueError) as error:
        notes.append(str(error))
        return None
