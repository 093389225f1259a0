"""The history of metrics, which every run keeps."""

from __future__ import annotations

import numpy as np

from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, State


class MetricHistory(Callback, name="history"):
    """Keeps the metrics of all epochs by name, arrays (epochs, K); ``seconds`` is (epochs,).

    >>> state = {}
    >>> logs = EpochLogs(1, 0.5, np.array([True]), {"loss": np.array([2.3])})
    >>> MetricHistory().on_epoch_end(logs, state)
    >>> state["loss"].tolist(), state["seconds"].tolist()
    ([[2.3]], [0.5])
    """

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Append the epoch's metrics."""
        for name, values in {**logs.metrics, "seconds": np.float64(logs.seconds)}.items():
            row = np.asarray(values)[None]
            state[name] = np.concatenate([state[name], row]) if name in state else row
        return None
