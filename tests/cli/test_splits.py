"""Test rows by time, and by groups."""

from __future__ import annotations

import json
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import Result

from wellfit import MLPRegressor
from wellfit.cli.options import ProgressOptions
from wellfit.cli.plan import Plan
from wellfit.cli.request import Request
from wellfit.cli.source import open_source
from wellfit.core.errors import DataError, InputError
from wellfit.estimators.build import JobBuilder
from wellfit.model_selection import SearchCV

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture
def visits(here: Path) -> Path:
    """Visits of 40 patients, out of order, with a target that drifts."""
    rng = np.random.default_rng(0)
    rows = 400
    when = pd.date_range("2022-01-01", periods=rows, freq="D")
    who, drift = rng.integers(0, 40, rows), np.cumsum(rng.normal(size=rows))
    table = pd.DataFrame({"when": when, "year": when.year, "month": when.month, "patient": who})
    table["a"], table["y"] = rng.normal(size=rows), drift + rng.normal(size=rows)
    table["note"], table["hole"] = "x", table.a.where(table.index > 3)
    table.sample(frac=1, random_state=1).to_csv(here / "visits.csv", index=False)
    return here / "visits.csv"


def asked(path: Path, **more: object) -> Request:
    given = {"target": "y", "validation_fraction": 0.1, "drop": ("note", "hole"), **more}
    return Request(str(path), **given)


def test_the_last_rows_are_set_aside(visits: Path) -> None:
    data = open_source(asked(visits, time_column=("when",))).data
    assert [len(part) for part in (data.X, data.X_val, data.X_test)] == [288, 32, 80]
    assert data.X.when.max() < data.X_val.when.min()
    assert data.X_val.when.max() < data.X_test.when.min()
    assert data.X.index.isin(data.X_test.index).sum() == 0
    plain = open_source(asked(visits, time_column=("when",), validation_fraction=0.0)).data
    assert plain.X_val is None
    assert len(plain.X) == 320


def test_rows_of_one_time_stay_together(visits: Path) -> None:
    data = open_source(asked(visits, time_column=("year", "month"), validation_fraction=0.0)).data
    months = [
        set(map(tuple, part[["year", "month"]].to_numpy())) for part in (data.X, data.X_test)
    ]
    assert not months[0] & months[1]
    assert max(months[0]) < min(months[1])


