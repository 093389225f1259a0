"""Fitting and scoring many candidates on many folds at once."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from traceback import format_exc
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _insert_error_scores, _score
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from wellfit.core.errors import InputError
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.prepared import Prepared
from wellfit.estimators.scoring import speaking
from wellfit.model_selection.stacking import Group, grouped, trained
from wellfit.training import Result, Weights, predict

Outcome = dict[str, Any]


@dataclass(frozen=True)
class Fit:
    """One candidate on one fold: its parameters, and the rows to train and to be judged on."""

    candidate: Mapping[str, Any]
    train: NDArray[np.integer]
    test: NDArray[np.integer]


class Evaluation:
    """Evaluates fits for a search.

    Args:
        search: whose ``_base``, ``n_jobs``, ``error_score``, ``return_train_score`` and
            ``verbose`` count.
        X, y: all rows.
        scorers: as scikit-learn makes them from ``scoring``.
        fit_params, score_params: arrays of all rows among them are cut to each fold.
    """

    def __init__(
        self,
        search: Any,
        X: Any,
        y: Any,
        scorers: Any,
        fit_params: Mapping[str, Any],
        score_params: Mapping[str, Any],
    ) -> None:
        self._search, self._x, self._y, self._scorers = search, X, y, scorers
        self._fit_params, self._score_params = fit_params, score_params
        self._seen: dict[Hashable, Prepared] = {}

    def of(self, fits: Sequence[Fit]) -> list[Outcome]:
        """Return for each fit what scikit-learn's searches keep of it."""
        outcomes: list[Outcome | None] = [None] * len(fits)
        ready: list[tuple[int, Prepared]] = []
        for place, fit in enumerate(fits):
            try:
                ready.append((place, self._prepared(fit)))
            except (InputError, ValueError, TypeError):
                outcomes[place] = self._failed()
        groups = grouped([work for _, work in ready])
        jobs = Parallel(n_jobs=self._search.n_jobs)(delayed(_timed)(group) for group in groups)
        for group, trained_group in zip(groups, jobs, strict=True):
            places = [ready[place][0] for place in group.places]
            judged = self._judged(group, trained_group, [fits[place] for place in places])
            for place, outcome in zip(places, judged, strict=True):
                outcomes[place] = outcome
        done = [outcome for outcome in outcomes if outcome is not None]
        self._tell_failures(done)
        if callable(self._search.scoring):
            _insert_error_scores(done, self._search.error_score)
        return done

    def _prepared(self, fit: Fit) -> Prepared:
        """Return a fit's training; what candidates have in common is read and encoded once."""
        estimator = clone(self._search._base).set_params(**clone(dict(fit.candidate), safe=False))
        key = (estimator._reading(), fit.train.tobytes())
        if key in self._seen:
            return estimator._prepare_like(self._seen[key])
        X, y = _safe_indexing(self._x, fit.train), _safe_indexing(self._y, fit.train)
        params = _check_method_params(self._x, params=self._fit_params, indices=fit.train)
        self._seen[key] = estimator._prepare(X, y, **params)
        return self._seen[key]

    def _judged(self, group: Group, trained: Trained, fits: Sequence[Fit]) -> list[Outcome]:
        """Give a group's results to its estimators, and score them fold by fold."""
        seconds = trained.seconds
        outcomes: list[Outcome | None] = [None] * len(fits)
        folds: dict[Hashable, list[int]] = {}
        for place, (work, result) in enumerate(zip(group.work, trained.results, strict=True)):
            try:
                work.estimator._conclude(result, trained.precision)
            except InputError:
                outcomes[place] = self._failed(seconds / len(fits))
            else:
                fit = fits[place]
                folds.setdefault((fit.test.tobytes(), id(work.table)), []).append(place)
        for places in folds.values():
            some = [group.work[place].estimator for place in places]
            for place, outcome in zip(places, self._scored(some, fits[places[0]]), strict=True):
                outcomes[place] = {**outcome, "fit_time": seconds / len(fits), "fit_error": None}
        return [outcome for outcome in outcomes if outcome is not None]

    def _scored(self, estimators: Sequence[BaseMLP], fit: Fit) -> list[Outcome]:
        """Return the scores of estimators that were trained on the same rows."""
        began = time.perf_counter()
        test = self._scores(estimators, fit.test)
        seconds = (time.perf_counter() - began) / len(estimators)
        outcomes = [
            {"test_scores": score, "n_test_samples": len(fit.test), "score_time": seconds}
            for score in test
        ]
        if self._search.return_train_score:
            for outcome, score in zip(outcomes, self._scores(estimators, fit.train), strict=True):
                outcome["train_scores"] = score
        return outcomes

    def _scores(self, estimators: Sequence[BaseMLP], rows: NDArray[np.integer]) -> list[Any]:
        X, y = _safe_indexing(self._x, rows), _safe_indexing(self._y, rows)
        params = _check_method_params(self._x, params=self._score_params, indices=rows)
        scores = []
        for estimator, outputs in zip(estimators, together(estimators, X), strict=True):
            speaker = speaking(estimator, outputs)
            error_score = self._search.error_score
            scores.append(_score(speaker, X, y, self._scorers, params, error_score))
        return scores

    def _failed(self, seconds: float = 0.0) -> Outcome:
        """Return the outcome of a fit that failed with the exception now handled, or raise it."""
        search, scorers = self._search, self._scorers
        if search.error_score == "raise":
            raise
        score = search.error_score
        if isinstance(scorers, _MultimetricScorer):
            score = dict.fromkeys(scorers._scorers, search.error_score)
        outcome = {"test_scores": score, "n_test_samples": 0, "fit_error": format_exc()}
        if search.return_train_score:
            outcome["train_scores"] = copy.copy(score)
        return {**outcome, "fit_time": seconds, "score_time": 0.0}

    def _tell_failures(self, outcomes: Sequence[Outcome]) -> None:
        errors = [outcome["fit_error"] for outcome in outcomes if outcome["fit_error"]]
        if not errors:
            return
        if len(errors) == len(outcomes):
            raise ValueError(f"all {len(errors)} fits failed; the first because of:\n{errors[0]}")
        warnings.warn(
            f"{len(errors)} of {len(outcomes)} fits failed and score "
            f"{self._search.error_score}; the first because of:\n{errors[0]}",
            FitFailedWarning,
            stacklevel=2,
        )


def together(estimators: Sequence[BaseMLP], X: Any) -> list[NDArray[np.floating]]:
    """Return every estimator's outputs for rows that all of them read alike, computed at once."""
    first = estimators[0]
    x = first._read(X)
    weights = Weights.join([estimator._weights for estimator in estimators])
    link = first._resolve_loss().predict
    outputs = predict(
        weights, x, link, precision=first.precision_, brightest=first._inputs.brightest
    )
    return list(outputs)


@dataclass(frozen=True)
class Trained:
    """A group's results, in what precision they were trained, and how long all took."""

    results: list[Result]
    precision: str
    seconds: float


def _timed(group: Group) -> Trained:
    began = time.perf_counter()
    results, precision = trained(group)
    return Trained(results, precision, time.perf_counter() - began)
