"""LightGBM by its scikit-learn interface: pandas categories and NaN are read as they are."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.pipeline import make_pipeline

from benchmarks.tabular.columns import Columns


def make(_: pd.DataFrame, regression: bool) -> Any:
    import lightgbm

    boosting = lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier
    return make_pipeline(Columns(), boosting(n_jobs=1, random_state=0, verbose=-1))


SIDES = {"lightgbm": ("LightGBM", "lightgbm", make)}
