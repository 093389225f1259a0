"""Base of the ensembles of classifiers and of regressors."""

from __future__ import annotations

import os
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import indexable
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from wellfit.core._sklearn_compat import safe_indexing
from wellfit.core.errors import DataError, HyperparameterError, InputError, shown
from wellfit.core.hyper import Config, resolve
from wellfit.core.lazy import public
from wellfit.core.rng import random_state_of
from wellfit.estimators import persistence
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.nesting import NestedConfigs
from wellfit.estimators.overrides import overridden
from wellfit.estimators.undo import rollback_on_error
from wellfit.fitting import FittedNetwork
from wellfit.fitting.scoring import metrics_of
from wellfit.fitting.validation import validate_features, with_columns_of_all_rows
from wellfit.model_selection.ensembles.files import ensemble_from, save_ensemble
from wellfit.model_selection.ensembles.library import Data, Models, fit_together, set_apart
from wellfit.model_selection.ensembles.selection import Score, Selection

_MOST_MEMBERS = 1_000_000


class Ensemble(NestedConfigs):
    """Networks that predict by their weighted average.

    Subclasses say what is averaged; see :class:`wellfit.MLPEnsembleClassifier`.
    """

    nested_configs: ClassVar[Mapping[str, type[Config]]] = {"selection": Selection}
    _member: ClassVar[type[BaseMLP]]
    _averaged: ClassVar[str] = "predict"  # the members' method that is averaged

    estimators_: list[BaseMLP]
    weights_: NDArray[np.float64]

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

    @property
    def plot(self) -> Any:
        """Figures of the fitted ensemble, such as ``plot.learning_curve()``.

        See :class:`wellfit.report.plotting.ModelPlots`.
        """
        return public("ModelPlots")(self)

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
        self._forget()
        draw = random_state_of(self.random_state)
        self._warn_of_own_methods()
        library, share = self._library(draw), self._selection().held_out_share
        data, held = Data(X, y, sample_weight, X_val, y_val), None
        if share:
            data, held = self._held_out(data, share, draw.randint(2**31 - 1))
        members = fit_together(library, data, bootstrap=bool(self.bootstrap))
        self._set_members(members)
        if held is None:
            self._keep_weighted(members, np.full(len(members), 1 / len(members)))
        else:
            score = self._scorer(held.y, held.weight)
            self._keep_weighted(members, self._weighed(self._member_predictions(held.X), score))
        return self

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
        models: Models | None = getattr(search, "models_", None)
        if models is None:
            raise InputError(
                "the search kept no networks; set search.keep_models = True before search.fit"
            )
        if n_best < 1:
            raise HyperparameterError(f"n_best is {n_best!r}; expected a whole number from 1")
        rows, candidates = models.candidates(search.n_splits_)
        unfitted = [clone(folds[0]) for folds in candidates]
        self = cls(unfitted, n_estimators=len(unfitted), selection=selection, scoring=scoring)
        self._given()  # refuses networks of another kind
        self._set_members([member for folds in candidates for member in folds])
        score = self._scorer(safe_indexing(models.y, np.concatenate(rows)), None)
        held = [safe_indexing(models.X, ids) for ids in rows]
        predictions = np.array([self._out_of_fold(folds, held) for folds in candidates])
        best = np.argsort([-score(each) for each in predictions], kind="stable")[:n_best]
        shares = np.zeros(len(candidates))
        shares[best] = self._weighed(predictions[best], score)
        self._keep_weighted(self.estimators_, np.repeat(shares / len(rows), len(rows)))
        return self

    def _forget(self) -> None:
        """Let go of what an earlier fit has learned."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)

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

    def _library(self, draw: np.random.RandomState) -> list[BaseMLP]:
        """Return the estimators to train, each with a seed of its own."""
        given, count = self._given(), self.n_estimators
        if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 1:
            raise HyperparameterError(
                f"n_estimators is {shown(count)}; expected a whole number, at least 1"
            )
        if count > _MOST_MEMBERS:
            raise HyperparameterError(
                f"n_estimators is {shown(count)}; expected a whole number, at most "
                f"{_MOST_MEMBERS:,}"
            )
        seeds = draw.randint(2**31 - 1, size=max(count, len(given)))
        return [
            clone(given[place % len(given)]).set_params(random_state=int(seed))
            for place, seed in enumerate(seeds)
        ]

    def _given(self) -> list[BaseMLP]:
        """Return the estimators that members are made like."""
        given: Any = self.estimator
        several = list(given) if isinstance(given, (list, tuple)) else [given or self._member()]
        wanted = self._member.__name__
        if not several:
            raise HyperparameterError(f"estimator is an empty list; expected one {wanted} or more")
        for each in several:
            if not isinstance(each, self._member):
                raise HyperparameterError(
                    f"estimator is a {type(each).__name__}; expected one {wanted} or a list of "
                    "them"
                )
        return several

    def _warn_of_own_methods(self) -> None:
        """Say which methods of subclasses are called, where there are such."""
        for each in self._given():
            if own := overridden(clone(each)):
                warnings.warn(
                    f"{type(each).__name__} defines its own {', '.join(own)}: its networks are "
                    f"fitted one by one, and the ensemble averages their {self._averaged}",
                    UserWarning,
                    stacklevel=4,
                )

    def _held_out(self, data: Data, share: float, seed: int) -> tuple[Data, Data]:
        """Return the rows to train on, and those to select by."""
        if data.X_val is not None:
            if data.y_val is None:
                raise DataError("X_val is given without y_val; expected both")
            return data, Data(data.X_val, data.y_val)
        template = clone(self._given()[0])
        X = with_columns_of_all_rows(data.X, template.preprocess)
        data = Data(*indexable(X, data.y, data.weight)).that_count()
        validate_features(template, data.X)
        encoder = template.target_encoder.fit(data.y, template.loss)
        targets = encoder.read(data.y, warn=False)
        kept, held = set_apart(len(targets), share, seed, encoder.strata(targets))
        return data.rows(kept), data.rows(held)

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
        encoder = self._network.targets
        targets = encoder.read(y, warn=False)
        (score,) = metrics_of(self, [self.scoring], targets).values()
        everyone = np.arange(len(targets))
        return lambda averaged: score(averaged, everyone)

    # What a subclass decides.

    @abstractmethod
    def _own_score(self, y: Any, weight: Any) -> Score:
        """Return the score by which members are selected where none was asked for."""

    @abstractmethod
    def _predict_one(self, member: Any, X: Any) -> NDArray[np.floating]:
        """Return one member's predictions (n_samples, ...), as they are averaged."""

    # Predicting.

    @property
    def _network(self) -> FittedNetwork:
        """The first member's, whose encoders are like all others'."""
        return self.estimators_[0].network_

    def _member_predictions(self, X: Any) -> NDArray[np.floating]:
        """Return (M, n_samples, ...), what every member says."""
        check_is_fitted(self)
        return np.stack([self._predict_one(member, X) for member in self.estimators_])

    def outputs(self, X: Any) -> NDArray[np.floating]:
        """Return the members' mean predictions (n_samples, ...), as they are averaged."""
        predictions = self._member_predictions(X)
        return self._mean(predictions).astype(predictions.dtype)

    def _mean(self, predictions: NDArray[np.floating]) -> NDArray[np.floating]:
        mean: NDArray[np.floating] = np.average(predictions, axis=0, weights=self.weights_)
        return mean

    def _spread(self, predictions: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the members' standard deviation (n_samples, ...)."""
        spread: NDArray[np.floating] = np.sqrt(
            self._mean(np.square(predictions - self._mean(predictions)))
        )
        return spread

    def _out_of_fold(self, folds: Sequence[BaseMLP], held: Sequence[Any]) -> NDArray[Any]:
        """Return what each fold's network says about the rows held out from it, in one array."""
        predictions = [self._predict_one(member, X) for member, X in zip(folds, held, strict=True)]
        return np.concatenate(predictions)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimators_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        several = self.estimator if isinstance(self.estimator, (list, tuple)) else [self.estimator]
        first = several[0] if several else None
        like = first if isinstance(first, self._member) else self._member()
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
        ensemble: Self = persistence.load_as(cls, path)
        return ensemble

    @classmethod
    def from_document(cls, document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """Return the ensemble that a model folder's document describes."""
        params, members = ensemble_from(cls._member, document, tensors)
        self = cls(**params)
        self._set_members(members)
        self._keep_weighted(members, np.array(document["weights"]))
        return self
