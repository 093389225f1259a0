"""Fitting and scoring many candidates on many folds at once."""

from __future__ import annotations

import copy
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from traceback import format_exception
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _score
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from wellfit.core.errors import UnknownNameError
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.inputs import Numbers, ready_to_split
from wellfit.estimators.prepared import Prepared
from wellfit.estimators.scoring import precomputable, speaking
from wellfit.estimators.tables import Table
from wellfit.model_selection.dispatch import Job, Joined, Known, Trained, finished
from wellfit.model_selection.fits import Contexts, Fit, FitEvaluator, Outcome, compact
from wellfit.model_selection.stacking import Group, grouped
from wellfit.training import Status, Weights, predict


class Evaluation(FitEvaluator):
    """Evaluates fits of wellfit's own estimators, many candidates and folds as one stack."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._features = ready_to_split(self._x, self._search._base.preprocess)
        self._seen: dict[Hashable, Prepared] = {}
        self._used: set[Hashable] = set()
        self._tests: dict[Hashable, tuple[Table, _Judging]] = {}
        self._set: tuple[Mapping[str, Any] | None, Any] = None, None
        self._paused: dict[Hashable, _Paused] = {}
        self._known_scorers = precomputable(self._scorers)

    def _completed(
        self, fits: Sequence[Fit], outcomes: list[Outcome | None], contexts: Contexts
    ) -> list[Outcome]:
        """Return the outcomes; fits that the call before paused go on from where they are.

        Nothing else of that call is kept.
        """
        for fit, context in zip(fits, contexts, strict=True):
            self._begin(fit, context)
        jobs = [*self._resumed(fits), *self._begun(fits, outcomes)]
        for place, outcome in enumerate(outcomes):
            if outcome is not None:
                self._end(fits[place], contexts[place])
        self._paused = {}
        wanted: list[Job] = []
        for job in jobs:
            # A stack is trained whole or not at all, so that rounding is as it was.
            if any(outcomes[place] is None for place in job.group.places):
                wanted.append(job)
            else:
                self._pause(job, Known(job), fits)
        for job, result in finished(wanted, self._search.n_jobs):
            for place, outcome in zip(
                job.group.places, self._concluded(job, result, fits), strict=True
            ):
                if outcomes[place] is None:
                    self._end(fits[place], contexts[place])
                outcomes[place] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _concluded(
        self, job: Job, result: Trained | Exception, fits: Sequence[Fit]
    ) -> list[Outcome]:
        """Return the outcomes of a stack that was trained, once they are recorded."""
        these = [fits[place] for place in job.group.places]
        if isinstance(result, Exception):
            judged = [self._failed(result)]
        else:
            judged = self._judged(job.group, result, these)
            self._pause(job, result, fits)
        if job.until is None and not self._search.keep_models:
            _forget(job.group)
        self._recorder.record(these, judged)
        return judged

    def _pause(self, job: Job, trained: Trained | Known, fits: Sequence[Fit]) -> None:
        if job.until is not None:
            for index, place in enumerate(job.group.places):
                paused = _Paused(fits[place], job.group, trained, index)
                self._paused[fits[place].training] = paused

    def _resumed(self, fits: Sequence[Fit]) -> Iterator[Job]:
        """Yield what goes on: those that are still wanted, of stacks that were paused alike.

        What is left of several stacks goes on as one, but where each tried out its precision.
        """
        alike: dict[tuple[int | None, ...], list[tuple[int, _Paused]]] = {}
        for place, fit in enumerate(fits):
            if fit.training in self._paused:
                paused = self._paused[fit.training]
                work = paused.group.work[paused.index]
                apart = id(paused.trained) if work.estimator.precision == "auto" else 0
                key = fit.until, paused.fit.until, apart
                alike.setdefault(key, []).append((place, paused))
        workers = effective_n_jobs(self._search.n_jobs)
        for (until, *_), some in alike.items():
            left = [paused.group.work[paused.index] for _, paused in some]
            for group in grouped(left, workers):
                yield _joined([some[place] for place in group.places], until)

    def _begun(self, fits: Sequence[Fit], outcomes: list[Outcome | None]) -> Iterator[Job]:
        """Yield the stacks of fits that begin; write to ``outcomes`` what can't."""
        ready: dict[int | None, list[tuple[int, Prepared]]] = {}
        self._used.clear()
        for place, fit in enumerate(fits):
            if fit.training in self._paused:
                continue
            try:
                ready.setdefault(fit.until, []).append((place, self._prepared(fit)))
            except _NoSuchParameterError as error:
                raise error.args[0] from None
            except Exception as error:
                if outcomes[place] is None:
                    outcomes[place] = failed = self._failed(error)
                    self._recorder.record([fit], [failed])
        if self._used:  # tables that nobody reads any more take memory
            self._seen = {key: self._seen[key] for key in self._used}
            self._tests = {}
        workers = effective_n_jobs(self._search.n_jobs)
        for until, some in ready.items():
            for group in grouped([work for _, work in some], workers):
                places = tuple(some[place][0] for place in group.places)
                yield Job(replace(group, places=places), until)

    def _prepared(self, fit: Fit) -> Prepared:
        """Return a fit's training; what candidates have in common is read and encoded once."""
        estimator = self._estimator(fit.candidate)
        key = (estimator._reading(), fit.train.tobytes())
        if key in self._seen:
            self._used.add(key)
            return _silent(estimator._prepare_like(self._seen[key]))
        X, y = _safe_indexing(self._features, fit.train), _safe_indexing(self._y, fit.train)
        params = _check_method_params(self._x, params=self._fit_params, indices=fit.train)
        self._seen[key] = _silent(estimator._prepare(X, y, **params))
        self._used.add(key)
        return self._seen[key]

    def _estimator(self, candidate: Mapping[str, Any]) -> BaseMLP:
        """Return an estimator of its own that is set as the candidate says."""
        if candidate is not self._set[0]:  # its folds come one after another
            estimator = clone(self._search._base)
            try:
                estimator.set_params(**clone(dict(candidate), safe=False))
            except UnknownNameError as error:
                raise _NoSuchParameterError(error) from None
            self._set = candidate, estimator
        return copy.copy(self._set[1])

    def _judged(self, group: Group, trained: Trained, fits: Sequence[Fit]) -> list[Outcome]:
        """Give a group's results to its estimators, and score them fold by fold."""
        outcomes: list[Outcome | None] = [None] * len(fits)
        folds: dict[Hashable, list[int]] = {}
        if Status.INTERRUPTED in trained.result.status:
            raise KeyboardInterrupt  # these are not the results of whole trainings
        for place, (work, result) in enumerate(zip(group.work, trained.results(), strict=True)):
            try:
                work.estimator._conclude(result, trained.precision)
            except Exception as error:
                outcomes[place] = self._failed(error, trained.seconds)
            else:
                fit = fits[place]
                folds.setdefault((fit.test.tobytes(), id(work.table)), []).append(place)
                if self._search.keep_models:
                    self._search.models_.keep(fit, work.estimator)
        for places in folds.values():
            some = [group.work[place].estimator for place in places]
            scored = self._scored(some, fits[places[0]], group.work[places[0]].table)
            for place, outcome in zip(places, scored, strict=True):
                history = compact(group.work[place].estimator.history_)
                told = {"fit_time": trained.seconds, "fit_error": None, "history": history}
                outcomes[place] = {**outcome, **told}
        return [outcome for outcome in outcomes if outcome is not None]

    def _scored(self, estimators: Sequence[BaseMLP], fit: Fit, table: Table) -> list[Outcome]:
        """Return the scores of estimators that were trained on the same rows, ``table``."""
        began = time.perf_counter()
        key = id(table), fit.test.tobytes()
        if key not in self._tests:
            self._tests[key] = table, self._judging(estimators[0], fit.test)
        test = self._scores(estimators, fit.test, self._tests[key][1])
        seconds = (time.perf_counter() - began) / len(estimators)
        outcomes = [
            {"test_scores": score, "n_test_samples": len(fit.test), "score_time": seconds}
            for score in test
        ]
        if self._search.return_train_score:
            by = self._judging(estimators[0], fit.train)
            train = self._scores(estimators, fit.train, by)
            for outcome, score in zip(outcomes, train, strict=True):
                outcome["train_scores"] = score
        return outcomes

    def _judging(self, estimator: BaseMLP, rows: NDArray[np.integer]) -> _Judging:
        X, y = _safe_indexing(self._x, rows), _safe_indexing(self._y, rows)
        params = _check_method_params(self._x, params=self._score_params, indices=rows)
        numbers = labels = None
        if not self._known_scorers:
            return _Judging(X, y, params, None, None)
        # Rows that can't be read make each scorer fail by itself, as scikit-learn wants it.
        with suppress(Exception):
            labels = estimator._labels.knowing(y) if is_classifier(estimator) else None
            numbers = estimator._read(_safe_indexing(self._features, rows))
        return _Judging(X, y, params, numbers, labels)

    def _scores(
        self, estimators: Sequence[BaseMLP], rows: NDArray[np.integer], by: _Judging
    ) -> list[Any]:
        """Return the scores of estimators on rows, which ``by`` holds as numbers.

        A scorer that isn't scikit-learn's may ask for other predictions than those of its rows,
        or change the rows: it gets the estimator itself, and rows of its own.
        """
        pairs: Iterable[tuple[Any, _Judging]]
        if not self._known_scorers:
            pairs = ((each, self._judging(each, rows)) for each in estimators)
        elif by.numbers is None:
            pairs = ((each, by) for each in estimators)
        else:
            outputs = zip(estimators, together(estimators, by.numbers), strict=True)
            pairs = ((speaking(*each, by.labels), by) for each in outputs)
        error_score = self._search.error_score
        return [
            _score(each, own.X, own.y, self._scorers, own.params, error_score)
            for each, own in pairs
        ]

    def _failed(self, error: Exception, seconds: float = 0.0) -> Outcome:
        """Return the outcome of a fit that failed, or raise its error."""
        search, scorers = self._search, self._scorers
        if search.error_score == "raise":
            raise error
        score = search.error_score
        if isinstance(scorers, _MultimetricScorer):
            score = dict.fromkeys(scorers._scorers, search.error_score)
        outcome = {
            "test_scores": score,
            "n_test_samples": 0,
            "fit_error": "".join(format_exception(error)),
        }
        if search.return_train_score:
            outcome["train_scores"] = copy.copy(score)
        return {**outcome, "fit_time": seconds, "score_time": 0.0, "history": {}}


