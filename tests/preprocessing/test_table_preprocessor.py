"""The matrix that a table becomes: against scikit-learn's transformers, and after a round trip."""

from __future__ import annotations

import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import (
    MaxAbsScaler,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from wellfit import store
from wellfit.core.errors import HyperparameterError, ModelFileError, UnknownNameError
from wellfit.preprocessing import TablePreprocessor, table_encoding
from wellfit.preprocessing.categories import Levels
from wellfit.preprocessing.numeric import CLIPS, SCALINGS

random = np.random.default_rng(0)
skewed = random.lognormal(size=(300, 4)) * [1, 1000, 1e-6, 1]
options = st.fixed_dictionaries(
    {
        "numeric": st.sampled_from([*SCALINGS, "robust+quantile"]),
        "clip": st.sampled_from(list(CLIPS)),
        "max_categories": st.integers(2, 5),
        "min_frequency": st.integers(1, 3),
        "dtype": st.sampled_from(["float32", "float64"]),
    }
)

numbers = st.floats(-1e6, 1e6) | st.integers(-(10**20), 10**20) | st.just(1e30) | st.just(5e-324)
dates = st.datetimes(pd.Timestamp(1800, 1, 1), pd.Timestamp(2200, 1, 1))
century = pd.Timedelta(days=36_524).to_pytimedelta()
cells = {
    "float64": numbers.map(float) | st.just(float("nan")),
    "object numbers": numbers | st.none() | st.just(pd.NA),
    "Int64": st.integers(-5, 5) | st.none(),
    "int8": st.integers(-5, 5),
    "bool": st.booleans(),
    "boolean": st.booleans() | st.none(),
    "str": st.sampled_from(["a", "b", "", "1"]) | st.text() | st.none(),
    "category": st.sampled_from(["low", "high", None]),
    "object mixed": st.sampled_from(["a", 1, 1.0, 2.5, True, None, float("nan"), b"a"]),
    "datetime64[s]": dates | st.none(),
    "object dates": dates.map(lambda moment: moment.date()) | st.none(),
    "timedelta64[s]": st.timedeltas(-century, century) | st.none(),
    "object nothing": st.none() | st.just(float("nan")),
}


@st.composite
def frames(draw: st.DrawFn, kinds: list[str] | None = None) -> tuple[list[str], pd.DataFrame]:
    """A table of up to 12 rows with columns of chosen kinds."""
    rows = draw(st.integers(1, 12))
    kinds = kinds or draw(st.lists(st.sampled_from(list(cells)), min_size=1, max_size=4))
    columns = {}
    for index, kind in enumerate(kinds):
        values = draw(st.lists(cells[kind], min_size=rows, max_size=rows))
        if kind == "object mixed":
            values[0] = "text"  # without any, it would hold numbers
        columns[f"{kind} {index}"] = pd.Series(values, dtype=kind.split()[0])
    return kinds, pd.DataFrame({"always": np.arange(rows), **columns})


@given(st.data(), options)
def test_any_table_becomes_a_finite_matrix_and_the_same_after_a_round_trip(data, settings):
    kinds, train = data.draw(frames())
    _, later = data.draw(frames(kinds))
    fitted = TablePreprocessor(**settings).fit(train)
    document, arrays = fitted.to_document()
    rebuilt = TablePreprocessor.from_document(json.loads(json.dumps(document)), arrays)
    for frame in (train, later):
        matrix = fitted.transform(frame)
        assert matrix.dtype == settings["dtype"]
        assert matrix.flags.c_contiguous
        assert matrix.shape == (len(frame), len(fitted.get_feature_names_out()))
        assert np.isfinite(matrix).all()
        np.testing.assert_array_equal(rebuilt.transform(frame), matrix)
    np.testing.assert_array_equal(rebuilt.get_feature_names_out(), fitted.get_feature_names_out())


@given(st.data(), options)
def test_a_row_does_not_depend_on_the_rows_beside_it(data, settings):
    kinds, train = data.draw(frames())
    _, later = data.draw(frames(kinds))
    fitted = TablePreprocessor(**settings).fit(train)
    alone = [fitted.transform(later.iloc[[row]]) for row in range(len(later))]
    np.testing.assert_array_equal(np.vstack(alone), fitted.transform(later))


def test_blocks_of_rows_change_nothing(monkeypatch):
    frame = pd.DataFrame({"a": random.normal(size=50), "b": random.choice(["x", "y", "z"], 50)})
    for X in (frame, frame[["a"]].to_numpy(), sparse.csr_array(frame[["a"]].to_numpy())):
        fitted = TablePreprocessor().fit(X)
        whole = fitted.transform(X)
        monkeypatch.setattr(table_encoding, "_MATRIX_CELLS", 7)
        monkeypatch.setattr(table_encoding, "_FRAME_CELLS", 7)
        np.testing.assert_array_equal(fitted.transform(X), whole)
        monkeypatch.undo()


def test_it_goes_through_a_model_folder(tmp_path):
    frame = pd.DataFrame({"a": [1.5, None, 3], "b": [True, False, True], "c": ["x", "y", None]})
    fitted = TablePreprocessor("standard+quantile", min_frequency=1).fit(frame)
    found = store.load(store.save(tmp_path / "model", *fitted.to_document()))
    assert isinstance(found[1]["numbers.fill"], torch.Tensor)
    rebuilt = TablePreprocessor.from_document(*found)
    np.testing.assert_array_equal(rebuilt.transform(frame), fitted.transform(frame))
    assert rebuilt.get_params() == fitted.get_params()
    assert rebuilt.n_features_in_ == 3
    assert rebuilt.feature_names_in_.tolist() == ["a", "b", "c"]


def test_scikit_learn_set_to_return_data_frames_gets_them():
    expected = TablePreprocessor("robust+quantile").fit(skewed)
    with sklearn.config_context(transform_output="pandas"):
        found = TablePreprocessor("robust+quantile").fit_transform(skewed)
    assert found.columns.tolist() == expected.get_feature_names_out().tolist()
    np.testing.assert_array_equal(found.to_numpy(), expected.transform(skewed))


@parametrize_with_checks([TablePreprocessor(), TablePreprocessor("quantile", clip="hard")])
def test_it_is_a_scikit_learn_transformer(estimator, check):
    check(estimator)


# Numbers, against scikit-learn


@pytest.mark.parametrize(
    ("numeric", "transformer"),
    [("standard", StandardScaler()), ("robust", RobustScaler())],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scaling_is_that_of_scikit_learn(numeric, transformer, dtype):
    X = skewed.astype(dtype)
    ours = TablePreprocessor(numeric, clip="none", dtype="float64").fit_transform(X)
    np.testing.assert_allclose(ours, transformer.fit_transform(X), rtol=1e-5, atol=1e-6)


def test_quantile_is_that_of_scikit_learn_but_for_its_noise():
    ours = TablePreprocessor("quantile", clip="none", dtype="float64").fit_transform(skewed)
    reference = QuantileTransformer(n_quantiles=300, output_distribution="normal")
    theirs = reference.fit_transform(skewed)
    middle = np.abs(theirs) < 1
    np.testing.assert_allclose(ours[middle], theirs[middle], atol=0.1)


def test_the_most_frequent_value_maps_to_the_middle_of_its_ranks():
    X = np.r_[np.zeros(700), np.arange(1, 301)][:, None]
    scaled = TablePreprocessor("quantile", clip="none").fit_transform(X)
    assert scaled[0, 0] == pytest.approx(-0.385, abs=0.05)  # the normal quantile of 0.35


@pytest.mark.parametrize("numeric", ["robust", "standard", "quantile"])
def test_a_mostly_constant_column_keeps_its_outliers_in_range(numeric):
    X = np.r_[np.zeros(95), [1, 2, 3, 4, 99_999]][:, None]
    scaled = TablePreprocessor(numeric).fit_transform(X)
    assert (np.diff(scaled[94:, 0]) >= 0).all()
    assert np.abs(scaled).max() <= 3
    assert scaled[-1, 0] > scaled[0, 0] + 1


def test_robust_takes_the_deviation_where_the_quartiles_are_equal():
    X = np.r_[np.zeros(9), 8.0][:, None]
    scaled = TablePreprocessor("robust", clip="none").fit_transform(X)
    np.testing.assert_allclose(scaled.ravel(), X.ravel() / X.std())


def test_clips():
    X = np.array([[-1e9], [-1.0], [0.0], [1.0], [1e9]])
    results = {
        clip: TablePreprocessor("none", clip=clip).fit_transform(X).ravel() for clip in CLIPS
    }
    np.testing.assert_allclose(results["none"], X.ravel())
    np.testing.assert_allclose(results["hard"], [-5, -1, 0, 1, 5])
    bent = 1 / np.sqrt(1 + 1 / 9)
    np.testing.assert_allclose(results["smooth"], [-3, -bent, 0, bent, 3], rtol=1e-6)


@pytest.mark.parametrize(("clip", "limit"), [("smooth", 3), ("hard", 5), ("none", 1e30)])
def test_values_beyond_all_bounds_stay_in_them(clip, limit):
    fitted = TablePreprocessor("robust", clip=clip).fit(np.array([[0.0], [1e-200]]))
    later = fitted.transform(np.array([[1e20], [-1e20]]))
    np.testing.assert_allclose(later.ravel(), [limit, -limit], rtol=1e-6)


def test_versions_of_a_column_stand_side_by_side():
    both = TablePreprocessor("standard+quantile").fit(skewed)
    apart = [TablePreprocessor(name).fit_transform(skewed) for name in ("standard", "quantile")]
    np.testing.assert_array_equal(both.transform(skewed), np.hstack(apart))
    assert both.get_feature_names_out().tolist()[3:5] == ["x3_standard", "x0_quantile"]


def test_missing_numbers_become_the_median_and_are_marked():
    frame = pd.DataFrame({"a": [1, 2, 9, None], "b": [1.0, 2, 3, 4]})
    fitted = TablePreprocessor("none", clip="none").fit(frame)
    assert fitted.get_feature_names_out().tolist() == ["a", "b", "a_missing"]
    assert fitted.transform(frame)[3].tolist() == [2, 4, 1]
    # Training had no gap in b: no mark for it, and the median all the same.
    assert fitted.transform(pd.DataFrame({"a": [1], "b": [None]})).tolist() == [[1, 2.5, 0]]


@pytest.mark.parametrize("numeric", SCALINGS)
def test_columns_that_did_not_vary_are_0_whatever_comes(numeric):
    X = np.array([[7.0, 1], [7.0, 2]])
    fitted = TablePreprocessor(numeric).fit(X)
    later = fitted.transform(np.array([[1e9, 1], [np.nan, 2]]))
    assert fitted.get_feature_names_out().tolist() == ["x0", "x1"]
    assert later[:, 0].tolist() == [0, 0]


def test_dates_are_seconds_and_durations_too():
    moments = pd.to_datetime(["1970-01-01", "1970-01-02", None])
    # As text: pandas 3.0.0 misreads fractions of a unit.
    frame = pd.DataFrame({"when": moments, "long": pd.to_timedelta(["90 s", None, "180 s"])})
    matrix = TablePreprocessor("none", clip="none").fit_transform(frame)
    assert matrix[:, 0].tolist() == [0, 86_400, 43_200]
    assert matrix[:, 1].tolist() == [90, 135, 180]
    zoned = frame.assign(when=moments.tz_localize("Asia/Tokyo"))
    shifted = TablePreprocessor("none", clip="none").fit_transform(zoned)
    assert shifted[:2, 0].tolist() == [-9 * 3600, 86_400 - 9 * 3600]


def test_true_and_false_are_1_and_0_and_may_come_back_as_numbers():
    frame = pd.DataFrame({"flag": [True, False, False], "gap": [True, None, False]})
    fitted = TablePreprocessor("standard").fit(frame)
    assert fitted.get_feature_names_out().tolist() == ["flag", "gap", "gap_missing"]
    expected = [[1, 1, 0], [0, 0.5, 1], [0, 0, 0]]
    assert fitted.transform(frame).tolist() == expected
    assert fitted.transform(frame.astype(object)).tolist() == expected
    assert fitted.transform(frame.astype("Float64")).tolist() == expected


# Categories, against scikit-learn


@given(st.data(), st.integers(2, 6), st.integers(1, 4))
def test_levels_are_those_of_one_hot_encoder(data, max_categories, min_frequency):
    letters = st.sampled_from("abcdefghij")
    train = np.array(data.draw(st.lists(letters, min_size=2, max_size=30)))[:, None]
    counts = np.unique(train, return_counts=True)[1]
    ours = TablePreprocessor(max_categories=max_categories, min_frequency=min_frequency)
    # scikit-learn keeps a place for rare levels even where there are none.
    all_fit = len(counts) <= max_categories and counts.min() >= min_frequency
    theirs = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=None if all_fit else max_categories,
        min_frequency=min_frequency,
        sparse_output=False,
    )
    found, expected = ours.fit_transform(train), theirs.fit_transform(train)
    if expected.shape[1] == 2:
        expected = expected[:, 1:]
    later = np.array([["a"], ["e"], ["unseen"]])
    if len(set(counts)) == len(counts):  # otherwise they may break ties the other way
        np.testing.assert_array_equal(found, expected)
        if found.shape[1] > 1:
            np.testing.assert_array_equal(ours.transform(later), theirs.transform(later))
    assert found.shape == expected.shape


def test_missing_text_is_a_level_and_unseen_text_is_none_or_rare():
    frame = pd.DataFrame({"c": ["a", "a", "b", "b", "c", "c", None]})
    fitted = TablePreprocessor().fit(frame)
    assert fitted.get_feature_names_out().tolist() == ["c_a", "c_b", "c_c", "c_(missing)"]
    later = pd.DataFrame({"c": ["c", None, "new"]})
    assert fitted.transform(later).tolist() == [[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    rare = TablePreprocessor(min_frequency=3).fit(pd.DataFrame({"c": [*"aaabbbc", None]}))
    assert rare.get_feature_names_out().tolist() == ["c_a", "c_b", "c_(other)", "c_(missing)"]
    assert rare.transform(later).tolist() == [[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0]]


def test_free_text_stays_within_bounds():
    names = [f"Mr. {number}" for number in range(5000)]
    frame = pd.DataFrame({"name": names, "code": np.arange(5000).astype(str), "kind": "x"})
    assert TablePreprocessor().fit_transform(frame).shape[1] == 3
    with pytest.warns(UserWarning, match="5,000 frequent levels: the 99 most frequent are told"):
        found = TablePreprocessor(min_frequency=1).fit_transform(frame)
    assert found.shape[1] == 100 + 100 + 1


def test_equal_categories_are_one_level_whatever_their_type():
    train = pd.DataFrame({"zip": pd.Categorical([8001, 8001, 3011, 3011, 9000, 9000])})
    fitted = TablePreprocessor().fit(train)
    expected = fitted.transform(train[3:5])
    for values in ([3011, 9000], [3011.0, 9000.0], ["3011", "9000"]):
        np.testing.assert_array_equal(fitted.transform(pd.DataFrame({"zip": values})), expected)


# Other containers

frame = pd.DataFrame(
    {
        "age": [20.0, None, 40, 50],
        "town": ["Bern", "Ulm", None, "Bern"],
        "member": [True, False, True, True],
        "size": [1, 2, 3, 4],
    }
)


def test_polars_gives_what_pandas_gives():
    expected = TablePreprocessor().fit_transform(frame)
    same = pl.from_pandas(frame)
    np.testing.assert_array_equal(TablePreprocessor().fit_transform(same), expected)
    np.testing.assert_array_equal(TablePreprocessor().fit(frame).transform(same), expected)
    dated = pl.DataFrame({"when": pl.Series([0, 86_400_000_000], dtype=pl.Datetime("us"))})
    assert TablePreprocessor("none", clip="none").fit_transform(dated).tolist() == [[0], [86_400]]


def test_arrays_and_lists_of_mixed_values_give_what_pandas_gives():
    expected = TablePreprocessor().fit_transform(frame)
    rows = frame.to_numpy(dtype=object)
    np.testing.assert_array_equal(TablePreprocessor().fit_transform(rows), expected)
    np.testing.assert_array_equal(TablePreprocessor().fit_transform(rows.tolist()), expected)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, object])
def test_arrays_of_any_type_of_number(dtype):
    X = random.integers(0, 2, size=(20, 3)).astype(dtype)
    matrix = TablePreprocessor("none", clip="none").fit_transform(X)
    np.testing.assert_array_equal(matrix, X.astype(np.float32))


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
@pytest.mark.parametrize("dtype", [bool, np.int32, np.float64])
def test_sparse_matrices_are_scaled_and_not_centred(container, dtype):
    dense = (random.integers(-3, 4, size=(30, 6)) * random.integers(0, 2, size=(30, 6))).astype(
        dtype
    )
    dense[:, 2] = 0
    X = container(dense)
    fitted = TablePreprocessor(clip="none").fit(X)
    matrix = fitted.transform(X)
    np.testing.assert_allclose(matrix, MaxAbsScaler().fit_transform(dense), rtol=1e-6)
    np.testing.assert_array_equal(fitted.transform(dense), matrix)


def test_gaps_in_a_sparse_matrix_are_zeros_and_marked():
    X = sparse.csr_array(np.array([[np.nan, 2.0], [4, 0], [0, 1]]))
    fitted = TablePreprocessor(clip="none").fit(X)
    assert fitted.get_feature_names_out().tolist() == ["x0", "x1", "x0_missing"]
    assert fitted.transform(X).tolist() == [[0, 1, 1], [1, 0, 0], [0, 0.5, 0]]


def test_the_input_is_left_as_it_was():
    for X in (frame.copy(), skewed.copy(), sparse.csr_array(skewed)):
        before = X.copy()
        TablePreprocessor().fit(X).transform(X)
        if isinstance(X, pd.DataFrame):
            pd.testing.assert_frame_equal(X, before)
        else:
            assert (before != X).sum() == 0


# Settings


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"numeric": "robst"}, UnknownNameError, "did you mean 'robust'"),
        ({"numeric": "robust+quantil"}, UnknownNameError, "did you mean 'quantile'"),
        ({"numeric": None}, UnknownNameError, "unknown numeric scaling 'None'"),
        ({"clip": "sooth"}, UnknownNameError, "did you mean 'smooth'"),
        ({"max_categories": 1}, HyperparameterError, "max_categories is 1; .* at least 2"),
        ({"min_frequency": 0.5}, HyperparameterError, r"min_frequency is 0\.5"),
        ({"dtype": "int32"}, HyperparameterError, "dtype is 'int32'; expected 'float32'"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], error, message):
    with pytest.raises(error, match=message):
        TablePreprocessor(**settings).fit(frame)


