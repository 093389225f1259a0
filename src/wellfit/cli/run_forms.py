"""The declared forms of a run folder's files, which may be untrusted.

Other fields are ignored.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict

import pandas as pd

from wellfit.core import former
from wellfit.core.errors import InputError, ModelFileError
from wellfit.core.files import read_json, read_regular
from wellfit.core.schema import OPEN, Count, Positive, conform
from wellfit.report.searches.candidates import FIGURES

Number = float | None  # None where the value wasn't finite
_LARGEST_LINES = 1 << 27  # bytes of metrics or of a table of candidates


class DataEntry(TypedDict, total=False):
    """The data of a run, in its settings."""

    given: str
    name: str
    source: str
    task: str
    target: str | None
    columns: list[str] | Count
    training_rows: Count
    validation_rows: Count
    test_rows: Count
    split: str


class RequestEntry(TypedDict):
    """The request for data, in a run's settings."""

    name: str
    target: str | None
    data_dir: str | None
    allow_pickle: bool
    drop: list[str]
    test: str | None
    test_fraction: float
    task: str
    seed: Count


class ConfigDocument(TypedDict, total=False):
    """The settings of a run."""

    format: Required[Literal["wellfit-run"]]
    format_version: int
    command: str
    started: str
    estimator: str
    settings: dict[str, Any]
    seed: Count | None
    data: Annotated[DataEntry, OPEN]
    versions: dict[str, str]
    machine: dict[str, str | int | None]
    request: Annotated[RequestEntry, OPEN]
    parameters: dict[str, str | bool | float | list[str]]
    extra: list[str]
    options: dict[str, Any]
    search: dict[str, Any]
    precision: str
    processes: Count
    launch: str


class ScoreEntry(TypedDict):
    """A score with its confidence interval."""

    name: str
    value: Number
    low: Number
    high: Number
    interval: NotRequired[str]
    of: NotRequired[str]


class ClassEntry(TypedDict):
    """The scores of a class."""

    name: str
    rows: Count
    scores: list[Annotated[ScoreEntry, OPEN]]


class ConfusionEntry(TypedDict):
    """A confusion matrix."""

    classes: list[str | bool | float]
    counts: list[list[Count]]


class LevelEntry(TypedDict):
    """What prediction intervals or sets of a level held."""

    level: float
    share: float
    low: Number
    high: Number
    size: list[float]


class CoverageEntry(TypedDict):
    """Coverage of prediction intervals or sets on the test rows."""

    of: Literal["intervals", "sets"]
    rows: Count
    levels: list[Annotated[LevelEntry, OPEN]]


class FindingEntry(TypedDict):
    """The finding of a check."""

    check: str
    outcome: Literal["pass", "warn", "fail"]
    numbers: NotRequired[dict[str, Number]]


class VerdictEntry(TypedDict, total=False):
    """The verdict."""

    name: str
    sentence: str
    sure: str
    findings: list[Annotated[FindingEntry, OPEN]]
    suggestions: list[dict[str, str]]
    unjudged: dict[str, str]


class FoundEntry(TypedDict, total=False):
    """The result of a search."""

    candidates: Count
    folds: Count
    seconds: Number
    best_params: dict[str, Any]
    mean: Number
    std: Number


class RunResultDocument(TypedDict, total=False):
    """The result of a run."""

    status: str
    epochs: Count
    best_epoch: Count
    seconds: Number
    parameters: Count
    networks: Count
    batch_size: Count
    test_rows: Count
    test: list[Annotated[ScoreEntry, OPEN]]
    training: list[Annotated[ScoreEntry, OPEN]]
    baseline: list[Annotated[ScoreEntry, OPEN]]
    weighted_by: str
    classes: list[Annotated[ClassEntry, OPEN]]
    confusion: ConfusionEntry
    coverage: Annotated[CoverageEntry, OPEN]
    verdict: Annotated[VerdictEntry, OPEN]
    search: Annotated[FoundEntry, OPEN]


