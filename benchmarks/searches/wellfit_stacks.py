"""wellfit's random search: candidates and folds in stacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import loguniform, uniform

from benchmarks.searches.task import (
    BATCH,
    DROPOUT,
    EPOCHS,
    FOLDS,
    HIDDEN,
    L2,
    MOMENTUM,
    RATES,
    main,
)
from wellfit import MLPClassifier
from wellfit.model_selection import RandomizedSearchCV, SearchCV
from wellfit.optim import SGD

SPACE = {
    "optimizer__learning_rate": loguniform(*RATES),
    "l2": loguniform(*L2),
    "optimizer__momentum": uniform(MOMENTUM[0], MOMENTUM[1] - MOMENTUM[0]),
    "dropout": uniform(DROPOUT[0], DROPOUT[1] - DROPOUT[0]),
}


def network() -> MLPClassifier:
    """Return the network that every candidate is a variant of."""
    return MLPClassifier(
        HIDDEN,
        numeric_embedding=None,
        ema_decay=0.0,
        dropout=0.1,
        optimizer=SGD(0.01, momentum=0.9),
        lr_schedule="constant",
        batch_size=BATCH,
        epochs=EPOCHS,
        early_stopping=False,
        random_state=0,
    )


def search(X: pd.DataFrame, y: pd.Series, candidates: int) -> float:
    """Return the best mean accuracy of a random search."""
    return best(RandomizedSearchCV(network(), SPACE, **_options(candidates)).fit(X, y))


def halving(X: pd.DataFrame, y: pd.Series, candidates: int) -> float:
    """Return that of the same search with successive halving."""
    found = SearchCV(network(), SPACE, halving="successive", **_options(candidates))
    return best(found.fit(X, y))


def best(found: Any) -> float:
    """Return the best mean score of a search."""
    return float(np.nanmax(found.cv_results_["mean_test_score"]))


def _options(candidates: int) -> dict[str, Any]:
    return {"n_iter": candidates, "cv": FOLDS, "random_state": 0, "refit": False}


if __name__ == "__main__":
    main(search)