# Real data


def test_adult(data_dir: Path):
    adult = pd.read_csv(data_dir / "tabular" / "adult_train.csv.gz").drop(columns="income")
    fitted = TablePreprocessor().fit(adult)
    matrix = fitted.transform(adult)
    assert matrix.shape == (32_561, 107)
    assert np.abs(matrix).max() <= 3
    names = fitted.get_feature_names_out().tolist()
    assert names[:2] == ["age", "fnlwgt"]
    unknown = matrix[:, names.index("workclass_(missing)")]
    np.testing.assert_array_equal(unknown == 1, adult["workclass"].isna())


def test_columns_say_each_kind_and_the_known_levels():
    known = TablePreprocessor(min_frequency=2).fit(
        pd.DataFrame(
            {
                "code": ["01", "01", "02", "02", "A1"],
                "one": pd.Categorical([1.0, 1, 1, 2, 2]),
                "when": pd.to_datetime(["2024-01-01"] * 5),
                "yes": [True, False, None, True, True],
                "nothing": pd.Series([None] * 5, dtype=object),
                "x": np.arange(5),
            }
        )
    )
    document, arrays = known.to_document()
    for fitted in (known, TablePreprocessor.from_document(document, arrays)):
        found = [(column.name, column.kind, column.levels) for column in fitted.columns]
        assert found == [
            ("code", "category", ("01", "02")),
            ("one", "category", ("1", "2")),
            ("when", "date", None),
            ("yes", "flag", None),
            ("nothing", "empty", None),
            ("x", "number", None),
        ]


