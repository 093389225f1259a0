"""Searches by stacks against scikit-learn's, over the same candidates, folds and epochs.

    python -m benchmarks.search random --data-dir DIR

- ``random``: learning rate, L2, momentum (and dropout, where there is any) of a 64-64 network on
  the first 10,000 rows of adult; against scikit-learn's search over its own MLP with two
  processes, behind StandardScaler, OneHotEncoder and SimpleImputer, and against halving.
- ``initializers``: a grid of them on MNIST, against scikit-learn's search over the same estimator.

Each side is timed once, refitting left out; scores are means over the folds.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import loguniform, uniform
from sklearn import model_selection as theirs
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier as TheirMLP
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.tabular import load_tables, read
from wellfit import MLPClassifier
from wellfit.datasets import load
from wellfit.model_selection import GridSearchCV, RandomizedSearchCV, SearchCV
from wellfit.nn import SoftmaxCrossEntropy
from wellfit.optim import SGD

EPOCHS, FOLDS, BATCH = 10, 3, 64
INITIALIZERS = (
    "uniform",
    "lecun_uniform",
    "normal",
    "zeros",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
)
Row = tuple[str, float, float]


def adult(data_dir: Path, rows: int = 10_000) -> tuple[pd.DataFrame, pd.Series]:
    """Return the first rows of adult, without what the index says to drop, and their target."""
    X, y = read(load_tables(data_dir)["adult"], data_dir)
    return X[:rows], y[:rows]


def random(data_dir: Path, candidates: int) -> list[Row]:
    """Return name, seconds and best score of each way to search at random."""
    X, y = adult(data_dir)
    ours = MLPClassifier(
        (64, 64),
        dropout=0.1,
        loss=SoftmaxCrossEntropy(),
        optimizer=SGD(0.01, momentum=0.9),
        schedule="constant",
        batch_size=BATCH,
        epochs=EPOCHS,
        early_stopping=False,
        random_state=0,
    )
    space = {
        "optimizer__learning_rate": loguniform(1e-3, 0.3),
        "l2": loguniform(1e-6, 1e-2),
        "optimizer__momentum": uniform(0, 0.95),
        "dropout": uniform(0, 0.5),
    }
    options = {"n_iter": candidates, "cv": FOLDS, "random_state": 0, "refit": False}
    stacks = RandomizedSearchCV(ours, space, **options)
    halving = SearchCV(
        ours, space, n_iter=candidates, cv=FOLDS, random_state=0, refit=False, halving="successive"
    )
    single = theirs.RandomizedSearchCV(_scikit_learn(), _their_space(), n_jobs=2, **options)
    return [
        _timed("wellfit, stacks", lambda: stacks.fit(X, y)),
        _timed("wellfit, successive halving", lambda: halving.fit(X, y)),
        _timed("scikit-learn, its own MLP, n_jobs=2", lambda: single.fit(X, y)),
    ]


def _scikit_learn() -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (words, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(
        columns, TheirMLP((64, 64), solver="sgd", batch_size=BATCH, max_iter=EPOCHS, tol=0.0)
    )


def _their_space() -> dict[str, Any]:
    return {
        "mlpclassifier__learning_rate_init": loguniform(1e-3, 0.3),
        "mlpclassifier__alpha": loguniform(1e-6, 1e-2),
        "mlpclassifier__momentum": uniform(0, 0.95),
    }


def initializers(data_dir: Path, candidates: int) -> list[Row]:
    """Return name, seconds and mean score of each initializer, by stacks and one after another."""
    data = load("mnist", data_dir=data_dir)
    X, y = np.asarray(data.X), np.asarray(data.y)
    model = MLPClassifier(
        (64, 64),
        dropout=0.5,
        optimizer="rmsprop",
        schedule="constant",
        batch_size=128,
        epochs=EPOCHS,
        early_stopping=False,
        random_state=0,
    )
    grid = {"initializer": list(INITIALIZERS[:candidates])}
    stacks = GridSearchCV(model, grid, cv=FOLDS, refit=False)
    single = theirs.GridSearchCV(model, grid, cv=FOLDS, refit=False)
    rows = [
        _timed("wellfit, stacks", lambda: stacks.fit(X, y)),
        _timed("scikit-learn's search over wellfit's estimator", lambda: single.fit(X, y)),
    ]
    scores = stacks.cv_results_["mean_test_score"]
    told = zip(stacks.cv_results_["params"], scores, strict=True)
    return [*rows, *((f"  {one['initializer']}", np.nan, float(score)) for one, score in told)]


def _timed(name: str, work: Callable[[], Any]) -> Row:
    began = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = work()
    seconds = perf_counter() - began
    return name, seconds, float(np.nanmax(search.cv_results_["mean_test_score"]))


TABLES = {"random": (random, 60), "initializers": (initializers, len(INITIALIZERS))}


def main() -> None:
    """Print the tables asked for; the first line of each is what the others are measured by."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="all by default")
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("WELLFIT_DATA"))
    parser.add_argument("--candidates", type=int, help="instead of each table's own number")
    args = parser.parse_args()
    for name in args.tables or TABLES:
        table, count = TABLES[name]
        rows = table(Path(args.data_dir), args.candidates or count)
        print(f"\n| {name} | seconds | times as long | best mean score |")
        print("| --- | ---: | ---: | ---: |")
        for label, seconds, score in rows:
            print(f"| {label} | {seconds:.1f} | {seconds / rows[0][1]:.2f} | {score:.4f} |")


if __name__ == "__main__":
    main()
