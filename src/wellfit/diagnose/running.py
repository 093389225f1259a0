"""The functions that run the checks, one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

import torch

from wellfit.core import registry
from wellfit.core.hyper import resolve
from wellfit.diagnose.base import Check, Finding, Stage
from wellfit.diagnose.context import SAMPLE, CheckContext
from wellfit.diagnose.report import Report
from wellfit.estimators.base import BaseMLP
from wellfit.training.precision import threads


def check(
    estimator: BaseMLP,
    X: Any,
    y: Any,
    *,
    X_test: Any = None,
    y_test: Any = None,
    random_state: int = 0,
    checks: Sequence[str | Check] | None = None,
    on_check: Callable[[str], None] = lambda _: None,
) -> Report:
    """Check data, network and settings for the most common faults before training.

    The data come first, then the network's initial weights, then a few short trainings, which
    run as one stack. Where 2,000 rows suffice, the others are left out; the report notes it.

    Args:
        estimator: the classifier or regressor that is to be trained; it is copied, not trained.
        X: (n_samples, n_features), as for ``fit``.
        y: (n_samples,) or (n_samples, n_outputs).
        X_test: rows set aside for the test, if there are any.
        y_test: their targets.
        random_state: of all that is drawn, at least 0.
        checks: by name or as objects with limits of your own; None for all that are registered.
        on_check: called with the name of each check before it begins.

    Returns:
        What each check found: pass, warn or fail, and what to do about it.

    Raises:
        InputError: data or parameters that can't be trained at all, saying what was expected.

    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> report = check(MLPClassifier((16,)), *load_iris(return_X_y=True))
    >>> report["initial_loss"].outcome
    <Outcome.PASS: 'pass'>
    """
    chosen = _all() if checks is None else [resolve(Check, one) for one in checks]
    findings = []
    # Steps are so short here that a second thread would mostly wait for its core.
    with torch.no_grad(), threads(estimator.n_threads or 1):
        context = CheckContext(estimator, X, y, X_test, y_test, random_state)
        for one in chosen:
            on_check(one.name)
            found = _looked(one, context)
            if found is not None:
                findings.append(found)
    return Report(tuple(findings), _notes(context))


def _looked(one: Check, context: CheckContext) -> Finding | None:
    """Return what a check finds; cells that no training takes are refused as training does."""
    try:
        return one.examine(context)
    except (TypeError, ValueError):
        _ = context.prepared  # its errors name the column
        raise


def check_data(
    estimator: BaseMLP, X: Any, y: Any, *, X_test: Any = None, y_test: Any = None, seed: int = 0
) -> Report:
    """Run the checks that look at the data only: some tenths of a second for 100,000 rows.

    Args:
        estimator: the classifier or regressor that is to be trained, or that was.
        X: (n_samples, n_features), as for ``fit``.
        y: (n_samples,) or (n_samples, n_outputs).
        X_test: rows set aside for the test, if there are any.
        y_test: their targets.
        seed: of all that is drawn, at least 0.

    Raises:
        InputError: data that can't be trained on.

    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> report = check_data(MLPClassifier(), X.assign(species=y), y)
    >>> report["leaking_columns"].observed
    "column 'species' alone determines the target (accuracy 100.0 % on 75 rows; majority-class
    baseline 33.3 %)"
    """
    chosen = [one for one in _all() if one.stage == "data"]
    return check(estimator, X, y, X_test=X_test, y_test=y_test, random_state=seed, checks=chosen)


def _all() -> list[Check]:
    """Return every registered check, those that look at the data first."""
    stages = get_args(Stage)
    everyone = [resolve(Check, name) for name in registry.names(Check.family)]
    return sorted(everyone, key=lambda one: stages.index(one.stage))


def _notes(context: CheckContext) -> tuple[str, ...]:
    rows = len(context.targets)
    if rows <= SAMPLE:
        return ()
    return (
        f"Single columns, initial weights and short trainings were checked on {SAMPLE:,} or fewer "
        f"of the {rows:,} rows, drawn at random.",
    )
