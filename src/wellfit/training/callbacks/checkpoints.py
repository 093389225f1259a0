"""Checkpoints, written while training runs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from wellfit.core.errors import InputError
from wellfit.core.hyper import hyper
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, Run, State, TrainingView
from wellfit.training.callbacks.monitoring import MODES, begin, improved, judged, warn_of
from wellfit.training.checkpoint import NEW, checkpoints, epoch_of, is_best, write_checkpoint
from wellfit.training.result import Result, Status


class Checkpoint(Callback, name="checkpoint"):
    """Writes all that is needed to go on into a folder, as training goes.

    A file for each such epoch, ``epoch-000012.safetensors``, of which the ``keep`` newest stay.
    :func:`~wellfit.training.read_checkpoint` takes the newest that is whole: a training that is
    killed at any moment goes on from there and ends as if nothing had happened. With ``best``
    the epoch in which the best member was best is written too, as
    ``epoch-000009-best.safetensors``, and stays until there is a better one. ``load_model`` makes
    an estimator of such a file, or of the newest in the folder.

    In long epochs ``seconds`` asks for checkpoints between them too, and training goes on from
    the step it had reached. In short ones ``pause`` keeps checkpoints from costing more than what
    they save: epochs that end sooner after the last one (or the start) write none.

    A file that can't be written (the disk is full) is warned of: training goes on, and those
    before it stay.

    Raises:
        InputError: a new run would write into the folder of another.
        HyperparameterError: a ``val_`` metric is monitored, and there are no validation rows.
        UnknownNameError: the monitored metric is not among those of the run.

    >>> Checkpoint("digits", every=5)
    Checkpoint(folder='digits', every=5)
    """

    exclusive_files: ClassVar[bool] = True
    state_arrays: ClassVar[Mapping[str, str]] = {"best": "f", "waited": "i"}

    folder: str = hyper("where to", default="checkpoints")
    every: int = hyper("epochs between two checkpoints", default=1, low=1, scale="log")
    seconds: float | None = hyper(
        "between two checkpoints within an epoch; None for none there",
        default=None,
        low=0,
        scale="log",
        optional=True,
    )
    pause: float = hyper("seconds from one to the next, at least", default=0.0, low=0)
    best: bool = hyper("keep the best epoch's as well", default=False)
    keep: int = hyper("how many of the newest stay", default=2, low=1)
    monitor: str = hyper("the metric that the best is judged by", default="val_loss")
    mode: str = hyper("which way is better", default="auto", choices=MODES)
    overwrite: bool = hyper("whether a new run may clear another's folder", default=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", os.fspath(self.folder))
        super().__post_init__()

    def on_train_begin(self, run: Run, state: State) -> None:
        """Make the folder, and clear away what is of no use to this run."""
        there = checkpoints(self.folder)
        if there and run.is_new(state) and not self.overwrite:
            raise InputError(
                f"{self.folder} holds the checkpoints of another run, up to epoch "
                f"{epoch_of(there[0])}; resume it, give another folder, or overwrite=True"
            )
        if self.best:
            begin(self, self.monitor, run, state)
        state["epochs"] = run.epochs
        place = Path(self.folder)
        place.mkdir(parents=True, exist_ok=True)
        # Resumed from an older checkpoint, the run will write these epochs again.
        later = [path for path in there if epoch_of(path) > run.first_epoch]
        for path in [*later, *place.glob(f"epoch-*.safetensors{NEW}")]:
            path.unlink()
        extra = None if run.describe is None else {"model": run.describe()}
        state["live"] = {"view": run.view, "written": time.perf_counter(), "extra": extra}

    def on_batches_end(self, epoch: int, done: int, total: int, state: State) -> Decision | None:
        """Write a checkpoint if it is time within the epoch."""
        if self.seconds is not None and _waited(state) >= self.seconds and done < total:
            self._write(state["live"]["view"], False, state)
        return None

    def on_decisions_applied(self, logs: EpochLogs, state: State) -> None:
        """Write a checkpoint if it is time, or if this epoch is the best."""
        best = self.best and self._is_best(logs, state)
        due = logs.epoch % self.every == 0 or logs.epoch == state["epochs"]
        if best or (due and _waited(state) >= self.pause):
            self._write(logs.view, best, state)

    def on_train_end(self, state: State) -> None:
        """Write a checkpoint where Ctrl-C has ended the run; forget what was for this process."""
        view = state["live"]["view"] if "live" in state else None
        if view is not None:
            result = view.result()
            if Status.INTERRUPTED in result.status:
                self._put(result, False, state)
        state.pop("live", None)

    def _write(self, view: TrainingView | None, best: bool, state: State) -> None:
        if view is None:
            raise InputError("a checkpoint is taken from a view of the training; given none")
        # Set before writing: the next pause then counts from the state that the file holds.
        state["live"]["written"] = time.perf_counter()
        self._put(view.result(), best, state)

    def _put(self, result: Result, best: bool, state: State) -> None:
        try:
            extra = state["live"]["extra"] if "live" in state else None
            write_checkpoint(self.folder, result, extra, best=best)
        except OSError as error:
            warn_of(f"no checkpoint of epoch {result.epoch} in {self.folder}", error, state)
        else:
            self._clear()

    def _is_best(self, logs: EpochLogs, state: State) -> bool:
        earlier = state["best"].min()
        value = judged(logs, self.monitor, self.mode)
        improved(logs, value, 0.0, state)
        return bool(state["best"].min() < earlier)

    def _clear(self) -> None:
        """Remove all but the newest, and the best."""
        there = checkpoints(self.folder)
        # Newest first, so the first one marked as best is the best of all.
        marked = [path for path in there if is_best(path)][:1]
        for path in there[self.keep :]:
            if path not in marked:
                with suppress(OSError):
                    path.unlink()


def _waited(state: State) -> float:
    """Return the seconds since the last checkpoint, or since the start."""
    return time.perf_counter() - float(state["live"]["written"])
