"""TrainingRecord: the course of a training, and the error or warning of one that failed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from wellfit.core.errors import DivergedError
from wellfit.core.words import moment
from wellfit.fitting.history import History
from wellfit.training import Result, Status


@dataclass(frozen=True)
class TrainingRecord:
    """How a training went.

    Attributes:
        history: metrics by name, a value for each epoch.
        status: how it ended, a :class:`~wellfit.training.Status`.
        n_epochs: epochs trained.
        best_epoch: the epoch, from 1, whose weights are in use.
        batch_size: rows of a step.
        precision: of the arithmetic: ``"float32"``, ``"float64"`` or ``"bfloat16"``.
        pretrained: how borrowed layers were used, if there were any.
        temperature: that the logits were divided by after training; None where they weren't.
        seconds: that a fit of several networks took, those that validate it included; None of one
            training, whose history tells.

    Of several networks that predict by their mean, the history is the mean of theirs by epoch, as
    far as they trained so long, and ``best_epoch`` the median: each has the weights of its own.
    """

    history: History = field(default_factory=History)
    status: str = "finished"
    n_epochs: int = 0
    best_epoch: int = 0
    batch_size: int = 0
    precision: str = "float32"
    pretrained: Mapping[str, Any] | None = None
    temperature: float | None = None
    seconds: float | None = None


def record_of(
    result: Result, precision: str, pretrained: Mapping[str, Any] | None
) -> TrainingRecord:
    """Return the record of the training of one member."""
    epochs = int(result.epochs[0])
    return TrainingRecord(
        history=History(result.history()),
        status=str(result.status[0]),
        n_epochs=epochs,
        best_epoch=int(result.best_epoch[0]) if result.kept[0] else epochs,
        batch_size=result.members[0].batch_size,
        precision=precision,
        pretrained=pretrained,
    )


def report_trouble(result: Result) -> None:
    """Raise the error of a training that led to nothing; warn of one that ended early."""
    status, history, epochs = result.status[0], result.history(), int(result.epochs[0])
    where = moment(history, epochs)
    if status is Status.DIVERGED:
        rate = history["learning_rate"][-1]
        if not result.kept[0]:
            raise DivergedError(
                f"the loss became {history['loss'][-1]} in {where}, at a "
                f"learning rate of {rate:.3g}, with "
                f"{result.members[0].optimizer!r}; expected it to stay finite: try a learning "
                "rate ten times smaller, gradient_clipping=1, or preprocess='auto'"
            )
        _warn(
            f"training diverged in {where}, at a learning rate of {rate:.3g}; kept the weights of "
            f"{moment(history, int(result.best_epoch[0]))}. A smaller learning rate or "
            "gradient_clipping=1 may help"
        )
    if status is Status.INTERRUPTED:
        unit = "steps" if "step" in history else "whole epochs"
        count = int(history["step"][-1]) if "step" in history else epochs
        _warn(f"training was interrupted after {count} {unit}")


def _warn(message: str) -> None:
    warnings.warn(message, ConvergenceWarning, stacklevel=8)
