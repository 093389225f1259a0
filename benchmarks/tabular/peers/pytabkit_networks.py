"""RealMLP-TD and TabM by pytabkit, whose networks want no missing numbers.

Classes are compared by log loss: the epoch is chosen by it, and RealMLP's label smoothing is off,
as pytabkit's documentation recommends for this metric. All else is default.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.pipeline import make_pipeline

from benchmarks.tabular.columns import Columns

SETTINGS = {"device": "cpu", "n_threads": 1, "random_state": 0}


def make_realmlp(_: pd.DataFrame, regression: bool) -> Any:
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    network = (
        RealMLP_TD_Regressor(**SETTINGS)
        if regression
        else RealMLP_TD_Classifier(**SETTINGS, val_metric_name="cross_entropy", use_ls=False)
    )
    return make_pipeline(Columns(impute=True), network)


def make_tabm(_: pd.DataFrame, regression: bool) -> Any:
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    network = (
        TabM_D_Regressor(**SETTINGS)
        if regression
        else TabM_D_Classifier(**SETTINGS, val_metric_name="cross_entropy")
    )
    return make_pipeline(Columns(impute=True), network)


SIDES = {
    "realmlp": ("RealMLP-TD", "pytabkit", make_realmlp),
    "tabm": ("TabM", "pytabkit", make_tabm),
}
