"""Verdicts that claim no more than the rows show: few rows, one row of difference, one cause."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wellfit import MLPClassifier, MLPRegressor
from wellfit.diagnose import Baseline, Outcome, Scores, check_data, judge, verdict
from wellfit.diagnose.verdicts.comparison import NoSkill
from wellfit.diagnose.verdicts.result import Verdict
from wellfit.diagnose.verdicts.scores import Mean
from wellfit.diagnose.verdicts.test_rows import with_test_rows

FALLING = [1.0 - 0.02 * epoch for epoch in range(40)]


@pytest.mark.parametrize(("rows", "sure"), [(2, False), (24, False), (60, True), (None, True)])
def test_the_fall_on_a_few_validation_rows_is_not_called_unfinished(
    rows: int | None, sure: bool
) -> None:
    known: dict[str, Any] = {"status": "finished", "chance": 1.0, "validation_rows": rows}
    found = judge({"loss": FALLING, "val_loss": FALLING}, **known)
    assert (found["still_improving"].outcome is Outcome.WARN) is sure
    assert ("rows only" in found["still_improving"].observed) is not sure


def scored(rows_below: int, gain: float) -> Any:
    """A network whose accuracy on 200 rows is so many rows below the majority class's."""
    better = rows_below / 200
    error = np.sqrt((rows_below + 1) / 200 / 200)
    baselines = (Baseline("majority-class", 0.8, better, error),)
    scores = Scores("accuracy", 0.85, 0.8 - better, 800, 200, baselines=baselines)
    return SimpleNamespace(scores=scores, gain=Mean(gain, 0.02, 200), chance=0.5, kind="test")


@pytest.mark.parametrize(
    ("rows_below", "gain", "ill"), [(1, 0.1, False), (1, 0.01, True), (20, 0.1, True)]
)
def test_a_row_below_the_majority_class_is_no_lack_of_skill_where_the_loss_is_lower(
    rows_below: int, gain: float, ill: bool
) -> None:
    found = NoSkill().examine(scored(rows_below, gain))
    assert found is not None
    assert (found.outcome is Outcome.WARN) is ill


def test_a_network_that_only_its_loss_speaks_for_is_well_fit_by_its_loss() -> None:
    """Where one class is common, its probabilities differ and its classes hardly do."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(900, 2))
    y = np.where(rng.random(900) < 1 / (1 + np.exp(2.6 - X[:, 0])), "ill", "well")
    clf = MLPClassifier((32,), numeric_embedding=None, dropout=0, random_state=0).fit(X, y)
    found = verdict(clf, X, y, data_findings=())
    assert found.name == "well_fit"
    assert found.scores is not None
    assert found.scores.constant is not None
    assert found.scores.unseen <= found.scores.constant.score
    assert found.sentence.endswith(" of the baseline's.")
    assert "the loss on out-of-fold rows is" in found.sentence


@pytest.mark.parametrize(("wrong", "told"), [(1, False), (30, True)])
def test_a_row_below_the_majority_class_contradicts_nothing(wrong: int, told: bool) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.integers(2, size=60)
    clf = MLPClassifier((4,), epochs=2, random_state=0).fit(X, y)
    truth, constant = np.zeros(200, dtype=int), np.array([0])
    predicted = np.where(np.arange(200) < wrong, 1, 0)
    found = with_test_rows(Verdict("well_fit", "Well fit."), clf, truth, predicted, constant)
    assert (found.name == "test_rows") is told


def by_time(rows: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    when = pd.date_range("2020-01-01", periods=rows, freq="D")
    table = pd.DataFrame({"ts": when, "x": rng.normal(size=rows)})
    return table, 0.05 * np.arange(rows) + rng.normal(size=rows)


@pytest.mark.parametrize("form", ["dates", "texts", "numbers"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_time_that_orders_the_rows_is_called_so_and_no_leak(form: str, shuffled: bool) -> None:
    table, y = by_time()
    if form != "dates":
        ts = table["ts"].astype(str) if form == "texts" else np.arange(len(y))
        table = table.assign(ts=ts)
    order = np.random.default_rng(1).permutation(len(y)) if shuffled else np.arange(len(y))
    found = check_data(MLPRegressor(), table.iloc[order], y[order])
    assert found["row_order"].outcome is Outcome.WARN
    assert found["leaking_columns"].outcome is Outcome.PASS


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_date_that_only_one_class_has_is_a_leak_and_no_order(share: float) -> None:
    table, y = by_time()
    left = np.random.default_rng(2).random(len(y)) < share
    table = table[["x"]].assign(closed=table["ts"].where(left))
    order = np.random.default_rng(3).permutation(len(y))
    found = check_data(MLPClassifier(), table.iloc[order].reset_index(drop=True), left[order])
    assert found["leaking_columns"].outcome is Outcome.FAIL
    assert found["row_order"].outcome is Outcome.PASS


def test_a_number_of_rows_that_were_sorted_by_their_class_stays_a_leak() -> None:
    table, _ = by_time(600)
    table = table[["x"]].assign(row=np.arange(600))
    found = check_data(MLPClassifier(), table, np.arange(600) > 200)
    assert found["leaking_columns"].outcome is Outcome.FAIL
