"""Dates of any age, columns with a stray cell, and errors that name the cell."""

from __future__ import annotations

import datetime
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from wellfit.core.errors import DataError
from wellfit.preprocessing import TablePreprocessor
from wellfit.preprocessing.cells import check_cells, read_numbers

DAY = 86_400
FAR = [datetime.date(1066, 10, 14), datetime.date(9999, 12, 31), datetime.date(2024, 5, 1), None]
SECONDS = [-28_502_755_200, 253_402_214_400, 1_714_521_600, np.nan]
plain = {"numeric": "none", "clip": "none", "dtype": "float64"}


def far(unit: str) -> pd.Series:
    return pd.Series(np.array(FAR, dtype=f"datetime64[{unit}]"))


# The last value is missing: it becomes the median of the other three.
@pytest.mark.parametrize(
    "dates",
    [
        pd.Series(FAR, dtype=object),
        far("s"),
        far("ms"),
        far("us"),
        far("us").dt.tz_localize("UTC"),
        far("s").dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        far("us").astype("timestamp[us][pyarrow]"),
        pd.Series(FAR, dtype="date32[pyarrow]"),
        pd.Series([None if d is None else np.datetime64(d) for d in FAR], dtype=object),
        pd.Series([None if d is None else datetime.datetime(*d.timetuple()[:3]) for d in FAR]),
        # Nanoseconds and years that nanoseconds can't reach, in one column.
        pd.Series([*FAR[:2], pd.Timestamp(2024, 5, 1).as_unit("ns"), None], dtype=object),
    ],
    ids=repr,
)
def test_dates_before_1678_and_after_2261_are_seconds(dates):
    frame = pd.DataFrame({"when": dates.to_numpy() if dates.dtype.kind == "M" else dates})
    found = TablePreprocessor(**plain).fit_transform(frame)
    expected = np.array([[*SECONDS[:3], SECONDS[2]], [0, 0, 0, 1]]).T
    np.testing.assert_array_equal(found, expected)
    usual = pd.DataFrame({"when": pd.to_datetime(["2024-01-01", "2024-01-03", None])})
    later = TablePreprocessor(**plain).fit(usual).transform(frame)
    np.testing.assert_array_equal(later[:3, 0], SECONDS[:3])


def test_far_dates_of_arrays_of_polars_and_of_parquet(tmp_path):
    expected = SECONDS[:3]
    for X in (
        np.array(FAR[:3], dtype="datetime64[D]")[:, None],
        pl.DataFrame({"when": FAR[:3]}),
        pl.DataFrame({"when": pl.Series(FAR[:3]).cast(pl.Datetime("ms", "Europe/Zurich"))}),
    ):
        if hasattr(X, "columns") and "Zurich" in str(X.dtypes):
            X = X.with_columns(pl.col("when").dt.convert_time_zone("UTC"))
        found = TablePreprocessor(**plain).fit_transform(X)[:, 0]
        np.testing.assert_array_equal(found, expected)
    pd.DataFrame({"when": FAR}).to_parquet(tmp_path / "far.parquet")
    found = TablePreprocessor(**plain).fit_transform(pd.read_parquet(tmp_path / "far.parquet"))
    np.testing.assert_array_equal(found[:3, 0], expected)


def test_a_fraction_of_a_second_is_kept_beside_far_dates():
    moments = pd.Series([pd.Timestamp("2024-01-01 00:00:00.25"), FAR[1]], dtype=object)
    assert read_numbers(moments, "date", "when").tolist() == [1_704_067_200.25, SECONDS[1]]


def test_durations_of_any_length_are_seconds_too():
    long = datetime.timedelta(days=999_999_999)
    for values in (
        pd.Series([datetime.timedelta(days=1), long, None], dtype=object),
        pd.Series(np.array([DAY, long.days * DAY, "NaT"], dtype="timedelta64[s]")),
    ):
        found = read_numbers(values, "duration", "took")
        np.testing.assert_array_equal(found, [DAY, long.days * DAY, np.nan])
    arrow = pd.Series([datetime.timedelta(1), None], dtype="duration[us][pyarrow]")
    np.testing.assert_array_equal(read_numbers(arrow, "duration", "took"), [DAY, np.nan])


