"""The number of folds that a fit is validated by."""

from __future__ import annotations

from typing import Any

from wellfit.core.errors import HyperparameterError
from wellfit.estimators import settings
from wellfit.estimators.architectures import given_bagging
from wellfit.estimators.duration import eval_interval
from wellfit.estimators.table_defaults import FEW_ROWS

_AUTO_FOLDS = 5
FEWEST_ROWS = 4 * _AUTO_FOLDS  # below which a fold tells nothing


def folds_of(estimator: Any, rows: int, given: bool) -> int | None:
    """Return the folds that a fit is validated by; None where it isn't.

    Args:
        estimator: whose ``validation_folds`` counts, and what else says how it is validated.
        rows: to train on.
        given: whether validation rows are given apart.

    Raises:
        HyperparameterError: more folds than rows, or asked for beside what excludes them.
    """
    if "validation_folds" not in estimator.declared_parameters:
        return None
    asked = estimator.validation_folds
    if asked is None:
        return None
    excluding = _excluding(estimator, given)
    if asked == "auto":
        few = FEWEST_ROWS <= rows < FEW_ROWS
        return _AUTO_FOLDS if few and not excluding and settings.holds_out(estimator) else None
    for name, value in excluding.items():
        raise HyperparameterError(
            f"validation_folds is {asked} and {name} is {value}; expected one of them, since each "
            "says how the training is validated or from where it goes on"
        )
    if asked > rows:
        raise HyperparameterError(
            f"validation_folds is {asked}, and there are {rows} rows to train on; expected at "
            "most one fold for each row"
        )
    return int(asked)


def _excluding(estimator: Any, given: bool) -> dict[str, Any]:
    """Return the settings by name that rule validation by folds out."""
    said = {
        "X_val": "given" if given else None,
        "validation_fraction": estimator.validation_fraction,
        "bagging": given_bagging(estimator),
        "calibration": getattr(estimator, "calibration", None),
        "pretrained": None if estimator.pretrained is None else "given",
        "warm_start": estimator.warm_start or None,
        # Folds have fewer steps in an epoch than all rows have.
        "max_steps": estimator.max_steps,
        "eval_every": estimator.eval_every
        if eval_interval(estimator.eval_every).steps is not None
        else None,
    }
    return {name: value for name, value in said.items() if value is not None}
