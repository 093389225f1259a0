"""What checks of the data find in tables with a planted fault, and what they let pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from wellfit import MLPClassifier, MLPRegressor
from wellfit.datasets import read_table
from wellfit.diagnose import Finding, Outcome, check, check_data, verdict

Rng = np.random.Generator
Plant = Callable[[Rng, np.ndarray], Any]


def found(name: str, estimator: Any, X: Any, y: Any, **more: Any) -> Finding:
    return check(estimator, X, y, checks=[name], **more)[name]


def noise(rng: Rng, rows: int, columns: int = 4) -> pd.DataFrame:
    return pd.DataFrame(rng.normal(size=(rows, columns)), columns=list("abcd")[:columns])


def days(rng: Rng, y: np.ndarray, apart: int) -> pd.Series:
    offset = rng.integers(0, 100, len(y)) + apart * y
    return pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(offset, unit="D"))


def text(rng: Rng, y: np.ndarray, form: str) -> list[str]:
    numbers = rng.permutation(len(y))
    return [form.format(i=i, word=("stayed", "left")[k]) for i, k in zip(numbers, y, strict=True)]


LEAKS: dict[str, Plant] = {
    "a word for each class": lambda rng, y: np.where(y, "yes", "no"),
    "many levels of one class each": lambda rng, y: 50 * y + rng.integers(0, 50, len(y)) + 0.5,
    "many words of one class each": lambda rng, y: [
        f"L{50 * k + i}" for k, i in zip(y, rng.integers(0, 50, len(y)), strict=True)
    ],
    "identifiers in the order of the target": lambda rng, y: np.argsort(
        np.argsort(y + rng.random(len(y)))
    ),
    "odd identifiers": lambda rng, y: 2 * rng.permutation(len(y)) + y + 10**9,
    "a letter of the identifier": lambda rng, y: text(rng, y, "{word[0]}{i:05d}"),
    "the end of the identifier": lambda rng, y: text(rng, y, "{i:05d}-{word}"),
    "a sentence": lambda rng, y: text(rng, y, "customer {i} has {word}"),
    "missing numbers": lambda rng, y: np.where(y, np.nan, rng.normal(size=len(y))),
    "missing words": lambda rng, y: pd.Series(np.where(y, "x", None)),
    "missing dates": lambda rng, y: days(rng, y, 0).where(y == 1),
    "dates": lambda rng, y: days(rng, y, 200),
    "dates as text": lambda rng, y: days(rng, y, 200).dt.strftime("%Y-%m-%d"),
    "booleans": lambda rng, y: y == 1,
    "a number with noise": lambda rng, y: 3 * y + rng.normal(0, 0.05, len(y)),
    "a thousandth is wrong": lambda rng, y: np.where(rng.random(len(y)) < 1e-3, 1 - y, y),
}


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("rows", [600, 5000])
def test_a_column_that_determines_the_class_is_named(leak: str, rows: int) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, rows)
    table = noise(rng, rows).assign(culprit=LEAKS[leak](rng, y))
    one = found("leaking_columns", MLPClassifier(), table, y)
    assert one.outcome is Outcome.FAIL, one.observed
    assert "column 'culprit'" in one.observed
    assert ("presence of a value" in one.observed) == leak.startswith("missing")
    assert "majority-class baseline 5" in one.observed


@pytest.mark.parametrize("rows", [600, 30_000])
def test_a_rare_class_is_given_away_too(rows: int) -> None:
    rng = np.random.default_rng(0)
    y = np.zeros(rows, int)
    y[:60] = 1
    table = noise(rng, rows).assign(culprit=np.where(y, "x", rng.choice(["a", "b"], rows)))
    assert found("leaking_columns", MLPClassifier(), table, y).outcome is Outcome.FAIL
    assert (
        "culprit"
        not in found("leaking_columns", MLPClassifier(), table.assign(culprit="x"), y).observed
    )


COPIES: dict[str, Plant] = {
    "another unit": lambda rng, y: 2.54 * y + rng.normal(0, 0.05, len(y)),
    "a logarithm": lambda rng, y: np.log(y + 10),
    "missing for most rows": lambda rng, y: np.where(rng.random(len(y)) < 0.6, np.nan, y),
    "text": lambda rng, y: [f"{value:.0f}" for value in 5 * y],
    "in order": lambda rng, y: np.argsort(np.argsort(y)),
    "its bins": lambda rng, y: pd.qcut(y, 30).astype(str),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_near_copy_of_a_number_is_named(copy: str) -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=1500)
    table = noise(rng, 1500).assign(culprit=COPIES[copy](rng, y))
    one = found("leaking_columns", MLPRegressor(), table, y)
    assert one.outcome is not Outcome.PASS, one.observed
    assert "column 'culprit'" in one.observed
    assert "squared rank correlation " in one.observed or "R² " in one.observed


def test_the_correlation_of_ranks_is_not_called_r2() -> None:
    """A steep curve sorts the rows as the target does, and explains little of its variance."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    y = np.exp(3 * x + 0.2 * rng.normal(size=300))
    one = found("leaking_columns", MLPRegressor(), noise(rng, 300).assign(culprit=x), y)
    known = pd.Series(x).corr(pd.Series(y), method="spearman") ** 2
    assert f"(squared rank correlation {known:.3f} on 300 rows)" in one.observed
    assert "R²" not in one.observed


