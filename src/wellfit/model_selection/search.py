"""``SearchCV``: any sampler, any space, halving, restarts and a time limit."""

from __future__ import annotations

import numbers
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray

from wellfit.core.errors import HyperparameterError, UnknownNameError, shown
from wellfit.core.hyper import resolve
from wellfit.core.rng import derive, random_state_of
from wellfit.estimators.base import BaseMLP
from wellfit.model_selection.fits import FitEvaluator, splits_of
from wellfit.model_selection.halving import Rung, hyperband, successive
from wellfit.model_selection.resources import ResourceName, resource_of
from wellfit.model_selection.samplers import Sampler, SamplerRun
from wellfit.model_selection.sklearn_searches import StackedSearch
from wellfit.model_selection.space_checks import check
from wellfit.model_selection.space_defaults import default_space
from wellfit.model_selection.spaces import Space
from wellfit.model_selection.trials import Trial, Trials

Halving = Literal["successive", "hyperband"]


class SearchCV(StackedSearch):
    """Searches for the best hyper-parameters, with candidates, folds and restarts as stacks.

    Attributes are those of scikit-learn's searches, ``best_params_`` and ``cv_results_`` among
    them. A candidate refitted alone, by ``set_params`` and the seed of ``seeds_``, gives the
    score that it has here. ``histories_`` are losses and scores by epoch: for each candidate, a
    list of its fits', restart by restart and fold by fold.

    Args:
        estimator: ``MLPClassifier`` or ``MLPRegressor``; any other is trained one candidate and
            fold at a time, without ``halving``.
        space: parameters and what each may be: a distribution of SciPy's, a list of choices, or
            a dictionary such as ``{"low": 1e-6, "high": 0.1, "scale": "log"}``; or a file of
            JSON or YAML that says so. Without one, the presets ``"default"`` and ``"fast"`` come
            first, then candidates of :func:`~wellfit.model_selection.default_space`. See
            :class:`~wellfit.model_selection.Space`.
        sampler: ``random``, ``grid``, ``sobol``, or, with Optuna, ``tpe``, ``cmaes`` or ``gp``;
            or an object: ``TPE(storage="sqlite:///trials.db")``.
        n_iter: candidates, at least 1; a grid has as many as it has.
        n_restarts: how often each candidate is trained, from different seeds, at least 1.
            Candidates are ranked by the mean; ``std_restart_test_score`` is the spread.
        halving: ``successive`` lets all candidates train for a few epochs, then the best
            ``1/factor`` of them go on from where they are, and so forth; ``hyperband`` does so
            with several numbers of first epochs. Then ``cv_results_`` has each candidate's last
            score, ``iter`` and ``n_resources`` (its last rung, from 0, and the epochs of that),
            ``bracket``, and ranks by epochs first.
        resource: of halving; ``epochs``, or ``n_samples`` for training rows, 50 at least, with
            which candidates are trained anew in each rung.
        factor: of halving, above 1.
        time_limit: seconds, above 0. No rung begins later, and no candidate that, by the time
            the others took, would not be finished by then; what is finished counts.
        journal: a file that keeps every finished fit, by which a search that was killed goes on.
        scoring: as in scikit-learn's searches. Of several metrics, candidates are compared by
            that of ``refit``, or by the first.
        n_jobs: processes; None for one.
        refit: whether, or by which metric, to train the best candidate on all rows; True is the
            first of several metrics.
        cv: folds, as in scikit-learn's searches.
        error_score: of a fit that fails, or ``"raise"``.
        return_train_score: whether to score training rows too.
        random_state: a seed of the candidates; the estimator's own is that of the trainings.
        verbose: above 0, what is trained next is printed.

    Raises:
        HyperparameterError: a parameter, or the space, that can't be meant.
        UnknownNameError: a name of the space that the estimator doesn't have.
        MissingExtraError: a sampler of Optuna's without Optuna.

    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((16,), epochs=9, random_state=0)
    >>> space = {"optimizer__learning_rate": {"low": 1e-4, "high": 0.1, "scale": "log"}}
    >>> search = SearchCV(clf, space, n_iter=9, halving="successive", cv=3, random_state=0)
    >>> sorted(search.fit(X, y).cv_results_["n_resources"].tolist())
    [1, 1, 1, 1, 1, 1, 3, 3, 9]
    """

    def __init__(
        self,
        estimator: Any,
        space: Space | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        *,
        sampler: str | Sampler = "random",
        n_iter: int = 40,
        n_restarts: int = 1,
        halving: Halving | None = None,
        resource: ResourceName = "epochs",
        factor: float = 3,
        time_limit: float | None = None,
        journal: Any = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.space, self.sampler = space, sampler
        self.n_iter, self.n_restarts = n_iter, n_restarts
        self.halving, self.resource, self.factor = halving, resource, factor
        self.time_limit = time_limit
        self.journal, self.random_state = journal, random_state
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    def _get_scorers(self) -> Any:
        with self._first_as_refit():
            return super()._get_scorers()

    def score(self, X: Any, y: Any = None, **params: Any) -> float:
        """Return the score of the best estimator, by what candidates were compared by."""
        with self._first_as_refit():
            score: float = super().score(X, y, **params)
            return score

    @contextmanager
    def _first_as_refit(self) -> Iterator[None]:
        """Name the metric that True stands for, which scikit-learn wants of several metrics."""
        given: Any = vars(self)["refit"]
        if given is True and _is_several(self.scoring):
            self.refit = self._metric()
        try:
            yield
        finally:
            self.refit = given

    def _run_search(self, evaluate_candidates: Any, callback_ctx: Any = None) -> None:
        """Stand in for what scikit-learn's base class wants; nothing calls it here."""
        raise NotImplementedError

    def _check_input_parameters(self, X: Any, y: Any, split_params: Mapping[str, Any]) -> None:
        """Refuse parameters that can't be meant, before anything is trained."""
        for name in ("n_iter", "n_restarts"):
            value = getattr(self, name)
            whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            if not whole or not 1 <= value < 2**63:
                raise HyperparameterError(
                    f"{name} is {shown(value)}; expected a whole number, at least 1"
                )
        for name, kind in (("halving", Halving), ("resource", ResourceName)):
            given = getattr(self, name)
            if given not in get_args(kind) and (name, given) != ("halving", None):
                raise UnknownNameError(name, given, get_args(kind))
        for name, least in (("factor", 1), ("time_limit", 0)):
            value = getattr(self, name)
            if name == "time_limit" and (value is None or value == np.inf):
                continue
            if not isinstance(value, numbers.Real) or not _between(value, least):
                raise HyperparameterError(
                    f"{name} is {shown(value)}; expected a number above {least}"
                )

    def _search_through(
        self,
        evaluator: FitEvaluator,
        X: Any,
        y: Any,
        split_params: Mapping[str, Any],
        context: Any,
    ) -> tuple[dict[str, Any], Any]:
        """Return ``cv_results_`` and the first test score."""
        space, sampler = self._space(X, y), resolve(Sampler, self.sampler)
        _check_halving(self.halving, sampler)
        seed = int(random_state_of(self.random_state).randint(2**31 - 1))
        self.seeds_ = _restart_seeds(self._base, self.n_restarts)
        splits = splits_of(self._checked_cv_orig, X, y, split_params)
        self._check_fits(self.n_iter, len(splits))
        metric = self._metric()
        task = context.subcontext(task_name="search", max_subtasks=None, sequential_subtasks=False)
        task.call_on_fit_task_begin(estimator=self)
        limits = self.time_limit, effective_n_jobs(self.n_jobs)
        resource = resource_of(self.resource, self._base, self.halving, splits, y, seed)
        given = evaluator, splits, self.seeds_, resource, metric
        trials = Trials(*given, *limits, self.verbose, task)
        self._draw(sampler, sampler.begin(space, seed), trials, metric)
        task.call_on_fit_task_end(estimator=self)
        self.histories_ = [
            [o.get("history", {}) for o in trial.outcomes] for trial in trials.everyone
        ]
        return self._results(trials.everyone), trials.everyone[0].outcomes[0]["test_scores"]

    def _space(self, X: Any, y: Any) -> Space:
        """Return the space, once it is known to fit the estimator and the search."""
        if self.space is None:
            if not isinstance(self._base, BaseMLP):
                raise HyperparameterError(
                    f"space is None; expected parameters to search for a "
                    f"{type(self._base).__name__}: only MLPClassifier and MLPRegressor have a "
                    "default space"
                )
            return default_space(self._base, X, y)
        space = Space.of(self.space)
        check(space, self._base)
        by_epochs = self.halving is not None and self.resource == "epochs"
        taken = {"epochs": by_epochs, "random_state": self.n_restarts > 1}
        for name, own in taken.items():
            if own and name in space.axes:
                raise HyperparameterError(
                    f"the space holds {name}, which halving or restarts set; expected others"
                )
        return space

    def _metric(self) -> str:
        """Return what candidates are compared by while the search goes on."""
        refit: Any = vars(self)["refit"]
        if isinstance(refit, str):
            return refit
        return next(iter(self.scoring)) if _is_several(self.scoring) else "score"

    def _draw(
        self, sampler: Sampler, sampler_run: SamplerRun, trials: Trials, metric: str
    ) -> None:
        """Ask for candidates and train them, until there are enough or time is up."""
        count = self.n_iter if sampler_run.size is None else sampler_run.size
        for bracket, rungs in enumerate(self._brackets(count, sampler, trials)):
            candidates = sampler_run.ask(rungs[0].candidates)
            if not candidates:  # the space has no more
                return
            if self.halving == "successive":
                rungs = successive(len(candidates), trials.resource.units, self.factor)
            done = trials.run(candidates, rungs, bracket)
            if sampler.learns:
                sampler_run.tell(candidates, [trial.score(metric) for trial in done])

    def _brackets(self, count: int, sampler: Sampler, trials: Trials) -> Iterator[list[Rung]]:
        """Yield how many candidates to ask for at once, and how far to train how many."""
        units = trials.resource.units
        if self.halving == "successive":
            yield successive(count, units, self.factor)
        elif self.halving == "hyperband":
            for rungs in hyperband(count, units, self.factor):
                if not trials.everyone or not trials.late:
                    yield rungs
        else:
            batch = sampler.batch_of(count)
            while count and (affordable := trials.affordable):
                size = min(batch, count, affordable)
                yield [Rung(size, units)]
                count -= size

    def _results(self, tried: Sequence[Trial]) -> dict[str, Any]:
        """Return ``cv_results_``."""
        folds = self.n_splits_
        outcomes = [outcome for trial in tried for outcome in trial.by_fold(folds)]
        more: dict[str, list[Any]] = {}
        if self.halving:
            more["bracket"] = [trial.bracket for trial in tried]
            more["iter"] = [trial.rung for trial in tried]
            more["n_resources"] = [trial.given for trial in tried]
            if self.resource != "epochs":
                more["resource"] = [self.resource] * len(tried)
        if self.n_restarts > 1:
            more |= _restarts(tried, folds)
        candidates = [trial.candidate for trial in tried]
        results: dict[str, Any] = self._format_results(candidates, folds, outcomes, more)
        for key in [key for key in results if key.startswith("rank_test_") and self.halving]:
            means = results[key.replace("rank", "mean")]
            results[key] = _ranks([trial.given for trial in tried], means)
        return results


def _is_several(scoring: Any) -> bool:
    return isinstance(scoring, (list, tuple, set, Mapping))


def _check_halving(halving: str | None, sampler: Sampler) -> None:
    """Refuse to halve the candidates of a sampler that gives one at a time."""
    if halving and sampler.batch_of(2) == 1:
        raise HyperparameterError(
            f"halving is {halving!r}, and the sampler {sampler.name} takes one candidate at a "
            "time, so there is none to drop; expected halving=None"
        )


def _between(value: Any, least: int) -> bool:
    """Say whether a number is above ``least``, and no larger than 64 bits hold."""
    return bool(least < value < 2**63)


def _restart_seeds(estimator: Any, count: int) -> list[Any]:
    """Return a seed for each restart, the estimator's own first."""
    first = getattr(estimator, "random_state", None)
    if count == 1:
        return [first]
    if not isinstance(first, numbers.Integral):
        raise HyperparameterError(
            f"n_restarts is {count}, and random_state of the {type(estimator).__name__} is "
            f"{first!r}; expected a whole number"
        )
    return _seeds(int(first), count)


def _seeds(first: int, count: int) -> list[int]:
    """Return a seed for each restart, ``first`` among them."""
    others = (derive(int(first), "restart", number) for number in range(1, count))
    return [int(first), *(seed % (2**31 - 1) for seed in others)]


def _restarts(tried: Sequence[Trial], folds: int) -> dict[str, list[Any]]:
    """Return each restart's mean score over the folds, and the spread of these."""
    scores = tried[0].outcomes[0]["test_scores"]
    columns: dict[str, list[Any]] = {}
    for metric in scores if isinstance(scores, Mapping) else ("score",):
        table = np.array([trial.restarts(metric, folds) for trial in tried])
        for number, means in enumerate(table.T):
            columns[f"restart{number}_test_{metric}"] = means.tolist()
        columns[f"std_restart_test_{metric}"] = table.std(axis=1).tolist()
    return columns


def _ranks(given: Sequence[int], means: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return ranks from 1: those that came further first, and of these the better ones.

    Those that failed come last, however far they came.

    >>> _ranks([1, 9, 9, 9], np.array([0.9, 0.5, 0.7, np.nan])).tolist()
    [3, 2, 1, 4]
    """
    worth = np.nan_to_num(means, nan=-np.inf, neginf=-np.inf).tolist()
    keys = [(mean == -np.inf, -done, -mean) for done, mean in zip(given, worth, strict=True)]
    return np.array([1 + sum(other < key for other in keys) for key in keys], dtype=np.int32)
