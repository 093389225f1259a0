"""What can't be trained on or predicted from is refused by name, and nothing is guessed."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from wellfit.core.errors import DataError
from wellfit.preprocessing import TablePreprocessor, is_image_like
from wellfit.preprocessing.columns import kind_of

day = datetime.date(2020, 1, 1)


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        ([1, None], "Int64", "number"),
        ([1, None], object, "number"),
        ([1.5, 2], object, "number"),
        ([1, pd.NA], object, "number"),
        ([np.nan, np.nan], float, "empty"),
        ([None, None], "Int64", "empty"),
        ([None, None], "boolean", "empty"),
        ([None, None], "str", "empty"),
        ([None, None], "category", "empty"),
        ([None, None], "datetime64[s]", "empty"),
        ([None, pd.NaT], object, "empty"),
        ([1, decimal.Decimal("1.5"), None], object, "number"),
        ([True, 2, 3.5], object, "number"),
        ([day, datetime.datetime(1066, 10, 14)], object, "date"),
        ([day, "never"], object, "category"),
        ([True, "unknown"], object, "category"),
        ([decimal.Decimal("1.5"), None], object, "number"),
        ([True, None], object, "flag"),
        ([True, None], "boolean", "flag"),
        ([True, False], bool, "flag"),
        ([day, None], object, "date"),
        ([day, None], "datetime64[s]", "date"),
        ([datetime.timedelta(1), None], object, "duration"),
        (["a", None], object, "category"),
        (["a", None], "str", "category"),
        (["1", "2"], object, "category"),
        (["a", 1], object, "category"),
        ([1, 2], "category", "category"),
        ([b"a", None], object, "category"),
        ([None, np.nan], object, "empty"),
    ],
)
def test_the_kind_of_a_column(values, dtype, kind):
    assert kind_of(pd.Series(values, dtype=dtype)) == kind


table = pd.DataFrame(
    {
        "age": [20.0, 30, 40],
        "town": ["Bern", "Ulm", "Ulm"],
        "member": [True, False, True],
        "since": pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"]),
        "spent": pd.to_timedelta([1, 2, 3], unit="h"),
    }
)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("age", [1, "abc", 3], "held numbers .* holds text or categories, e.g. 'abc' in row 1"),
        ("age", ["1", "2", "3"], "'age' held numbers .* e.g. '1'"),
        ("age", ["x" * 999] * 3, r"e\.g\. 'x+\.\.\.x+' in row 0$"),
        ("age", [day] * 3, "'age' held numbers .* holds dates"),
        ("age", [1, np.inf, 3], "'age' holds inf in row 1; expected numbers between"),
        ("age", [1, -1e31, 3], r"'age' holds -1e\+31 in row 1"),
        ("age", [1, 10**400, 1], "'age' holds 10+.* in row 1, which .* int too large"),
        ("age", [1 + 2j, 1, 1], "'age' held numbers"),
        ("member", ["yes", "no", "yes"], "'member' held True and False .* e.g. 'yes'"),
        ("since", [1, 2, 3], "'since' held dates .* holds numbers, e.g. 1"),
        ("since", ["2020", "2021", "2022"], "'since' held dates .* e.g. '2020'"),
        ("spent", [day] * 3, "'spent' held durations .* holds dates"),
        ("town", ["a", ["b"], "c"], r"'town' holds \['b'\] in row 1; .* a string or a number"),
        ("town", ["a", "b", {}], "'town' holds {} in row 2"),
    ],
)
def test_a_column_with_something_else_in_it_is_named(column, values, message):
    fitted = TablePreprocessor().fit(table)
    later = table.assign(**{column: pd.Series(values, dtype=object)})
    with pytest.raises(DataError, match=message):
        fitted.transform(later)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (pd.DataFrame({"a": [1.0, np.inf]}), "column 'a' holds inf in row 1"),
        (pd.DataFrame({"a": [1.0, np.inf]}, index=["k", "l"]), "column 'a' holds inf in row 'l'"),
        (np.array([[1, 2], [np.nan, -np.inf]]), "column 'x1' holds -inf in row 1"),
        (np.array([[1, np.inf]], dtype=np.float32), "column 'x1' holds inf in row 0"),
        (np.array([[1], [np.inf]], dtype=np.float16), "column 'x0' holds inf in row 1"),
        (sparse.csr_array([[0, 1, 0], [0, 0, np.inf]]), "column 'x2' holds inf in row 1"),
        (pd.DataFrame({"a": [[1], [2]]}), r"column 'a' holds \[1\] in row 0"),
        (pl.DataFrame({"a": [[1], [2]]}), r"column 'a' holds array\(\[1\]\) in row 0"),
        (pd.DataFrame({"a": [None, None]}), "no column of X has any value"),
        (np.full((2, 2), np.nan), "no column of X has any value"),
        (pd.DataFrame({"a": []}), r"0 sample\(s\) \(shape=\(0, 1\)\)"),
        (pd.DataFrame(index=[1, 2]), r"0 feature\(s\) \(shape=\(2, 0\)\)"),
        (pl.DataFrame(), "a minimum of 1 is required"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column named 'a'"),
        (pd.DataFrame([[1, 2]], columns=["a", 1]), "only supported if all input features"),
        (np.array([[1 + 2j]]), "Complex data not supported"),
        (np.zeros(3), "Expected 2D array, got 1D"),
        (pd.Series([1.0, 2]), "Expected a 2-dimensional container but got .*Series"),
        (pd.DataFrame({"a": [1.0], "b": ["u"]}).iloc[0], "Expected a 2-dimensional container"),
        (pl.Series([1.0, 2]), "Expected 2D array, got 1D"),
        (pl.Series(["a", "b"]), "Expected 2D array, got 1D"),
        (pyarrow.array([1.0, 2]), "Expected 2D array, got 1D"),
        (np.zeros((2, 2, 2)), "dim 3"),
        ([[1, 2], [3]], "Expected 2D array"),
        ([], "Expected 2D array"),
        ("table.csv", "Expected 2D array"),
        (None, "Expected 2D array"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(X: Any, message):
    with pytest.raises(DataError, match=message):
        TablePreprocessor().fit(X)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")  # an array has none
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.rename(columns={"age": "agee"}), "'agee'; did you mean 'age'?"),
        (lambda X: X.drop(columns="town"), "now missing:\n- town"),
        (lambda X: X.assign(extra=1), "unseen at fit time:\n- extra"),
        (lambda X: X.iloc[:, ::-1], "same order as they were in fit"),
        (lambda X: X.to_numpy()[:, :3], "X has 3 features, but TablePreprocessor is expecting 5"),
    ],
)
def test_columns_are_checked_by_name(change, message):
    fitted = TablePreprocessor().fit(table)
    later = change(table)
    with pytest.raises(DataError) as caught:
        fitted.transform(later)
    assert message in str(caught.value)


def test_an_array_may_follow_a_frame_if_it_holds_the_same():
    fitted = TablePreprocessor().fit(table)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        found = fitted.transform(table.to_numpy(dtype=object))
    np.testing.assert_array_equal(found, fitted.transform(table))
    dated = TablePreprocessor().fit(table[["since"]])
    with (
        pytest.warns(UserWarning, match="valid feature names"),
        pytest.raises(DataError, match="'since' held dates"),
    ):
        dated.transform(np.zeros((2, 1)))


def test_columns_named_by_numbers_are_taken_by_position():
    frame = pd.DataFrame([[1.0, 2], [3, 5]], columns=[30, 10])
    fitted = TablePreprocessor().fit(frame)
    np.testing.assert_array_equal(fitted.transform(frame.to_numpy()), fitted.transform(frame))
    assert fitted.get_feature_names_out().tolist() == ["x0", "x1"]


@pytest.mark.parametrize("dtype", [object, float, "str", "datetime64[us]", "boolean", "category"])
def test_a_column_that_was_empty_may_hold_anything_later(dtype):
    empty = pd.Series([None, None], dtype=dtype)
    fitted = TablePreprocessor().fit(pd.DataFrame({"a": [1, 2], "b": empty}))
    assert fitted.get_feature_names_out().tolist() == ["a"]
    for value in ("text", 5.0, True, day):
        later = pd.DataFrame({"a": [2], "b": [value]})
        assert fitted.transform(later).shape == (1, 1)


def test_a_column_of_an_array_that_was_empty_is_left_out():
    fitted = TablePreprocessor().fit(np.array([[1, np.nan], [2, np.nan]]))
    found = fitted.transform(np.array([[1, np.nan], [1, 5]]))
    assert found.shape == (2, 1)
    assert fitted.kinds_ == ["number", "empty"]


random = np.random.default_rng(0)
DIGITS = load_digits().data.astype(np.uint8)
NOISE = random.integers(0, 256, (300, 100)).astype(np.uint8)
LEVELS = random.integers(0, 200, 100)
PHOTO = np.repeat(np.repeat(random.integers(0, 256, (50, 5, 5)), 4, axis=1), 4, axis=2)


@pytest.mark.parametrize(
    ("X", "answer"),
    [
        (DIGITS, True),
        (DIGITS[:10], True),
        (PHOTO.reshape(50, -1).astype(np.uint8), True),
        (np.repeat(PHOTO, 3, axis=2).reshape(50, -1).astype(np.uint8), True),
        (PHOTO.reshape(50, -1).astype(np.uint8)[:1], True),
        (DIGITS.astype(np.int8), False),
        (DIGITS.astype(float), False),
        (pd.DataFrame(DIGITS), False),
        (DIGITS.reshape(-1, 8, 8), False),
        (DIGITS[:, 10:50], False),  # few columns
        (DIGITS // 4, False),  # not the range of pixels
        (NOISE, False),
        (NOISE // 5, False),
        (NOISE[:, :8], False),
        (NOISE[:1], False),
        (np.sort(NOISE.max(axis=0)) * (NOISE > 127), False),  # in the order of their ranges
        (random.poisson(3, (300, 200)).astype(np.uint8), False),
        (np.eye(100, dtype=np.uint8)[random.integers(0, 100, 300)], False),
        (np.zeros((2, 784), np.uint8), False),
        (np.zeros((0, 784), np.uint8), False),
        ([[1]], False),
    ],
)
def test_images_are_bytes_of_which_neighbours_are_alike(X, answer):
    assert is_image_like(X) is answer


def test_the_shape_of_an_image_decides():
    assert is_image_like(NOISE[:, :6], (2, 3))
    assert is_image_like(NOISE[:, :12], (2, 2, 3))
    assert not is_image_like(DIGITS, (8, 9))
    assert not is_image_like(DIGITS.astype(int), (8, 8))
