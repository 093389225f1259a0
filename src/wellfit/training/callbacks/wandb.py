"""Settings and metrics for Weights & Biases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import uuid4

import numpy as np

from wellfit.core.extras import import_extra
from wellfit.core.hyper import hyper
from wellfit.core.schema import Length, conform
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, Run, State
from wellfit.training.callbacks.mlflow import settings_of
from wellfit.training.callbacks.monitoring import warn_of


class WandB(Callback, name="wandb"):
    """Logs each member as a run of a Weights & Biases project: its settings, its metrics by epoch.

    Several members are runs of one group. A training that is resumed goes on with its runs. Needs
    the extra ``wellfit-nn[wandb]``, and an account unless ``mode`` is ``"offline"``.

    Raises:
        MissingExtraError: the package wandb is not installed.

    >>> WandB(project="digits", mode="offline")
    WandB(project='digits', mode='offline')
    """

    project: str = hyper("the project, made where it doesn't exist", default="wellfit")
    mode: str = hyper(
        'where to: "online", "offline" for a folder to be synchronized later, "disabled" for '
        "nowhere; empty for W&B's own setting",
        default="",
        choices=("", "online", "offline", "disabled"),
    )
    folder: str = hyper("where W&B writes its files; empty for its own setting", default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", os.fspath(self.folder))
        super().__post_init__()

    def on_train_begin(self, run: Run, state: State) -> None:
        """Open a run for each member, or go on with it."""
        wandb = import_extra("wandb", "wandb")
        if "runs" in state:
            conform(state["runs"], Annotated[list[str], Length(run.k)], "runs")
        else:
            state["runs"] = [uuid4().hex[:8] for _ in run.members]
            state["group"] = f"wellfit-{state['runs'][0]}"
        state["live"] = [
            wandb.init(
                project=self.project,
                mode=self.mode or None,
                dir=self.folder or None,
                id=run_id,
                name=f"member-{k}" if run.k > 1 else None,
                group=state["group"] if run.k > 1 else None,
                config=dict(settings_of(run.members[k])),
                resume="allow",
                # Members are runs side by side, and none is the one of the whole process.
                reinit="create_new",
                settings=wandb.Settings(silent=True),
            )
            for k, run_id in enumerate(state["runs"])
        ]

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Log the metrics; a server that doesn't answer is warned of."""
        with _warn_on_failure(f"W&B did not log epoch {logs.epoch}", state):
            for k in np.flatnonzero(logs.active):
                metrics = {
                    name: float(values[k])
                    for name, values in logs.metrics.items()
                    if not np.isnan(values[k])
                }
                state["live"][k].log({"epoch": logs.epoch, **metrics}, step=logs.epoch)
        return None

    def on_train_end(self, state: State) -> None:
        """Close the runs."""
        with _warn_on_failure("W&B did not close its runs", state):
            for live in state.pop("live", ()):
                live.finish()


@contextmanager
def _warn_on_failure(what: str, state: State) -> Iterator[None]:
    """Warn of a server that doesn't answer: no reason to lose a training."""
    try:
        yield
    except (OSError, import_extra("wandb", "wandb").errors.Error) as error:
        warn_of(what, error, state)
