"""What is remembered of every run."""

from __future__ import annotations

import numpy as np

from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, State


class History(Callback, name="history"):
    """Remembers every record: metrics by name, arrays (epochs, K); ``seconds`` is (epochs,).

    >>> state = {}
    >>> record = EpochLogs(1, 0.5, np.array([True]), {"loss": np.array([2.3])})
    >>> History().epoch(record, state)
    >>> state["loss"].tolist(), state["seconds"].tolist()
    ([[2.3]], [0.5])
    """

    def epoch(self, record: EpochLogs, state: State) -> Decision | None:
        """Append the record."""
        for name, values in {**record.metrics, "seconds": np.float64(record.seconds)}.items():
            row = np.asarray(values)[None]
            state[name] = np.concatenate([state[name], row]) if name in state else row
        return None
