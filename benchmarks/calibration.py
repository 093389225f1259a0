"""Expected calibration error after calibration: wellfit's temperature, and scikit-learn's ways.

    python -m benchmarks.calibration --data-dir DIR --out benchmarks/results/calibration.json

A default network is trained on four fifths of the training rows, and the last fifth calibrates it:
by ``calibrate``, and by ``CalibratedClassifierCV`` over the same fitted network, sigmoid, isotonic
and temperature. With ``--refit``, its default, which trains five networks by cross-validation,
gets all training rows, and so does wellfit's own ``calibration="temperature"``. Test rows are each
of five folds in turn (``tabular/tables.py``), of nine tables and of three that scikit-learn brings
along. Errors are of the predicted class, in ten bins;
seconds are CPU seconds, of calibration alone for the fitted network, and of all that ``fit`` does
otherwise. Results are kept fit by fit: those that the file holds aren't measured again.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from benchmarks.report import markdown_table
from benchmarks.tabular.measure import cpu_seconds
from benchmarks.tabular.store import Cell, Result, Store
from benchmarks.tabular.tables import Split, is_regression, load_split, load_tables, split_of
from wellfit import MLPClassifier
from wellfit.charts import Calibration

SHARE = 0.2  # of the training rows that calibrate
N_SPLITS = 5
SAME = {
    "none": "the network as trained",
    "temperature": "wellfit: `calibrate(X, y)`",
    "sigmoid": "scikit-learn: sigmoid",
    "isotonic": "scikit-learn: isotonic",
    "scikit_temperature": "scikit-learn: temperature",
}
REFIT = {
    "temperature_in_fit": 'wellfit: `calibration="temperature"`',
    "five_networks": "scikit-learn: sigmoid, 5 networks",
}


SIDES = {**SAME, **REFIT}
BUNDLED = {"wine": load_wine, "breast_cancer": load_breast_cancer, "digits": load_digits}


def network(**params: Any) -> MLPClassifier:
    # A single one, whose order of rows no temperature changes.
    return MLPClassifier(n_threads=1, random_state=0, bagging=None, **params)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call returns, and its CPU seconds."""
    began = cpu_seconds()
    return work(), cpu_seconds() - began


def judged(model: Any, split: Split, seconds: float) -> Result:
    """Return the errors of a model's probabilities of a split's test rows."""
    chances = np.asarray(model.predict_proba(split.X_test), dtype=np.float64)
    answers = np.asarray(model.classes_)[chances.argmax(axis=1)]
    right = answers == split.y_test
    floored = np.maximum(chances, 1e-7)
    floored /= floored.sum(axis=1, keepdims=True)
    return {
        "ece": Calibration.of(chances.max(axis=1), right).error,
        "accuracy": float(right.mean()),
        "log_loss": float(log_loss(split.y_test, floored, labels=model.classes_)),
        "cpu_seconds": round(seconds, 4),
    }


def measure(split: Split) -> Iterator[tuple[str, Result]]:
    """Yield the results of every way to calibrate one fitted network."""
    rows = np.arange(len(split.y_train))
    train, held = train_test_split(rows, test_size=SHARE, random_state=0, stratify=split.y_train)
    X, y = split.X_train.iloc[train], split.y_train[train]
    apart = split.X_train.iloc[held], split.y_train[held]
    model, seconds = timed(lambda: network().fit(X, y))
    yield "none", judged(model, split, seconds)
    for method in ("sigmoid", "isotonic", "temperature"):
        frozen = CalibratedClassifierCV(FrozenEstimator(model), method=method)
        found, seconds = timed(lambda frozen=frozen: frozen.fit(*apart))
        side = "scikit_temperature" if method == "temperature" else method
        yield side, judged(found, split, seconds)
    _, seconds = timed(lambda: model.calibrate(*apart))
    yield "temperature", judged(model, split, seconds)