@pytest.mark.parametrize(
    ("made", "formula"),
    [
        (lambda t: t.a + t.b, "'a' + 'b'"),
        (lambda t: t.b - t.a, "'b' - 'a'"),
        (lambda t: t.a * t.b, "'a' × 'b'"),
        (lambda t: t.a / t.b, "'a' / 'b'"),
    ],
)
def test_a_target_computed_from_two_columns_is_told(made: Any, formula: str) -> None:
    table = noise(np.random.default_rng(2), 300)
    with_gaps = table.assign(a=table.a.where(table.index % 7 != 0))
    one = found("leaking_columns", MLPRegressor(), with_gaps, made(table))
    assert one.outcome is Outcome.FAIL
    assert f"equals {formula} in all" in one.observed
    almost = made(table) + np.random.default_rng(3).normal(0, 0.3, 300)
    assert found("leaking_columns", MLPRegressor(), table, almost).outcome is not Outcome.FAIL


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_honest_columns_raise_no_alarm(name: str, seed: int) -> None:
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    kind = MLPRegressor if name == "diabetes" else MLPClassifier
    one = found("leaking_columns", kind(), X, y, random_state=seed)
    assert one.outcome is Outcome.PASS, one.observed
    assert "the best single column is 'column " in one.observed


def test_the_only_column_may_determine_the_target() -> None:
    X = np.linspace(0, 1, 200)[:, None]
    assert not len(check(MLPRegressor(), X, 3 * X[:, 0], checks=["leaking_columns", "row_order"]))


@pytest.mark.parametrize(
    ("written", "is_date"),
    [
        ("%d/%m/%Y", True),
        ("%d.%m.%y", True),
        ("%m-%d-%Y %H:%M", True),
        ("%Y/%m/%d", True),
        ("order %d%m%Y", False),
        ("%d/%m.%Y", False),
    ],
)
def test_dates_that_are_read_as_text_are_to_be_rewritten(written: str, is_date: bool) -> None:
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2020-01-31") + pd.to_timedelta(rng.integers(0, 900, 300), "D")
    table = noise(rng, 300, 1).assign(signup=days.strftime(written))
    network = MLPClassifier((4,), categorical_embedding=None)
    one = found("encoded_columns", network, table, rng.integers(0, 2, 300))
    assert one.outcome is Outcome.WARN
    first = (
        f"write dates as 2024-02-29, since others are read as text: 'signup' ('{table.signup[0]}')"
    )
    assert one.advice == first if is_date else "dates" not in one.advice


