"""scikit-learn's scorers as metrics of every epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.metrics._scorer import (
    _CurveScorer,
    _MultimetricScorer,
    _PassthroughScorer,
    _Scorer,
)

from wellfit.core.errors import HyperparameterError, UnknownNameError
from wellfit.training.metric_sums import Score

OWN = ("loss", "accuracy")  # what the engine computes by itself
Scorer = Callable[[Any, Any, Any], float]


def scores(estimator: Any, wanted: Iterable[str | Scorer], y: NDArray[Any]) -> dict[str, Score]:
    """Return metrics for the engine by name, from names of scorers or scorers themselves.

    Args:
        estimator: whose targets are known already; what it predicts is put in its mouth.
        wanted: names as of ``sklearn.metrics.get_scorer_names()``, or scorers.
        y: the targets of all rows of the table, as the user gave them.

    Raises:
        UnknownNameError: naming the nearest scorer there is.
    """
    return {_name(each): _score(estimator, _name(each), _scorer(each), y) for each in wanted}


def bare(monitor: str) -> str:
    """Return the metric behind a monitored name: ``"val_roc_auc"`` is ``"roc_auc"``.

    >>> bare("val_roc_auc"), bare("roc_auc")
    ('roc_auc', 'roc_auc')
    """
    return monitor.removeprefix("val_")


def _name(wanted: str | Scorer) -> str:
    if isinstance(wanted, str):
        return bare(wanted)
    name = str(getattr(getattr(wanted, "_score_func", wanted), "__name__", "score"))
    # A scorer that turns a cost's sign is a score, as scikit-learn's own names say.
    return f"neg_{name}" if getattr(wanted, "_sign", 1) < 0 else name


def _scorer(wanted: str | Scorer) -> Scorer:
    if not isinstance(wanted, str):
        if not callable(wanted):
            raise HyperparameterError(f"scoring holds {wanted!r}; expected a name or a scorer")
        return wanted
    names = get_scorer_names()
    if bare(wanted) not in names:
        own = [*OWN, *(f"val_{name}" for name in OWN)]
        known = list(dict.fromkeys([*own, *names]))
        raise UnknownNameError("metric", wanted, known)
    scorer: Scorer = get_scorer(bare(wanted))
    return scorer


def speaking(estimator: Any, outputs: NDArray[np.floating], labels: Any = None) -> Any:
    """Return a copy of an estimator that says ``outputs`` whatever it is asked about.

    ``labels`` takes the place of its own, where they know by heart what is to be compared with.
    """
    speaker = copy.copy(estimator)
    speaker._predict_outputs = lambda _: outputs
    if labels is not None:
        speaker._labels = labels
    if not hasattr(speaker, "_weights"):
        speaker._weights = None  # fitted, as far as anybody asks
    return speaker


def precomputable(scorers: Any) -> bool:
    """Say whether scorers ask for nothing but predictions of the rows that they are given.

    Those of scikit-learn do; a function may ask for predictions of other rows.

    >>> precomputable(get_scorer("accuracy")), precomputable(lambda estimator, X, y: 0.0)
    (True, False)
    """
    if isinstance(scorers, _MultimetricScorer):
        return all(precomputable(each) for each in scorers._scorers.values())
    # Of the very classes: a subclass may ask for anything.
    return type(scorers) in (_Scorer, _CurveScorer, _PassthroughScorer)


def _score(estimator: Any, name: str, scorer: Scorer, y: NDArray[Any]) -> Score:
    def score(outputs: NDArray[np.floating], ids: NDArray[np.integer]) -> float:
        try:
            return float(scorer(speaking(estimator, outputs), None, y[ids]))
        except (ValueError, TypeError, AttributeError) as error:
            raise HyperparameterError(
                f"scoring by {name!r} fails on these targets: {error}"
            ) from error

    return score
