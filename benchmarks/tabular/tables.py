"""The fifteen tables, and the rows on which every side is fitted and scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold

N_SPLITS = 3  # the first three of five folds: a test fold is a fifth of the rows
MAX_ROWS = 10_000  # of training, and of testing


class Split(NamedTuple):
    """Rows to fit and rows to score; classes are the codes 0 … C - 1, sorted by label."""

    X_train: pd.DataFrame
    y_train: np.ndarray
    X_test: pd.DataFrame
    y_test: np.ndarray


def load_tables(data_dir: Path) -> dict[str, dict[str, Any]]:
    """Return the tables' descriptions by name; adult's two files become one table again."""
    tables: dict[str, dict[str, Any]] = {}
    for entry in json.loads((data_dir / "tabular" / "index.json").read_text()):
        name = entry["name"].removesuffix("_train").removesuffix("_test")
        tables.setdefault(name, {**entry, "files": []})["files"].append(entry["file"])
    return tables


def read(table: dict[str, Any], data_dir: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Return the features, less those that the index says to drop, and the target."""
    parts = [
        pd.read_csv(data_dir / file, keep_default_na=False, na_values=[""])
        for file in table["files"]
    ]
    frame = pd.concat(parts, ignore_index=True).drop(columns=table["drop_before_modelling"])
    y = frame.pop(table["target"])
    truths = frame.select_dtypes("bool").columns
    return frame.astype(dict.fromkeys(truths, "int64")), y  # SimpleImputer refuses booleans


def is_regression(table: dict[str, Any]) -> bool:
    return bool(table["task"] == "regression")


def load_split(table: dict[str, Any], split: int, data_dir: Path) -> Split:
    """Return fold ``split`` of five of a table as test rows, and the rest as training rows."""
    return split_of(*read(table, data_dir), split, regression=is_regression(table))


def split_of(X: pd.DataFrame, y: pd.Series, split: int, *, regression: bool) -> Split:
    """Return fold ``split`` of five as test rows, and the rest as training rows.

    Folds are drawn with seed 0, stratified for classes. Both parts are put in random order and
    cut at ``MAX_ROWS`` rows with the split's number as the seed: some tables are ordered by time,
    and some libraries take the last rows for validation.
    """
    codes = y.to_numpy(dtype="float64") if regression else np.unique(y, return_inverse=True)[1]
    folds = (KFold if regression else StratifiedKFold)(5, shuffle=True, random_state=0)
    rng = np.random.default_rng(split)
    train, test = (rng.permutation(rows)[:MAX_ROWS] for rows in list(folds.split(X, codes))[split])
    X_train, X_test = (X.iloc[rows].reset_index(drop=True) for rows in (train, test))
    return Split(X_train, codes[train], X_test, codes[test])
