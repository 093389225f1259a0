"""Stopping members that no longer improve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper
from wellfit.training.observers.base import Answer, Observer, Record, Run, State


class EarlyStopping(Observer, name="early_stopping"):
    """Stops a member that no longer improves, and restores its best weights.

    A value counts as better when it improves on the best by more than ``min_delta``. Each member
    is judged on its own.

    Source: Prechelt, "Early stopping - but when?", 1998.

    Raises:
        HyperparameterError: the monitored metric is not among those of the run.

    >>> EarlyStopping(patience=3)
    EarlyStopping(patience=3)
    """

    patience: int = hyper(
        "epochs without improvement before stopping", default=10, low=1, scale="log"
    )
    monitor: str = hyper("the metric judged by", default="val_loss")
    min_delta: float = hyper("smallest change that counts", default=0.0, low=0)
    restore_best: bool = hyper("end with the best epoch's weights, not the last", default=True)

    def start(self, run: Run, state: State) -> None:
        """Remember nothing better than infinity."""
        if not state:
            state["best"] = np.full(run.k, np.inf)
            state["waited"] = np.zeros(run.k, dtype=np.int64)

    def epoch(self, record: Record, state: State) -> Answer:
        """Keep members that improved; stop those that waited too long."""
        value = self._monitored(record)
        better = record.active & (value < state["best"] - self.min_delta)
        state["best"] = np.where(better, value, state["best"])
        state["waited"] = np.where(better, 0, state["waited"] + 1)
        stop = record.active & (state["waited"] >= self.patience)
        return Answer(stop=stop, keep=better if self.restore_best else False)

    def _monitored(self, record: Record) -> NDArray[np.float64]:
        if self.monitor not in record.metrics:
            known = ", ".join(sorted(record.metrics))
            raise HyperparameterError(
                f"early stopping monitors {self.monitor!r}, which this run doesn't have; "
                f"expected one of {known}"
            )
        value = record.metrics[self.monitor]
        return -value if "accuracy" in self.monitor or "score" in self.monitor else value