class LayerEntry(TypedDict):
    """Statistics of a layer; other keys are its measurements by name."""

    layer: str


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the settings in a file.

    Raises:
        FileNotFoundError: there is no file.
        ModelFileError: the document is invalid; names the field.
    """
    config = _read(path, Annotated[ConfigDocument, OPEN])
    return former.renamed(config, former.PARAMETERS, "settings")


def what_was_altered(path: Path) -> str:
    """Return what is wrong with the settings of a run, or None."""
    with suppress(OSError, ModelFileError):
        found = read_json(path)
        if isinstance(found, dict) and found.get("format") == "wellfit-run":
            try:
                conform(found, Annotated[ConfigDocument, OPEN], "")
            except ModelFileError as error:
                return str(error)
    return ""


def read_result_file(path: Path) -> dict[str, Any]:
    """Return the result in a file; raises the same errors as :func:`read_config_file`."""
    result = _read(path, Annotated[RunResultDocument, OPEN], _current_result)
    if "confusion" in result:
        classes, counts = result["confusion"]["classes"], result["confusion"]["counts"]
        if {len(counts), *map(len, counts)} != {len(classes)}:
            raise ModelFileError(
                f"{path}: confusion.counts isn't a square matrix of {len(classes)} classes"
            )
    return result


def _current_result(result: Any) -> Any:
    """Return a result with current names."""
    if not isinstance(result, Mapping):
        return result
    current = dict(result)
    if "status" in current:
        current["status"] = former.current_status(current["status"])
    if "verdict" in current:
        current["verdict"] = former.current_verdict(current["verdict"])
    return current


def _read(
    path: Path, form: Any, current: Callable[[Any], Any] = lambda document: document
) -> dict[str, Any]:
    try:
        found: dict[str, Any] = conform(current(read_json(path)), form, "")
    except ModelFileError as error:
        text = str(error)
        raise ModelFileError(text if str(path) in text else f"{path}: {text}") from error
    return found


def read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the lines of a file that are JSON objects, and the number of other lines.

    Raises:
        ModelFileError: the file isn't a regular file, or is larger than any run writes.
    """
    found, lost = [], 0
    for line in read_regular(path, _LARGEST_LINES).splitlines():
        try:
            read = json.loads(line)
        except (ValueError, RecursionError):
            read = None
        if isinstance(read, dict):
            found.append(read)
        else:
            lost += 1
    return found, lost


def metrics_in(line: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an epoch's metrics by name, None where not a number; None without an epoch.

    >>> metrics_in({"epoch": 1, "loss": "low"})
    {'epoch': 1, 'loss': None}
    """
    if not _fits(line.get("epoch"), Positive):
        return None
    return {name: value if _fits(value, Number) else None for name, value in line.items()}


def health_in(line: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the layer statistics of an epoch; None if the line is invalid.

    >>> health_in({"epoch": 1, "layers": [{"layer": "1-linear", "norm": 2.0}]}) is None
    False
    """
    layers = line.get("layers")
    fits = (
        _fits(line.get("epoch"), Positive)
        and _fits(layers, list[Annotated[LayerEntry, OPEN]])
        and all(_fits({**one, "layer": None}, dict[str, Number]) for one in layers or ())
    )
    return dict(line) if fits else None


def read_table(path: Path) -> pd.DataFrame:
    """Return the table of a search's candidates.

    Raises:
        InputError: the file isn't a table of candidates; says what is missing.
    """
    data = read_regular(path, _LARGEST_LINES)
    try:
        # None is the value of a parameter; only an empty cell means that there is none.
        frame = pd.read_csv(io.BytesIO(data), keep_default_na=False, na_values=[""])
    except (ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"{path} isn't a table of candidates: {error}") from error
    for name in FIGURES:
        if name not in frame or frame[name].dtype.kind not in "if":
            raise InputError(f"{path} has no numeric column {name!r}")
    return frame


def _fits(value: Any, form: Any) -> bool:
    try:
        conform(value, form, "")
    except ModelFileError:
        return False
    return True
