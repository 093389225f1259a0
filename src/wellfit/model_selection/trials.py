"""Trials: the candidates of a search, each on all folds and restarts, and how far they came."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import UnknownNameError
from wellfit.model_selection.fits import FitEvaluator, Outcome, contexts_of
from wellfit.model_selection.fold_fit import FoldFit
from wellfit.model_selection.halving import Rung
from wellfit.model_selection.resources import Resource

Scores = Any  # a number, or one for each metric by name


@dataclass(eq=False)
class Trial:
    """A candidate, its fits (restart by restart, fold by fold), and what is known of them.

    ``rung`` counts from 0; ``given`` is what it got of the resource so far, as epochs or rows.
    """

    candidate: Mapping[str, Any]
    fits: list[FoldFit]
    bracket: int = 0
    rung: int = 0
    given: int = 0
    outcomes: list[Outcome] = field(default_factory=list)

    def score(self, metric: str) -> float:
        """Return the mean over folds and restarts; NaN where it wasn't judged, or failed."""
        scores = [_one(outcome["test_scores"], metric) for outcome in self.outcomes]
        return float(np.mean(scores)) if scores else math.nan

    def restarts(self, metric: str, folds: int) -> NDArray[np.float64]:
        """Return each restart's mean over the folds."""
        scores = [_one(outcome["test_scores"], metric) for outcome in self.outcomes]
        return np.reshape(scores, (-1, folds)).mean(axis=1)

    def by_fold(self, folds: int) -> list[Outcome]:
        """Return an outcome for each fold: the mean over restarts, and the sum of their times."""
        return [_merged(self.outcomes[fold::folds]) for fold in range(folds)]


class Trials:
    """All trials of a search.

    Args:
        evaluator: trains and judges.
        splits: the folds' rows.
        seeds: one for each restart; the first is the estimator's own.
        resource: what halving gives to candidates.
        metric: what trials are compared by.
        time_limit: in seconds from now; None for no limit.
        workers: processes that train.
        verbose: whether to print what is trained next.
        task: scikit-learn's callback context of the search; each fit becomes a task of it.
    """

    def __init__(
        self,
        evaluator: FitEvaluator,
        splits: Sequence[tuple[NDArray[np.integer], NDArray[np.integer]]],
        seeds: Sequence[int],
        resource: Resource,
        metric: str,
        time_limit: float | None,
        workers: int = 1,
        verbose: int = 0,
        task: Any = None,
    ) -> None:
        self.everyone: list[Trial] = []
        self._evaluator, self._splits, self._seeds = evaluator, splits, seeds
        self._task, self._begun_fits = task, 0
        self.resource, self._metric, self._verbose = resource, metric, verbose
        self._workers, self._begun = workers, time.perf_counter()
        self._end = math.inf if time_limit is None else time.perf_counter() + time_limit

    @property
    def late(self) -> bool:
        """Whether time is up."""
        return time.perf_counter() >= self._end

    @property
    def affordable(self) -> int:
        """How many candidates to begin at once: one to learn how long they take, then more.

        They use but half of the time that is left, since each takes its own.
        """
        left = self._end - time.perf_counter()
        if math.isinf(left):
            return sys.maxsize
        if not self.everyone:
            return 1
        each = self._seconds_each()
        return max(int(left / 2 / each), 1) if left > each else 0

    def _seconds_each(self) -> float:
        """Return how long a candidate took, also where a journal knew its scores."""
        trained = sum(o["fit_time"] for trial in self.everyone for o in trial.outcomes)
        passed = time.perf_counter() - self._begun
        return max(passed, trained / self._workers) / len(self.everyone)

    def run(
        self, candidates: Sequence[Mapping[str, Any]], rungs: Sequence[Rung], bracket: int = 0
    ) -> list[Trial]:
        """Train candidates rung by rung, the best of each going on from where they are."""
        begun = [Trial(candidate, self._fits(candidate), bracket) for candidate in candidates]
        self.everyone += begun
        left = begun
        for number, rung in enumerate(rungs):
            if number:
                left = [] if self.late else self._best(left, rung.candidates)
            if left:
                self._train_rung(left, number, rung.units)
        return begun

    def _best(self, trials: Sequence[Trial], count: int) -> list[Trial]:
        """Return up to ``count`` trials, the best first; none of those that failed."""
        scored = [(trial.score(self._metric), trial) for trial in trials]
        well = [pair for pair in scored if not math.isnan(pair[0])]
        return [trial for _, trial in sorted(well, key=lambda pair: -pair[0])[:count]]

    def _fits(self, candidate: Mapping[str, Any]) -> list[FoldFit]:
        others = ({**candidate, "random_state": seed} for seed in self._seeds[1:])
        alike = [candidate, *others]
        return [FoldFit(each, *split) for each in alike for split in self._splits]

    def _train_rung(self, trials: Sequence[Trial], rung: int, units: int) -> None:
        """Train trials with so many units of the resource, and judge them."""
        amount = self.resource.amount(units)
        fits = self.resource.given([fit for trial in trials for fit in trial.fits], units)
        if self._verbose:
            print(
                f"Fitting {len(self._splits)} folds for each of {len(trials)} candidates, "
                f"totalling {len(fits)} fits, {self.resource.words(amount)}"
            )
        contexts = contexts_of(fits, self._task, self._begun_fits)
        self._begun_fits += len(fits)
        outcomes = iter(self._evaluator.of(fits, contexts))
        for trial in trials:
            trial.outcomes = [next(outcomes) for _ in trial.fits]
            trial.rung, trial.given = rung, amount


def _one(scores: Scores, metric: str) -> float:
    if not isinstance(scores, Mapping):
        return float(scores)
    if metric not in scores:  # which a function named that isn't known before it is called
        raise UnknownNameError("metric to compare candidates by", metric, scores)
    return float(scores[metric])


def _merged(outcomes: Sequence[Outcome]) -> Outcome:
    """Return one fold's outcome of several restarts."""
    first = outcomes[0]
    means = {key: _mean([o[key] for o in outcomes]) for key in first if key.endswith("_scores")}
    times = {key: sum(o[key] for o in outcomes) for key in first if key.endswith("_time")}
    return {**first, **means, **times}


def _mean(scores: Sequence[Scores]) -> Scores:
    if isinstance(scores[0], Mapping):
        return {key: _mean([each[key] for each in scores]) for key in scores[0]}
    return scores[0] if len(scores) == 1 else float(np.mean(scores))
