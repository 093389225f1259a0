"""The expected calibration error."""

from __future__ import annotations

from typing import Any

import numpy as np

from wellfit.core.calibration import calibration_errors
from wellfit.core.errors import DataError
from wellfit.core.hyper import hyper
from wellfit.fitting.scorers.base import Scorer


class NegativeCalibrationError(Scorer, name="neg_calibration_error"):
    """-Σᵦ (nᵦ/n) |accuracyᵦ - confidenceᵦ| over bins b of equal width of the confidence.

    The confidence in a row is the probability of its predicted class.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.

    >>> from sklearn.dummy import DummyClassifier
    >>> coin = DummyClassifier(strategy="prior").fit([[0], [0], [0], [0]], [0, 1, 1, 1])
    >>> NegativeCalibrationError()(coin, [[0], [0]], [1, 0])
    -0.25
    """

    bins: int = hyper("bins of the confidence", default=15, low=1)

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Return the negative error of the probabilities of rows X for the classes y (n,)."""
        if np.ndim(y) > 1:
            raise DataError(f"targets of shape {np.shape(y)}; expected a class for each row")
        probabilities = estimator.predict_proba(X)
        right = estimator.classes_[probabilities.argmax(axis=1)] == np.asarray(y)
        given = probabilities.max(axis=1).astype(float)
        return -float(calibration_errors(given, right[None].astype(float), self.bins)[0])
