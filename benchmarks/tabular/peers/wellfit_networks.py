"""wellfit's estimators: they read text, dates and missing values themselves."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd


def make(_: pd.DataFrame, regression: bool, **params: Any) -> Any:
    import wellfit

    estimator = wellfit.MLPRegressor if regression else wellfit.MLPClassifier
    return estimator(**params, n_threads=1, random_state=0, verbose=0)


SIDES = {
    "wellfit_fast": ("wellfit, fast", "wellfit-nn", partial(make, preset="fast")),
    "wellfit": ("wellfit", "wellfit-nn", make),
    "wellfit_best": ("wellfit, best", "wellfit-nn", partial(make, preset="best")),
}
