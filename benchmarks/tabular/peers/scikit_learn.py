"""scikit-learn: a constant, its MLP behind the usual preprocessing, and its boosted trees."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.tabular.columns import Columns


def make_constant(_: pd.DataFrame, regression: bool) -> Any:
    """Return the mean of the targets, or the shares of the classes: the zero of the scores."""
    return DummyRegressor() if regression else DummyClassifier()


def make_mlp(_: pd.DataFrame, regression: bool) -> Any:
    """Return the default MLP. Its regressor fits the target as it is: it doesn't scale it."""
    columns = make_column_transformer(
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (
            make_pipeline(
                SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
            ),
            make_column_selector(dtype_exclude="number"),
        ),
    )
    mlp = MLPRegressor if regression else MLPClassifier
    return make_pipeline(Columns(), columns, mlp(random_state=0))


def make_boosting(_: pd.DataFrame, regression: bool) -> Any:
    """Return the default boosted trees; text columns are categories, NaN goes its own way."""
    boosting = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return make_pipeline(Columns(), boosting(categorical_features="from_dtype", random_state=0))


SIDES = {
    "constant": ("constant", "scikit-learn", make_constant),
    "sklearn_mlp": ("scikit-learn's MLP", "scikit-learn", make_mlp),
    "hist_gradient_boosting": ("HistGradientBoosting", "scikit-learn", make_boosting),
}
