"""The splits, the sides and the arithmetic of the tables' benchmark; nothing here is timed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is no installed package

from benchmarks.tabular import __main__ as command
from benchmarks.tabular import tables
from benchmarks.tabular.columns import Columns
from benchmarks.tabular.measure import measure, score_probabilities
from benchmarks.tabular.peers.catboost_trees import N_CANDIDATES, RandomSearch
from benchmarks.tabular.picture import draw
from benchmarks.tabular.report import markdown
from benchmarks.tabular.side import all_sides
from benchmarks.tabular.standing import Group, groups, standings, wins
from benchmarks.tabular.store import Cell, Store

ROWS = 100


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder with one table of 100 rows, in two files as adult's."""
    folder = tmp_path / "tabular"
    folder.mkdir()
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": range(ROWS),
            "number": rng.normal(size=ROWS),
            "flag": rng.integers(2, size=ROWS).astype(bool),
            "text": rng.choice(["None", "some"], ROWS),
            "day": ["2020-01-01", "2020-01-03"] * (ROWS // 2),
        }
    )
    frame["income"] = np.where(frame["number"] > 0, "low", "high")
    index = []
    for part, rows in (("train", frame[:70]), ("test", frame[70:])):
        rows.to_csv(folder / f"adult_{part}.csv", index=False)
        index.append(
            {
                "name": f"adult_{part}",
                "file": f"tabular/adult_{part}.csv",
                "rows": len(rows),
                "target": "income",
                "task": "binary classification",
                "drop_before_modelling": ["id"],
            }
        )
    (folder / "index.json").write_text(json.dumps(index))
    return tmp_path


def test_adults_two_files_are_one_table(data_dir: Path) -> None:
    found = tables.load_tables(data_dir)
    assert list(found) == ["adult"]
    X, y = tables.read(found["adult"], data_dir)
    assert list(X) == ["number", "flag", "text", "day"]
    assert len(X) == len(y) == ROWS
    assert set(X["flag"]) == {0, 1}
    assert set(X["text"]) == {"None", "some"}


def test_folds_are_the_same_at_every_call_and_their_test_rows_differ(data_dir: Path) -> None:
    table = tables.load_tables(data_dir)["adult"]
    first, again, second = (tables.load_split(table, number, data_dir) for number in (0, 0, 1))
    pd.testing.assert_frame_equal(first.X_train, again.X_train)
    np.testing.assert_array_equal(first.y_test, again.y_test)
    assert (len(first.y_train), len(first.y_test)) == (80, 20)
    assert not set(first.X_test["number"]) & set(first.X_train["number"])
    assert not set(first.X_test["number"]) & set(second.X_test["number"])
    np.testing.assert_array_equal(first.y_test == 1, first.X_test["number"] > 0)


