"""Monitoring: the metric that members are judged by, and warnings about files."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import HyperparameterError, UnknownNameError
from wellfit.core.metrics import Metric
from wellfit.training.callbacks.base import Callback, EpochLogs, Mask, Run, State

_TIE, _NO_LOSS = 1e-10, 1e3  # a loss counts so much beside a score, and at most as this one

MODES = ("auto", "min", "max")


def begin(callback: Callback, monitor: str, run: Run, state: State) -> None:
    """Refuse what can't work, and start with nothing better than infinity: ``state["best"]``.

    Raises:
        HyperparameterError: validation rows are needed, or other numbers of members.
    """
    if monitor.startswith("val_") and not run.has_validation:
        raise HyperparameterError(
            f"{callback.name} monitors {monitor!r}, but this run has no validation rows; "
            f"expected a metric of the training rows: {monitor.removeprefix('val_')!r}"
        )
    check_numbers(callback, run)
    state.setdefault("best", np.full(run.k, np.inf))
    state.setdefault("waited", np.zeros(run.k, dtype=np.int64))


def check_numbers(callback: Callback, run: Run) -> None:
    """Refuse numbers that were given for each of other members.

    Raises:
        HyperparameterError: there are more or fewer of them than members.
    """
    for key, declaration in callback.hypers().items():
        if declaration.per_member:
            callback.numbers(key, run.k)


def judged(logs: EpochLogs, monitor: str, mode: str) -> NDArray[np.float64]:
    """Return the monitored metric (K,) turned so that lower is better; NaN where not judged.

    Raises:
        UnknownNameError: no such metric; names the run's.

    >>> logs = EpochLogs(1, 0.5, np.array([True]), {"val_roc_auc": np.array([0.9])})
    >>> judged(logs, "roc_auc", "auto")
    array([-0.9])
    """
    name = metric_name(monitor, logs.metrics)
    sign = {"min": -1, "max": 1}.get(mode) or Metric.of(name).sign
    # One direction for all that follows: lower is better, so infinity is a start for everybody.
    return -sign * logs.metrics[name]


def with_ties_broken(
    value: NDArray[np.float64], logs: EpochLogs, by: str = "val_loss"
) -> NDArray[np.float64]:
    """Return monitored values (K,) of which equal ones differ by a loss; lower is better.

    Few validation rows have few values of an accuracy or an area under the ROC curve, and many
    epochs share the best one, from the first that happens to reach it.

    >>> logs = EpochLogs(1, 0.5, np.array([True]), {"val_loss": np.array([0.25])})
    >>> with_ties_broken(np.array([-1.0]), logs) > -1
    array([ True])
    """
    if by not in logs.metrics:
        return value
    # Less than any two different values of a score on a million rows are apart.
    loss = np.nan_to_num(logs.metrics[by], nan=_NO_LOSS, posinf=_NO_LOSS)
    return value + _TIE * np.clip(loss, -_NO_LOSS, _NO_LOSS)


def improved(
    logs: EpochLogs,
    value: NDArray[np.float64],
    min_delta: NDArray[np.float64] | float,
    state: State,
) -> Mask:
    """Return which members (K,) beat their best by more than ``min_delta``; remember it.

    ``state["waited"]`` counts the epochs since, (K,).
    """
    # NaN compares false: an epoch that wasn't judged improves nothing, and still counts as waited.
    better = logs.active & (value < state["best"] - min_delta)
    state["best"] = np.where(better, value, state["best"])
    state["waited"] = np.where(better, 0, state["waited"] + 1)
    return better


def metric_name(monitor: str, metrics: Mapping[str, object]) -> str:
    """Return the metric that ``monitor`` means: by its own name, or without the ``val_``.

    Without penalties, the objective is the loss.

    Raises:
        UnknownNameError: no such metric; names the run's.

    >>> metric_name("roc_auc", {"loss": 0, "val_loss": 0, "val_roc_auc": 0})
    'val_roc_auc'
    """
    loss = re.sub("objective$", "loss", monitor)
    for name in (monitor, f"val_{monitor}", loss):
        if name in metrics:
            return name
    raise UnknownNameError("metric", monitor, metrics)


def warn_of(what: str, error: Exception, state: State) -> None:
    """Warn, once a run, that something wasn't written: no reason to lose a training."""
    # A full disk fails at every epoch; one warning says it.
    if "warned" not in state:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        warnings.warn(f"{what}: {reason}; training goes on", RuntimeWarning, stacklevel=2)
    state["warned"] = True
