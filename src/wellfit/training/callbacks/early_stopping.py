"""Stopping members that no longer improve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from wellfit.core.hyper import hyper
from wellfit.core.metrics import Metric
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, Run, State
from wellfit.training.callbacks.monitoring import MODES, begin, improved, judged, with_ties_broken


class EarlyStopping(Callback, name="early_stopping"):
    """Stops a member that no longer improves, and restores its best weights.

    A value counts as better when it improves on the best by more than ``min_delta``; an undefined
    one never does. With a patience of 1 a member stops at once; with None it never does, and ends
    with the best of all epochs. ``monitor`` is any metric of the run, with or without ``val_``:
    ``val_loss``, ``accuracy``, ``val_objective`` (the loss and the penalties on weights), or a
    scikit-learn scorer that the run computes. ``"auto"`` is the first scorer that an estimator's
    ``scoring`` names, and ``val_loss`` where it names none. Lower is better for what is called a
    loss, an error or an objective, higher for all else, unless ``mode`` says so. Of equal values,
    such as an accuracy of 1, that with the lower ``val_loss`` is the better one.

    Each member is judged on its own; ``patience`` and ``min_delta`` may be given as a sequence,
    one for each member.

    Source: Prechelt, "Early stopping - but when?", 1998.

    Raises:
        HyperparameterError: a ``val_`` metric is monitored, and there are no validation rows.
        UnknownNameError: the monitored metric is not among those of the run.

    >>> EarlyStopping(patience=3)
    EarlyStopping(patience=3)
    """

    state_arrays: ClassVar[Mapping[str, str]] = {"best": "f", "waited": "i"}

    patience: int | Sequence[int | None] | None = hyper(
        "epochs without improvement before stopping; None never stops",
        default=10,
        low=1,
        scale="log",
        optional=True,
        per_member=True,
    )
    monitor: str = hyper("the metric judged by", default="auto")
    min_delta: float | Sequence[float] = hyper(
        "smallest change that counts", default=0.0, low=0, per_member=True
    )
    restore_best: bool = hyper("end with the best epoch's weights, not the last", default=True)
    mode: str = hyper("which way is better", default="auto", choices=MODES)

    @property
    def monitored(self) -> str:
        """The metric judged by, where no estimator has put a scorer in place of ``"auto"``."""
        return "val_loss" if self.monitor == "auto" else self.monitor

    def on_train_begin(self, run: Run, state: State) -> None:
        """Remember nothing better than infinity."""
        begin(self, self.monitored, run, state)

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision:
        """Keep members that improved; stop those that waited too long."""
        k = len(logs.active)
        value = judged(logs, self.monitored, self.mode)
        if Metric.of(self.monitored).higher_is_better:  # few rows have few values of a score
            value = with_ties_broken(value, logs)
        better = improved(logs, value, self.numbers("min_delta", k), state)
        late = state["waited"] >= self.numbers("patience", k)
        stop = logs.active & late & ~np.isnan(value)  # an epoch that wasn't judged ends nothing
        return Decision(stop=stop, keep=better if self.restore_best else False)