def _forget(group: Group) -> None:
    """Let go of networks that were judged: those of a search together may be large."""
    for work in group.work:
        for name in ("_result", "_weights"):
            work.estimator.__dict__.pop(name, None)


def _silent(work: Prepared) -> Prepared:
    """Return a training without the callbacks whose files have room for one: the refitted best."""
    return replace(work, callbacks=[o for o in work.callbacks if not o.exclusive_files])


class _NoSuchParameterError(Exception):
    """A candidate names what no estimator has: the whole search is amiss."""


def together(estimators: Sequence[BaseMLP], x: Numbers) -> list[NDArray[np.floating]]:
    """Return every estimator's outputs for rows that all of them read so, computed at once."""
    first = estimators[0]
    weights = Weights.join([estimator._weights for estimator in estimators])
    link = first._resolve_loss().predict
    outputs = predict(
        weights, x, link, precision=first.precision_, brightest=first._inputs.brightest
    )
    return list(outputs)


@dataclass(frozen=True)
class _Judging:
    """Rows to judge by, and what estimators that read alike make of them, where they can."""

    X: Any
    y: Any
    params: Mapping[str, Any]
    numbers: Numbers | None
    labels: Any  # of classifiers; they know the codes of ``y``


@dataclass(frozen=True)
class _Paused:
    """A fit that was paused, and its place in the group that it was trained in."""

    fit: Fit
    group: Group
    trained: Trained | Known
    index: int


def _joined(some: Sequence[tuple[int, _Paused]], until: int | None) -> Job:
    """Return the job of fits (by place) that go on together, those of one stack side by side."""
    stacks: dict[int, list[tuple[int, _Paused]]] = {}
    for place, paused in some:
        stacks.setdefault(id(paused.trained), []).append((place, paused))
    ordered = [each for stack in stacks.values() for each in stack]
    parts = [
        stack[0][1].trained.take([paused.index for _, paused in stack])
        for stack in stacks.values()
    ]
    places = tuple(place for place, _ in ordered)
    work = tuple(paused.group.work[paused.index] for _, paused in ordered)
    return Job(Group(places, work), until, Joined(parts))
