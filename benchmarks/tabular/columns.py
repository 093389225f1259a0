"""Columns as the libraries that don't read text or dates want them; fitted on training rows.

wellfit gets the table as it is.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


def text_columns(X: pd.DataFrame) -> list[str]:
    """Return the names of the columns with text that isn't dates."""
    text = X.select_dtypes(exclude="number").columns
    return [name for name in text if not is_dates(X[name])]


def is_dates(column: pd.Series) -> bool:
    """Return whether every value is a date such as 2011-01-31."""
    is_text = not pd.api.types.is_numeric_dtype(column)
    return is_text and bool(column.astype("str").str.fullmatch(r"\d{4}-\d\d-\d\d").all())


class Columns(TransformerMixin, BaseEstimator):
    """Days instead of dates, and text as pandas categories of the levels seen in training.

    Args:
        missing_level: The level that stands for missing and unseen text, where a library takes
            no missing categories; they stay missing where it is None.
        impute: Whether missing numbers become their column's mean.
    """

    def __init__(self, missing_level: str | None = None, impute: bool = False) -> None:
        self.missing_level = missing_level
        self.impute = impute

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        self.dates_ = [name for name in X.columns if is_dates(X[name])]
        self.levels_ = {name: sorted(X[name].dropna().unique()) for name in text_columns(X)}
        self.means_ = self._numbers(X).mean(numeric_only=True)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        X = self._numbers(X)
        if self.impute:
            X = X.fillna(self.means_)
        for name, levels in self.levels_.items():
            column = pd.Categorical(X[name].where(X[name].isin(levels)), categories=levels)
            if self.missing_level is not None:
                column = column.add_categories(self.missing_level).fillna(self.missing_level)
            X[name] = column
        return X

    def _numbers(self, X: pd.DataFrame) -> pd.DataFrame:
        days = {
            name: (pd.to_datetime(X[name]) - pd.Timestamp(1970, 1, 1)) / np.timedelta64(1, "D")
            for name in self.dates_
        }
        return X.assign(**days)
