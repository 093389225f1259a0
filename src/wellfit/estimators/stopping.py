"""Early stopping as an estimator's parameters describe it, and what it monitors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.fitting.scoring import scorer_list, scorer_name
from wellfit.training import EarlyStopping


def early_stopping(given: Any) -> EarlyStopping | None:
    """Return the callback that stops early, if one is asked for."""
    if given is None or isinstance(given, (bool, np.bool_)):
        return EarlyStopping() if given else None
    if not isinstance(given, (EarlyStopping, Mapping)):
        raise HyperparameterError(
            f"early_stopping is {given!r}; expected True, False, or EarlyStopping(patience=5)"
        )
    return resolve(EarlyStopping, given)


def stopping_of(estimator: Any) -> EarlyStopping | None:
    """Return the callback that stops an estimator's training early, with what it monitors.

    ``"auto"`` is the first of the estimator's scorers, or the validation loss.
    """
    stopping, scorers = early_stopping(estimator.early_stopping), scorer_list(estimator.scoring)
    if stopping is None or stopping.monitor != "auto":
        return stopping
    if not scorers:
        return stopping.replace(monitor=stopping.monitored)
    # Whatever it is called, higher is better for a scorer.
    mode = "max" if stopping.mode == "auto" else stopping.mode
    return stopping.replace(monitor=f"val_{scorer_name(scorers[0])}", mode=mode)