def test_levels_that_are_no_text_are_known_by_their_other_spellings():
    train = pd.DataFrame({"c": pd.Series([1.0, True, 2.5, "2.0", False, "x"] * 2, dtype=object)})
    fitted = TablePreprocessor(min_frequency=1).fit(train)
    assert fitted.columns[0].levels == ("0", "1", "2.0", "2.5", "x")
    assert {"1.0", "False"} <= set(fitted.columns[0].spellings)
    same = [[1.0, "1", "1.0", 1, True, np.float32(1)], [False, "0", "False", "0.0", -0.0]]
    for values in same:
        later = pd.DataFrame({"c": pd.Series(values, dtype=object)})
        assert len(np.unique(fitted.transform(later), axis=0)) == 1
        assert fitted.transform(later).sum() == len(values)
    # A text that is a level of its own stays one: "2.0" is no other spelling of 2.
    assert fitted.transform(pd.DataFrame({"c": ["2.0", "2", "1.00"]})).sum(axis=1).tolist() == [
        1,
        0,
        0,
    ]
    document, arrays = fitted.to_document()
    rebuilt = TablePreprocessor.from_document(json.loads(json.dumps(document)), arrays)
    np.testing.assert_array_equal(rebuilt.transform(later), fitted.transform(later))
    document["categories"][0]["aliases"]["1.0"] = "3"
    with pytest.raises(ModelFileError, match=r"aliases\['1.0'\] is '3'"):
        TablePreprocessor.from_document(document, arrays)


