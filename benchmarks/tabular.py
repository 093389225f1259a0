"""wellfit's default estimators against scikit-learn's default MLP on fifteen real tables.

    python -m benchmarks.tabular --data-dir DIR --out tabular.json

Both sides get the same DataFrame and the same five splits, and nothing is tuned on either. In
front of scikit-learn's MLP stand StandardScaler, SimpleImputer and OneHotEncoder, and it fits
the regression target as it is; wellfit's own preprocessing does as it likes. Seconds are those
of ``fit``, preprocessing included. Each side runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn import metrics
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks import machine
from benchmarks.report import markdown_table, save

SIDES = ("wellfit", "sklearn")
# A metric, or "seconds", or "others" (other programs' share of the machine) -> a value a split.
Scores = dict[str, list[float]]


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


def make_sklearn(regression: bool) -> Any:
    """Return scikit-learn's default MLP behind the usual preprocessing."""
    numeric = make_pipeline(SimpleImputer(), StandardScaler())
    text = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = ColumnTransformer(
        [
            ("numeric", numeric, make_column_selector(dtype_include="number")),
            ("text", text, make_column_selector(dtype_exclude="number")),
        ]
    )
    return make_pipeline(columns, (MLPRegressor if regression else MLPClassifier)(random_state=0))


def make_wellfit(regression: bool) -> Any:
    import wellfit

    estimator = wellfit.MLPRegressor if regression else wellfit.MLPClassifier
    return estimator(random_state=0, verbose=0)


def splits(X: pd.DataFrame, y: pd.Series, regression: bool) -> list[tuple[Any, Any]]:
    kind = KFold if regression else StratifiedKFold
    return list(kind(5, shuffle=True, random_state=0).split(X, y))


def score(model: Any, X: pd.DataFrame, y: pd.Series, regression: bool) -> dict[str, float]:
    predicted = model.predict(X)
    if regression:
        return {
            "r2": metrics.r2_score(y, predicted),
            "rmse": metrics.root_mean_squared_error(y, predicted),
        }
    return {
        "accuracy": metrics.accuracy_score(y, predicted),
        "log_loss": metrics.log_loss(y, model.predict_proba(X), labels=model.classes_),
    }


def evaluate(side: str, table: dict[str, Any], data_dir: Path, folds: int) -> Scores:
    """Fit and score the first ``folds`` of the five splits."""
    X, y = read(table, data_dir)
    regression = is_regression(table)
    scores: Scores = {}
    for train, test in splits(X, y, regression)[:folds]:
        model = make_sklearn(regression) if side == "sklearn" else make_wellfit(regression)
        start, others = perf_counter(), machine.Disturbance()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # 200 epochs are its default
            model.fit(X.iloc[train], y.iloc[train])
        values = {"seconds": perf_counter() - start, "others": others.share()}
        values |= score(model, X.iloc[test], y.iloc[test], regression)
        for key, value in values.items():
            scores.setdefault(key, []).append(float(value))
    return scores


def run_side(side: str, args: argparse.Namespace) -> dict[str, Scores]:
    """Return the scores by table, saying each as it comes."""
    tables = load_tables(args.data_dir)
    results = {}
    for name in args.tables or tables:
        results[name] = evaluate(side, tables[name], args.data_dir, args.folds)
        line = ", ".join(f"{key} {mean(values):.4g}" for key, values in results[name].items())
        print(f"{side}: {name}: {line}", file=sys.stderr, flush=True)
    return results


def run_in_process(side: str, args: argparse.Namespace) -> dict[str, Scores]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "side.json"
        command = [sys.executable, "-m", "benchmarks.tabular", "--only", side, "--out", str(out)]
        command += ["--data-dir", str(args.data_dir), "--folds", str(args.folds)]
        command += ["--tables", *args.tables] if args.tables else []
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        side_scores: dict[str, Scores] = json.loads(out.read_text())["sides"][side]
    return side_scores


def winner(ours: Scores, theirs: Scores) -> str:
    """Return who has the higher mean accuracy or R2."""
    metric = "r2" if "r2" in ours else "accuracy"
    gap = mean(ours[metric]) - mean(theirs[metric])
    return "tie" if gap == 0 else "wellfit" if gap > 0 else "sklearn"


def shared_splits(ours: Scores, theirs: Scores) -> tuple[Scores, Scores]:
    """Return both sides' scores on the splits that both ran: a reused side may have more."""
    count = min(len(ours["seconds"]), len(theirs["seconds"]))
    first, second = ({key: v[:count] for key, v in side.items()} for side in (ours, theirs))
    return first, second


def markdown(results: dict[str, Any]) -> str:
    """Return the machine and a table: both sides' metrics and seconds, and each winner."""
    ours, theirs = (dict(results["sides"].get(side, {})) for side in SIDES)
    names = [name for name in theirs or ours if name in (ours or theirs)]
    for name in names if ours and theirs else []:
        ours[name], theirs[name] = shared_splits(ours[name], theirs[name])
    wins = [winner(ours[name], theirs[name]) for name in names] if ours and theirs else []
    rows = [
        [name, *cells(ours.get(name)), *cells(theirs.get(name)), wins[i] if wins else "–"]
        for i, name in enumerate(names)
    ]
    totals = [
        f"{sum(sum(side[name]['seconds']) for name in names):.1f}" if side else "–"
        for side in (ours, theirs)
    ]
    won = f"{wins.count('wellfit')} of {len(wins)} to wellfit" if wins else "–"
    rows.append(["all", "", "", totals[0], "", "", totals[1], won])
    head = ["table"]
    head += [f"{side} {what}" for side in SIDES for what in ("acc / R²", "log loss / RMSE", "s")]
    return f"{machine.one_line(results['machine'])}\n\n{markdown_table([*head, 'better'], rows)}"


def cells(scores: Scores | None) -> list[str]:
    if scores is None:
        return ["–"] * 3
    first, second = ("r2", "rmse") if "r2" in scores else ("accuracy", "log_loss")
    spread = np.std(scores[first])
    return [
        f"{mean(scores[first]):.4f} ± {spread:.4f}",
        f"{mean(scores[second]):.4g}",
        f"{sum(scores['seconds']):.1f}",
    ]


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("WELLFIT_DATA", "."))
    parser.add_argument("--out", type=Path, help="where to write the scores as JSON")
    parser.add_argument("--tables", nargs="+", help="names of tables, instead of all")
    parser.add_argument("--folds", type=int, default=5, help="how many of the five splits")
    parser.add_argument("--only", choices=SIDES, help="one side, in this process")
    parser.add_argument("--pretrained", type=Path, help="take scikit-learn's side from this file")
    return parser.parse_args(argv)


def main() -> None:
    args = parse()
    reused = json.loads(args.reuse.read_text())["sides"]["sklearn"] if args.reuse else None
    if args.only:
        sides = {args.only: run_side(args.only, args)}
    else:
        to_run = SIDES[:1] if reused else SIDES
        sides = {side: run_in_process(side, args) for side in to_run}
    if reused:
        sides["sklearn"] = reused
    results = {"machine": machine.describe(), "sides": sides}
    save(results, args.out)
    print(markdown(results))


if __name__ == "__main__":
    main()
