"""scikit-learn's searches, with candidates and folds trained together as stacks."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import model_selection as theirs
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import indexable
from sklearn.utils.validation import _check_method_params

from wellfit.core.errors import HyperparameterError
from wellfit.estimators.base import BaseMLP
from wellfit.model_selection.evaluation import Evaluation, Fit
from wellfit.preprocessing.target_arrays import plain_targets

Candidate = Mapping[str, Any]
Outcome = dict[str, Any]


class Stacked(BaseSearchCV):  # type: ignore[misc]
    """Fits like scikit-learn's base class of searches, with stacks in place of single fits.

    What is promised there holds here: parameters, attributes, ``cv_results_``. Times of fitting
    are the stack's time over its members.

    Attributes:
        journal: set it to a path before ``fit``, and every fit is on disk as it finishes; a search
            with the same journal goes on from there.
        keep_models: set it to True before ``fit``, and every network stays in memory with the
            rows, for ``MLPEnsembleClassifier.from_search``.
        histories_: after ``fit``, for each candidate its fits' losses and scores by epoch.
    """

    journal: Any = None
    keep_models = False

    @property
    def plot(self) -> Any:
        """Figures of the fitted search, such as ``plot.slices()`` and ``plot.importance()``.

        See :class:`wellfit.report.plotting.SearchPlots`.
        """
        # By name: figures stand above searches, and take a while to import.
        return import_module("wellfit.report.plotting").SearchPlots(self)

    @property
    def leaders_(self) -> Any:
        """The candidates of the fitted search, the best first: a table of pandas."""
        return self.plot.table()

    @_fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: ArrayLike | None = None, **params: Any) -> Self:
        """Try every candidate on every fold, and refit the best on all rows.

        Args:
            X: (n_samples, n_features), as for the estimator.
            y: targets.
            params: of the estimator's ``fit`` (``sample_weight``), and ``groups`` for the
                splitter.

        Raises:
            HyperparameterError: the estimator isn't one of wellfit's.
        """
        if not isinstance(self.estimator, BaseMLP):
            raise HyperparameterError(
                f"estimator is a {type(self.estimator).__name__}; expected MLPClassifier or "
                "MLPRegressor. For pipelines and others, use scikit-learn's own search"
            )
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, plain_targets(y))
        routed = self._get_routed_params_for_fit(_check_method_params(X, params=params))
        self._checked_cv_orig = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self._check_input_parameters(X=X, y=y, split_params=routed.splitter.split)
        self.n_splits_ = self._checked_cv_orig.get_n_splits(X, y, **routed.splitter.split)
        self._base = self._seeded()
        context = self._init_callback_context(max_subtasks=1 + bool(self.refit))
        context = context.call_on_fit_task_begin(estimator=self, X=X, y=y, metadata=None)
        evaluation = Evaluation(self, X, y, scorers, routed.estimator.fit, routed.scorer.score)
        results, first = self._search_through(evaluation, X, y, routed.splitter.split, context)
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        self._choose(results, refit_metric)
        if self.refit:
            self._refit(X, y, routed.estimator.fit)
        multiple = isinstance(scorers, _MultimetricScorer)
        self.scorer_ = scorers._scorers if multiple else scorers
        self.cv_results_ = results
        context.call_on_fit_task_end(estimator=self, X=X, y=y, metadata=None)
        return self

    def _seeded(self) -> BaseMLP:
        """Return the estimator with a seed, where it has none, that all candidates share.

        Candidates are compared by the same draws, and one refitted alone ends where it did here.
        """
        base: BaseMLP = clone(self.estimator)
        if isinstance(base.random_state, (int, np.integer)):
            return base
        return base.set_params(random_state=base._seed(fresh=True))

    def _search_through(
        self,
        evaluation: Evaluation,
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
            callback_ctx: Any = None,  # whose callbacks hear of whole searches only
        ) -> dict[str, Any]:
            nonlocal results
            del callback_ctx
            fresh = list(candidates)
            splits = list((cv or self._checked_cv_orig).split(X, y, **split_params))
            self._announce(len(fresh), len(splits))
            fits = [Fit(candidate, *split) for candidate in fresh for split in splits]
            outcomes.extend(evaluation.of(fits))
            tried.extend(fresh)
            for key, values in (more_results or {}).items():
                more[key].extend(values)
            results = self._format_results(tried, self.n_splits_, outcomes, more)
            return results

        self._run_search(evaluate, callback_ctx=context)
        folds = self.n_splits_
        self.histories_ = [
            [outcome["history"] for outcome in outcomes[start : start + folds]]
            for start in range(0, len(outcomes), folds)
        ]
        return results, outcomes[0]["test_scores"]

    def _announce(self, candidates: int, folds: int) -> None:
        """Tell what is to come, where asked to."""
        self._check_fits(candidates, folds)
        if self.verbose:
            print(
                f"Fitting {folds} folds for each of {candidates} candidates, "
                f"totalling {candidates * folds} fits"
            )

    def _check_fits(self, candidates: int, folds: int) -> None:
        """Refuse nothing and too much."""
        if not candidates * folds:
            raise ValueError("No fits were performed: there are no candidates, or no folds")
        if folds != self.n_splits_:
            raise ValueError(
                f"cv splits into {folds} folds; expected {self.n_splits_}, which is what its "
                "get_n_splits returned"
            )

    def _choose(self, results: Mapping[str, Any], metric: str) -> None:
        if not self.refit and self.multimetric_:
            return
        self.best_index_ = self._select_best_index(self.refit, metric, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _refit(self, X: Any, y: Any, fit_params: Mapping[str, Any]) -> None:
        best = clone(self._base).set_params(**clone(self.best_params_, safe=False))
        began = time.perf_counter()
        self.best_estimator_ = best.fit(X, y, **fit_params)
        self.refit_time_ = time.perf_counter() - began
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_


class GridSearchCV(theirs.GridSearchCV, Stacked):  # type: ignore[misc]
    """Tries every combination of a grid; scikit-learn's class, with stacks.

    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((16,), epochs=10, random_state=0)
    >>> search = GridSearchCV(clf, {"l2": [1e-4, 1e-2]}, cv=3).fit(X, y)
    >>> sorted(search.best_params_)
    ['l2']
    """


class RandomizedSearchCV(theirs.RandomizedSearchCV, Stacked):  # type: ignore[misc]
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


class HalvingRandomSearchCV(theirs.HalvingRandomSearchCV, Stacked):  # type: ignore[misc]
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