def test_rows_are_cut_after_they_were_shuffled(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tables.load_tables(data_dir)["adult"]
    whole = tables.load_split(table, 0, data_dir)
    monkeypatch.setattr(tables, "MAX_ROWS", 10)
    few = tables.load_split(table, 0, data_dir)
    assert (len(few.y_train), len(few.y_test)) == (10, 10)
    pd.testing.assert_frame_equal(few.X_train, whole.X_train[:10])


def test_dates_become_days_and_unseen_text_is_missing() -> None:
    X = pd.DataFrame({"day": ["1970-01-03", "1970-01-02"], "text": ["a", "b"]})
    later = pd.DataFrame({"day": ["1971-01-01", "1970-01-01"], "text": ["new", "b"]})
    found = Columns().fit(X).transform(later)
    assert list(found["day"]) == [365.0, 0.0]
    assert list(found["text"].isna()) == [True, False]
    assert list(found["text"].cat.categories) == ["a", "b"]
    assert list(Columns("?").fit(X).transform(later)["text"]) == ["?", "b"]


def test_numbers_are_imputed_by_the_training_rows_mean() -> None:
    columns = Columns(impute=True).fit(pd.DataFrame({"number": [1.0, 3.0, np.nan]}))
    assert list(columns.transform(pd.DataFrame({"number": [np.nan, 7.0]}))["number"]) == [2.0, 7.0]


@pytest.mark.parametrize("name", ["constant", "sklearn_mlp", "hist_gradient_boosting", "wellfit"])
@pytest.mark.filterwarnings("ignore")
def test_a_side_fits_text_dates_and_missing_values(name: str, data_dir: Path) -> None:
    split = tables.load_split(tables.load_tables(data_dir)["adult"], 0, data_dir)
    for frame in (split.X_train, split.X_test):
        frame.loc[:4, ["number", "text"]] = None
    classes = measure(all_sides()[name], split, regression=False)
    assert 0 < classes["log_loss"] < 3
    assert (classes["train_rows"], classes["test_rows"]) == (80, 20)
    numbers = split._replace(y_train=split.y_train + 0.5, y_test=split.y_test + 0.5)
    assert measure(all_sides()[name], numbers, regression=True)["rmse"] < 2


def test_a_probability_of_zero_costs_no_more_than_the_bound() -> None:
    scores = score_probabilities(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert scores["accuracy"] == 0.5
    assert scores["log_loss"] == pytest.approx(-np.log(1e-7) / 2, rel=1e-3)


class FakeBoosting:
    """CatBoost's interface; the validation loss is the distance of the rate from 0.1."""

    def __init__(self, **params: Any) -> None:
        self.params = params

    def copy(self) -> FakeBoosting:
        return FakeBoosting(**self.params)

    def set_params(self, **params: Any) -> Self:
        self.params |= params
        return self

    def fit(self, X: pd.DataFrame, y: np.ndarray, **_: Any) -> Self:
        self.rows, self.tree_count_ = len(y), 7
        return self

    def get_best_score(self) -> dict[str, dict[str, float]]:
        return {"validation": {"RMSE": abs(self.params["learning_rate"] - 0.1)}}


def test_the_best_of_thirty_candidates_is_fitted_on_all_rows() -> None:
    X, y = pd.DataFrame({"number": range(50)}), np.arange(50.0)
    search = RandomSearch(FakeBoosting(), regression=True).fit(X, y)
    best = search.best_estimator_
    assert N_CANDIDATES == 30
    assert (best.rows, best.params["iterations"]) == (50, 7)
    assert abs(best.params["learning_rate"] - 0.1) < 0.03


def result(loss: float, seconds: float = 1.0) -> dict[str, Any]:
    return {
        "log_loss": loss,
        "accuracy": 1 - loss / 2,
        "fit_cpu_seconds": seconds,
        "predict_cpu_seconds": 0.5,
        "library": "some 1.0",
        "day": "2026-01-01",
    }


RESULTS = {
    Cell("constant", "one", 0): result(1.0),
    Cell("constant", "two", 0): result(1.0),
    Cell("wellfit", "one", 0): result(0.2, 3.0),
    Cell("wellfit", "two", 0): result(0.6, 4.0),
    Cell("lightgbm", "one", 0): result(0.6),
    Cell("lightgbm", "two", 0): result(0.5),
    Cell("tabm", "one", 0): result(0.1, 90.0),
}


def test_a_file_is_added_to_and_a_cell_is_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.json")
    assert store.read() == {}
    store.add(RESULTS)
    store.add({Cell("tabm", "one", 0): result(0.3)})
    assert store.read() == {**RESULTS, Cell("tabm", "one", 0): result(0.3)}


def test_only_missing_cells_are_measured(data_dir: Path) -> None:
    out = data_dir / "results.json"
    Store(out).add({Cell("wellfit", "adult", 1): result(0.2)})
    options = ["--data-dir", str(data_dir), "--out", str(out), "--splits", "0", "1"]
    cells = command.missing_cells("wellfit", command.parse(options))
    assert cells == [Cell("wellfit", "adult", 0)]
    again = command.missing_cells("wellfit", command.parse([*options, "--again"]))
    assert len(again) == 2


def test_sides_are_grouped_by_the_cells_that_all_have() -> None:
    assert groups(RESULTS) == [
        Group(["wellfit", "lightgbm"], [("one", 0), ("two", 0)]),
        Group(["wellfit", "lightgbm", "tabm"], [("one", 0)]),
    ]


def test_places_without_the_constant_are_left_out() -> None:
    partial = {cell: one for cell, one in RESULTS.items() if cell[:2] != ("constant", "one")}
    assert groups(partial) == [Group(["wellfit", "lightgbm"], [("two", 0)])]


def test_standings_by_hand() -> None:
    pair, three = groups(RESULTS)
    found = standings(RESULTS, pair)
    assert found["wellfit"].rank == found["lightgbm"].rank == 1.5
    assert found["wellfit"].score == pytest.approx((1 + 0.4 / 0.5) / 2)
    assert (found["wellfit"].fit_seconds, found["wellfit"].predict_seconds) == (7.0, 1.0)
    assert list(standings(RESULTS, three)) == ["tabm", "wellfit", "lightgbm"]
    assert wins(RESULTS, "wellfit", "lightgbm", pair) == 1


def test_a_side_worse_than_a_constant_scores_zero() -> None:
    worse = {**RESULTS, Cell("lightgbm", "one", 0): result(5.0)}
    assert standings(worse, groups(worse)[0])["lightgbm"].score == pytest.approx(0.5)


def test_the_report_shows_every_group_and_losses_too() -> None:
    text = markdown(RESULTS)
    assert "## Tables: 2, splits: 2, sides: 2" in text
    assert "| LightGBM | 1.50 | 0.750 | 2 | 1.0 | 1 of 2 |" in text
    assert "| two | 0.6 | **0.5** |" in text
    assert "| TabM | some 1.0, 2026-01-01 | 1 |" in text


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    draw(RESULTS, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
