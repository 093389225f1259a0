"""Names of scikit-learn that it doesn't document, imported here and nowhere else.

A release of scikit-learn may move or change them without notice: what has to follow then is this
file. ``safe_indexing`` takes rows of an array, a sparse matrix, a DataFrame or a list, and
``check_method_params`` those of parameters of ``fit`` that have a value for each row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import _fit_context as fit_context
from sklearn.metrics import make_scorer
from sklearn.metrics._scorer import _CurveScorer, _PassthroughScorer, _Scorer
from sklearn.metrics._scorer import _MultimetricScorer as MultimetricScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import _fit_and_score as fit_and_score
from sklearn.model_selection._validation import _insert_error_scores as insert_error_scores
from sklearn.model_selection._validation import _score as score_estimator
from sklearn.model_selection._validation import (
    _warn_or_raise_about_fit_failures as warn_or_raise_about_fit_failures,
)
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as num_samples

# The classes of what ``make_scorer``, ``get_scorer`` and an estimator's own score come to.
PLAIN_SCORERS = (_Scorer, _CurveScorer, _PassthroughScorer)


def score_function(scorer: Any) -> Callable[..., Any]:
    """Return the metric behind a scorer that ``make_scorer`` made."""
    metric: Callable[..., Any] = vars(scorer)["_score_func"]
    return metric


def scorer_with_positive_class(scorer: Any, positive: Any) -> Any:
    """Return a scorer that ``make_scorer`` made, with another positive class."""
    parts = vars(scorer)
    return make_scorer(
        parts["_score_func"],
        response_method=parts["_response_method"],
        greater_is_better=parts["_sign"] > 0,
        **{**parts["_kwargs"], "pos_label": positive},
    )


__all__ = [
    "PLAIN_SCORERS",
    "BaseSearchCV",
    "MultimetricScorer",
    "check_feature_names_in",
    "check_method_params",
    "check_sample_weight",
    "fit_and_score",
    "fit_context",
    "insert_error_scores",
    "num_samples",
    "safe_indexing",
    "score_estimator",
    "score_function",
    "scorer_with_positive_class",
    "warn_or_raise_about_fit_failures",
]
