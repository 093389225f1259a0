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
from sklearn.base import clone

from wellfit.core._sklearn_compat import (
    MultimetricScorer,
    check_method_params,
    safe_indexing,
    score_estimator,
)
from wellfit.core.errors import HyperparameterError, UnknownNameError
from wellfit.estimators.architectures import given_bagging
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.encoding import encoding_key
from wellfit.fitting import (
    ClassTargets,
    Compute,
    EncodedRows,
    FittedNetwork,
    TargetEncoder,
    TrainingJob,
)
from wellfit.fitting.features import Numbers
from wellfit.fitting.job import without_exclusive_files
from wellfit.fitting.runner import JobGroup, grouped
from wellfit.fitting.scoring import each_scorer, precomputable, precomputed
from wellfit.fitting.validation import validate_features, with_columns_of_all_rows
from wellfit.model_selection.dispatch import Job, JournaledResult, MergedResults, Trained, finished
from wellfit.model_selection.fits import (
    Contexts,
    FitEvaluator,
    Outcome,
    compact,
    training_parts,
)
from wellfit.model_selection.fold_fit import FoldFit
from wellfit.model_selection.rows import rows_of
from wellfit.training import Status, Weights, predict
from wellfit.training.tables import RowTable


class Evaluation(FitEvaluator):
    """Evaluates fits of wellfit's own estimators, many candidates and folds as one stack."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._features = with_columns_of_all_rows(self._x, self._base.preprocess)
        self._seen: dict[Hashable, TrainingJob] = {}
        self._used: set[Hashable] = set()
        self._tests: dict[Hashable, tuple[EncodedRows, _Judging]] = {}
        # By the identity of their candidate, which is kept so that no other gets its address.
        self._estimators: dict[int, tuple[Mapping[str, Any], BaseMLP]] = {}
        self._paused: dict[Hashable, _Paused] = {}
        self._known_scorers = precomputable(self._scorers)

    def _completed(
        self, fits: Sequence[FoldFit], outcomes: list[Outcome | None], contexts: Contexts
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
                self._pause(job, JournaledResult(job), fits)
        for job, result in finished(wanted, self._search.n_jobs):
            for place, outcome in zip(
                job.group.places, self._concluded(job, result, fits), strict=True
            ):
                if outcomes[place] is None:
                    self._end(fits[place], contexts[place])
                outcomes[place] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _concluded(
        self, job: Job, result: Trained | Exception, fits: Sequence[FoldFit]
    ) -> list[Outcome]:
        """Return the outcomes of a stack that was trained, once they are recorded."""
        these = [fits[place] for place in job.group.places]
        if isinstance(result, Exception):
            judged = [self._failed(result)]
        else:
            judged = self._judged(job.group, result, these)
            self._pause(job, result, fits)
        self._record(these, judged)
        return judged

    def _pause(
        self, job: Job, trained: Trained | JournaledResult, fits: Sequence[FoldFit]
    ) -> None:
        if job.until is not None:
            for index, place in enumerate(job.group.places):
                paused = _Paused(fits[place], job.group, trained, index)
                self._paused[fits[place].training] = paused

    def _resumed(self, fits: Sequence[FoldFit]) -> Iterator[Job]:
        """Yield what goes on: those that are still wanted, of stacks that were paused alike.

        What is left of several stacks goes on as one, but where each tried out its precision.
        """
        alike: dict[tuple[int | None, ...], list[tuple[int, _Paused]]] = {}
        for place, fit in enumerate(fits):
            if fit.training in self._paused:
                paused = self._paused[fit.training]
                precision = paused.group.jobs[paused.index].compute.precision
                apart = id(paused.trained) if precision == "auto" else 0
                key = fit.until, paused.fit.until, apart
                alike.setdefault(key, []).append((place, paused))
        workers = effective_n_jobs(self._search.n_jobs)
        for (until, *_), some in alike.items():
            left = [paused.group.jobs[paused.index] for _, paused in some]
            for group in grouped(left, workers):
                yield _joined([some[place] for place in group.places], until)

    def _begun(self, fits: Sequence[FoldFit], outcomes: list[Outcome | None]) -> Iterator[Job]:
        """Yield the stacks of fits that begin; write to ``outcomes`` what can't."""
        ready: dict[int | None, list[tuple[int, TrainingJob]]] = {}
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
                    self._record([fit], [failed])
        if self._used:  # tables that nobody reads any more take memory
            self._seen = {key: self._seen[key] for key in self._used}
            self._tests = {}
        workers = effective_n_jobs(self._search.n_jobs)
        for until, some in ready.items():
            for group in grouped([job for _, job in some], workers):
                places = tuple(some[place][0] for place in group.places)
                yield Job(replace(group, places=places), until)

    def _prepared(self, fit: FoldFit) -> TrainingJob:
        """Return a fit's job; what candidates have in common is read and encoded once."""
        estimator = copy.copy(self._estimator(fit))
        if given_bagging(estimator) is not None:
            raise HyperparameterError(
                f"bagging is {estimator.bagging} in a candidate; expected it in the search's "
                "estimator, whose candidates are then fitted one by one"
            )
        builder = estimator.job_builder(estimator)
        key = (encoding_key(estimator), fit.train.tobytes())
        if key in self._seen:
            self._used.add(key)
            return without_exclusive_files(builder.job_like(self._seen[key]))
        X, y, params = training_parts(
            self._search, estimator, self._features, self._y, fit.train, self._fit_params
        )
        self._seen[key] = without_exclusive_files(builder.job(X, y, **params))
        self._used.add(key)
        return self._seen[key]

    def _estimator(self, fit: FoldFit) -> BaseMLP:
        """Return the estimator that is set as a fit's candidate says."""
        key = id(fit.candidate)
        if key not in self._estimators:
            estimator: BaseMLP = clone(self._base)
            try:
                estimator.set_params(**clone(dict(fit.candidate), safe=False))
            except UnknownNameError as error:
                raise _NoSuchParameterError(error) from None
            self._estimators[key] = fit.candidate, estimator
        return self._estimators[key][1]

    def _judged(self, group: JobGroup, trained: Trained, fits: Sequence[FoldFit]) -> list[Outcome]:
        """Return the outcomes of a group's results, scored fold by fold."""
        outcomes: list[Outcome | None] = [None] * len(fits)
        fitted: dict[int, BaseMLP] = {}
        folds: dict[Hashable, list[int]] = {}
        if Status.INTERRUPTED in trained.result.status:
            raise KeyboardInterrupt  # these are not the results of whole trainings
        for place, (job, result) in enumerate(zip(group.jobs, trained.results(), strict=True)):
            fit = fits[place]
            try:
                network = FittedNetwork.of(job, result, trained.precision)
            except Exception as error:
                outcomes[place] = self._failed(error, trained.seconds)
            else:
                fitted[place] = copy.copy(self._estimator(fit)).keep(network)
                folds.setdefault((fit.test.tobytes(), id(job.rows)), []).append(place)
                if self._search.keep_models:
                    self._search.models_.keep(fit, fitted[place])
        for places in folds.values():
            some = [fitted[place] for place in places]
            scored = self._scored(some, fits[places[0]], group.jobs[places[0]].rows)
            for place, outcome in zip(places, scored, strict=True):
                history = compact(fitted[place].history_)
                about = {"fit_time": trained.seconds, "fit_error": None, "history": history}
                outcomes[place] = {**outcome, **about}
        return [outcome for outcome in outcomes if outcome is not None]

    def _scored(
        self, estimators: Sequence[BaseMLP], fit: FoldFit, rows: EncodedRows
    ) -> list[Outcome]:
        """Return the scores of estimators that were trained on the same rows."""
        began = time.perf_counter()
        key = id(rows), fit.test.tobytes()
        if key not in self._tests:
            self._tests[key] = rows, self._judging(estimators[0], fit.test)
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
        X, y = rows_of(self._x, rows), safe_indexing(self._y, rows)
        params = check_method_params(self._x, params=self._score_params, indices=rows)
        numbers = targets = None
        if not self._known_scorers:
            return _Judging(X, y, params, None, None)
        network = estimator.network_
        # Rows that can't be read make each scorer fail by itself, as scikit-learn wants it.
        with suppress(Exception):
            if isinstance(network.targets, ClassTargets):
                targets = network.targets.with_all_classes(y)
            x = rows_of(self._features, rows)
            x = validate_features(estimator, x, network.features)
            numbers = network.features.encode_all(x, Compute.of(estimator).numpy_dtype)
        return _Judging(X, y, params, numbers, targets)

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
            pairs = ((precomputed(*each, by.targets), by) for each in outputs)
        error_score = self._search.error_score
        return [
            score_estimator(each, own.X, own.y, self._scorers, own.params, error_score)
            for each, own in pairs
        ]

    def _failed(self, error: Exception, seconds: float = 0.0) -> Outcome:
        """Return the outcome of a fit that failed, or raise its error."""
        search, scorers = self._search, self._scorers
        if search.error_score == "raise":
            raise error
        score = search.error_score
        if isinstance(scorers, MultimetricScorer):
            score = dict.fromkeys(each_scorer(scorers), search.error_score)
        outcome = {
            "test_scores": score,
            "n_test_samples": 0,
            "fit_error": "".join(format_exception(error)),
        }
        if search.return_train_score:
            outcome["train_scores"] = copy.copy(score)
        return {**outcome, "fit_time": seconds, "score_time": 0.0, "history": {}}


class _NoSuchParameterError(Exception):
    """A candidate names what no estimator has: the whole search is amiss."""


def together(estimators: Sequence[BaseMLP], x: Numbers | RowTable) -> list[NDArray[np.floating]]:
    """Return every estimator's outputs for rows that all of them encode so, computed at once."""
    networks = [estimator.network_ for estimator in estimators]
    first = networks[0]
    outputs = predict(
        Weights.join([network.weights for network in networks]),
        x,
        first.targets.loss.predict,
        precision=first.record.precision,
        pixel_max=first.features.pixel_max,
    )
    return list(outputs)


@dataclass(frozen=True)
class _Judging:
    """Rows to judge by, and what estimators that read alike make of them, where they can."""

    X: Any
    y: Any
    params: Mapping[str, Any]
    numbers: Numbers | RowTable | None
    targets: TargetEncoder | None  # of classifiers; they know the codes of ``y``


@dataclass(frozen=True)
class _Paused:
    """A fit that was paused, and its place in the group that it was trained in."""

    fit: FoldFit
    group: JobGroup
    trained: Trained | JournaledResult
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
    jobs = tuple(paused.group.jobs[paused.index] for _, paused in ordered)
    return Job(JobGroup(places, jobs), until, MergedResults(parts))
