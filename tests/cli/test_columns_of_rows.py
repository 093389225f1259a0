"""Columns that say something of rows: ids, weights, types, and by what they are split."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import Result

from wellfit import load_model
from wellfit.cli.options import ProgressOptions
from wellfit.cli.plan import Plan
from wellfit.cli.request import Request, schema_of
from wellfit.cli.sampling import in_memory
from wellfit.cli.source import open_source
from wellfit.core.errors import DataError, InputError
from wellfit.datasets import TableSchema, read_table
from wellfit.inference.table_schema import table_schema

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")
TRAIN = ("train", "sales.csv", "--target", "sold", "--hidden", "4", "--epochs", "2")


@pytest.fixture
def sales(here: Path) -> pd.DataFrame:
    """Sales with ids, weights, postal codes, dates and customers."""
    rng, rows = np.random.default_rng(0), 200
    table = pd.DataFrame({"id": [f"{at:04d}" for at in range(rows)]})
    table["zip"] = rng.choice([1010, 2020, 3030], rows)
    table["age"] = rng.integers(18, 80, rows)
    table["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(rows), unit="D")
    table["who"] = rng.choice([f"c{at}" for at in range(20)], rows)
    table["weight"] = rng.integers(0, 4, rows)
    table["sold"] = np.where(table["age"] + rng.normal(0, 9, rows) > 48, "yes", "no")
    table.to_csv(here / "sales.csv", index=False)
    return table


def asked(**more: Any) -> Request:
    given = {"na": None, "no_header": False, "ids": None, "types": None}
    own = {key: more.pop(key) for key in given if key in more}
    return Request("sales.csv", "sold", schema=schema_of({**given, **own}), **more)


def test_ids_are_no_features_and_stay_what_they_are(sales: pd.DataFrame) -> None:
    data = open_source(asked(ids=["id"])).data
    assert list(data.X) == ["zip", "age", "when", "who", "weight"]
    assert list(data.X_test) == list(data.X)
    assert data.schema is not None
    assert data.schema.ids == ("id",)
    assert data.schema.types["id"] == "text"


def test_weights_are_those_of_the_rows(sales: pd.DataFrame) -> None:
    source = open_source(asked(weights="weight"))
    assert "weight" not in source.data.X
    index = source.data.X.index
    np.testing.assert_array_equal(source.weights, sales["weight"].loc[index])
    tested = sales["weight"].loc[source.data.X_test.index]
    np.testing.assert_array_equal(source.test_weights, tested)
    assert open_source(asked()).weights is None


def test_types_are_read_as_given(sales: pd.DataFrame) -> None:
    data = open_source(asked(types=["zip=category,age = number"])).data
    assert data.schema is not None
    assert [data.schema.types[name] for name in ("zip", "age")] == ["text", "number"]
    assert set(data.X["zip"]) == {"1010", "2020", "3030"}


@pytest.mark.parametrize(
    ("column", "option"), [("when", {"time_column": ("when",)}), ("who", {"group_column": "who"})]
)
def test_a_split_is_by_time_or_by_groups_as_its_column_is(
    sales: pd.DataFrame, column: str, option: dict[str, Any]
) -> None:
    found, same = (
        open_source(asked(validation_fraction=0.1, **each))
        for each in ({"split_by": column}, option)
    )
    assert found.split == same.split
    for part in ("X", "X_val", "X_test"):
        pd.testing.assert_frame_equal(getattr(found.data, part), getattr(same.data, part))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"split_by": "zip"},
            "numbers, .* expected --time-column zip or --group-column zip",
        ),
        ({"split_by": "whn"}, "unknown column 'whn' for --split-by; did you mean 'when'"),
        ({"split_by": "who", "group_column": "who"}, "--split-by and --group-column are both"),
        ({"split_by": "who", "test": Path("t.csv")}, "--test and --split-by are both given"),
        ({"weights": "wieght"}, "unknown column 'wieght' for --weights; did you mean 'weight'"),
        (
            {"weights": "who"},
            "--weights who holds 'c.*' in row 1; expected a number",
        ),
        ({"weights": "sold"}, "--target and --weights both name column 'sold'"),
        ({"weights": "id", "ids": ["id"]}, "--weights and --id both name column 'id'"),
        ({"ids": ["idd"]}, "unknown column 'idd' for --id; did you mean 'id'"),
        ({"types": ["zpi=text"]}, "unknown column 'zpi' for --types; did you mean 'zip'"),
        ({"types": ["zip=txt"]}, "unknown type 'txt' of column 'zip'; did you mean 'text'"),
        ({"types": ["zip"]}, "--types zip: expected COLUMN=TYPE"),
        ({"types": ["age=date"]}, r"column 'age' holds .* row 1 \(line 2 .*as its type was given"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    sales: pd.DataFrame, more: dict[str, Any], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        open_source(asked(**more))


@pytest.mark.parametrize(
    ("weight", "told"),
    [(-1.0, "holds -1.0 in row 1"), (np.nan, "holds nan in row 1"), (0.0, "is 0 in all rows")],
)
def test_wrong_weights_are_refused(sales: pd.DataFrame, weight: float, told: str) -> None:
    sales["weight"] = sales["weight"].astype(float)
    sales.loc[0 if told.endswith("1") else slice(None), "weight"] = weight
    sales.to_csv("sales.csv", index=False)
    with pytest.raises(DataError, match=f"--weights weight {told}"):
        open_source(asked(weights="weight"))


def test_a_test_file_needs_neither_ids_nor_weights(sales: pd.DataFrame) -> None:
    sales.drop(columns=["id", "weight"]).to_csv("later.csv", index=False)
    source = open_source(asked(ids=["id"], weights="weight", test=Path("later.csv")))
    assert len(source.data.X_test) == len(sales)
    assert source.weights is not None
    assert len(source.weights) == len(sales)
    assert (source.test_weights, source.weighted_by) == (None, "")
    assert "the test rows have no column weight (--weights): all count alike" in source.notes
    sales.to_csv("later.csv", index=False)
    source = open_source(asked(ids=["id"], weights="weight", test=Path("later.csv")))
    np.testing.assert_array_equal(source.test_weights, sales["weight"])
    sales.assign(weight=0).to_csv("later.csv", index=False)
    with pytest.raises(DataError, match="weight is 0 in all rows of the test set"):
        open_source(asked(weights="weight", test=Path("later.csv")))


def test_test_scores_are_weighted_and_say_so(sales: pd.DataFrame, wellfit: Wellfit) -> None:
    done = wellfit(
        *TRAIN, "--weights", "weight", "--scoring", "neg_calibration_error", "--run", "run"
    )
    assert done.exit_code == 0, done.output
    assert "Scores and coverage count each row by its weight in 'weight'" in done.output
    result = json.loads(Path("run/result.json").read_text())
    source = open_source(asked(weights="weight"))
    right = load_model("run/model").predict(source.data.X_test) == source.data.y_test
    found = {score["name"]: score for score in result["test"]}
    assert found["accuracy"]["value"] == np.average(right, weights=source.test_weights)
    assert found["calibration_error"]["of"] == "unweighted"
    assert result["weighted_by"] == "weight"


def test_a_sample_of_a_large_table_keeps_its_weights(sales: pd.DataFrame) -> None:
    source = in_memory(open_source(asked(weights="weight", memory=1)))
    assert source.whole is not None
    weight = sales.set_index("id")["weight"]
    np.testing.assert_array_equal(source.weights, weight.loc[_ids(source.data.X)])
    np.testing.assert_array_equal(source.test_weights, weight.loc[_ids(source.data.X_test)])


def _ids(X: pd.DataFrame) -> list[str]:
    return [f"{int(each):04d}" for each in X["id"]]


def test_what_training_was_told_is_remembered(sales: pd.DataFrame, wellfit: Wellfit) -> None:
    more = ("--id", "id", "--weights", "weight", "--types", "zip=category", "--run", "run")
    done = wellfit(*TRAIN, *more)
    assert done.exit_code == 0, done.output
    plan = Plan.from_dict(json.loads(Path("run/config.json").read_text()))
    assert (plan.request.weights, plan.request.schema.ids) == ("weight", ("id",))
    model = load_model("run/model")
    assert list(model.feature_names_in_) == ["zip", "age", "when", "who"]
    schema = table_schema(model)
    assert schema is not None
    assert (schema.ids, schema.types["zip"]) == (("id",), "text")
    # Of the weights, those of rows of weight 0 aren't trained on.
    assert wellfit("predict", "run", "sales.csv", "-o", "p.csv").exit_code == 0
    found = pd.read_csv("p.csv", dtype={"id": str})
    assert list(found)[:2] == ["id", "prediction"]
    assert found["id"].tolist() == sales["id"].tolist()
    # A run that goes on is the same run.
    Path("run/result.json").unlink()
    assert wellfit("train", "--resume", "run").exit_code == 0
    assert list(load_model("run/model").feature_names_in_) == ["zip", "age", "when", "who"]


def test_weights_count_in_training(sales: pd.DataFrame, wellfit: Wellfit) -> None:
    sales["weight"] = (sales["sold"] == "yes").astype(float) + 1e-6
    sales.to_csv("sales.csv", index=False)
    words = ("train", "sales.csv", "--target", "sold", "--hidden", "8", "--epochs", "30")
    assert wellfit(*words, "--weights", "weight", "--run", "r").exit_code == 0
    wellfit("predict", "r", "sales.csv", "-o", "p.csv")
    assert set(pd.read_csv("p.csv")["prediction"]) == {"yes"}  # the others hardly count


def test_predict_names_rows_by_other_columns_too(sales: pd.DataFrame, wellfit: Wellfit) -> None:
    assert wellfit(*TRAIN, "--id", "id", "--run", "run").exit_code == 0
    sales.drop(columns="id").head(3).to_csv("new.csv", index=False)
    none = wellfit("predict", "run", "new.csv", "-o", "p.csv")
    assert "no column 'id', so predictions don't name their rows" in " ".join(none.output.split())
    assert "id" not in pd.read_csv("p.csv")
    wellfit("predict", "run", "new.csv", "-o", "p.csv", "--id", "who", "--id", "zip")
    assert list(pd.read_csv("p.csv"))[:3] == ["who", "zip", "prediction"]
    wrong = wellfit("predict", "run", "new.csv", "-o", "p.csv", "--id", "woh")
    assert wrong.exit_code == 2
    assert "no column 'woh'; did you mean 'who'" in " ".join(wrong.output.split())


def test_data_show_reads_types(sales: pd.DataFrame, wellfit: Wellfit) -> None:
    plain, typed = (
        wellfit("data", "show", "sales.csv", *more).output
        for more in ((), ("--types", "zip=category"))
    )
    assert plain != typed
    done = wellfit("data", "show", "sales.csv", "--types", "zpi=category")
    assert done.exit_code == 2
    assert "did you mean 'zip'" in done.output


def test_a_named_data_set_has_its_types(here: Path) -> None:
    schema = schema_of({"na": None, "no_header": False, "types": ["petal width (cm)=category"]})
    with pytest.raises(
        InputError, match=r"--types petal width \(cm\) needs a csv or parquet file"
    ):
        open_source(Request("iris", schema=schema))


def test_types_of_a_file_without_a_header(sales: pd.DataFrame) -> None:
    sales.to_csv("sales.csv", index=False, header=False)
    schema = TableSchema({"column_2": "text"}, header=False)
    table = read_table("sales.csv", schema)
    assert list(table) == [f"column_{number}" for number in range(1, 8)]
    assert set(table["column_2"]) == {"1010", "2020", "3030"}


def test_the_settings_of_older_runs_are_read() -> None:
    plan = Plan(Request("iris"), {}, (), ProgressOptions())
    old = plan.to_dict()
    for name in ("split_by", "weights"):
        del old["request"][name]
    assert "ids" not in old["request"]["schema"]
    assert Plan.from_dict(old) == plan