def test_what_the_encoder_merges_is_told() -> None:
    rng = np.random.default_rng(0)
    rows = 3000
    codes = rng.permutation(np.arange(rows) % 1500)
    table = noise(rng, rows, 1).assign(
        zip=[f"z{code}" for code in codes],
        name=[f"n{i}" for i in range(rows)],
        town=rng.choice(["Bern", "Ulm"], rows),
    )
    y = rng.integers(0, 2, rows)
    embedded = found("encoded_columns", MLPClassifier(), table, y)
    assert "'name' is an identifier or free text" in embedded.observed
    assert "'zip'" not in embedded.observed  # whose levels all have numbers of their own
    columns = MLPClassifier(categorical_embedding=None, epochs=1)
    one = found("encoded_columns", columns, table, y)
    assert one.outcome is Outcome.WARN
    assert (
        "'zip' has 1,500 levels: the encoder keeps 99 and merges the other 1,401 (93 %"
        in one.observed
    )
    assert "'name' is an identifier or free text" in one.observed
    assert "town" not in one.observed
    with pytest.warns(UserWarning, match="the 99 most frequent are told apart"):
        kept = columns.fit(table, y).network_.features.table.columns
    assert len(kept[1].levels) <= 99  # as the encoder does it
    assert not len(
        check(MLPClassifier(preprocess=None), table[["a"]], codes % 2, checks=[one.check])
    )


def series(rows: int = 800) -> tuple[pd.DataFrame, pd.Series]:
    """A target that drifts, by day."""
    rng = np.random.default_rng(0)
    when = pd.date_range("2023-01-01", periods=rows, freq="12h")
    y = pd.Series(np.cumsum(rng.normal(size=rows)) + rng.normal(size=rows))
    table = noise(rng, rows, 2).assign(when=when, year=when.year, month=when.month, day=when.day)
    return table, y