@pytest.mark.parametrize("kind", ["number", "flag", "date", "duration"])
@pytest.mark.parametrize("dtype", [object, float, "str", "boolean", "datetime64[us]", "category"])
def test_a_column_without_a_value_is_missing_whatever_its_dtype(kind, dtype):
    found = read_numbers(pd.Series([None, None], dtype=dtype), kind, "a")
    assert np.isnan(found).all()


@pytest.mark.parametrize(
    ("kind", "values", "cell"),
    [
        ("number", ["1", "2,5", "3"], "'2,5' in row 12"),
        ("number", ["1", "2", "3"], "'1' in row 11"),  # text throughout
        ("number", [1, None, datetime.date(2024, 1, 1)], r"datetime.date.* in row 13"),
        ("flag", ["True", "false", "maybe"], "'maybe' in row 13"),
        ("date", ["2024-01-01", "never", "2024-01-02"], "'never' in row 12"),
        ("date", [datetime.date(2024, 1, 1), 7, None], "7 in row 12"),
        ("duration", ["1 day", "long", "2 days"], "'long' in row 12"),
    ],
)
def test_of_a_column_of_another_kind_the_culprit_is_named(kind, values, cell):
    column = pd.Series(values, index=[11, 12, 13])
    with pytest.raises(DataError, match=rf"column 'a' held .* in training; .*, e\.g\. {cell}$"):
        read_numbers(column, kind, "a")


def test_rows_are_counted_from_the_first_of_the_table(monkeypatch):
    monkeypatch.setattr("wellfit.preprocessing.table_encoding._MATRIX_CELLS", 4)
    X = np.arange(20.0).reshape(10, 2)
    fitted = TablePreprocessor().fit(X)
    X[7, 1] = np.inf
    with pytest.raises(DataError, match="column 'x1' holds inf in row 7"):
        fitted.transform(X)
    monkeypatch.setattr("wellfit.preprocessing.table_encoding._FRAME_CELLS", 4)
    with (
        pytest.warns(UserWarning, match="was fitted without feature names"),
        pytest.raises(DataError, match="column 'x1' holds inf in row 'seven'"),
    ):
        fitted.transform(pd.DataFrame(X, [*"0123456", "seven", "8", "9"], ["a", "b"]))


def test_cells_are_checked_without_a_look_at_names_that_are_not_there():
    check_cells(np.zeros((0, 3)))
    check_cells(np.array([[1, np.nan]]))
    with pytest.raises(DataError, match="contains NaN: column 'x1' in row 0"):
        check_cells(np.array([[1, np.nan]]), missing=False)
    with pytest.raises(DataError, match=r"'x0' holds 1e\+39 in row 1; .*30 \(infinity is too"):
        check_cells(np.array([[1.0], [1e39]]), missing=False)


def test_kinds_are_those_of_all_rows_and_values_those_of_some():
    stray = pd.DataFrame({"x": pd.Series([*range(20), "?"], dtype=object), "y": range(21)})
    with pytest.warns(
        UserWarning, match="'x' holds numbers but for 1 of 21 values, '\\?' in row 20"
    ):
        fitted = TablePreprocessor(min_frequency=1).fit_on(stray, np.arange(10))
    assert fitted.kinds_ == ["category", "number"]
    assert fitted.columns[0].levels == tuple("0123456789")
    assert fitted.numbers_.fill.tolist() == [4.5]
    assert fitted.transform(stray).shape == (21, 11)


def test_a_column_with_values_outside_the_training_rows_only_is_empty():
    for column in ([None, None, "a"], [np.nan, np.nan, 1.0]):
        frame = pd.DataFrame({"x": range(3), "late": column})
        fitted = TablePreprocessor().fit_on(frame, np.arange(2))
        assert fitted.kinds_ == ["number", "empty"]
    matrix = np.array([[0, np.nan], [1, np.nan], [2, 5.0]])
    assert TablePreprocessor().fit_on(matrix, np.arange(2)).kinds_ == ["number", "empty"]


def test_many_words_among_numbers_are_meant():
    frame = pd.DataFrame({"size": pd.Series([1, 2, 3, "small", "large"] * 4, dtype=object)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert TablePreprocessor().fit(frame).kinds_ == ["category"]
