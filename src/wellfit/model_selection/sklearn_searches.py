"""scikit-learn's searches, with candidates and folds trained together as stacks."""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import signature
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import model_selection as theirs
from sklearn.base import clone, is_classifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import check_cv
from sklearn.utils import indexable

from wellfit.core._sklearn_compat import (
    BaseSearchCV,
    MultimetricScorer,
    check_method_params,
    fit_context,
    num_samples,
)
from wellfit.core.lazy import public
from wellfit.core.rng import drawn_seed
from wellfit.datasets import Dataset
from wellfit.estimators.auto_bagging import averaged_as_by_default
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.overrides import can_be_stacked, overridden
from wellfit.estimators.parts import parts_of
from wellfit.estimators.settings import refuse_scorers
from wellfit.fitting.scoring import each_scorer, with_own_scorers
from wellfit.model_selection.ensembles.library import Models
from wellfit.model_selection.evaluation import Evaluation
from wellfit.model_selection.fits import (
    FitEvaluator,
    Outcome,
    contexts_of,
    splits_of,
    training_parts,
)
from wellfit.model_selection.fold_fit import FoldFit
from wellfit.model_selection.halving import check_resource
from wellfit.model_selection.rows import fold_stores
from wellfit.model_selection.search_display import with_candidates
from wellfit.model_selection.separate import SeparateFits
from wellfit.preprocessing.target_arrays import plain_targets

Candidate = Mapping[str, Any]


