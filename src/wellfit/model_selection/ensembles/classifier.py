"""The ensemble of classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin

from wellfit.core.errors import DataError
from wellfit.estimators import MLPClassifier
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.conformal import Elsewhere, predict_set
from wellfit.estimators.overrides import as_stackable
from wellfit.fitting import ClassTargets
from wellfit.fitting.scoring import precomputed
from wellfit.model_selection.ensembles.base import Ensemble
from wellfit.model_selection.ensembles.selection import Score

_TINY = float(np.finfo(np.float32).tiny)


class MLPEnsembleClassifier(ClassifierMixin, Ensemble):  # type: ignore[misc]
    """Classifiers that predict by the average of their probabilities.

    Members differ in their seeds: first weights, order of rows, dropout, and the rows held out
    for early stopping. They are trained as one stack.

    Args:
        estimator: what members are like, an :class:`~wellfit.MLPClassifier`; or a list of
            several, which take turns. Their ``random_state`` is replaced; None is
            ``MLPClassifier()``.
        n_estimators: networks to train, at least 1; where several estimators are given, each is
            trained once at least.
        selection: how members are weighed: None or ``"average"`` for all alike; ``"greedy"`` or
            :class:`~wellfit.model_selection.Greedy` for those whose average is best on rows set
            apart.
        scoring: a scorer of scikit-learn to select by, by name or as a function; None for the
            mean log loss.
        bootstrap: train each member on rows drawn with replacement, as many as there are.
        random_state: a whole number makes fits repeatable.

    Attributes:
        estimators_: the fitted members that count.
        weights_: (M,) how much each counts; their sum is 1.
        conformal_: the scores of the rows that calibrate, where ``conformal="split"`` of the
            estimator or :meth:`conformalize` asked for them.
        classes_: the labels, sorted.
        member_scores_: scores on the rows set apart, of all members trained, where some were
            selected.
        selection_score_: the ensemble's own on these rows.

    Source: Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", 2017; with ``bootstrap``, Breiman, "Bagging predictors",
    1996.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> ensemble = MLPEnsembleClassifier(MLPClassifier((16,)), n_estimators=3, random_state=0)
    >>> ensemble.fit(X, y).predict(X[:2])
    array([0, 0])
    >>> len(ensemble.estimators_), ensemble.predict_std(X).shape
    (3, (150,))
    """

    _member = MLPClassifier
    _averaged = "predict_proba"

    def predict_proba(self, X: Any) -> NDArray[np.floating]:
        """Return mean probabilities (n_samples, n_classes), or of each label.

        Raises:
            NotFittedError: before ``fit``.
        """
        return self.outputs(X)

    def predict_log_proba(self, X: Any) -> NDArray[np.floating]:
        """Return the logarithms of :meth:`predict_proba`."""
        return np.log(np.maximum(self.predict_proba(X), _TINY))

    predict_set = predict_set
    predict_interval = Elsewhere(
        "MLPEnsembleClassifier predicts classes, and intervals are of numbers; expected "
        "predict_set(X, level), or an MLPEnsembleRegressor"
    )

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most likely class (n_samples,), or a row of 0 and 1 for several labels."""
        return self._averaged_member(X).predict(X)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of rows predicted rightly, all labels of a row."""
        return self._averaged_member(X).score(X, y, sample_weight)

    def predict_std(self, X: Any) -> NDArray[np.floating]:
        """Return how far members disagree about the class that the ensemble predicts.

        Returns:
            (n_samples,): the standard deviation of that class's probability over the members, in
            [0, 0.5]; (n_samples, n_labels) for several labels a row.
        """
        predictions = self._member_predictions(X)
        spread = self._spread(predictions)
        if self._targets.multilabel:
            return spread
        likeliest = self._mean(predictions).argmax(axis=1)
        return spread[np.arange(len(spread)), likeliest]

    def mutual_information(self, X: Any) -> NDArray[np.floating]:
        """Return the mutual information of class and member: I = H(p̄) - mean H(pₘ).

        It is high where members are sure and contradict each other, and 0 where all are equally
        unsure: more rows like these would help with the former only.

        Returns:
            (n_samples,) in nats, at least 0; (n_samples, n_labels) for several labels a row.

        Source: Houlsby, Huszár, Ghahramani and Lengyel, "Bayesian active learning for
        classification and preference learning", 2011.
        """
        predictions = self._member_predictions(X).astype(np.float64)
        within = self._mean(self._entropy(predictions))
        return np.maximum(self._entropy(self._mean(predictions)) - within, 0)

    def _entropy(self, p: NDArray[np.floating]) -> NDArray[np.floating]:
        if self._targets.multilabel:
            p = np.stack([p, 1 - p], axis=-1)
        return -(p * np.log(np.maximum(p, _TINY))).sum(axis=-1)

    def _averaged_member(self, X: Any) -> Any:
        """Return a member that gives the ensemble's probabilities for its own."""
        probability = self.predict_proba(X)
        return precomputed(as_stackable(self.estimators_[0]), probability)

    @property
    def _targets(self) -> ClassTargets:
        targets = self.estimators_[0].network_.targets
        assert isinstance(targets, ClassTargets)
        return targets

    def _set_members(self, members: Sequence[BaseMLP]) -> None:
        super()._set_members(members)
        self.classes_ = self.estimators_[0].classes_
        for member in self.estimators_:
            if not np.array_equal(member.classes_, self.classes_):
                raise DataError(
                    f"members know different classes, {member.classes_} and {self.classes_}; "
                    "expected rows of every class in every fold"
                )

    def _own_score(self, y: Any, weight: Any) -> Score:
        wanted = self._targets.labels.encode(y)
        if wanted.ndim == 1:
            wanted = np.eye(len(self.classes_))[wanted]

        def score(p: NDArray[Any]) -> float:
            log_likelihood = wanted * np.log(np.maximum(p, _TINY))
            if self._targets.multilabel:
                log_likelihood += (1 - wanted) * np.log(np.maximum(1 - p, _TINY))
            return float(np.average(log_likelihood.sum(axis=1), weights=weight))

        return score

    def _predict_one(self, member: Any, X: Any) -> NDArray[np.floating]:
        return member.predict_proba(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