@pytest.mark.parametrize(
    ("columns", "change", "told"),
    [
        (["when"], lambda t: t, "in the order of column 'when'"),
        (["when"], lambda t: t.iloc[::-1].reset_index(drop=True), "in the order of column 'when'"),
        (["when"], lambda t: t.sample(frac=1, random_state=0), "in the order of column 'when'"),
        (["year", "month", "day"], lambda t: t, "in the order of columns 'year', 'month', 'day'"),
        (["year", "month"], lambda t: t.sample(frac=0.8, random_state=0), "'year', 'month'"),
        (["number"], lambda t: t.assign(number=np.arange(len(t))), "'number' numbers the rows"),
        (["stamp"], lambda t: t.assign(stamp=t.when.astype("int64") // 10**9), "column 'stamp'"),
    ],
)
def test_a_column_that_orders_the_rows_is_named(
    columns: list[str], change: Any, told: str
) -> None:
    table, y = series()
    changed = change(table.assign(target=y))
    one = found("row_order", MLPRegressor(), changed[["a", "b", *columns]], changed.target)
    assert one.outcome is Outcome.WARN
    assert told in one.observed
    assert "targets of neighbouring rows are correlated (autocorrelation 0.9" in one.observed


def test_dates_out_of_order_whose_targets_are_alike_are_named() -> None:
    table, y = series()
    mixed = table.assign(target=y).sample(frac=1, random_state=0).reset_index(drop=True)
    one = found("row_order", MLPRegressor(), mixed[["a", "when"]], mixed.target)
    assert one.outcome is Outcome.WARN
    unrelated = np.random.default_rng(1).normal(size=len(mixed))
    assert found("row_order", MLPRegressor(), mixed[["a", "when"]], unrelated).outcome == "pass"


def test_ordinary_columns_do_not_order_the_rows() -> None:
    X, y = datasets.load_breast_cancer(return_X_y=True, as_frame=True)
    assert found("row_order", MLPClassifier(), X, y).outcome is Outcome.PASS
    rng = np.random.default_rng(0)
    ages = noise(rng, 900).assign(
        age=rng.integers(18, 90, 900), year=rng.integers(1990, 2000, 900)
    )
    assert found("row_order", MLPRegressor(), ages, rng.normal(size=900)).outcome is Outcome.PASS


@pytest.mark.parametrize("form", ["number", "text"])
def test_rows_of_one_entity_are_told_where_their_targets_are_alike(form: str) -> None:
    rng = np.random.default_rng(0)
    who, effect = rng.permutation(np.arange(900) % 150), rng.normal(size=150)
    table = noise(rng, 900).assign(patient_id=who if form == "number" else [f"p{i}" for i in who])
    y = effect[who] + rng.normal(0, 0.3, 900)
    one = found("repeated_entities", MLPRegressor(), table, y)
    assert one.outcome is Outcome.WARN
    assert "'patient_id' has 150 values in 900 rows" in one.observed
    unrelated = found("repeated_entities", MLPRegressor(), table, rng.permutation(y))
    assert unrelated.outcome is Outcome.PASS


def leaking() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    return noise(rng, 400).assign(alive=np.where(y, "yes", "no")), y


def test_a_verdict_begins_with_a_leak() -> None:
    X, y = leaking()
    fitted = MLPClassifier((16,), epochs=10, random_state=0).fit(X, y)
    told = verdict(fitted, X, y)
    assert told.name == "leaking_columns"
    assert told.sentence.startswith("The scores can't be trusted. Column 'alive' alone determines")
    assert "Well fit" not in told.sentence
    assert told.alarms[0] == check_data(fitted, X, y)["leaking_columns"]
    assert type(told).from_dict(told.to_dict()) == told
    alone = verdict(fitted, X, y, data_findings=())
    assert "alive" not in alone.sentence


def test_a_verdict_mentions_the_order_of_the_rows() -> None:
    table, y = series(400)
    X = table[["a", "b", "when"]]
    fitted = MLPRegressor((32,), epochs=60, random_state=0).fit(X, y)
    told = verdict(fitted, X, y)
    assert "rows are in the order of column 'when'" in told.sentence
    assert told["row_order"].outcome is Outcome.WARN


def test_rows_of_one_class_can_be_judged() -> None:
    X, y = leaking()
    fitted = MLPClassifier((8,), epochs=2, random_state=0).fit(X, y)
    assert "row_order" not in str(verdict(fitted, X[y == 1], y[y == 1]))


def test_bad_cells_are_refused_as_training_refuses_them() -> None:
    from wellfit.core.errors import CellTypeError

    X, y = leaking()
    X = X.assign(bag=[[1, 2]] * len(X))
    with pytest.raises(CellTypeError, match="'bag'"):
        check_data(MLPClassifier(), X, y)
    spiked = X.drop(columns="bag").assign(a=np.inf)
    assert check_data(MLPClassifier(), spiked, y)["leaking_columns"].outcome is Outcome.FAIL


REAL = {
    "titanic": {"leaking_columns": "column 'alive' alone determines the target (accuracy 100.0 %"},
    "bike_hour": {
        "leaking_columns": "the target equals 'casual' + 'registered' in all of 2,000 rows",
        "row_order": "the rows are in the order of column 'dteday' (also 'instant'",
    },
    "churn_modelling": {
        "row_order": "column 'RowNumber' numbers the rows",
    },
    "ames": {"row_order": "column 'Order' numbers the rows; targets of neighbouring rows are"},
}


def test_real_tables_raise_the_alarms_that_they_should_and_no_others(data_dir: Path) -> None:
    for entry in json.loads((data_dir / "tabular" / "index.json").read_text()):
        table = read_table(data_dir / entry["file"])
        kind = MLPClassifier if "class" in entry["task"] else MLPRegressor
        y = table.pop(entry["target"])
        known = REAL.get(entry["name"], {})
        names = ["leaking_columns", "row_order", "repeated_entities", "encoded_columns"]
        for one in check(kind(), table, y, checks=names):
            assert one.observed.startswith(known.get(one.check, one.observed)), (
                entry["name"],
                one.observed,
            )
            assert (one.outcome is not Outcome.PASS) == (one.check in known), one.observed


@pytest.mark.parametrize("dtype", ["string", object, "category"])
def test_text_of_many_levels_may_have_missing_cells(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    code = pd.Series([f"{number:.3f}" for number in rng.normal(size=300)]).mask(
        np.arange(300) == 9
    )
    X = pd.DataFrame({"code": code.astype(dtype), "x": rng.normal(size=300)})
    report = check_data(MLPClassifier((4,)), X, rng.integers(2, size=300))
    assert report["leaking_columns"].outcome is Outcome.PASS
