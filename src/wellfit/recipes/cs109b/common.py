"""Shared parts of the lab's recipes: the source, its network, and how it is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import log_loss, r2_score

from wellfit import MLPClassifier
from wellfit.recipes.base import Publication
from wellfit.recipes.context import RecipeContext

CS109B = Publication(
    "cs109b", "CS109B lab 3: Optimization in Artificial Neural Networks", "Keras 2.1"
)
NO_FIGURE = "An exercise that the lab leaves to its readers: it publishes no figure."

# What all of the lab's trainings share: two layers of 64 rectified units.
NETWORK: Mapping[str, Any] = {
    "hidden_layer_sizes": (64, 64),
    "activation": "relu",
    "initializer": "uniform",
    "bias_initializer": "zeros",
    "dropout": 0.0,
    "early_stopping": False,
}


def network(context: RecipeContext, **settings: Any) -> MLPClassifier:
    """Return the lab's network."""
    return context.classifier(**{**NETWORK, **settings})


def tested(context: RecipeContext, name: str, clf: MLPClassifier) -> dict[str, float]:
    """Train on all 60,000 images, as the lab does, and evaluate on the test set."""
    split = context.mnist(validation=0)
    clf.fit(split.X, split.y)
    context.keep(name, clf)
    chances = clf.predict_proba(split.X_test).astype(np.float64)
    chances /= chances.sum(axis=1, keepdims=True)  # single precision is off by 1e-7
    truth = np.eye(10)[split.y_test]
    return {
        "test accuracy": clf.score(split.X_test, split.y_test),
        "test loss": log_loss(split.y_test, chances),
        "test R²": r2_score(truth, chances),
        "training accuracy": clf.history_["accuracy"][-1],
        "training loss": clf.history_["loss"][-1],
        "seconds": clf.history_["seconds"][-1],
    }
