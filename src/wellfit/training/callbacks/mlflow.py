"""Settings and metrics for MLflow."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import numpy as np

from wellfit.core.extras import import_extra
from wellfit.core.hyper import Config, hyper
from wellfit.core.schema import Length, conform
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, Run, State
from wellfit.training.callbacks.monitoring import warn_of

_MOST = 500  # characters that MLflow takes for a parameter


class MLflow(Callback, name="mlflow"):
    """Logs each member as a run of an MLflow experiment: its settings, its metrics by epoch.

    A training that is resumed goes on with its runs. Needs the extra ``wellfit-nn[mlflow]``.

    Raises:
        MissingExtraError: MLflow is not installed.

    >>> MLflow(experiment="digits")
    MLflow(experiment='digits')
    """

    experiment: str = hyper("the experiment, made where it doesn't exist", default="wellfit")
    tracking_uri: str = hyper("where to; empty for MLflow's own setting", default="")

    def on_train_begin(self, run: Run, state: State) -> None:
        """Open a run for each member, or go on with it."""
        client = state["live"] = _mlflow().MlflowClient(self.tracking_uri or None)
        if "runs" in state:
            conform(state["runs"], Annotated[list[str], Length(run.k)], "runs")
            for run_id in state["runs"]:
                client.update_run(run_id, status="RUNNING")
            return
        found = client.get_experiment_by_name(self.experiment)
        where = found.experiment_id if found else client.create_experiment(self.experiment)
        state["runs"] = []
        for k, member in enumerate(run.members):
            opened = client.create_run(where, run_name=f"member-{k}" if run.k > 1 else None)
            state["runs"].append(opened.info.run_id)
            settings = [_mlflow().entities.Param(*pair) for pair in settings_of(member)]
            client.log_batch(opened.info.run_id, params=settings)

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Log the metrics; a server that doesn't answer is warned of."""
        with _warn_on_failure(f"MLflow did not log epoch {logs.epoch}", state):
            for k in np.flatnonzero(logs.active):
                state["live"].log_batch(state["runs"][k], metrics=_metrics(logs, int(k)))
        return None

    def on_train_end(self, state: State) -> None:
        """Close the runs."""
        client = state.pop("live", None)
        with _warn_on_failure("MLflow did not close its runs", state):
            for run_id in state.get("runs", ()) if client else ():
                client.set_terminated(run_id)


@contextmanager
def _warn_on_failure(what: str, state: State) -> Iterator[None]:
    """Warn of a server that doesn't answer: no reason to lose a training."""
    try:
        yield
    except (OSError, _mlflow().exceptions.MlflowException) as error:
        warn_of(what, error, state)


def _metrics(logs: EpochLogs, member: int) -> list[Any]:
    """Return one member's metrics of an epoch, those that are defined."""
    make, now = _mlflow().entities.Metric, int(time.time() * 1000)
    return [
        make(name, float(values[member]), now, logs.epoch)
        for name, values in logs.metrics.items()
        if not np.isnan(values[member])
    ]


def _mlflow() -> Any:
    return import_extra("mlflow", "mlflow")


def settings_of(config: Config, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield a member's settings as texts, those of its parts as ``optimizer.learning_rate``."""
    for name, value in config.values():
        if isinstance(value, Config):
            yield f"{prefix}{name}", value.name or type(value).__name__
            yield from settings_of(value, f"{prefix}{name}.")
        else:
            plain = repr(value) if isinstance(value, tuple) else json.dumps(value, default=repr)
            yield f"{prefix}{name}", plain[:_MOST]
