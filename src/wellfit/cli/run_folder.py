"""The folder of a run: settings, a line for each epoch, the model, the result, pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from wellfit.cli.files import plain, write, write_json
from wellfit.core.errors import InputError, ModelFileError, did_you_mean
from wellfit.store import is_model

CONFIG, METRICS, RESULT, MODEL = "config.json", "metrics.jsonl", "result.json", "model"
PICTURES = ("learning_curve.png", "confusion_matrix.png", "residuals.png")
FORMAT = "wellfit-run"

_OURS = {CONFIG, METRICS, RESULT, MODEL, *PICTURES}


class RunFolder:
    """A folder to write one run into; nothing on the disk changes before :meth:`begin`.

    Args:
        path: the folder, whose earlier run is replaced; None takes the first free one of
            ``runs/name``, ``runs/name-2``, …
        name: of the data.
    """

    def __init__(self, path: Path | None, name: str) -> None:
        self.path = path or Path("runs") / name
        self._fixed = path is not None
        self._metrics: BinaryIO | None = None
        self._trouble: OSError | None = None
        self.begun = False

    @property
    def model(self) -> Path:
        """The model's folder."""
        return self.path / MODEL

    def begin(self, config: Mapping[str, Any]) -> None:
        """Make the folder, write the settings, and clear away what an earlier run said of itself.

        The earlier run's model stays until :meth:`~wellfit.MLPClassifier.save` replaces it.
        """
        self._make()
        write_json(self.path / CONFIG, {"format": FORMAT, **config})
        for name in (RESULT, *PICTURES):
            (self.path / name).unlink(missing_ok=True)
        # Unbuffered: each line is on its way to the disk when the next epoch starts.
        self._metrics = (self.path / METRICS).open("wb", buffering=0)
        self.begun = True

    def _make(self) -> None:
        if self._fixed:
            self.path.mkdir(parents=True, exist_ok=True)
            return
        base, number = self.path, 1
        while True:
            try:
                self.path.mkdir(parents=True)
                return
            except FileExistsError:
                number += 1
                self.path = base.with_name(f"{base.name}-{number}")

    def record(self, line: Mapping[str, Any]) -> None:
        """Append a line to the metrics; trouble is kept until :meth:`check`.

        A full disk is no reason to stop a training whose model may still find its place.
        """
        if self._metrics is None or self._trouble is not None:
            return
        try:
            self._metrics.write(json.dumps(plain(line), allow_nan=False).encode() + b"\n")
        except OSError as error:
            self._trouble = OSError(error.errno, error.strerror, str(self.path / METRICS))

    def close(self) -> None:
        """Close the metrics."""
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None

    def check(self) -> None:
        """Raise what was the trouble with the metrics, if there was any."""
        if self._trouble is not None:
            raise self._trouble

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write the result."""
        write_json(self.path / RESULT, result)

    def picture(self, name: str, data: bytes) -> None:
        """Write a picture, one of ``PICTURES``."""
        write(self.path / name, data)


def model_folder(path: Path) -> Path:
    """Return the model of a run, or the path itself where it is a model.

    Raises:
        ModelFileError: there is nothing at ``path``; names the nearest run.
    """
    if not path.exists():
        siblings = path.parent.iterdir() if path.parent.is_dir() else ()
        runs = {run.name: str(run) for run in siblings if is_model(run / MODEL) or is_model(run)}
        raise ModelFileError(f"there is no run or model {path}{did_you_mean(path.name, runs)}")
    return path / MODEL if is_model(path / MODEL) and not is_model(path) else path


def read_config(path: Path) -> dict[str, Any]:
    """Return the settings of the run that a path, a run or its model, belongs to; else nothing."""
    for folder in (path, path.parent):
        try:
            config = json.loads((folder / CONFIG).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(config, dict) and config.get("format") == FORMAT:
            return config
    return {}


def refuse_foreign(path: Path) -> None:
    """Refuse a place that holds anything else than a run.

    Raises:
        InputError: ``path`` is a file, or holds what no run wrote.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"--run {path} is a file; expected a folder, new or of an earlier run")
    items = sorted(path.iterdir()) if path.is_dir() else []
    foreign = [item.name for item in items if item.name not in _OURS]
    if (path / CONFIG).exists() and not read_config(path):
        foreign.insert(0, f"a {CONFIG} that no run wrote")
    model = path / MODEL
    if model.exists() and not is_model(model) and (model.is_file() or any(model.iterdir())):
        foreign.append(f"a {MODEL} that is none")
    if foreign:
        raise InputError(
            f"--run {path} holds {', '.join(foreign[:3])}{', …' if len(foreign) > 3 else ''}; "
            "expected a new folder, or that of an earlier run"
        )
