"""The length of a training in steps and epochs, and the time between its evaluations."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from wellfit.core.errors import HyperparameterError, shown
from wellfit.core.hyper import resolve
from wellfit.optim import Minimizer, Optimizer

_INTERVAL = re.compile(r"([1-9][0-9_,]*) ?(step|epoch)s?")
_MOST_STEPS = 2**53  # whole numbers below are exact as floats


def batch_size(given: Any, rows: int) -> int:
    """Return the rows of a step; ``"auto"`` is the power of 2 next to a hundredth of the rows.

    >>> batch_size("auto", 150), batch_size("auto", 5000), batch_size("auto", 10**6)
    (16, 64, 256)
    """
    if given == "auto":
        return int(2 ** np.clip(np.round(np.log2(rows / 100)), 4, 8))
    size: int = given
    return size


def length(estimator: Any, rows: int) -> dict[str, int | None]:
    """Return ``epochs`` and ``max_steps`` of a training on so many rows."""
    steps: int | None = estimator.max_steps
    if steps is None:
        return {"epochs": estimator.epochs}
    if isinstance(resolve(Optimizer, estimator.optimizer), Minimizer):
        return {"epochs": steps}  # each of which is a step
    per_epoch = -(-rows // min(batch_size(estimator.batch_size, rows), rows))
    return {"epochs": -(-steps // per_epoch), "max_steps": steps}


class Interval(NamedTuple):
    """The time from one judgement to the next: epochs, or steps where they aren't None."""

    epochs: int = 1
    steps: int | None = None


def eval_interval(given: int | str) -> Interval:
    """Return what ``eval_every`` stands for.

    Raises:
        HyperparameterError: neither epochs nor steps.

    >>> eval_interval(2), eval_interval("500 steps"), eval_interval("1 epoch")
    (Interval(epochs=2, steps=None), Interval(epochs=1, steps=500), Interval(epochs=1, steps=None))
    """
    found = _INTERVAL.fullmatch(given) if isinstance(given, str) else None
    if found is not None:
        count = int(re.sub("[_,]", "", found[1]))
        if count < _MOST_STEPS:
            return Interval(steps=count) if found[2] == "step" else Interval(count)
    if not is_size(given) or not 1 <= int(given) < _MOST_STEPS:
        raise HyperparameterError(
            f"eval_every is {shown(given)}; expected a whole number of epochs, at least 1, or a "
            "number of steps such as '500 steps'"
        )
    return Interval(int(given))


def interval_of(estimator: Any) -> Interval:
    """Return the time from one judgement to the next; a minimizer's steps are its epochs."""
    interval = eval_interval(estimator.eval_every)
    if interval.steps and isinstance(resolve(Optimizer, estimator.optimizer), Minimizer):
        return Interval(interval.steps)
    return interval


def is_size(value: Any) -> bool:
    """Say whether a value is a whole number, of Python's types or NumPy's."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
