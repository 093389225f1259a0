"""The folder of a run: settings, a line for each epoch, the model, the result, pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from wellfit.cli.files import plain, write_json
from wellfit.cli.run_forms import read_config_file, read_result_file, what_was_altered
from wellfit.core.errors import InputError, ModelFileError, did_you_mean
from wellfit.core.locking import LOCK_FILE, lock
from wellfit.core.model_folder import is_model
from wellfit.core.writing import append, unfinished, write

CONFIG, METRICS, RESULT, MODEL = "config.json", "metrics.jsonl", "result.json", "model"
CURVE, CONFUSIONS, RESIDUALS = "learning_curve.png", "confusion_matrix.png", "residuals.png"
PICTURES = (
    *(CURVE, CONFUSIONS, RESIDUALS),
    *("parallel_coordinates.png", "slices.png", "importance.png", "leaders.png"),  # of a search
)
CHECKPOINTS, TENSORBOARD = "checkpoints", "tensorboard"
JOURNAL, RESULTS = "journal.jsonl", "results.csv"  # of a search
HEALTH = "health.jsonl"  # of the layers, as they train
REPORT = "report.html"
FORMAT, FORMAT_VERSION = "wellfit-run", 2

_OURS = {
    *(CONFIG, METRICS, RESULT, MODEL, *PICTURES, CHECKPOINTS, TENSORBOARD, JOURNAL, RESULTS),
    *(HEALTH, REPORT, LOCK_FILE),
}
_IN_FOLDERS = {CHECKPOINTS: "epoch-*.safetensors*", TENSORBOARD: "events.out.tfevents.*"}


class RunFolder:
    """A folder to write one run into; nothing on the disk changes before :meth:`begin`.

    From then on, and in a run that is resumed from the beginning, no other process may write to
    it, until :meth:`release`.

    Args:
        path: the folder; None takes the first free one of ``runs/name``, ``runs/name-2``, …
        name: of the data.
        overwrite: an earlier run there may be replaced.
        resume: an earlier run there is gone on with.

    Raises:
        InputError: another process trains in the folder of a run to be resumed.
    """

    def __init__(
        self,
        path: Path | None,
        name: str = "",
        *,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        self.path = path or Path("runs") / name
        self._fixed, self._overwrite, self.resumed = path is not None, overwrite, resume
        self._metrics: BinaryIO | None = None
        self._owed = b""  # lines that found no room yet
        self._trouble: OSError | None = None
        self._lock: int | None = None
        self.begun = False
        if resume:
            self._hold()

    @property
    def model(self) -> Path:
        """The model's folder."""
        return self.path / MODEL

    @property
    def checkpoints(self) -> Path:
        """The folder of the training's checkpoints."""
        return self.path / CHECKPOINTS

    @property
    def health(self) -> Path:
        """What is written of the layers as they train."""
        return self.path / HEALTH

    @property
    def tensorboard(self) -> Path:
        """What to give to ``tensorboard --logdir``."""
        return self.path / TENSORBOARD

    def begin(self, config: Mapping[str, Any], metrics: Iterable[Mapping[str, Any]] = ()) -> None:
        """Make the folder, write the settings, and remove what an earlier run wrote.

        The earlier run's model stays until :meth:`~wellfit.MLPClassifier.save` replaces it. A run
        that is resumed keeps its settings, and its metrics are ``metrics``.
        """
        self._clear_away((RESULT, JOURNAL, RESULTS, REPORT, *PICTURES))
        if self.resumed:
            write(self.path / METRICS, b"".join(map(_line, metrics)))
        else:
            self.configure(config)
        # Unbuffered: each line is on its way to the disk when the next epoch starts.
        how = "ab" if self.resumed else "wb"
        self._metrics = (self.path / METRICS).open(how, buffering=0)  # type: ignore[assignment]
        self.begun = True

    def _clear_away(self, names: Iterable[str]) -> None:
        """Remove these files of an earlier run or, in a run that is resumed, of this one.

        An earlier run's settings go first: a process that is killed here leaves no run, and not
        one that would be resumed with the settings of one and the files of the other.
        """
        if not self.resumed:
            self._make()
            (self.path / CONFIG).unlink(missing_ok=True)
            self.clear(CHECKPOINTS)
            self.clear(TENSORBOARD)
        doomed = {*(self.path / name for name in names), *_leftovers(self.path)}
        for path in sorted(doomed.intersection(self.path.iterdir())):
            path.unlink()

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the settings."""
        header = {"format": FORMAT, "format_version": FORMAT_VERSION}
        write_json(self.path / CONFIG, {**header, **config})

    def _make(self) -> None:
        if self._fixed:
            self.path.mkdir(parents=True, exist_ok=True)
            self._hold()
            refuse(self.path, self._overwrite)  # again: it may have come into being meanwhile
            return
        base, number = self.path, 1
        while True:
            try:
                self.path.mkdir(parents=True)
                break
            except FileExistsError:
                number += 1
                self.path = base.with_name(f"{base.name}-{number}")
        self._hold()

    def _hold(self) -> None:
        try:
            self._lock = lock(self.path)
        except BlockingIOError as error:
            raise InputError(
                f"another process trains in {self.path}; wait for its end, or give another folder"
            ) from error

    def release(self) -> None:
        """Let other processes write to the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def clear(self, name: str) -> None:
        """Remove the files that a run wrote into one of its folders, and the folder if empty."""
        for path in (self.path / name).glob(_IN_FOLDERS[name]):
            path.unlink()
        with suppress(OSError):
            (self.path / name).rmdir()

    def record(self, line: Mapping[str, Any]) -> None:
        """Append a line to the metrics; one that finds no room is tried again with the next.

        A full disk is no reason to stop a training whose model may still find its place.
        """
        self._owed += _line(line)
        self._pay()

    def _pay(self) -> None:
        """Write the lines that are owed, all or none; trouble is kept until :meth:`check`."""
        if self._metrics is None or not self._owed:
            return
        try:
            append(self._metrics, self._owed)
        except OSError as error:
            self._trouble = OSError(error.errno, error.strerror, str(self.path / METRICS))
        else:
            self._owed, self._trouble = b"", None

    def close(self) -> None:
        """Close the metrics."""
        if self._metrics is not None:
            self._pay()
            self._metrics.close()
            self._metrics = None

    def check(self) -> None:
        """Raise what was the trouble with the metrics, if lines are missing.

        Raises:
            OSError: a line found no room.
        """
        if self._trouble is not None:
            raise self._trouble

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write the result, which says that the run is done: all else is written before."""
        self.check()
        write_json(self.path / RESULT, result)

    def lacks_pictures(self, config: Mapping[str, Any]) -> bool:
        """Say whether pictures are missing that a run with these settings and result has."""
        wanted = {CONFUSIONS} if "confusion" in config["result"] else set()
        wanted |= {RESIDUALS} if config.get("data", {}).get("task") == "regression" else set()
        metrics = self.path / METRICS  # which a search doesn't have
        wanted |= {CURVE} if metrics.is_file() and metrics.stat().st_size else set()
        return not all((self.path / name).is_file() for name in wanted)

    def picture(self, name: str, data: bytes) -> None:
        """Write a picture, one of ``PICTURES``."""
        write(self.path / name, data)


def _leftovers(path: Path) -> set[Path]:
    """Return what a process that was killed may have left half written in a run's folder."""
    return {unfinished(path / name) for name in _OURS} | {path / f"{HEALTH}.new"}