class StackedSearch(BaseSearchCV):  # type: ignore[misc]
    """Fits like scikit-learn's base class of searches, with stacks in place of single fits.

    What is promised there holds here: parameters, attributes, ``cv_results_``. Times of fitting
    are the stack's time over its members.

    Attributes:
        journal: set it to a path before ``fit``, and every fit is on disk as it finishes; a search
            with the same journal goes on from there.
        keep_models: set it to True before ``fit``, and every network stays in memory with the
            rows, for ``MLPEnsembleClassifier.from_search``.
        hold_out: set it to a function of row numbers and a fraction that returns the rows to train
            on and those to hold out, and early stopping in folds and in the refit looks at these,
            and not at random ones; of estimators that stacks train.
        histories_: after ``fit``, for each candidate its fits' losses and scores by epoch.
    """

    journal: Any = None
    keep_models = False
    hold_out: Any = None

    @property
    def plot(self) -> Any:
        """Figures of the fitted search, such as ``plot.slices()`` and ``plot.importance()``.

        See :class:`wellfit.report.plotting.SearchPlots`.
        """
        return public("SearchPlots")(self)

    @property
    def leaderboard_(self) -> Any:
        """The candidates of the fitted search, the best first: a table of pandas."""
        return self.plot.table()

    def _html_repr(self) -> str:
        """Return scikit-learn's diagram, and below it the best candidates, for notebooks."""
        return with_candidates(super()._html_repr(), self)

    def _get_scorers(self) -> Any:
        with self._functions_as_scoring():
            return super()._get_scorers()

    def _validate_params(self) -> None:
        with self._functions_as_scoring():
            super()._validate_params()

    @contextmanager
    def _functions_as_scoring(self) -> Iterator[None]:
        """Put functions in place of our own scorers' names, which scikit-learn doesn't know."""
        given: Any = vars(self)["scoring"]
        self.scoring = with_own_scorers(given)
        try:
            yield
        finally:
            self.scoring = given

    @fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: ArrayLike | None = None, **params: Any) -> Self:
        """Try every candidate on every fold, and refit the best on all rows.

        Stacks train ``MLPClassifier`` and ``MLPRegressor``. All other estimators (pipelines,
        subclasses with methods of their own) are trained one by one, as scikit-learn does.

        Args:
            X: (n_samples, n_features), as for the estimator; or a
                :class:`~wellfit.datasets.Dataset`, whose training rows needn't fit in memory:
                each fold's are encoded once into a store that all candidates read.
            y: targets; None of a data set.
            params: of the estimator's ``fit`` (``sample_weight``), and ``groups`` for the
                splitter.
        """
        scorers, refit_metric = self._get_scorers()
        if isinstance(X, Dataset):
            X, y, *_ = parts_of(X, y, None, None)
        X, y = indexable(X, plain_targets(y) if isinstance(self.estimator, BaseMLP) else y)
        self._refuse_scorers(y)
        params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        weight = params.get("sample_weight")
        data = {
            "X": X,
            "y": y,
            "metadata": weight if weight is None else {"sample_weight": weight},
        }
        context = self._init_callback_context(max_subtasks=1 + (self.refit is not False))
        context.call_on_fit_task_begin(estimator=self, **data)
        self._checked_cv_orig = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self._check_input_parameters(X=X, y=y, split_params=routed.splitter.split)
        self.n_splits_ = self._checked_cv_orig.get_n_splits(X, y, **routed.splitter.split)
        self._base = self._seeded()
        results, first = self._evaluated(X, y, scorers, routed, context)
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        self._choose(results, refit_metric)
        if self.refit:
            self._refit(data, routed.estimator.fit, context)
        multiple = isinstance(scorers, MultimetricScorer)
        self.scorer_ = each_scorer(scorers) if multiple else scorers
        self.cv_results_ = results
        context.call_on_fit_task_end(estimator=self, **data)
        return self

    def _evaluated(
        self, X: Any, y: Any, scorers: Any, routed: Any, context: Any
    ) -> tuple[dict[str, Any], Any]:
        """Train and score all fits; return ``cv_results_`` and the first test score."""
        if self.keep_models:
            self.models_ = Models(X, y)
        evaluating = Evaluation if self._stacks() else SeparateFits
        with fold_stores(X) as features:
            given = self, self._base, features, y, scorers
            evaluator = evaluating(*given, routed.estimator.fit, routed.scorer.score)
            return self._search_through(evaluator, X, y, routed.splitter.split, context)

    def _refuse_scorers(self, y: Any) -> None:
        """Refuse scorers for other kinds of targets, with which every fit would fail."""
        scoring: Any = vars(self)["scoring"]
        named = list(scoring.values()) if isinstance(scoring, Mapping) else scoring
        if isinstance(self.estimator, BaseMLP) and y is not None:
            refuse_scorers(self.estimator, named, y)

    def _stacks(self) -> bool:
        """Say whether stacks may train the estimator; warn where its own methods forbid it."""
        own = overridden(self._base)
        if own:
            warnings.warn(
                f"{type(self._base).__name__} defines its own {', '.join(own)}; its candidates "
                "are trained one by one, as in scikit-learn, and not as stacks",
                UserWarning,
                stacklevel=6,
            )
        return can_be_stacked(self._base)

    def _seeded(self) -> Any:
        """Return the estimator; one of wellfit's without a seed gets one for all candidates.

        Candidates are compared by the same draws, and one refitted alone ends where it did here.
        """
        base = clone(self.estimator)
        if not isinstance(base, BaseMLP) or "random_state" not in base.get_params(deep=False):
            return base
        if isinstance(base.random_state, (int, np.integer)):
            return base
        return base.set_params(random_state=drawn_seed(base.random_state))

    def _search_through(
        self,
        evaluator: FitEvaluator,
        X: Any,
        y: Any,
        split_params: Mapping[str, Any],
        context: Any,
    ) -> tuple[dict[str, Any], Any]:
        """Return ``cv_results_`` and the first test score."""
        tried: list[Candidate] = []
        outcomes: list[Outcome] = []
        more: dict[str, list[Any]] = defaultdict(list)
        results: dict[str, Any] = {}

        def evaluate(
            candidates: Iterable[Candidate],
            cv: Any = None,
            more_results: Mapping[str, Sequence[Any]] | None = None,
            callback_ctx: Any = None,
        ) -> dict[str, Any]:
            nonlocal results
            fresh = list(candidates)
            splits = splits_of(cv or self._checked_cv_orig, X, y, split_params)
            self._announce(len(fresh), len(splits))
            fits = [FoldFit(candidate, *split) for candidate in fresh for split in splits]
            outcomes.extend(evaluator.of(fits, contexts_of(fits, callback_ctx)))
            tried.extend(fresh)
            for key, values in (more_results or {}).items():
                more[key].extend(values)
            results = self._format_results(tried, self.n_splits_, outcomes, more)
            return results

        if "callback_ctx" in signature(self._run_search).parameters:
            self._run_search(evaluate, callback_ctx=context)
        else:  # a subclass's own search
            self._run_search(evaluate)
        folds = self.n_splits_
        self.histories_ = [
            [outcome["history"] for outcome in outcomes[start : start + folds]]
            for start in range(0, len(outcomes), folds)
        ]
        return results, outcomes[0]["test_scores"]

    def _announce(self, candidates: int, folds: int) -> None:
        """Print what comes next, if verbose."""
        self._check_fits(candidates, folds)
        if self.verbose > 0:
            print(
                f"Fitting {folds} folds for each of {candidates} candidates, "
                f"totalling {candidates * folds} fits"
            )

    def _check_fits(self, candidates: int, folds: int) -> None:
        """Refuse nothing and too much."""
        if folds != self.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. Expected "
                f"{self.n_splits_} splits, got {folds}"
            )
        if not candidates * folds:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )

    def _choose(self, results: Mapping[str, Any], metric: str) -> None:
        if not self.refit and self.multimetric_:
            return
        self.best_index_ = self._select_best_index(self.refit, metric, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _refit_params(self, X: Any) -> dict[str, Any]:
        """Return how many networks the refit averages: without a space, as many as a plain fit."""
        if getattr(self, "space", {}) is not None:  # which not all searches may leave open
            return {}
        return averaged_as_by_default(clone(self._base), X, given=self.hold_out is not None)

    def _refit(self, data: Mapping[str, Any], fit_params: Mapping[str, Any], context: Any) -> None:
        params = {**clone(self.best_params_, safe=False), **self._refit_params(data["X"])}
        best = clone(self._base).set_params(**params)
        rows = [data["X"]] if data["y"] is None else [data["X"], data["y"]]
        if self.hold_out is not None and isinstance(best, BaseMLP):
            every = np.arange(num_samples(data["X"]))
            X, y, fit_params = training_parts(self, best, data["X"], data["y"], every, fit_params)
            rows = [X, y]
        task = context.subcontext(task_name="refit-with-best-params")
        with task.propagate_callback_context(best):
            task.call_on_fit_task_begin(estimator=self, **data)
            began = time.perf_counter()
            best.fit(*rows, **fit_params)
        self.refit_time_ = time.perf_counter() - began
        self.best_estimator_ = best
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_
        task.call_on_fit_task_end(estimator=self, **data)


class GridSearchCV(theirs.GridSearchCV, StackedSearch):  # type: ignore[misc]
    """Tries every combination of a grid; scikit-learn's class, with stacks.

    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((16,), epochs=10, random_state=0)
    >>> search = GridSearchCV(clf, {"l2": [1e-4, 1e-2]}, cv=3).fit(X, y)
    >>> sorted(search.best_params_)
    ['l2']
    """


class RandomizedSearchCV(theirs.RandomizedSearchCV, StackedSearch):  # type: ignore[misc]
    """Tries candidates drawn at random; scikit-learn's class, with stacks.

    Source: Bergstra and Bengio, "Random search for hyper-parameter optimization", 2012.

    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((16,), epochs=10, random_state=0)
    >>> space = {"optimizer__learning_rate": loguniform(1e-4, 1e-1)}
    >>> search = RandomizedSearchCV(clf, space, n_iter=4, cv=3, random_state=0).fit(X, y)
    >>> len(search.cv_results_["params"])
    4
    """


class StackedHalving(StackedSearch):
    """Halves the candidates of scikit-learn's searches; what grows may be the epochs."""

    def fit(self, X: Any, y: ArrayLike | None = None, **params: Any) -> Self:
        """Refuse epochs that don't count, and fit.

        scikit-learn's classes of halving stand before this one, and call it.
        """
        space: Any = vars(self).get("param_grid", vars(self).get("param_distributions"))
        spaces = [space] if isinstance(space, Mapping) else space
        searched = {name for one in spaces for name in one}
        check_resource(self.resource, self.estimator.get_params(), searched)
        return super().fit(X, y, **params)


class HalvingGridSearchCV(theirs.HalvingGridSearchCV, StackedHalving):  # type: ignore[misc]
    """Tries a whole grid with little, the best of it with more; scikit-learn's, with stacks.

    Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter
    optimization", 2016.

    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> search = HalvingGridSearchCV(
    ...     MLPClassifier((16,), random_state=0), {"l2": [0, 1e-3, 1e-1]}, resource="epochs",
    ...     min_resources=2, max_resources=6, cv=3
    ... ).fit(X, y)
    >>> search.n_candidates_, search.n_resources_
    ([3, 1], [2, 6])
    """


class HalvingRandomSearchCV(theirs.HalvingRandomSearchCV, StackedHalving):  # type: ignore[misc]
    """Tries many candidates with little, the best of them with more; scikit-learn's, with stacks.

    Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter
    optimization", 2016.

    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"optimizer__learning_rate": loguniform(1e-4, 1e-1)}
    >>> search = HalvingRandomSearchCV(
    ...     MLPClassifier((16,), random_state=0), space, n_candidates=6, resource="epochs",
    ...     min_resources=2, max_resources=6, cv=3, random_state=0
    ... ).fit(X, y)
    >>> search.n_candidates_, search.n_resources_
    ([6, 2], [2, 6])
    """
