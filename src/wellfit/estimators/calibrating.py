"""Calibration of a fitted classifier's probabilities."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from wellfit.core.errors import DataError
from wellfit.estimators.rows import weighed
from wellfit.fitting import Compute, FittedNetwork
from wellfit.fitting.validation import validate_features

Model = TypeVar("Model")


def calibrate(
    model: Model, X: Any, y: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> Model:
    """Calibrate probabilities by rows that the model hasn't learned from: temperature scaling.

    The logits are divided by the number for which the log loss of these rows is least; the
    likeliest class stays. ``calibration="temperature"`` does so in ``fit``, by its validation
    rows. Sets are to be calibrated after it, by ``conformalize``: they are of other
    probabilities.

    Args:
        model: the fitted classifier.
        X: (n_samples, n_features) rows drawn like those that will be predicted.
        y: their targets.
        sample_weight: (n_samples,), at least 0.

    Returns:
        The estimator itself. ``temperature_`` is what the logits were divided by in all.

    Raises:
        DataError: targets that don't go with the rows, or labels that training hasn't seen.
        NotFittedError: before ``fit``.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.

    >>> from sklearn.datasets import load_breast_cancer
    >>> from wellfit import MLPClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> clf = MLPClassifier((16,), random_state=0).fit(X[:300], y[:300])
    >>> clf.calibrate(X[300:], y[300:]).temperature_ > 0
    True
    """
    fitted: Any = model
    check_is_fitted(fitted, "network_")
    network: FittedNetwork = fitted.network_
    x = validate_features(fitted, X, network.features)
    targets = network.targets.read(y, warn=False)
    if len(targets) != x.shape[0]:
        raise DataError(
            f"X has {x.shape[0]} rows and y has {len(targets)}; expected a target for each row"
        )
    x, targets, weight, _ = weighed(fitted, network.targets, x, targets, sample_weight)
    compute = Compute.of(fitted)
    numbers, encoded = network.encode(x, np.asarray(targets), compute)
    fitted.keep(network.calibrated(numbers, encoded, weight, compute))
    return model