def _line(metrics: Mapping[str, Any]) -> bytes:
    return json.dumps(plain(metrics), allow_nan=False).encode() + b"\n"


def model_folder(path: Path) -> Path:
    """Return the model of a run, or the path itself where it is a model.

    Raises:
        ModelFileError: there is nothing at ``path``; names the nearest run. Or the run that is
            there has no model yet.
    """
    if not path.exists():
        siblings = path.parent.iterdir() if path.parent.is_dir() else ()
        runs = {run.name: str(run) for run in siblings if is_model(run / MODEL) or is_model(run)}
        raise ModelFileError(f"there is no run or model {path}{did_you_mean(path.name, runs)}")
    if is_model(path):
        return path
    if not is_model(path / MODEL) and (path / CONFIG).exists() and read_config(path):
        verb = "search" if "search" in read_config(path) else "train"
        raise ModelFileError(
            f"the run {path} has no model yet; `wellfit {verb} --resume {path}` goes on with it"
        )
    return path / MODEL if is_model(path / MODEL) else path


def read_config(path: Path) -> dict[str, Any]:
    """Return the settings of the run that a path, a run or its model, belongs to; else nothing."""
    for folder in (path, path.parent):
        with suppress(OSError, ModelFileError):
            return read_config_file(folder / CONFIG)
    return {}


