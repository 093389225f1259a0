"""scikit-learn's RandomizedSearchCV over its own MLP, with two processes; it has no dropout."""

from __future__ import annotations

import pandas as pd
from scipy.stats import loguniform, uniform
from sklearn.model_selection import RandomizedSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from benchmarks.searches.task import (
    BATCH,
    EPOCHS,
    FOLDS,
    HIDDEN,
    L2,
    MOMENTUM,
    RATES,
    columns,
    main,
)


def search(X: pd.DataFrame, y: pd.Series, candidates: int) -> float:
    """Return the best mean accuracy of a random search."""
    network = MLPClassifier(HIDDEN, solver="sgd", batch_size=BATCH, max_iter=EPOCHS, tol=0.0)
    space = {
        "mlpclassifier__learning_rate_init": loguniform(*RATES),
        # Its penalty is divided by a batch's rows.
        "mlpclassifier__alpha": loguniform(*(BATCH * bound for bound in L2)),
        "mlpclassifier__momentum": uniform(MOMENTUM[0], MOMENTUM[1] - MOMENTUM[0]),
    }
    options = {"n_iter": candidates, "cv": FOLDS, "random_state": 0, "refit": False, "n_jobs": 2}
    found = RandomizedSearchCV(make_pipeline(columns(), network), space, **options)
    return float(found.fit(X, y).best_score_)


if __name__ == "__main__":
    main(search)
