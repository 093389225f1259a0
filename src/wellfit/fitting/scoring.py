"""Scorers by name, scikit-learn's and our own, and as metrics of every epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import signature
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import get_scorer

from wellfit.core import registry
from wellfit.core._sklearn_compat import PLAIN_SCORERS, MultimetricScorer
from wellfit.core.errors import HyperparameterError, UnknownNameError
from wellfit.core.hyper import resolve
from wellfit.fitting.scorer_choice import (
    PositiveClassScorer,
    refuse_scorer,
    takes_positive_class,
    task_of,
)
from wellfit.fitting.scorers import Scorer
from wellfit.fitting.targets import TargetEncoder

OWN = ("loss", "accuracy", "objective")  # what the engine computes by itself
ScorerFunction = Callable[[Any, Any, Any], float]


@dataclass(frozen=True)
class ScorerMetric:
    """A scorer of scikit-learn as the engine calls it: with outputs of some rows.

    Attributes:
        name: of the metric.
        scorer: called with an estimator, no rows, and their targets.
        estimator: of which a copy that predicts the outputs is scored.
        targets: the encoder that makes predictions of outputs; None where ``estimator`` knows.
        y: (n_rows,) or (n_rows, n_outputs), all rows' targets as users pass them.
    """

    name: str
    scorer: ScorerFunction
    estimator: Any
    targets: TargetEncoder | None
    y: NDArray[Any]

    def __call__(self, outputs: NDArray[np.floating], ids: NDArray[np.integer]) -> float:
        """Return the score of ``outputs`` (n, n_outputs) for the rows ``ids`` (n,)."""
        try:
            predictor = precomputed(self.estimator, outputs, self.targets)
            return float(self.scorer(predictor, None, self.y[ids]))
        except (ValueError, TypeError, AttributeError) as error:
            raise HyperparameterError(
                f"scoring by {self.name!r} fails on these targets: {error}"
            ) from error


def metrics_of(
    estimator: Any,
    wanted: Iterable[str | ScorerFunction],
    y: NDArray[Any],
    targets: TargetEncoder | None = None,
) -> dict[str, ScorerMetric]:
    """Return metrics for the engine by name, from names of scorers or scorers themselves.

    Args:
        estimator: that is scored; its own predictions are replaced by the given outputs.
        wanted: names as of ``sklearn.metrics.get_scorer_names()``, or scorers.
        y: the targets of all rows of the table, as the user gave them.
        targets: the encoder of these, where the estimator isn't fitted.

    Raises:
        UnknownNameError: naming the nearest scorer there is.
        HyperparameterError: a scorer for other targets; names the nearest for these.
    """
    task = task_of(targets)
    metrics = (
        ScorerMetric(scorer_name(w), scorer_of(w, task), estimator, targets, y) for w in wanted
    )
    return {metric.name: metric for metric in metrics}


def precomputed(
    estimator: Any, outputs: NDArray[np.floating], targets: TargetEncoder | None = None
) -> Any:
    """Return a copy of an estimator that predicts by ``outputs``, whatever rows it is given.

    ``targets`` takes the place of the estimator's own encoder.
    """
    predictor = copy.copy(estimator)
    predictor.outputs = lambda _: outputs
    if targets is not None:
        predictor.network_ = SimpleNamespace(targets=targets)
        if targets.classes is not None:
            predictor.classes_ = targets.classes
    return predictor


def precomputable(scorers: Any) -> bool:
    """Say whether scorers ask for nothing but predictions of the rows that they are given.

    Those of scikit-learn do; a function may ask for predictions of other rows.

    >>> precomputable(get_scorer("accuracy")), precomputable(lambda estimator, X, y: 0.0)
    (True, False)
    """
    if isinstance(scorers, MultimetricScorer):
        return all(precomputable(each) for each in each_scorer(scorers).values())
    # Of the very classes: a subclass may ask for anything.
    return type(scorers) in PLAIN_SCORERS or isinstance(scorers, (Scorer, PositiveClassScorer))


def takes_weights(scorer: ScorerFunction) -> bool:
    """Say whether a scorer takes the weights of rows, as ``sample_weight``.

    >>> takes_weights(get_scorer("accuracy")), takes_weights(lambda estimator, X, y: 0.0)
    (True, False)
    """
    if isinstance(scorer, PositiveClassScorer):
        scorer = get_scorer(scorer.name)
    metric = vars(scorer)["_score_func"] if hasattr(scorer, "_score_func") else scorer
    return "sample_weight" in signature(metric).parameters


def each_scorer(scorers: Any) -> dict[str, ScorerFunction]:
    """Return the scorers of a multi-metric scorer by name."""
    return vars(scorers)["_scorers"]


def bare(monitor: str) -> str:
    """Return the metric behind a monitored name: ``"val_roc_auc"`` is ``"roc_auc"``.

    >>> bare("val_roc_auc"), bare("roc_auc")
    ('roc_auc', 'roc_auc')
    """
    return monitor.removeprefix("val_")


def with_own_scorers(scoring: Any) -> Any:
    """Return what ``scoring`` is in terms that scikit-learn knows: our own scorers as functions.

    >>> with_own_scorers("roc_auc"), with_own_scorers(["accuracy", "neg_calibration_error"])
    ('roc_auc', {'accuracy': 'accuracy', 'neg_calibration_error': NegativeCalibrationError()})
    >>> with_own_scorers("f1")
    PositiveClassScorer(name='f1')
    """
    if isinstance(scoring, str):
        if takes_positive_class(scoring):
            return PositiveClassScorer(scoring)
        own = registry.is_registered(Scorer.family, scoring)
        return resolve(Scorer, scoring) if own else scoring
    if isinstance(scoring, Mapping):
        return {name: with_own_scorers(one) for name, one in scoring.items()}
    if isinstance(scoring, (list, tuple, set)):
        named = {one: with_own_scorers(one) for one in scoring}
        return scoring if all(isinstance(one, str) for one in named.values()) else named
    return scoring


def scorer_list(scoring: Any) -> list[Any]:
    """Return what ``scoring`` holds as a list: of names, also where a text lists them.

    >>> scorer_list("roc_auc, f1"), scorer_list(["roc_auc", "f1"]), scorer_list(None)
    (['roc_auc', 'f1'], ['roc_auc', 'f1'], [])
    """
    if scoring is None:
        return []
    if isinstance(scoring, str):
        return list(dict.fromkeys(name.strip() for name in scoring.split(",")))
    if not isinstance(scoring, (list, tuple, set)):
        return [scoring]
    # An option that is repeated gives a list of lists.
    return list(dict.fromkeys(one for each in scoring for one in scorer_list(each)))


def scorer_name(wanted: str | ScorerFunction) -> str:
    """Return the name of a scorer, as of a metric without the rows that it is of.

    >>> scorer_name("val_roc_auc"), scorer_name(get_scorer("neg_log_loss"))
    ('roc_auc', 'neg_log_loss')
    """
    if isinstance(wanted, str):
        return bare(wanted)
    if isinstance(wanted, (Scorer, PositiveClassScorer)):
        return wanted.name
    name = str(getattr(getattr(wanted, "_score_func", wanted), "__name__", "score"))
    # A scorer that turns a cost's sign is a score, as scikit-learn's own names say.
    return f"neg_{name}" if getattr(wanted, "_sign", 1) < 0 else name


def scorer_of(wanted: str | ScorerFunction, task: str | None = None) -> ScorerFunction:
    """Return a scorer by its name, or as it was given.

    Args:
        wanted: a name, with or without ``val_``, or a scorer.
        task: of the targets, as of :func:`~wellfit.fitting.scorer_choice.task_of`.

    Raises:
        UnknownNameError: no such scorer; names the nearest.
        HyperparameterError: one for other targets, or neither a name nor a scorer.
    """
    if not isinstance(wanted, str):
        if not callable(wanted):
            raise HyperparameterError(f"scoring holds {wanted!r}; expected a name or a scorer")
        return wanted
    try:
        refuse_scorer(bare(wanted), task)
    except UnknownNameError as error:
        own = [*OWN, *(f"val_{name}" for name in OWN)]
        known = list(dict.fromkeys([*own, *error.known]))
        raise UnknownNameError("metric", wanted, known, error.aliases) from None
    scorer: ScorerFunction = get_scorer(with_own_scorers(bare(wanted)))
    return scorer
