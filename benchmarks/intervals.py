"""Prediction intervals of wellfit against LightGBM's conformalised quantiles, on six real tables.

    python -m benchmarks.intervals --data-dir DIR --out benchmarks/results/intervals.json

Every side gets the same training rows, sets a fifth of them apart for calibration, and has its own
defaults, seed 0 and one thread. LightGBM fits the quantiles 0.05 and 0.95, and MAPIE conformalises
them. Test rows are each of five folds in turn (``tabular/tables.py``). Results are kept fit by
fit: those that the file holds aren't measured again.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from benchmarks.report import markdown_table
from benchmarks.tabular.columns import Columns
from benchmarks.tabular.measure import cpu_seconds
from benchmarks.tabular.store import Cell, Result, Store
from benchmarks.tabular.tables import Split, is_regression, load_split, load_tables

LEVEL, SHARE = 0.9, 0.2  # of the intervals; of the training rows that calibrate
N_SPLITS = 5
PEER = "lightgbm"

Intervals = Callable[[Split], np.ndarray]  # (n_test, 2) for a split's test rows


def by_wellfit(split: Split, **params: Any) -> np.ndarray:
    """Return the intervals of a regressor that sets its calibration rows apart itself."""
    from wellfit import MLPRegressor

    given = {"conformal": "split", "conformal_fraction": SHARE, "n_threads": 1, **params}
    model = MLPRegressor(random_state=0, **given).fit(split.X_train, split.y_train)
    return model.predict_interval(split.X_test, LEVEL)


def by_lightgbm(split: Split) -> np.ndarray:
    """Return the intervals of two quantiles by LightGBM, conformalised by MAPIE."""
    import lightgbm
    from mapie.regression import ConformalizedQuantileRegressor

    rows = np.arange(len(split.y_train))
    train, calibrating = train_test_split(rows, test_size=SHARE, random_state=0)
    columns = Columns().fit(split.X_train.iloc[train])
    X: pd.DataFrame = columns.transform(split.X_train)
    tail = (1 - LEVEL) / 2
    models = [
        lightgbm.LGBMRegressor(
            objective="quantile", alpha=alpha, n_jobs=1, random_state=0, verbose=-1
        ).fit(X.iloc[train], split.y_train[train])
        for alpha in (tail, 1 - tail, 0.5)  # MAPIE wants the median as well
    ]
    found = ConformalizedQuantileRegressor(models, confidence_level=LEVEL, prefit=True)
    found.conformalize(X.iloc[calibrating], split.y_train[calibrating])
    _, intervals = found.predict_interval(
        columns.transform(split.X_test), symmetric_correction=True
    )
    return np.sort(intervals[:, :, 0], axis=1)


SIDES: dict[str, tuple[str, Intervals]] = {
    "wellfit": ("wellfit", by_wellfit),
    "wellfit_bagging": ("wellfit, `bagging=8`", partial(by_wellfit, bagging=8)),
    "wellfit_constant": (
        'wellfit, `loss="squared_error"`',
        partial(by_wellfit, loss="squared_error"),
    ),
    "wellfit_cross": (
        'wellfit, `bagging=10, conformal="cross"`',
        partial(by_wellfit, bagging=10, conformal="cross"),
    ),
    PEER: ("LightGBM, MAPIE", by_lightgbm),
}


def measure(intervals: Intervals, split: Split) -> Result:
    """Return coverage and width of intervals for the test rows, and CPU seconds in all."""
    began = cpu_seconds()
    low, high = np.asarray(intervals(split)).T
    taken = cpu_seconds() - began
    held = (low <= split.y_test) & (split.y_test <= high)
    return {
        "coverage": float(held.mean()),
        "width": float((high - low).mean()),
        "spread": float(np.std(split.y_train)),
        "cpu_seconds": round(taken, 3),
        "train_rows": len(split.y_train),
        "test_rows": len(split.y_test),
    }


def means(results: dict[Cell, Result], side: str, table: str) -> Result:
    """Return the means over the splits that a side was measured on, and their number."""
    own = [each for cell, each in results.items() if (cell.side, cell.table) == (side, table)]
    keys = ("coverage", "width", "spread", "cpu_seconds")
    return {key: mean(each[key] for each in own) for key in keys} | {"splits": len(own)}


def markdown(results: dict[Cell, Result]) -> str:
    """Return a table: coverage, width relative to LightGBM's, and CPU seconds."""
    tables = list(dict.fromkeys(cell.table for cell in results))
    sides = [side for side in SIDES if any(cell.side == side for cell in results)]
    rows = []
    for table, side in product(tables, sides):
        if not any((cell.side, cell.table) == (side, table) for cell in results):
            continue
        own = means(results, side, table)
        peers = any((cell.side, cell.table) == (PEER, table) for cell in results)
        ratio = own["width"] / means(results, PEER, table)["width"] if peers else float("nan")
        rows.append(
            (
                table if side == sides[0] else "",
                SIDES[side][0],
                f"{own['coverage']:.1%}".replace("%", " %"),
                f"{own['width']:.4g}",
                f"{own['width'] / own['spread']:.2f}",
                f"{ratio:.2f}",
                f"{own['cpu_seconds']:.1f}",
                f"{own['splits']}",
            )
        )
    head = (
        "table",
        "intervals by",
        "coverage",
        "width",
        "of σ",
        "of LightGBM's",
        "CPU s",
        "splits",
    )
    return markdown_table(head, rows)


def run(args: argparse.Namespace) -> None:
    """Measure what the file doesn't hold yet, split by split, small tables first."""
    store, tables = Store(args.out), load_tables(args.data_dir)
    names = [name for name, table in tables.items() if is_regression(table)]
    names = [name for name in names if not args.tables or name in args.tables]
    names.sort(key=lambda name: tables[name]["rows"])
    for number, name in product(args.splits, names):
        split = None
        for side in args.sides:
            cell = Cell(side, name, number)
            if cell in store.read():
                continue
            split = split or load_split(tables[name], number, args.data_dir)
            result = measure(SIDES[side][1], split)
            store.add({cell: result})
            print(f"{side}: {name}:{number}: {result}", flush=True)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("WELLFIT_DATA", "."))
    parser.add_argument("--out", type=Path, required=True, help="the file of results")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--tables", nargs="+", help="names of tables, instead of all")
    numbers = range(N_SPLITS)
    parser.add_argument("--splits", nargs="+", type=int, choices=numbers, default=list(numbers))
    parser.add_argument("--no-run", action="store_true", help="print what the file holds")
    return parser.parse_args(argv)


def main() -> None:
    args = parse()
    warnings.simplefilter("ignore")  # each library's advice on its own defaults
    if not args.no_run:
        run(args)
    print(markdown(Store(args.out).read()))


if __name__ == "__main__":
    main()
