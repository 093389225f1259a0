"""Logs of a run in files: CSV and JSON lines, a line for each epoch and member."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from wellfit.core.errors import InputError
from wellfit.core.files import read_regular
from wellfit.core.hyper import hyper
from wellfit.core.writing import append, write
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, Run, State
from wellfit.training.callbacks.monitoring import warn_of

Line = dict[str, Any]

_LARGEST = 1 << 28  # bytes of a log to go on with


class Log(Callback):
    """A file that gets a line for each epoch and member that trained in it.

    A line is a JSON object unless a subclass says otherwise. A run that is resumed goes on with
    its file: lines of epochs that are trained again are cut.

    Raises:
        InputError: a new run would write over the file of another.
    """

    exclusive_files: ClassVar[bool] = True

    path: str
    overwrite: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", os.fspath(self.path))
        super().__post_init__()

    def _read(self, text: str) -> list[Line]:
        """Return the lines of a file, each with its epoch as a number."""
        return [json.loads(line) for line in text.splitlines()]

    def _text(self, lines: Iterable[Line], state: State) -> str:
        """Return the file for these lines, whole."""
        return "".join(json.dumps(_finite(line), allow_nan=False) + "\n" for line in lines)

    def on_train_begin(self, run: Run, state: State) -> None:
        """Begin the file, or cut what a resumed run will write again."""
        place, kept = Path(self.path), []
        if place.exists():
            if run.is_new(state) and not self.overwrite:
                raise InputError(
                    f"{place} is the log of another run; "
                    f"give {self.name} another path, or overwrite=True"
                )
            # Lines of later epochs are of a run that went on after this checkpoint: they would
            # stand there twice.
            kept = self._before(place, run.first_epoch) if run.first_epoch else []
        state["begun"] = True
        place.parent.mkdir(parents=True, exist_ok=True)
        self._rewrite(kept, state)

    def _before(self, place: Path, epoch: int) -> list[Line]:
        """Return the lines up to an epoch of the file that a resumed run goes on with.

        Raises:
            InputError: it holds something else than this callback writes.
        """
        try:
            # What a killed process has left of a line is no line.
            whole, _, _ = read_regular(place, _LARGEST).decode("utf-8").rpartition("\n")
            return [line for line in self._read(whole) if line["epoch"] <= epoch]
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise InputError(
                f"{place} is no log that {self.name} can go on with: {error}"
            ) from error

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Append the epoch's lines."""
        lines = [
            {
                "epoch": logs.epoch,
                "member": int(member),
                "seconds": float(logs.seconds),
                **{name: float(values[member]) for name, values in logs.metrics.items()},
            }
            for member in np.flatnonzero(logs.active)
        ]
        try:
            self._add(lines, state)
        except OSError as error:
            warn_of(f"epoch {logs.epoch} could not be written to {self.path}", error, state)
        return None

    def _add(self, lines: list[Line], state: State) -> None:
        self._append(self._text(lines, state))

    def _append(self, text: str) -> None:
        """Append all of the text or, on a full disk, nothing."""
        with Path(self.path).open("ab", buffering=0) as file:
            append(file, text.encode())

    def _rewrite(self, lines: list[Line], state: State) -> None:
        write(Path(self.path), self._text(lines, state).encode())


def _finite(value: Any) -> Any:
    """Return plain data with null for what is no finite number, which JSON lacks."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class JSONLines(Log, name="json_lines"):
    """Appends a JSON object for each epoch and member to a file; null where a value isn't finite.

    ``{"epoch": 1, "member": 0, "seconds": 0.02, "loss": 0.71, …}``, one a line. A run that is
    resumed goes on with its file: lines of epochs that are trained again are cut.

    Raises:
        InputError: a new run would write over the file of another.

    >>> JSONLines("digits.jsonl")
    JSONLines(path='digits.jsonl')
    """

    path: str = hyper("the file", default="log.jsonl")
    overwrite: bool = hyper("whether a new run may replace the file of another", default=False)


class CSVLog(Log, name="csv"):
    """Appends a row for each epoch and member to a CSV file.

    The columns are ``epoch``, ``member``, ``seconds`` and the metrics; a cell is empty where its
    metric wasn't judged, and a metric that only comes later gets a column then. A run that is
    resumed goes on with its file: rows of epochs that are trained again are cut.

    Raises:
        InputError: a new run would write over the file of another.

    >>> CSVLog("digits.csv")
    CSVLog(path='digits.csv')
    """

    path: str = hyper("the file", default="log.csv")
    overwrite: bool = hyper("whether a new run may replace the file of another", default=False)

    def _read(self, text: str) -> list[Line]:
        lines: list[Line] = list(csv.DictReader(io.StringIO(text)))
        return [{**line, "epoch": int(line["epoch"])} for line in lines]

    def _text(self, lines: Iterable[Line], state: State, header: bool = True) -> str:
        rows = list(lines)
        state["columns"] = list(
            dict.fromkeys([*(() if header else state["columns"]), *(k for r in rows for k in r)])
        )
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, state["columns"], restval="", lineterminator="\n")
        if header and rows:
            writer.writeheader()
        # v != v is true for NaN alone, whatever the value's type.
        writer.writerows({k: "" if v != v else v for k, v in row.items()} for row in rows)
        return buffer.getvalue()

    def _add(self, lines: list[Line], state: State) -> None:
        if set(lines[0]) <= set(state["columns"]):
            self._append(self._text(lines, state, header=False))
        else:
            # A metric that was not there before needs a column, and CSV has its columns at the
            # top.
            earlier = self._read(Path(self.path).read_text(encoding="utf-8"))
            self._rewrite([*earlier, *lines], state)