def test_groups_stay_on_one_side(visits: Path) -> None:
    data = open_source(asked(visits, group_column="patient")).data
    sides = [set(part.patient) for part in (data.X, data.X_val, data.X_test)]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 40
    again = open_source(asked(visits, group_column="patient")).data
    assert again.X_test.equals(data.X_test)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"time_column": ("note",)}, "--time-column note holds text, such as 'x'; expected dates"),
        ({"time_column": ("hole",)}, "--time-column hole is missing in 4 of 400 rows"),
        ({"time_column": ("whn",)}, "did you mean 'when'"),
        ({"group_column": "patent"}, "did you mean 'patient'"),
        ({"group_column": "note"}, "has one group"),
        ({"time_column": ("year",), "test_fraction": 0.99}, "none are later"),
        ({"time_column": ("when",), "group_column": "patient"}, "are both given"),
        (
            {"time_column": ("when",), "test": Path("t.csv")},
            "--test and --time-column are both given",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(visits: Path, more: dict, told: str) -> None:
    with pytest.raises(InputError, match=told):
        open_source(asked(visits, **more))


def test_a_training_by_time_says_so_and_can_be_resumed(visits: Path, wellfit: Wellfit) -> None:
    words = ("--target", "y", "--hidden", "8", "--epochs", "3", "--run", "r", "--drop", "note")
    random = wellfit("train", "visits.csv", *words)
    assert "--time-column" in " ".join(random.output.split())
    done = wellfit("train", "visits.csv", *words, "--time-column", "when", "--overwrite")
    assert done.exit_code == 0, done.output
    assert "288 training, 80 test (the latest 20 % of the rows by when)" in done.output
    assert "row order" not in done.output
    config = json.loads(Path("r/config.json").read_text())
    assert Plan.from_dict(config).request.time_column == ("when",)
    assert config["data"]["validation_rows"] == 32


def test_a_check_by_time_has_nothing_to_say_of_the_order(visits: Path, wellfit: Wellfit) -> None:
    words = ("check", "visits.csv", "--target", "y", "--hidden", "8", "--drop", "note")
    assert "--time-column" in " ".join(wellfit(*words).output.split())
    done = wellfit(*words, "--time-column", "when")
    assert "checks:" in done.output
    assert "--time-column" not in done.output
    assert "row order" not in done.output


@pytest.mark.parametrize("more", [{"time_column": ("when",)}, {"group_column": "patient"}])
def test_folds_are_made_as_the_test_set_is(visits: Path, more: dict) -> None:
    source = open_source(asked(visits, **more, validation_fraction=0.0))
    assert source.columns is not None
    X, folds = source.data.X, source.columns.folds(3)
    assert len(folds) == 3
    for train, held in folds:
        assert len(held) == pytest.approx(len(X) / (4 if "time_column" in more else 3), rel=0.3)
        if "time_column" in more:
            assert X.when.iloc[train].max() < X.when.iloc[held].min()
        else:
            assert set(X.patient.iloc[train]).isdisjoint(X.patient.iloc[held])
            np.testing.assert_array_equal(np.union1d(train, held), np.arange(len(X)))
    held = np.concatenate([each for _, each in folds])
    assert len(set(held)) == len(held)


def test_a_search_by_groups_keeps_them_together_and_can_be_resumed(
    visits: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    fit = SearchCV.fit

    def spy(self: SearchCV, X: Any, y: Any) -> Any:
        seen.append((X, self.cv))
        return fit(self, X, y)

    monkeypatch.setattr(SearchCV, "fit", spy)
    words = ("--target", "y", "--hidden", "4", "--epochs", "1", "--drop", "note", "--run", "s")
    more = ("--group-column", "patient", "--candidates", "2", "--cv", "2")
    done = wellfit("search", "visits.csv", *words, *more)
    assert done.exit_code == 0, done.output
    Path("s/result.json").unlink()
    assert wellfit("search", "--resume", "s").exit_code == 0
    assert len(seen) == 2
    for X, folds in seen:
        assert len(X) > 300  # no rows are set aside for validation
        for train, held in folds:
            assert set(X.patient.iloc[train]).isdisjoint(X.patient.iloc[held])


@pytest.mark.parametrize(
    ("more", "bagging"),
    [
        ({"time_column": ("when",)}, None),
        ({"group_column": "patient"}, None),
        ({"group_column": "patient"}, 2),
    ],
    ids=["time", "groups", "groups of several networks"],
)
def test_early_stopping_in_a_fold_holds_rows_out_as_the_test_set_is(
    visits: Path, more: dict, bagging: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of every fit, of folds and of the refit, as the jobs are given them."""
    seen = []
    job = JobBuilder.job

    def spy(self: JobBuilder, *given: Any, **named: Any) -> Any:
        asked = signature(job).bind(self, *given, **named)
        asked.apply_defaults()
        seen.append([asked.arguments[name] for name in ("X", "X_val", "sample_weight")])
        return job(self, *given, **named)

    monkeypatch.setattr(JobBuilder, "job", spy)
    source = open_source(asked(visits, **more, validation_fraction=0.0))
    assert source.columns is not None
    model = MLPRegressor((4,), epochs=2, random_state=0, bagging=bagging)
    search = SearchCV(model, {"l2": [0.0, 0.1]}, n_iter=2, cv=source.columns.folds(2))
    search.hold_out = source.columns.hold_out
    search.fit(source.data.X, source.data.y, sample_weight=np.ones(len(source.data.X)))
    assert len(seen) >= 3  # two folds, and the refit
    for X, X_val, weight in seen:
        assert len(weight) == len(X)
        assert len(X_val) == pytest.approx(len(X) / 9, rel=0.5)
        if "time_column" in more:
            assert X.when.max() < X_val.when.min()
        else:
            assert set(X.patient).isdisjoint(X_val.patient)


def test_another_rule_of_holding_out_is_another_search(visits: Path, tmp_path: Path) -> None:
    source = open_source(asked(visits, group_column="patient", validation_fraction=0.0))
    assert source.columns is not None
    model = MLPRegressor((4,), epochs=1, random_state=0)

    def searched(hold_out: Any) -> None:
        given: Any = {"n_iter": 1, "cv": 2, "random_state": 0, "journal": tmp_path / "j.jsonl"}
        search = SearchCV(model, {"l2": [0.1]}, **given)
        search.hold_out = hold_out
        search.fit(source.data.X, source.data.y)

    searched(source.columns.hold_out)
    searched(source.columns.hold_out)
    with pytest.raises(InputError, match=r"hold_out was 'wellfit\.cli\.splits"):
        searched(None)


def test_more_folds_than_groups_are_refused(visits: Path) -> None:
    source = open_source(asked(visits, group_column="patient", validation_fraction=0.0))
    assert source.columns is not None
    with pytest.raises(
        DataError,
        match="41 folds are too many; of the last rows, --group-column patient has one group",
    ):
        source.columns.folds(41)


def test_the_settings_of_older_runs_are_read() -> None:
    plan = Plan(Request("iris"), {}, (), ProgressOptions())
    old = plan.to_dict()
    for name in ("time_column", "group_column", "validation_fraction"):
        del old["request"][name]
    assert Plan.from_dict(old) == plan


def test_settings_that_were_altered_are_refused() -> None:
    altered = Plan(Request("iris"), {}, (), ProgressOptions()).to_dict()
    altered["request"]["group_column"] = 3
    with pytest.raises(InputError, match="group_column"):
        Plan.from_dict(altered)
