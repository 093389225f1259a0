"""What every side searches: rows of adult, candidates, folds, epochs; and a way to be timed alone.

A side is a module with ``search(X, y, candidates) -> float``, the best mean accuracy.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.tabular.tables import load_tables, read

EPOCHS, FOLDS, BATCH, HIDDEN = 10, 3, 64, (64, 64)
# Learning rate and L2 are drawn log-uniformly, momentum and dropout uniformly.
RATES, L2, MOMENTUM, DROPOUT = (1e-3, 0.3), (1e-6, 1e-2), (0.0, 0.95), (0.0, 0.5)

Search = Callable[[pd.DataFrame, pd.Series, int], float]


class Row(NamedTuple):
    """A line of a table."""

    name: str
    seconds: float
    score: float


def adult(data_dir: Path, rows: int = 10_000) -> tuple[pd.DataFrame, pd.Series]:
    """Return the first rows of adult, without what the index says to drop, and their target."""
    X, y = read(load_tables(data_dir)["adult"], data_dir)
    return X[:rows], y[:rows]


def columns() -> Any:
    """Return scikit-learn's usual way to make numbers of a table."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32),
    )
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (words, make_column_selector(dtype_exclude="number")),
    )


def timed(name: str, work: Callable[[], float]) -> Row:
    """Do the work, and return its name, seconds and score."""
    began = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = work()
    return Row(name, perf_counter() - began, score)


def apart(module: str, name: str, data_dir: Path, candidates: int) -> Row:
    """Return what a side's own process tells of its search."""
    command = [sys.executable, "-m", f"benchmarks.searches.{module}"]
    options = ["--data-dir", str(data_dir), "--candidates", str(candidates)]
    done = subprocess.run(
        [*command, *options], capture_output=True, text=True, check=False, env=os.environ
    )
    if done.returncode:
        raise RuntimeError(f"{name} failed:\n{done.stderr[-2000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Row(name, told["seconds"], told["score"])


def main(search: Search) -> None:
    """Search in this process, and print seconds and score as JSON; imports are not counted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--candidates", type=int, required=True)
    args = parser.parse_args()
    X, y = adult(args.data_dir)
    row = timed("", lambda: search(X, y, args.candidates))
    print(json.dumps({"seconds": row.seconds, "score": row.score}))
