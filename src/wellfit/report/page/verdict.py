"""The verdict at the top of a report: the run's own, or one computed from model or curves."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from wellfit.core.errors import WellfitError
from wellfit.diagnose import Verdict, judge, verdict
from wellfit.report.page.run_data import Lines, RunData


def verdict_of(run: RunData) -> Mapping[str, Any] | None:
    """Return a run's verdict as plain data; None if there is none.

    A search stores none: its best network is evaluated on the validation set if the data have one,
        otherwise on the test set. An unfinished training stores none either: its verdict is based
        on the curves.
    """
    if isinstance(own := run.ended.get("verdict"), Mapping):
        return own
    try:
        found = _of_model(run) if run.is_search else _of_curves(run)
    except WellfitError:  # data or curves of another kind
        return None
    return None if found is None else found.to_dict()


def _of_model(run: RunData) -> Verdict | None:
    data = run.data
    if run.model is None or data is None:
        return None
    # A loaded model doesn't know its validation rows.
    if data.X_val is None:
        return verdict(run.model, data.X, data.y, data.X_test, data.y_test, kind="test")
    return verdict(run.model, data.X, data.y, data.X_val, data.y_val, kind="validation")


def _of_curves(run: RunData) -> Verdict | None:
    if run.result is not None or not run.metrics:
        return None
    return judge(_history(run.metrics), run.config.get("settings") or {})


def _history(lines: Lines) -> dict[str, list[float]]:
    """Return the metrics by name, with NaN for values that aren't numbers.

    >>> _history([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": None}])
    {'loss': [0.5, nan]}
    """
    names = dict.fromkeys(name for line in lines for name in line if name != "epoch")
    return {name: [_number(line.get(name)) for line in lines] for name in names}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, Real) else float("nan")
