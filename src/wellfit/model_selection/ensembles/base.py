"""Base of the ensembles of classifiers and of regressors."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from wellfit.core._sklearn_compat import safe_indexing
from wellfit.core.errors import HyperparameterError, InputError
from wellfit.core.hyper import Config, resolve
from wellfit.core.rng import random_state_of
from wellfit.estimators import persistence
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.conformal import conformal_model, conformalize
from wellfit.estimators.display import members_table, model_plots
from wellfit.estimators.nesting import NestedConfigs
from wellfit.estimators.undo import rollback_on_error
from wellfit.fitting.scoring import metrics_of
from wellfit.model_selection.ensembles.conformal import view_of, without_calibration
from wellfit.model_selection.ensembles.files import ensemble_from, save_ensemble
from wellfit.model_selection.ensembles.library import Data, Models, divided, fit_together
from wellfit.model_selection.ensembles.members import seeded, templates, warn_of_own_methods
from wellfit.model_selection.ensembles.selection import Score, Selection


class Ensemble(NestedConfigs):
    """Networks that predict by their weighted average.

    Subclasses say what is averaged; see :class:`wellfit.MLPEnsembleClassifier`.
    """

    nested_configs: ClassVar[Mapping[str, type[Config]]] = {"selection": Selection}
    _member: ClassVar[type[BaseMLP]]
    _averaged: ClassVar[str] = "predict"  # the members' method that is averaged

    estimators_: list[BaseMLP]
    weights_: NDArray[np.float64]

    conformalize = conformalize

    def __init__(
        self,
        estimator: BaseMLP | Sequence[BaseMLP] | None = None,
        *,
        n_estimators: int = 8,
        selection: str | Selection | None = None,
        scoring: Any = None,
        bootstrap: bool = False,
        random_state: Any = None,
    ) -> None:
        self.estimator, self.n_estimators, self.selection = estimator, n_estimators, selection
        self.scoring, self.bootstrap, self.random_state = scoring, bootstrap, random_state

    plot = property(model_plots)

    # Fitting.

    @rollback_on_error
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
    ) -> Self:
        """Train all members at once, and weigh them.

        Args:
            X: (n_samples, n_features), as for one estimator.
            y: (n_samples,) or (n_samples, n_outputs).
            sample_weight: (n_samples,), at least 0; a row of weight 0 counts as absent.
            X_val: rows to judge members by, after each epoch and when they are selected; else
                some of X's may be held out.
            y_val: their targets.

        Returns:
            The ensemble itself.

        Raises:
            InputError: data or parameters that cannot be used, saying what was expected.
            DivergedError: all members' losses became infinite.
        """
        if y is None:
            raise InputError("fit requires y to be passed, but the target y is None")
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)  # of an earlier fit
        draw = random_state_of(self.random_state)
        given, share = self._given(), self._selection().held_out_share
        warn_of_own_methods(given, self._averaged)
        data, held = Data(X, y, sample_weight, X_val, y_val), None
        given, data, calibrating = without_calibration(given, data, draw)
        library = seeded(given, self.n_estimators, draw)
        if share:
            data, held = divided(given[0], data, share, draw.randint(2**31 - 1))
        members = fit_together(library, data, bootstrap=bool(self.bootstrap))
        self._set_members(members)
        if held is None:
            shares = np.full(len(members), 1 / len(members))
        else:
            score = self._scorer(held.y, held.weight)
            shares = self._weighed(self._member_predictions(held.X), score)
        self._keep_weighted(members, shares)
        return self if calibrating is None else conformalize(self, calibrating.X, calibrating.y)

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        n_best: int = 20,
        selection: str | Selection | None = "greedy",
        scoring: Any = None,
    ) -> Self:
        """Return an ensemble of the networks that a search has trained; nothing is trained anew.

        A candidate is what its folds' networks say on average. Candidates are selected by
        their predictions of the rows that each of them wasn't trained on.

        Args:
            search: fitted, with ``search.keep_models = True`` set before.
            n_best: so many of the best candidates are selected from, at least 1.
            selection: how they are weighed, by name or as an object.
            scoring: a scorer of scikit-learn to select by, by name or as a function; None for
                the mean log loss of classifiers, the mean squared error of regressors.

        Returns:
            The fitted ensemble, all folds' networks of the chosen candidates in it.

        Raises:
            InputError: a search that kept no networks.
        """
        if n_best < 1:
            raise HyperparameterError(f"n_best is {n_best!r}; expected a whole number from 1")
        models = Models.of(search)
        rows, candidates = models.candidates(search.n_splits_)
        unfitted = [clone(folds[0]) for folds in candidates]
        self = cls(unfitted, n_estimators=len(unfitted), selection=selection, scoring=scoring)
        self._given()  # refuses networks of another kind
        self._set_members([member for folds in candidates for member in folds])
        score = self._scorer(safe_indexing(models.y, np.concatenate(rows)), None)
        held = [safe_indexing(models.X, ids) for ids in rows]
        predictions = np.array(
            [
                np.concatenate(
                    [self._predict_one(*pair) for pair in zip(folds, held, strict=True)]
                )
                for folds in candidates
            ]
        )
        best = np.argsort([-score(each) for each in predictions], kind="stable")[:n_best]
        shares = np.zeros(len(candidates))
        shares[best] = self._weighed(predictions[best], score)
        self._keep_weighted(self.estimators_, np.repeat(shares / len(rows), len(rows)))
        return self

    def _selection(self) -> Selection:
        return resolve(Selection, "average" if self.selection is None else self.selection)

    def _weighed(self, predictions: NDArray[Any], score: Score) -> NDArray[np.float64]:
        """Return weights for members with these predictions (M, N, ...) of rows set apart."""

        def rounded(mean: NDArray[Any]) -> float:
            return score(mean.astype(predictions.dtype))  # scorers check sums

        shares = self._selection().weights(predictions, rounded)
        self.member_scores_ = np.array([score(each) for each in predictions])
        self.selection_score_ = rounded(np.average(predictions, axis=0, weights=shares))
        return shares

    def _given(self) -> list[BaseMLP]:
        """Return the estimators that members are made like."""
        return templates(self.estimator, self._member)

    def _set_members(self, members: Sequence[BaseMLP]) -> None:
        """Take fitted members up, and learn from them how data are read."""
        self.estimators_ = list(members)
        self.n_features_in_ = members[0].n_features_in_
        if hasattr(members[0], "feature_names_in_"):
            self.feature_names_in_ = members[0].feature_names_in_

    def _keep_weighted(self, members: Sequence[BaseMLP], shares: NDArray[np.float64]) -> None:
        """Keep the members that count."""
        self.estimators_ = [each for each, share in zip(members, shares, strict=True) if share]
        self.weights_ = shares[shares > 0]

    def _scorer(self, y: Any, weight: Any) -> Score:
        """Return how averaged predictions for rows of these targets are judged."""
        if self.scoring is None:
            return self._own_score(y, weight)
        targets = self.estimators_[0].network_.targets.read(y, warn=False)
        (score,) = metrics_of(self, [self.scoring], targets).values()
        everyone = np.arange(len(targets))
        return lambda averaged: score(averaged, everyone)

    def _html_repr(self) -> str:
        """Return scikit-learn's diagram, and below it the members, for notebooks."""
        diagram: str = super()._html_repr()
        fitted = hasattr(self, "estimators_")
        return diagram + (members_table(self.estimators_, self.weights_) if fitted else "")

    # What a subclass decides.

    @abstractmethod
    def _own_score(self, y: Any, weight: Any) -> Score:
        """Return the score by which members are selected where none was asked for."""

    @abstractmethod
    def _predict_one(self, member: Any, X: Any) -> NDArray[np.floating]:
        """Return one member's predictions (n_samples, ...), as they are averaged."""

    # Predicting.

    def _member_predictions(self, X: Any) -> NDArray[np.floating]:
        """Return (M, n_samples, ...), what every member says."""
        check_is_fitted(self)
        return np.stack([self._predict_one(member, X) for member in self.estimators_])

    def outputs(self, X: Any) -> NDArray[np.floating]:
        """Return the members' mean predictions (n_samples, ...), as they are averaged."""
        predictions = self._member_predictions(X)
        return self._mean(predictions).astype(predictions.dtype)

    def _mean(self, predictions: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.average(predictions, axis=0, weights=self.weights_)

    def _spread(self, predictions: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the members' standard deviation (n_samples, ...)."""
        return np.sqrt(self._mean(np.square(predictions - self._mean(predictions))))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimators_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        try:
            like = self._given()[0]
        except HyperparameterError:  # reported by fit
            like = self._member()
        tags.input_tags = like.__sklearn_tags__().input_tags
        return tags

    # Saving.

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the fitted ensemble, all members in one folder; see ``load``.

        Args:
            path: the folder; a model that is there is replaced whole, or left whole.

        Returns:
            The folder's path.
        """
        return save_ensemble(self, self._given(), self._selection(), path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the ensemble that :meth:`save` wrote. Runs no code that the folder carries.

        Raises:
            ModelFileError: no model there, or a damaged, altered, newer or different one.
        """
        return persistence.load_as(cls, path)

    @classmethod
    def from_document(cls, document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Return the ensemble that a model folder's document describes."""
        params, members, known = ensemble_from(cls._member, document, tensors)
        self = cls(**params)
        self._set_members(members)
        self._keep_weighted(members, np.array(document["weights"]))
        if known is not None:
            self.conformal_ = known
        return self


conformal_model.register(Ensemble, view_of)
