"""What the page on coming from scikit-learn promises: the same penalty, the same optimum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import scale

from wellfit import MLPClassifier, MLPRegressor

ALPHA = 5.0


@pytest.mark.parametrize(
    ("load", "theirs", "ours", "factor"),
    [
        (load_iris, neural_network.MLPClassifier, MLPClassifier, 1),
        (load_diabetes, neural_network.MLPRegressor, MLPRegressor, 2),
    ],
)
def test_alpha_is_an_l2_over_the_rows(load: Any, theirs: Any, ours: Any, factor: int) -> None:
    X, y = load(return_X_y=True)
    X, y = scale(X), y if factor == 1 else scale(y)
    how = {"hidden_layer_sizes": (2,), "activation": "identity", "random_state": 0}
    there = theirs(alpha=ALPHA, solver="lbfgs", max_iter=5000, tol=1e-10, **how).fit(X, y)
    here = ours(
        l2=factor * ALPHA / len(X),
        optimizer="lbfgs",
        epochs=3000,
        early_stopping=False,
        preprocess=None,
        precision="float64",
        **how,
    ).fit(X, y)
    answer = "predict_proba" if factor == 1 else "predict"
    np.testing.assert_allclose(getattr(here, answer)(X), getattr(there, answer)(X), atol=1e-3)
