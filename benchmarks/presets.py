"""The presets, and a search that begins with two of them, on few rows of some tables.

    python -m benchmarks.presets --data-dir DIR --tables kin8nm --sides fast default

The training rows are the first 2,000 of those of ``tabular/`` (all where there are fewer), and the
test rows at most 5,000, of the first of its splits. A search is `SearchCV` without a space, of 16
candidates on three folds, by log loss or R², and its winner trained on all training rows. Each
line is printed as it is measured: log loss or R² of the test rows, and the CPU seconds of `fit`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import log_loss

from benchmarks.report import markdown_table
from benchmarks.tabular.measure import cpu_seconds
from benchmarks.tabular.tables import Split, is_regression, load_split, load_tables
from wellfit import MLPClassifier, MLPRegressor
from wellfit.model_selection import SearchCV

TABLES = ("churn_modelling", "credit_g", "bike_hour", "california_housing", "kin8nm",
          "wine_quality_white")  # fmt: skip
PRESETS = ("fast", "default", "best")
SEARCH = "search"
TRAIN, TEST = 2_000, 5_000  # rows at most
CANDIDATES, FOLDS = 16, 3


def model(side: str, regression: bool) -> Any:
    kind = MLPRegressor if regression else MLPClassifier
    fixed = {"n_threads": 1, "random_state": 0, "verbose": 0}
    if side != SEARCH:
        return kind(preset=side, **fixed)
    scoring = "r2" if regression else "neg_log_loss"
    return SearchCV(kind(**fixed), n_iter=CANDIDATES, cv=FOLDS, scoring=scoring, random_state=0)


def measure(side: str, split: Split, regression: bool) -> tuple[float, float]:
    """Return log loss or R² of the test rows, and the CPU seconds of ``fit``."""
    began = cpu_seconds()
    fitted = model(side, regression).fit(split.X_train[:TRAIN], split.y_train[:TRAIN])
    seconds = cpu_seconds() - began
    X, y = split.X_test[:TEST], split.y_test[:TEST]
    fitted = getattr(fitted, "best_estimator_", fitted)
    if regression:
        return fitted.score(X, y), seconds
    return float(log_loss(y, fitted.predict_proba(X), labels=np.unique(split.y_train))), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("WELLFIT_DATA", "")))
    parser.add_argument("--tables", nargs="+", default=TABLES)
    parser.add_argument("--sides", nargs="+", default=(*PRESETS, SEARCH))
    given = parser.parse_args()
    known = load_tables(given.data_dir)
    rows = []
    for name in given.tables:
        regression, split = is_regression(known[name]), load_split(known[name], 0, given.data_dir)
        found = {}
        for side in given.sides:
            found[side] = score, seconds = measure(side, split, regression)
            print(f"{name} {side} {score:.4f} {seconds:.1f} s", flush=True)
        scores = [f"{score:.3f}" for score, _ in found.values()]
        seconds = ", ".join(f"{each:.1f}" for _, each in found.values())
        rows.append([name, "R²" if regression else "log loss", *scores, seconds])
    print(markdown_table(["table", "metric", *given.sides, "CPU seconds of `fit`"], rows))


if __name__ == "__main__":
    main()
