"""Searches by stacks against those of other libraries, over the same folds and epochs.

    python -m benchmarks.searches random --data-dir DIR

- ``random``: learning rate, L2, momentum (and dropout, where there is any) of a 64-64 network on
  the first 10,000 rows of adult, by each library in a process of its own, one after the other.
- ``initializers``: a grid of them on MNIST, against scikit-learn's search over the same estimator.

Each side is timed ``--repeats`` times, refitting and imports left out; the medians are told.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
from sklearn import model_selection as theirs

from benchmarks.searches.task import EPOCHS, FOLDS, Row, apart, timed
from benchmarks.searches.wellfit_stacks import best
from wellfit import MLPClassifier
from wellfit.datasets import load
from wellfit.model_selection import GridSearchCV

SIDES = {
    "wellfit_stacks": "wellfit, stacks",
    "wellfit_halving": "wellfit, successive halving",
    "scikit_learn": "scikit-learn, its own MLP, n_jobs=2",
    "optuna_skorch": "Optuna + skorch, two folds at a time",
    "keras_tuner": "KerasTuner, Keras on JAX",
}
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


def random(data_dir: Path, candidates: int, sides: list[str]) -> list[Row]:
    """Return name, seconds and best score of each library's random search."""
    return [apart(side, SIDES[side], data_dir, candidates) for side in sides]


def initializers(data_dir: Path, candidates: int, _: list[str]) -> list[Row]:
    """Return name, seconds and mean score of each initializer, by stacks and one after another."""
    data = load("mnist", data_dir=data_dir)
    X, y = np.asarray(data.X), np.asarray(data.y)
    model = MLPClassifier(
        (64, 64),
        ema_decay=0.0,
        dropout=0.5,
        optimizer="rmsprop",
        lr_schedule="constant",
        batch_size=128,
        epochs=EPOCHS,
        early_stopping=False,
        random_state=0,
    )
    grid = {"initializer": list(INITIALIZERS[:candidates])}
    stacks = GridSearchCV(model, grid, cv=FOLDS, refit=False)
    single, pair = (
        theirs.GridSearchCV(model, grid, cv=FOLDS, refit=False, n_jobs=jobs) for jobs in (None, 2)
    )
    name = "scikit-learn's search over wellfit's estimator"
    rows = [
        timed("wellfit, stacks", lambda: best(stacks.fit(X, y))),
        timed(name, lambda: best(single.fit(X, y))),
        timed(f"{name}, n_jobs=2", lambda: best(pair.fit(X, y))),
    ]
    scores = stacks.cv_results_["mean_test_score"]
    told = zip(stacks.cv_results_["params"], scores, strict=True)
    return [*rows, *(Row(f"  {one['initializer']}", np.nan, float(s)) for one, s in told)]


def median(runs: list[list[Row]]) -> list[Row]:
    """Return the rows with the medians of several runs' seconds."""
    return [
        row._replace(seconds=float(np.median([run[place].seconds for run in runs])))
        for place, row in enumerate(runs[0])
    ]


TABLES = {"random": (random, 60), "initializers": (initializers, len(INITIALIZERS))}


def main() -> None:
    """Print the tables asked for; the first line of each is what the others are measured by."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="all by default")
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("WELLFIT_DATA"))
    parser.add_argument("--candidates", type=int, help="instead of each table's own number")
    parser.add_argument("--sides", nargs="*", choices=list(SIDES), default=list(SIDES))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a file for the rows as JSON")
    args = parser.parse_args()
    written: dict[str, list[Row]] = {}
    for name in args.tables or TABLES:
        table, count = TABLES[name]
        runs = [
            table(Path(args.data_dir), args.candidates or count, args.sides)
            for _ in range(args.repeats)
        ]
        written[name] = rows = median(runs)
        print(f"\n| {name} | seconds | times as long | best mean score |")
        print("| --- | ---: | ---: | ---: |")
        for label, seconds, score in rows:
            print(f"| {label} | {seconds:.1f} | {seconds / rows[0][1]:.2f} | {score:.4f} |")
        if args.out:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            args.out.write_text(json.dumps(written, indent=1))


if __name__ == "__main__":
    main()
