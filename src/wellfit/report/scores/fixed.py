"""Estimators with fixed predictions, which scorers can be called with."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from wellfit.report.scores.predictions import Predictions


def fixed_predictor(predictions: Predictions, rows: Any = slice(None)) -> Any:
    """Return an estimator that gives these predictions, whatever rows it is asked for.

    Args:
        predictions: of some rows.
        rows: the positions of those whose predictions it gives.
    """
    if predictions.probabilities is None:
        return FixedRegressor(predictions.predicted[rows])
    given = predictions.predicted[rows], predictions.probabilities[rows]
    return FixedClassifier(*given, predictions.classes)


class FixedRegressor(BaseEstimator):  # type: ignore[misc]
    """Predicts fixed values; scikit-learn's scorers take it as a regressor."""

    def __init__(self, predicted: Any) -> None:
        self.predicted = predicted

    def predict(self, X: Any) -> Any:
        """Return the values."""
        return self.predicted


class FixedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Predicts fixed labels and probabilities; scikit-learn's scorers take it as a classifier."""

    def __init__(self, predicted: Any, probabilities: Any, classes: Any) -> None:
        self.predicted, self.probabilities, self.classes = predicted, probabilities, classes

    @property
    def classes_(self) -> Any:
        """The classes."""
        return np.asarray(self.classes)

    def predict(self, X: Any) -> Any:
        """Return the labels."""
        return self.predicted

    def predict_proba(self, X: Any) -> Any:
        """Return the probabilities."""
        return self.probabilities

    def __sklearn_is_fitted__(self) -> bool:
        return True
