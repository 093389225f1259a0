"""Fit one side on cells and add their scores to a file; a process of its own, with one thread.

python -m benchmarks.tabular.measure SIDE --out FILE [--data-dir DIR] table:split …
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics

from benchmarks.tabular.side import Side, all_sides
from benchmarks.tabular.store import Cell, Result, Store
from benchmarks.tabular.tables import Split, is_regression, load_split, load_tables


def measure(side: Side, split: Split, regression: bool) -> Result:
    """Return the scores on the test rows, and CPU and wall seconds of fitting and predicting."""
    cpu, wall = cpu_seconds(), perf_counter()
    model = side.make(split.X_train, regression).fit(split.X_train, split.y_train)
    fitted, wall = cpu_seconds(), perf_counter() - wall
    outputs = np.asarray((model.predict if regression else model.predict_proba)(split.X_test))
    predicted = cpu_seconds()
    score = score_values if regression else score_probabilities
    return {
        **score(split.y_test, outputs),
        "fit_cpu_seconds": round(fitted - cpu, 3),
        "predict_cpu_seconds": round(predicted - fitted, 3),
        "fit_wall_seconds": round(wall, 3),
        "train_rows": len(split.y_train),
        "test_rows": len(split.y_test),
    }


def score_values(y: np.ndarray, predicted: np.ndarray) -> Result:
    predicted = predicted.ravel()
    return {
        "r2": metrics.r2_score(y, predicted),
        "rmse": metrics.root_mean_squared_error(y, predicted),
    }


def score_probabilities(y: np.ndarray, probabilities: np.ndarray) -> Result:
    """Return accuracy, and log loss with probabilities below 1e-7 counted as 1e-7.

    Float32 rounds what is smaller to 0: without the bound, one row would decide a table.
    """
    floored = np.maximum(probabilities.astype("float64"), 1e-7)
    floored /= floored.sum(axis=1, keepdims=True)
    return {
        "accuracy": metrics.accuracy_score(y, probabilities.argmax(axis=1)),
        "log_loss": metrics.log_loss(y, floored, labels=np.arange(floored.shape[1])),
    }


def cpu_seconds() -> float:
    """Return what this process and those that it waited for took of the processor's time."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def warm_up(side: Side) -> None:
    """Fit 200 random rows of both kinds, so that no cell's seconds hold a library's imports."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"number": rng.normal(size=200), "text": rng.choice(["a", "b"], 200)})
    for regression in (False, True):
        y = rng.normal(size=200) if regression else rng.integers(2, size=200)
        model = side.make(X, regression).fit(X, y)
        (model.predict if regression else model.predict_proba)(X)


def origin(side: Side) -> dict[str, Any]:
    """Return the library's version, wellfit's commit, and the day."""
    try:
        name = f"{side.package} {version(side.package)}"
    except PackageNotFoundError:  # wellfit on the path, not installed
        name = side.package
    if side.package == "wellfit-nn":
        command = ["git", "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
        name += f" ({commit})" if commit else ""
    return {"library": name, "day": datetime.now(UTC).date().isoformat()}


def main() -> None:
    args = parse()
    side, tables, store = all_sides()[args.side], load_tables(args.data_dir), Store(args.out)
    warnings.simplefilter("ignore")  # each library's advice on its own defaults
    warm_up(side)
    for cell in args.cells:
        name, number = cell.split(":")
        split = load_split(tables[name], int(number), args.data_dir)
        result = measure(side, split, is_regression(tables[name])) | origin(side)
        store.add({Cell(args.side, name, int(number)): result})
        scores = ", ".join(f"{k} {v:.4g}" for k, v in result.items() if isinstance(v, float))
        print(f"{args.side}: {cell}: {scores}", file=sys.stderr, flush=True)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("side", choices=all_sides())
    parser.add_argument("cells", nargs="+", metavar="table:split")
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("WELLFIT_DATA", "."))
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
