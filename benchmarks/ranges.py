"""A learning-rate range test of 64 rates against 64 single trainings at those rates.

    python -m benchmarks.ranges --data-dir DIR

A single training is an estimator's `fit` at one rate: as many steps on as many rows, with neither
schedule nor validation. Both sides are warmed up and then timed in turn; what is printed are
medians, and that of each pair's ratio.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification

from wellfit import MLPClassifier
from wellfit.datasets import load
from wellfit.diagnose import RangeTest, learning_rate_range

RATES, STEPS = 64, 100


def cases(data_dir: Path) -> dict[str, tuple[MLPClassifier, Any, Any]]:
    """Return what is measured: estimators of different widths, and their data."""
    digits = load_digits(return_X_y=True)
    table = make_classification(5000, 100, n_informative=20, random_state=0)
    found = {
        "digits, 16": (MLPClassifier((16,)), *digits),
        "digits, 64-64": (MLPClassifier((64, 64)), *digits),
        "digits, 256-256 (the default)": (MLPClassifier(), *digits),
        "table 5,000 × 100, 128-128": (MLPClassifier((128, 128)), *table),
        "table 5,000 × 100, 256-256": (MLPClassifier((256, 256)), *table),
    }
    if (data_dir / "mnist").exists():
        mnist = load("mnist", data_dir=data_dir)
        X, y = np.asarray(mnist.X)[:20_000], np.asarray(mnist.y)[:20_000]
        found["MNIST 20,000, 256-256 (the default)"] = (MLPClassifier(), X, y)
    return found


def seconds(work: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def singles(estimator: MLPClassifier, X: Any, y: Any, grid: Any) -> None:
    """Train at one rate after another, as a user without a range test would."""
    batch = estimator.prepare(X, y).member.batch_size
    order = np.resize(np.random.default_rng(0).permutation(len(X)), STEPS * batch)
    X, y = X[order], y[order]
    for rate in grid:
        one = clone(estimator).set_params(
            optimizer__learning_rate=float(rate),
            lr_schedule="constant",
            early_stopping=False,
            batch_size=batch,
            epochs=1,
        )
        one.fit(X, y)


def measured(estimator: MLPClassifier, X: Any, y: Any, repeats: int) -> tuple[RangeTest, Any]:
    """Return the range test, and its seconds and the singles', (repeats, 2)."""
    grid = np.logspace(-7, 1, RATES)
    estimator = estimator.set_params(random_state=0)
    test = learning_rate_range(estimator, X, y, RATES, steps=STEPS)
    singles(estimator, X, y, grid[:2])
    times = [
        (
            seconds(lambda: learning_rate_range(estimator, X, y, RATES, steps=STEPS)),
            seconds(lambda: singles(estimator, X, y, grid)),
        )
        for _ in range(repeats)
    ]
    return test, np.array(times)


def main() -> None:
    """Measure, and print a table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("WELLFIT_DATA", "data"))
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    print("| data, network | range test (s) | 64 fits (s) | ratio | rates tried | suggested |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, case in cases(Path(args.data_dir)).items():
        test, times = measured(*case, args.repeats)
        together, alone = (median(column) for column in times.T)
        ratio = median(times[:, 1] / times[:, 0])
        print(
            f"| {name} | {together:.2f} | {alone:.2f} | {ratio:.1f} | {len(test.rates)} "
            f"| {test.suggested:.2g} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
