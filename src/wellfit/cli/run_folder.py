"""The run folder: settings, metrics of each epoch, model, result, figures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from wellfit.cli.files import plain, write_json
from wellfit.cli.run_forms import read_config_file, read_result_file, what_was_altered
from wellfit.core.errors import InputError, ModelFileError, did_you_mean
from wellfit.core.locking import LOCK_FILE, lock
from wellfit.core.model_folder import DOCUMENT, is_model
from wellfit.core.writing import append, unfinished, write

CONFIG, METRICS, RESULT, MODEL = "config.json", "metrics.jsonl", "result.json", "model"
CURVE, CONFUSIONS, RESIDUALS = "learning_curve.png", "confusion_matrix.png", "residuals.png"
PICTURES = (
    *(CURVE, CONFUSIONS, RESIDUALS),
    # Of a search:
    *("parallel_coordinates.png", "slices.png", "importance.png", "learning_curves.png"),
)
_FORMER_PICTURES = ("leaders.png",)  # in folders of searches before version 0.1.0
CHECKPOINTS, TENSORBOARD = "checkpoints", "tensorboard"
JOURNAL, RESULTS = "journal.jsonl", "results.csv"  # of a search
HEALTH = "health.jsonl"  # of the layers, as they train
REPORT, CARD, EXPLANATION = "report.html", "MODEL_CARD.md", "explanation"
FORMAT, FORMAT_VERSION = "wellfit-run", 2

_OURS = {
    *(CONFIG, METRICS, RESULT, MODEL, *PICTURES, CHECKPOINTS, TENSORBOARD, JOURNAL, RESULTS),
    *(HEALTH, REPORT, CARD, EXPLANATION, LOCK_FILE, *_FORMER_PICTURES),
}
_IN_FOLDERS = {
    CHECKPOINTS: "epoch-*.safetensors*",
    TENSORBOARD: "events.out.tfevents.*",
    EXPLANATION: "*.[cp][sn][vg]",
}


R = TypeVar("R", bound="RunFolder")


class RunFolder:
    """The folder of one run; nothing changes on the disk before :meth:`begin`.

    From then on (a resumed run: from the constructor on) the folder is locked for other processes
    until :meth:`release`.

    Args:
        path: the folder; None for the first free one of ``runs/name``, ``runs/name-2``, …
        name: name of the data.
        overwrite: whether an earlier run may be replaced.
        resume: whether to resume the run in the folder.

    Raises:
        InputError: another process trains in the folder of the run to resume.
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
        self._pending = b""  # lines that didn't fit on the disk yet
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
        """The file of layer statistics."""
        return self.path / HEALTH

    @property
    def tensorboard(self) -> Path:
        """The folder for ``tensorboard --logdir``."""
        return self.path / TENSORBOARD

    def begin(self, config: Mapping[str, Any], metrics: Iterable[Mapping[str, Any]] = ()) -> None:
        """Create the folder, write the settings, and remove the files of an earlier run.

        The earlier run's model stays until :meth:`~wellfit.MLPClassifier.save` replaces it. A
        resumed run keeps its settings, and its metrics become ``metrics``.
        """
        self._clear_away((RESULT, JOURNAL, RESULTS, REPORT, *PICTURES))
        if self.resumed:
            write(self.path / METRICS, b"".join(map(_line, metrics)))
        else:
            self.configure(config)
        # Unbuffered, so that each line is written before the next epoch starts.
        how = "ab" if self.resumed else "wb"
        self._metrics = (self.path / METRICS).open(how, buffering=0)  # type: ignore[assignment]
        self.begun = True

    def _clear_away(self, names: Iterable[str]) -> None:
        """Remove these files of an earlier run, or of this run if it is resumed.

        An earlier run's settings are removed first: a process killed here leaves no run, instead
        of one with the settings of one run and the files of another.
        """
        if not self.resumed:
            self._make()
            (self.path / CONFIG).unlink(missing_ok=True)
            for name in _IN_FOLDERS:
                self.clear(name)
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
            refuse(self.path, self._overwrite)  # again: another process may have created it
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
                f"another process trains in {self.path}; wait until it ends, or choose another "
                "folder"
            ) from error

    def release(self) -> None:
        """Unlock the folder for other processes."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def clear(self, name: str) -> None:
        """Remove the run's files from one of its folders, and the folder if it is then empty."""
        for path in (self.path / name).glob(_IN_FOLDERS[name]):
            path.unlink()
        with suppress(OSError):
            (self.path / name).rmdir()

    def record(self, line: Mapping[str, Any]) -> None:
        """Append a line to the metrics; if the disk is full, the next call tries again.

        A full disk doesn't stop training, because there may be space for the model later.
        """
        self._pending += _line(line)
        self._write_pending()

    def _write_pending(self) -> None:
        """Write all pending lines or none; an error is kept for :meth:`check`."""
        if self._metrics is None or not self._pending:
            return
        try:
            append(self._metrics, self._pending)
        except OSError as error:
            self._trouble = OSError(error.errno, error.strerror, str(self.path / METRICS))
        else:
            self._pending, self._trouble = b"", None

    def close(self) -> None:
        """Close the metrics."""
        if self._metrics is not None:
            self._write_pending()
            self._metrics.close()
            self._metrics = None

    def check(self) -> None:
        """Raise the error of the metrics file if lines are missing.

        Raises:
            OSError: a line couldn't be written.
        """
        if self._trouble is not None:
            raise self._trouble

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write the result last, because it marks the run as finished."""
        self.check()
        write_json(self.path / RESULT, result)

    def lacks_pictures(self, config: Mapping[str, Any]) -> bool:
        """Return whether figures are missing that this run should have."""
        wanted = {CONFUSIONS} if "confusion" in config["result"] else set()
        wanted |= {RESIDUALS} if config.get("data", {}).get("task") == "regression" else set()
        metrics = self.path / METRICS  # which searches don't have
        wanted |= {CURVE} if metrics.is_file() and metrics.stat().st_size else set()
        return not all((self.path / name).is_file() for name in wanted)

    def picture(self, name: str, data: bytes) -> None:
        """Write a figure, one of ``PICTURES``."""
        write(self.path / name, data)


def _leftovers(path: Path) -> set[Path]:
    """Return the temporary files that a killed process may have left in a run folder."""
    return {unfinished(path / name) for name in _OURS} | {path / f"{HEALTH}.new"}


def _line(metrics: Mapping[str, Any]) -> bytes:
    return json.dumps(plain(metrics), allow_nan=False).encode() + b"\n"


def model_folder(path: Path) -> Path:
    """Return the model of a run, or the path itself if it is a model.

    A run that was killed has its checkpoints instead; :func:`~wellfit.load_model` reads both.

    Raises:
        ModelFileError: no run or model, naming the nearest one, or a run without a model yet.
    """
    if not path.exists():
        siblings = path.parent.iterdir() if path.parent.is_dir() else ()
        runs = {run.name: str(run) for run in siblings if is_model(run / MODEL) or is_model(run)}
        hint = did_you_mean(path.name, runs, runs)
        raise ModelFileError(f"there is no run or model {path}{hint}")
    if is_model(path):
        return path
    if path.is_file() and not is_model(path.parent):
        raise ModelFileError(f"{path} is a file; expected the folder of a run or of a model")
    if _was_killed(path):
        return path / CHECKPOINTS
    if not is_model(path / MODEL) and (path / CONFIG).exists() and read_config(path):
        verb = "search" if "search" in read_config(path) else "train"
        raise ModelFileError(
            f"the run {path} has no model yet; `wellfit {verb} --resume {path}` resumes it"
        )
    return path / MODEL if is_model(path / MODEL) else path


def _was_killed(path: Path) -> bool:
    """Return whether a run has no result, and checkpoints that are newer than its model."""
    if (path / RESULT).exists() or not (path / CONFIG).exists():
        return False
    written = [
        file.stat().st_mtime_ns for file in (path / CHECKPOINTS).glob("epoch-*.safetensors")
    ]
    model = path / MODEL / DOCUMENT
    return bool(written) and not (model.exists() and model.stat().st_mtime_ns > max(written))


def read_config(path: Path) -> dict[str, Any]:
    """Return the settings of the run to which a run folder or model belongs; else nothing."""
    for folder in (path, path.parent):
        with suppress(OSError, ModelFileError):
            return read_config_file(folder / CONFIG)
    return {}


def _nothing(path: Path) -> str:
    """Return why a folder contains no run, and what was expected."""
    if (path / CONFIG).is_file():
        return f"there is no run: {CONFIG} is incomplete or something else"
    if not path.is_dir():
        return "there is no run"
    inside = sorted(item.name for item in path.iterdir() if (item / CONFIG).is_file())
    if inside:
        return f"it contains runs, but isn't one; expected a run, such as {path / inside[0]}"
    return "there is no run; expected a folder that `wellfit train` or `wellfit search` wrote"


def read_run(path: Path, asked: str = "--resume") -> dict[str, Any]:
    """Return the settings of the run in a folder, with its result, if any, as ``"result"``.

    Raises:
        InputError: there is no run (the message names the nearest one), or its format differs.
    """
    config = read_config(path) if (path / CONFIG).is_file() else {}
    if not config and (wrong := what_was_altered(path / CONFIG)):
        raise InputError(f"{asked} {path}: its settings are invalid: {wrong}")
    if not config:
        runs = {run.name: str(run) for run in path.parent.glob("*") if (run / CONFIG).is_file()}
        raise InputError(f"{asked} {path}: {_nothing(path)}{did_you_mean(path.name, runs, runs)}")
    written = config.get("format_version", 1)
    if written != FORMAT_VERSION:
        age = "an older" if written < FORMAT_VERSION else "a newer"
        raise InputError(
            f"{asked} {path}: {age} wellfit wrote this run, in format {written}; expected "
            f"{FORMAT_VERSION}. Train again, in another folder or with --overwrite"
        )
    with suppress(OSError, ModelFileError):  # it is incomplete or invalid
        config["result"] = read_result_file(path / RESULT)
    return config


def read_training(path: Path) -> dict[str, Any]:
    """Return the settings of the training in a folder.

    Raises:
        InputError: there is no run, or it is a search.
    """
    config = read_run(path)
    if "search" in config:
        raise InputError(
            f"--resume {path}: this is a search; expected a training, or "
            f"`wellfit search --resume {path}`"
        )
    return config


@contextmanager
def resumed(
    path: Path, opened: type[R], read: Callable[[Path], dict[str, Any]]
) -> Iterator[tuple[R, dict[str, Any]]]:
    """Open a run's folder to go on, and yield it with its settings; release it at the end.

    Args:
        path: the folder.
        opened: what opens it.
        read: returns its settings.
    """
    read(path)  # refuses what is no run
    folder = opened(path, resume=True)
    try:
        yield folder, read(path)  # again: now that the folder is locked
    finally:
        folder.release()


def refuse_target(path: Path | None, overwrite: bool, command: str) -> None:
    """Refuse the folder of a new run, as :func:`refuse`; or ``--overwrite`` without a folder."""
    if path is not None:
        refuse(path, overwrite, command)
    elif overwrite:
        raise InputError("--overwrite replaces the run that --run names; given no --run")


def refuse(path: Path, overwrite: bool, command: str = "train") -> None:
    """Refuse a folder with other contents, or with a run unless it may be overwritten.

    Raises:
        InputError: ``path`` is a file, contains a run, or contains other files.
    """
    _refuse_foreign(path)
    # A process that was killed before it wrote its settings leaves nothing of value.
    nothing = {path / LOCK_FILE, *_leftovers(path)}
    if overwrite or not path.is_dir() or nothing.issuperset(path.iterdir()):
        return
    if not (path / CONFIG).exists():
        raise InputError(
            f"--run {path} contains files of a run without its {CONFIG}; expected a new folder, "
            "or --overwrite to replace them"
        )
    raise InputError(
        f"--run {path} contains a run; expected a new folder, --overwrite to replace the run, or "
        f"`wellfit {command} --resume {path}` to resume it"
    )


def _refuse_foreign(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise InputError(
            f"--run {path} is a file; expected a new folder, or that of an earlier run"
        )
    items = sorted(path.iterdir()) if path.is_dir() else []
    leftovers = _leftovers(path)
    foreign = [item.name for item in items if item.name not in _OURS and item not in leftovers]
    if (path / CONFIG).exists() and not read_config(path):
        foreign.insert(0, f"a {CONFIG} that no run wrote")
    model = path / MODEL
    if model.exists() and not is_model(model) and (model.is_file() or any(model.iterdir())):
        foreign.append(f"a {MODEL} that isn't a model")
    if foreign:
        raise InputError(
            f"--run {path} contains {', '.join(foreign[:3])}{', …' if len(foreign) > 3 else ''}; "
            "expected a new folder, or that of an earlier run"
        )
