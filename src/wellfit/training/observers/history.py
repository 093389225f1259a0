"""What is remembered of every run."""

from __future__ import annotations

import numpy as np

from wellfit.training.observers.base import Answer, Observer, Record, State


class History(Observer, name="history"):
    """Remembers every record: metrics by name, arrays (epochs, K); ``seconds`` is (epochs,).

    >>> state = {}
    >>> record = Record(1, 0.5, np.array([True]), {"loss": np.array([2.3])})
    >>> History().epoch(record, state)
    >>> state["loss"].tolist(), state["seconds"].tolist()
    ([[2.3]], [0.5])
    """

    def epoch(self, record: Record, state: State) -> Answer | None:
        """Append the record."""
        for name, values in {**record.metrics, "seconds": np.float64(record.seconds)}.items():
            row = np.asarray(values)[None]
            state[name] = np.concatenate([state[name], row]) if name in state else row
        return None
