"""A model's predictions of some rows, made once, for scorers that ask for them many times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator


class StoredPredictions(BaseEstimator):  # type: ignore[misc]
    """A fitted model that predicts rows by their numbers; each kind of prediction is made once.

    Args:
        model: that predicts.
        X: (n_rows, n_columns) the rows.

    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> stored = StoredPredictions(MLPClassifier((4,), random_state=0).fit(X, y), X)
    >>> stored.predict([[0], [149]])
    array([0, 2])
    """

    def __init__(self, model: Any, X: Any) -> None:
        self.model, self.X = model, X
        self._made: dict[str, NDArray[Any]] = {}

    def __getattr__(self, name: str) -> Any:
        """Return predictions of any kind that the model has, or what else it knows."""
        if name.startswith("__") or name in ("model", "X", "_made"):
            raise AttributeError(name)
        known = getattr(self.model, name)
        if name not in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            return known

        def stored(rows: Any) -> NDArray[Any]:
            return self._stored(name)[np.asarray(rows)[:, 0]]

        stored.__name__ = name  # by which scikit-learn asks for it
        return stored

    def _stored(self, name: str) -> NDArray[Any]:
        if name not in self._made:
            self._made[name] = np.asarray(getattr(self.model, name)(self.X))
        return self._made[name]

    def __sklearn_tags__(self) -> Any:
        return self.model.__sklearn_tags__()

    def __sklearn_is_fitted__(self) -> bool:
        return True
