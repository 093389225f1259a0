"""CatBoost with its defaults, and the best of 30 random candidates.

Text columns are ``cat_features``, which may not be missing: they get a level of their own.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from benchmarks.tabular.columns import Columns, text_columns

N_CANDIDATES = 30
PATIENCE = 50  # rounds without a better validation loss
MISSING = "(missing)"


def make_default(X: pd.DataFrame, regression: bool) -> Any:
    return make_pipeline(Columns(MISSING), boosting(X, regression))


def make_tuned(X: pd.DataFrame, regression: bool) -> Any:
    return make_pipeline(Columns(MISSING), RandomSearch(boosting(X, regression), regression))


def boosting(X: pd.DataFrame, regression: bool) -> Any:
    import catboost

    kind = catboost.CatBoostRegressor if regression else catboost.CatBoostClassifier
    return kind(
        cat_features=text_columns(X),
        thread_count=1,
        random_seed=0,
        verbose=False,
        allow_writing_files=False,
    )


def draw(rng: np.random.Generator) -> dict[str, Any]:
    """Return a candidate: the ranges that comparisons of boosted trees usually draw from."""
    return {
        "learning_rate": float(np.exp(rng.uniform(np.log(0.01), np.log(0.3)))),
        "depth": int(rng.integers(4, 9)),
        "l2_leaf_reg": float(np.exp(rng.uniform(np.log(1.0), np.log(10.0)))),
        "random_strength": float(rng.uniform(0.0, 2.0)),
        "bootstrap_type": "Bayesian",
        "bagging_temperature": float(rng.uniform(0.0, 1.0)),
        "leaf_estimation_iterations": int(rng.integers(1, 11)),
        "one_hot_max_size": int(rng.integers(2, 26)),
    }


class RandomSearch(BaseEstimator):
    """Thirty random candidates, judged on a fifth of the training rows by log loss or RMSE.

    Each stops early, after at most 1,000 trees; the best one is fitted again on all training
    rows, with as many trees as it had.
    """

    def __init__(self, estimator: Any, regression: bool) -> None:
        self.estimator = estimator
        self.regression = regression

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Self:
        strata = None if self.regression else y
        parts = train_test_split(X, y, test_size=0.2, stratify=strata, random_state=0)
        X_train, X_validation, y_train, y_validation = parts
        rng = np.random.default_rng(0)
        best: tuple[float, int, dict[str, Any]] = (np.inf, 0, {})
        for params in [draw(rng) for _ in range(N_CANDIDATES)]:
            model = self.estimator.copy().set_params(**params)
            model.fit(
                X_train,
                y_train,
                eval_set=(X_validation, y_validation),
                early_stopping_rounds=PATIENCE,
            )
            loss = next(iter(model.get_best_score()["validation"].values()))
            best = min(best, (loss, model.tree_count_, params), key=lambda one: one[0])
        _, trees, params = best
        self.best_estimator_ = self.estimator.copy().set_params(**params, iterations=trees)
        self.best_estimator_.fit(X, y)
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return self.best_estimator_.predict(X)

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        return self.best_estimator_.predict_proba(X)


SIDES = {
    "catboost": ("CatBoost", "catboost", make_default),
    "catboost_tuned": ("CatBoost, tuned", "catboost", make_tuned),
}
