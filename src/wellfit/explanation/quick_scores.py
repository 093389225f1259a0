"""Log loss and R² as scorers that cost microseconds a call.

scikit-learn's own check and binarize what they are given, which takes milliseconds. Intervals of
importance score the same rows a thousand times.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_TINY = float(np.finfo(np.float32).tiny)


class NegativeLogLoss:
    """scikit-learn's ``"neg_log_loss"`` for rows whose labels are all among the classes.

    Args:
        classes: (n_classes,) the labels, sorted, in the order of the probabilities.
    """

    def __init__(self, classes: NDArray[Any]) -> None:
        self._classes = classes

    def __call__(self, model: Any, X: Any, y: NDArray[Any]) -> float:
        """Return the mean logarithm of the probabilities of the labels y (n_rows,)."""
        probabilities = model.predict_proba(X)
        own = probabilities[np.arange(len(y)), np.searchsorted(self._classes, y)]
        return float(np.log(np.maximum(own, _TINY)).mean())


class RSquared:
    """scikit-learn's ``"r2"``, the mean over the outputs where there are several."""

    def __call__(self, model: Any, X: Any, y: NDArray[Any]) -> float:
        """Return R² of predictions for y (n_rows,) or (n_rows, n_outputs)."""
        truth = np.asarray(y, dtype=np.float64)
        off = np.square(truth - np.asarray(model.predict(X)).reshape(truth.shape)).sum(axis=0)
        spread = np.square(truth - truth.mean(axis=0)).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.mean(1 - off / spread))
