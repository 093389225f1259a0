"""The verdict that a page leads with: the run's own, or what can be said where it left none."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from wellfit.core.errors import WellfitError
from wellfit.diagnose import Verdict, judge, verdict
from wellfit.report.page.material import Lines, Material


def verdict_of(run: Material) -> Mapping[str, Any] | None:
    """Return a run's verdict as plain data; None where nothing can be said.

    A search leaves none: its best network is judged by validation rows where the data have some,
    or else by the test rows. Nor does a training that goes on, or broke off: its curves speak.
    """
    if isinstance(own := run.ended.get("verdict"), Mapping):
        return own
    try:
        found = _of_model(run) if run.is_search else _of_curves(run)
    except WellfitError:  # data or curves of another kind
        return None
    return None if found is None else found.to_dict()


def _of_model(run: Material) -> Verdict | None:
    data = run.data
    if run.model is None or data is None:
        return None
    # A model that was read from a file doesn't know which rows it held out.
    if data.X_val is None:
        return verdict(run.model, data.X, data.y, data.X_test, data.y_test, kind="test")
    return verdict(run.model, data.X, data.y, data.X_val, data.y_val, kind="validation")


def _of_curves(run: Material) -> Verdict | None:
    if run.result is not None or not run.metrics:
        return None
    return judge(_history(run.metrics), run.config.get("settings") or {})


def _history(lines: Lines) -> dict[str, list[float]]:
    """Return the metrics by name; what is no number was none.

    >>> _history([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": None}])
    {'loss': [0.5, nan]}
    """
    names = dict.fromkeys(name for line in lines for name in line if name != "epoch")
    return {name: [_number(line.get(name)) for line in lines] for name in names}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, Real) else float("nan")
