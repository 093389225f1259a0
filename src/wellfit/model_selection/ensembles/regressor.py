"""The ensemble of regressors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from wellfit.estimators import MLPRegressor
from wellfit.estimators.conformal import Elsewhere, predict_interval
from wellfit.model_selection.ensembles.base import Ensemble
from wellfit.model_selection.ensembles.selection import Score


class MLPEnsembleRegressor(RegressorMixin, Ensemble):  # type: ignore[misc]
    """Regressors that predict by the average of their estimates.

    Members differ in their seeds: first weights, order of rows, dropout, and the rows held out
    for early stopping. They are trained as one stack.

    Args:
        estimator: what members are like, an :class:`~wellfit.MLPRegressor`; or a list of
            several, which take turns. Their ``random_state`` is replaced; None is
            ``MLPRegressor()``.
        n_estimators: networks to train, at least 1; where several estimators are given, each is
            trained once at least.
        selection: how members are weighed: None or ``"average"`` for all alike; ``"greedy"`` or
            :class:`~wellfit.model_selection.Greedy` for those whose average is best on rows set
            apart.
        scoring: a scorer of scikit-learn to select by, by name or as a function; None for the
            mean squared error, outputs scaled to variance 1.
        bootstrap: train each member on rows drawn with replacement, as many as there are.
        random_state: a whole number makes fits repeatable.

    Attributes:
        estimators_: the fitted members that count.
        weights_: (M,) how much each counts; their sum is 1.
        conformal_: the scores of the rows that calibrate, where ``conformal="split"`` of the
            estimator or :meth:`conformalize` asked for them.
        member_scores_: scores on the rows set apart, of all members trained, where some were
            selected.
        selection_score_: the ensemble's own on these rows.

    Source: Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", 2017; with ``bootstrap``, Breiman, "Bagging predictors",
    1996.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> ensemble = MLPEnsembleRegressor(MLPRegressor((16,)), n_estimators=3, random_state=0)
    >>> ensemble.fit(X, y).predict(X[:2]).shape
    (2,)
    >>> bool((ensemble.predict_std(X) > 0).all())
    True
    """

    _member = MLPRegressor
    estimators_: list[MLPRegressor]

    def predict(self, X: Any) -> NDArray[np.floating]:
        """Return mean estimates (n_samples,), or (n_samples, n_outputs).

        Raises:
            NotFittedError: before ``fit``.
        """
        return self.outputs(X)

    def predict_quantiles(self, X: Any) -> NDArray[np.floating]:
        """Return the members' mean quantiles, rising; of those trained with ``loss="quantile"``.

        Returns:
            (n_samples, n_quantiles), or (n_samples, n_outputs, n_quantiles) where y had several
            columns.

        Raises:
            HyperparameterError: another loss, which estimates no quantiles.
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self)
        return self._mean(np.stack([each.predict_quantiles(X) for each in self.estimators_]))

    predict_interval = predict_interval
    predict_set = Elsewhere(
        "MLPEnsembleRegressor predicts numbers, and sets are of classes; expected "
        "predict_interval(X, level), or an MLPEnsembleClassifier"
    )

    def predict_std(self, X: Any) -> NDArray[np.floating]:
        """Return the members' standard deviation, shaped like ``predict`` and in y's units.

        It shows how far networks that know the same rows disagree, and nothing of the noise in
        y itself.
        """
        return self._spread(self._member_predictions(X))

    def _own_score(self, y: Any, weight: Any) -> Score:
        wanted = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        scale = wanted.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)

        def score(estimates: NDArray[Any]) -> float:
            wrong = (estimates.reshape(wanted.shape) - wanted) / scale
            return -float(np.average(np.square(wrong).mean(axis=1), weights=weight))

        return score

    def _predict_one(self, member: Any, X: Any) -> NDArray[np.floating]:
        return member.predict(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