def refitted(split: Split) -> Iterator[tuple[str, Result]]:
    """Yield the results of calibration as a part of ``fit``, on all training rows."""
    everyone = split.X_train, split.y_train
    one, seconds = timed(lambda: network(calibration="temperature").fit(*everyone))
    yield "temperature_in_fit", judged(one, split, seconds)
    five, seconds = timed(lambda: CalibratedClassifierCV(network()).fit(*everyone))
    yield "five_networks", judged(five, split, seconds)


def splits_of(data_dir: Path) -> dict[str, Callable[[int], Split]]:
    """Return what loads a split of each table of classes, by number; small tables first."""
    tables = load_tables(data_dir)
    names = sorted(tables, key=lambda name: tables[name]["rows"])
    return {
        **{name: partial(bundled, load) for name, load in BUNDLED.items()},
        **{
            name: partial(load_split, tables[name], data_dir=data_dir)
            for name in names
            if not is_regression(tables[name])
        },
    }


def bundled(load: Callable[..., Any], split: int) -> Split:
    return split_of(*load(return_X_y=True, as_frame=True), split, regression=False)


def means(results: dict[Cell, Result], side: str, table: str, key: str) -> float:
    """Return a side's mean over the splits that were measured."""
    return mean(each[key] for cell, each in results.items() if cell[:2] == (side, table))


def section(results: dict[Cell, Result], sides: dict[str, str]) -> str:
    """Return tables of calibration errors, log losses and seconds of the splits of some sides."""
    own = {cell: each for cell, each in results.items() if cell.side in sides}
    if not own:
        return ""
    tables = list(dict.fromkeys(cell.table for cell in own))
    head = ("table", *sides.values())

    def rows(key: str, form: str, scale: float = 1.0) -> list[list[str]]:
        cells = {side: [means(own, side, table, key) for table in tables] for side in sides}
        lines = [
            [table, *(format(scale * cells[side][place], form) for side in sides)]
            for place, table in enumerate(tables)
        ]
        return [
            *lines,
            ["mean", *(format(scale * mean(cells[side]), form) for side in sides)],
        ]

    places = {cell[1:] for cell in own}
    parts = (
        f"Expected calibration error in per cent, {len(places)} splits of {len(tables)} tables:",
        markdown_table(head, rows("ece", ".2f", 100)),
        "Log loss:",
        markdown_table(head, rows("log_loss", ".4f")),
        "CPU seconds:",
        markdown_table(head, rows("cpu_seconds", ".3f")),
    )
    return "\n\n".join(parts)


def run(args: argparse.Namespace) -> None:
    """Measure the splits that the file doesn't hold yet, small tables first."""
    store, splits = Store(args.out), splits_of(args.data_dir)
    names = [name for name in splits if not args.tables or name in args.tables]
    sides, of = (REFIT, refitted) if args.refit else (SAME, measure)
    for number, name in product(args.splits, names):
        cells = [Cell(side, name, number) for side in sides]
        if all(cell in store.read() for cell in cells):
            continue
        found = dict(of(splits[name](number)))
        store.add({cell: found[cell.side] for cell in cells})
        print(
            f"{name}:{number}",
            {side: round(each["ece"], 4) for side, each in found.items()},
        )


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("WELLFIT_DATA", "."))
    parser.add_argument("--out", type=Path, required=True, help="the file of results")
    parser.add_argument("--tables", nargs="+", help="names of tables, instead of all")
    numbers = range(N_SPLITS)
    parser.add_argument("--splits", nargs="+", type=int, choices=numbers, default=list(numbers))
    parser.add_argument("--refit", action="store_true", help="measure calibration within fit")
    parser.add_argument("--no-run", action="store_true", help="print what the file holds")
    return parser.parse_args(argv)


def main() -> None:
    args = parse()
    warnings.simplefilter("ignore")
    if not args.no_run:
        run(args)
    results = Store(args.out).read()
    print("\n\n".join(filter(None, (section(results, sides) for sides in (SAME, REFIT)))))


if __name__ == "__main__":
    main()
