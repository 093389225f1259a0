"""Settings and metrics for MLflow."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from wellfit.core.errors import MissingExtraError
from wellfit.core.hyper import Config, hyper
from wellfit.training.observers.base import Answer, Observer, Record, Run, State

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 500  # characters that MLflow takes for a parameter


class MLflow(Observer, name="mlflow"):
    """Logs each member as a run of an MLflow experiment: its settings, its metrics by epoch.

    A training that is resumed goes on with its runs. Needs the extra ``wellfit[mlflow]``.

    Raises:
        MissingExtraError: MLflow is not installed.

    >>> MLflow(experiment="digits")
    MLflow(experiment='digits')
    """

    experiment: str = hyper("the experiment, made where it doesn't exist", default="wellfit")
    tracking_uri: str = hyper("where to; empty for MLflow's own setting", default="")

    def start(self, run: Run, state: State) -> None:
        """Open a run for each member, or go on with it."""
        client = state["live"] = self._client()
        if "runs" in state:
            for run_id in state["runs"]:
                client.update_run(run_id, status="RUNNING")
            return
        found = client.get_experiment_by_name(self.experiment)
        where = found.experiment_id if found else client.create_experiment(self.experiment)
        state["runs"] = []
        for k, member in enumerate(run.members):
            opened = client.create_run(where, run_name=f"member-{k}" if run.k > 1 else None)
            state["runs"].append(opened.info.run_id)
            for name, value in _settings(member, ""):
                client.log_param(opened.info.run_id, name, value)

    def epoch(self, record: Record, state: State) -> Answer | None:
        """Log the metrics."""
        for k in np.flatnonzero(record.active):
            for name, values in record.metrics.items():
                if not np.isnan(values[k]):
                    run_id, value = state["runs"][k], float(values[k])
                    state["live"].log_metric(run_id, name, value, step=record.epoch)
        return None

    def finish(self, state: State) -> None:
        """Close the runs."""
        client = state.pop("live", None)
        for run_id in state.get("runs", ()) if client else ():
            client.set_terminated(run_id)

    def _client(self) -> Any:
        try:
            client = import_module("mlflow").MlflowClient
        except ImportError as error:
            raise MissingExtraError(
                "the observer 'mlflow' needs MLflow: pip install 'wellfit[mlflow]'"
            ) from error
        return client(self.tracking_uri or None)


def _settings(config: Config, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield a member's settings as texts, those of its parts as ``optimizer.learning_rate``."""
    for name, value in config.values():
        if isinstance(value, Config):
            yield f"{prefix}{name}", value.name or type(value).__name__
            yield from _settings(value, f"{prefix}{name}.")
        else:
            plain = repr(value) if isinstance(value, tuple) else json.dumps(value, default=repr)
            yield f"{prefix}{name}", plain[:_MOST]