def test_levels_of_older_models_are_known_as_they_were_written():
    levels = Levels(["2024-01-01 00:00:00", "True", "1.50"], other=False, missing=False)
    values = [pd.Timestamp(2024, 1, 1), np.True_, decimal.Decimal("1.50"), None]
    found = levels.encode(pd.Series(values, dtype=object), "c")
    np.testing.assert_array_equal(found, np.eye(4, 3))


@pytest.mark.parametrize("numeric", ["robust", "robust+quantile"])
def test_names_of_columns_are_unique(numeric):
    X = pd.DataFrame(
        {
            "age": [1.0, None, 3, 4],
            "age_missing": [False, True, None, True],
            "age_missing_missing": [1, 2, 3, 4],
            "a": ["b_c", "x", "b_c", "(other)"],
            "a_b": ["c", "y", "c", "z"],
            "a_b_c": [5, 6, 7, 8],
            "age_robust": [True, False, True, False],
        }
    )
    fitted = TablePreprocessor(numeric, max_categories=2).fit(X)
    names = fitted.get_feature_names_out().tolist()
    assert len(set(names)) == len(names) == fitted.transform(X).shape[1]
    assert {"age_missing", "age_robust"} <= set(names)  # columns keep the names that they had
    assert names.index("age_missing") == fitted.numbers_.width
    found = TablePreprocessor(numeric).set_output(transform="polars").fit_transform(X)
    assert found.shape[0] == 4
    columns = ColumnTransformer([("table", fitted, list(X))], verbose_feature_names_out=False)
    columns.set_output(transform="pandas").fit_transform(X)
