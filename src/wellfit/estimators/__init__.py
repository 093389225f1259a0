"""Floor 4: the estimators, which follow scikit-learn's conventions."""

from wellfit.estimators.classifier import MLPClassifier
from wellfit.estimators.persistence import load_model
from wellfit.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "load_model"]
