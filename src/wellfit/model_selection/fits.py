"""Fits of a search: which rows they train and are judged on, and what all evaluations share."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.exceptions import FitFailedWarning

from wellfit.core._sklearn_compat import (
    check_method_params,
    insert_error_scores,
    safe_indexing,
    warn_or_raise_about_fit_failures,
)
from wellfit.core.launch import refuse_launched
from wellfit.estimators.settings import holds_out
from wellfit.model_selection.fold_fit import FoldFit
from wellfit.model_selection.journal import Recorder
from wellfit.model_selection.rows import in_order, rows_of
from wellfit.model_selection.search_progress import SearchProgress

Outcome = dict[str, Any]
Split = tuple[NDArray[Any], NDArray[Any]]
Contexts = Sequence[Any]  # scikit-learn's callback contexts, one a fit; None where there is none


def splits_of(cv: Any, X: Any, y: Any, params: Mapping[str, Any]) -> list[Split]:
    """Return the folds of a splitter as arrays of row numbers.

    Splitters and lists of folds may hold lists, ranges, an Index of pandas or boolean masks.

    >>> from sklearn.model_selection import check_cv
    >>> splits_of(check_cv([(range(2), [False, False, True])]), None, None, {})
    [(array([0, 1]), array([2]))]
    """
    return [
        (in_order(X, _rows(train)), in_order(X, _rows(test)))
        for train, test in cv.split(X, y, **params)
    ]


def _rows(given: Any) -> NDArray[Any]:
    rows = np.asarray(given)
    return np.flatnonzero(rows) if rows.dtype == bool and rows.ndim == 1 else rows


def training_parts(
    search: Any, estimator: Any, X: Any, y: Any, rows: NDArray[Any], params: Mapping[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """Return the features, targets and other arguments of the ``fit`` on some rows.

    Args:
        search: whose ``hold_out`` chooses the validation rows, where it is set.
        estimator: that is to be fitted.
        X: (n_samples, n_features) all rows.
        y: their targets.
        rows: positions of those to fit on.
        params: arguments of ``fit``; arrays of all rows among them are cut.
    """
    rows, held = held_out(search, estimator, X, y, rows)
    own = dict(check_method_params(X, params=params, indices=rows))
    return rows_of(X, rows), safe_indexing(y, rows), own | held


def held_out(
    search: Any, estimator: Any, X: Any, y: Any, rows: NDArray[Any]
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return the rows to train on, and the validation rows among them as arguments of ``fit``.

    The arguments are those of :func:`training_parts`.
    """
    held, fraction = None, getattr(estimator, "validation_fraction", None)
    # Another fraction is refused by the estimator itself.
    usable = fraction is None or (isinstance(fraction, float) and 0 < fraction < 1)
    if search.hold_out is not None and holds_out(estimator) and usable:
        rows, held = (in_order(X, part) for part in search.hold_out(rows, fraction or 0.1))
        if is_classifier(estimator) and np.ndim(y) == 1:
            # A class that no training row has can't be judged.
            held = held[np.isin(safe_indexing(y, held), safe_indexing(y, rows))]
    if held is None or not len(held):
        return rows, {}
    return rows, {"X_val": rows_of(X, held), "y_val": safe_indexing(y, held)}


def contexts_of(fits: Sequence[FoldFit], task: Any, start: int = 0) -> Contexts:
    """Return a callback context for each fit, children of a task's; None where there is none."""
    if task is None:
        return [None] * len(fits)
    return [
        task.subcontext(task_name="candidate-split-evaluation", task_id=start + number)
        for number in range(len(fits))
    ]


class FitEvaluator(ABC):
    """Trains and scores fits for a search, and reports them to its journal and its callbacks.

    Args:
        search: whose ``n_jobs``, ``error_score``, ``return_train_score`` and
            ``verbose`` count.
        base: the estimator that candidates are set on.
        X, y: all rows.
        scorers: as scikit-learn makes them from ``scoring``.
        fit_params, score_params: arrays of all rows among them are cut to each fold.

    Raises:
        InputError: torchrun has started several processes.
    """

    def __init__(
        self,
        search: Any,
        base: Any,
        X: Any,
        y: Any,
        scorers: Any,
        fit_params: Mapping[str, Any],
        score_params: Mapping[str, Any],
    ) -> None:
        if getattr(base, "processes", None) is not None:
            instead = "n_jobs or a Dask cluster, or processes=None in the estimator"
            refuse_launched("a search", instead)
        self._search, self._base = search, base
        self._x, self._y, self._scorers = X, y, scorers
        self._fit_params, self._score_params = fit_params, score_params
        self._recorder = Recorder(search, search.journal, X, y, fit_params, score_params)
        self._progress = SearchProgress.of(search, base)
        self._succeeded = False

    def of(self, fits: Sequence[FoldFit], contexts: Contexts | None = None) -> list[Outcome]:
        """Return for each fit what scikit-learn's searches keep of it."""
        contexts = contexts or [None] * len(fits)
        known = self._recorder.known(fits)
        with self._progress.round(fits, known):
            done = self._completed(fits, known, contexts)
        self._report_failures(done)
        if callable(self._search.scoring):
            insert_error_scores(done, self._search.error_score)
        return done

    def _record(self, fits: Sequence[FoldFit], outcomes: Sequence[Outcome]) -> None:
        """Write down fits as they finish, and show them."""
        self._recorder.record(fits, outcomes)
        self._progress.add(fits, outcomes)

    @abstractmethod
    def _completed(
        self, fits: Sequence[FoldFit], outcomes: list[Outcome | None], contexts: Contexts
    ) -> list[Outcome]:
        """Return the outcomes, those of fits that have none yet by training."""

    def _begin(self, fit: FoldFit, context: Any) -> None:
        """Call scikit-learn's callbacks before a fit."""
        if context is not None:
            context.call_on_fit_task_begin(estimator=self._search, **self._task(fit))

    def _end(self, fit: FoldFit, context: Any) -> None:
        """Call scikit-learn's callbacks after a fit."""
        if context is not None:
            context.call_on_fit_task_end(estimator=self._search, **self._task(fit))

    def _task(self, fit: FoldFit) -> dict[str, Any]:
        """Return what hooks may ask for; the rows are cut only if one does."""
        x, y, weight = self._x, self._y, self._fit_params.get("sample_weight")
        return {
            "X": lambda: rows_of(x, fit.train),
            "y": lambda: None if y is None else safe_indexing(y, fit.train),
            "metadata": None
            if weight is None
            else lambda: check_method_params(x, {"sample_weight": weight}, indices=fit.train),
        }

    def _report_failures(self, outcomes: Sequence[Outcome]) -> None:
        count, total = sum(bool(each["fit_error"]) for each in outcomes), len(outcomes)
        if not (self._succeeded and count == total):
            warn_or_raise_about_fit_failures(outcomes, self._search.error_score)
            self._succeeded = True
        else:  # of a later round: the candidates before count
            warnings.warn(
                f"{count} fits failed out of a total of {total}: all that were begun last. The "
                f"first of them failed with:\n{outcomes[0]['fit_error']}",
                FitFailedWarning,
                stacklevel=2,
            )


def compact(history: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Return a history's losses and scores by epoch, to five digits: a search keeps many.

    >>> compact({"loss": [0.123456789], "seconds": [1.5], "learning_rate": [0.001]})
    {'loss': [0.12346]}
    """
    return {
        name: [float(f"{value:.5g}") for value in values]
        for name, values in history.items()
        if name not in ("seconds", "learning_rate")
    }
