"""Fits of a search one by one, as scikit-learn trains them: of any estimator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from joblib.parallel import get_active_backend
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from wellfit.core._sklearn_compat import fit_and_score
from wellfit.estimators.base import BaseMLP
from wellfit.model_selection.fits import Contexts, FitEvaluator, Outcome, compact, held_out
from wellfit.model_selection.fold_fit import FoldFit


class SeparateFits(FitEvaluator):
    """Evaluates fits by the estimator's own ``fit`` and ``predict``, where stacks can't."""

    def _completed(
        self, fits: Sequence[FoldFit], outcomes: list[Outcome | None], contexts: Contexts
    ) -> list[Outcome]:
        left = []
        for place, outcome in enumerate(outcomes):
            if outcome is None:
                left.append(place)
            else:  # which the journal knew
                self._begin(fits[place], contexts[place])
                self._end(fits[place], contexts[place])
        for place, result in zip(left, self._results(fits, left, contexts), strict=True):
            outcome = self._kept(fits[place], result)
            self._record([fits[place]], [outcome])
            outcomes[place] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _results(
        self, fits: Sequence[FoldFit], places: Sequence[int], contexts: Contexts
    ) -> Iterator[Outcome]:
        """Yield scikit-learn's results in order, each as soon as those before it are there."""
        search, folds = self._search, self._search.n_splits_
        backend, _ = get_active_backend()
        how = "generator" if backend.supports_return_generator else "list"
        parallel = Parallel(n_jobs=search.n_jobs, pre_dispatch=search.pre_dispatch, return_as=how)
        wanted = search.keep_models or isinstance(search.estimator, BaseMLP)
        yield from parallel(
            delayed(fit_and_score)(
                clone(self._base),
                self._x,
                self._y,
                train=train,
                test=fits[place].test,
                parameters=fits[place].candidate,
                split_progress=(place % folds, folds),
                candidate_progress=(place // folds, len(fits) // folds),
                scorer=self._scorers,
                fit_params={**self._fit_params, **own},
                score_params=self._score_params,
                return_train_score=search.return_train_score,
                return_n_test_samples=True,
                return_times=True,
                return_estimator=wanted,
                error_score=search.error_score,
                verbose=search.verbose,
                caller=search,
                callback_ctx=contexts[place],
            )
            for place in places
            for train, own in [self._parts(fits[place])]
        )

    def _parts(self, fit: FoldFit) -> tuple[NDArray[Any], dict[str, Any]]:
        """Return the rows to train on, and the arguments of ``fit`` that are of this fit alone."""
        if self._search.hold_out is None or not isinstance(self._base, BaseMLP):
            return fit.train, {}
        estimator = clone(self._base).set_params(**fit.candidate)
        return held_out(self._search, estimator, self._x, self._y, fit.train)

    def _kept(self, fit: FoldFit, result: Outcome) -> Outcome:
        """Return a result without its estimator, which goes where it is wanted."""
        estimator: Any = result.pop("estimator", None)
        if getattr(estimator, "status_", None) == "interrupted":
            raise KeyboardInterrupt  # this is not the result of a whole training
        if self._search.keep_models and result["fit_error"] is None:
            self._search.models_.keep(fit, estimator)
        return {**result, "history": compact(getattr(estimator, "history_", {}))}