def _nothing(path: Path) -> str:
    """Say in what way a folder holds no run, and what was expected."""
    if (path / CONFIG).is_file():
        return f"there is no run, since {CONFIG} is half written or of something else"
    if not path.is_dir():
        return "there is no run"
    inside = sorted(item.name for item in path.iterdir() if (item / CONFIG).is_file())
    if inside:
        return f"there is no run but in its folders; expected one, such as {path / inside[0]}"
    return "there is no run; expected a folder that `wellfit train` or `search` wrote"


def read_run(path: Path, asked: str = "--resume") -> dict[str, Any]:
    """Return the settings of the run in a folder, and its result, if any, as ``"result"``.

    Raises:
        InputError: there is no run, or one of another format; names the nearest run.
    """
    config = read_config(path) if (path / CONFIG).is_file() else {}
    if not config and (wrong := what_was_altered(path / CONFIG)):
        raise InputError(f"{asked} {path}: its settings were altered, and can't be read: {wrong}")
    if not config:
        siblings = path.parent.iterdir() if path.parent.is_dir() else ()
        runs = [str(run) for run in siblings if (run / CONFIG).is_file() and run != path]
        raise InputError(f"{asked} {path}: {_nothing(path)}{did_you_mean(str(path), runs)}")
    written = config.get("format_version", 1)
    if written != FORMAT_VERSION:
        age = "an older" if written < FORMAT_VERSION else "a newer"
        raise InputError(
            f"{asked} {path}: {age} wellfit wrote this run, in format {written}; expected "
            f"{FORMAT_VERSION}. Train anew, in another folder or with --overwrite"
        )
    with suppress(OSError, ModelFileError):  # it is half written, or was altered
        config["result"] = read_result_file(path / RESULT)
    return config


def refuse(path: Path, overwrite: bool, command: str = "train") -> None:
    """Refuse a place that holds a run, unless it may be overwritten, or anything else.

    Raises:
        InputError: ``path`` is a file, holds a run, or what no run wrote.
    """
    _refuse_foreign(path)
    # A process that was killed before it had written its settings leaves nothing to lose.
    nothing = {path / LOCK_FILE, *_leftovers(path)}
    if overwrite or not path.is_dir() or nothing.issuperset(path.iterdir()):
        return
    if not (path / CONFIG).exists():
        raise InputError(
            f"--run {path} holds files of a run without its {CONFIG}; expected a new folder, or "
            "--overwrite to replace them"
        )
    raise InputError(
        f"--run {path} holds a run; expected a new folder, or --overwrite to replace the run, "
        f"or `wellfit {command} --resume {path}` to go on with it"
    )


def _refuse_foreign(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise InputError(f"--run {path} is a file; expected a folder, new or of an earlier run")
    items = sorted(path.iterdir()) if path.is_dir() else []
    leftovers = _leftovers(path)
    foreign = [item.name for item in items if item.name not in _OURS and item not in leftovers]
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
