from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wellfit.core.errors import DataError
from wellfit.datasets import describe, duplicate_rows, duplicates_across, load

N = 60
TABLE = pd.DataFrame(
    {
        "age": [None, *range(1, N)],
        "job": ["clerk", "None", None] * (N // 3),
        "id": [f"user {i}" for i in range(N)],
        "day": [f"2024-01-{1 + i % 28:02}" for i in range(N)],
        "when": pd.date_range("2024-01-01", periods=N),
        "member": [True, False] * (N // 2),
        "asked": pd.Series([True, None] * (N // 2), dtype=object),
        "size": pd.Categorical(["S", "M"] * (N // 2), categories=["S", "M", "L"]),
        "code": pd.array([1, 2, None] * (N // 3), dtype="Int64"),
        "empty": [np.nan] * N,
    }
)
KINDS = {
    "age": "numeric",
    "job": "categorical",
    "id": "text",
    "day": "datetime",
    "when": "datetime",
    "member": "boolean",
    "asked": "boolean",
    "size": "categorical",
    "code": "numeric",
    "empty": "numeric",
}


def test_each_column_is_described():
    summary = describe(TABLE)
    columns = {column.name: column for column in summary.columns}
    assert {name: column.kind for name, column in columns.items()} == KINDS
    assert {name: c.missing for name, c in columns.items()} == TABLE.isna().sum().to_dict()
    assert {name: c.distinct for name, c in columns.items()} == TABLE.nunique().to_dict()
    assert (columns["age"].low, columns["age"].mean, columns["age"].high) == (1, N / 2, N - 1)
    assert columns["job"].top == (("clerk", 20), ("None", 20))
    assert columns["size"].top == (("S", 30), ("M", 30))
    assert columns["empty"].mean is None
    assert summary.rows == N
    assert summary.target is None
    assert summary.missing == TABLE.isna().sum().sum()
    assert summary.kinds["boolean"] == 2


def test_years_and_words_are_no_dates():
    table = pd.DataFrame({"year": ["2001", "2002"], "range": ["10-20", "x"]})
    assert describe(table).kinds == {"categorical": 2}


def test_dates_as_objects_are_dates():
    table = pd.DataFrame({"d": pd.Series([datetime.date(2024, 1, 2), None], dtype=object)})
    assert describe(table).kinds == {"datetime": 1}


def test_column_names_need_not_be_text():
    assert [c.name for c in describe(pd.DataFrame({2019: [1, 2], ("a", 1): [3, 4]})).columns] == [
        *("2019", "('a', 1)")
    ]


@given(X=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)))
def test_pixels_are_described_as_pandas_would(X):
    quick, slow = describe(X), describe(pd.DataFrame(X.astype(np.int64)))
    assert len(quick.columns) == X.shape[1]
    for a, b in zip(quick.columns, slow.columns, strict=True):
        assert (a.name, a.kind, a.missing, a.distinct) == (b.name, b.kind, b.missing, b.distinct)
        assert (a.low, a.high) == (b.low, b.high)
        assert a.mean == pytest.approx(b.mean)
    assert quick.duplicate_rows == slow.duplicate_rows


def test_classes_are_counted_in_their_order():
    target = describe(TABLE, np.array([10, 2, 2] * (N // 3))).target
    assert target.kind == "binary"
    assert list(target.classes.items()) == [(2, 40), (10, 20)]
    target = describe(TABLE, pd.Series(["b", "a", None] * (N // 3))).target
    assert (target.classes, target.missing) == ({"a": 20, "b": 20}, 20)


def test_a_quantity_is_measured():
    y = np.arange(N) + 0.5
    target = describe(TABLE, y).target
    assert target.kind == "regression"
    assert (target.low, target.mean, target.high, target.std) == (0.5, 30, 59.5, y.std())
    assert target.classes == {}


def test_labels_are_counted_each():
    y = np.zeros((N, 3), int)
    y[:5, 1] = 1
    assert describe(TABLE, y).target.classes == {0: 0, 1: 5, 2: 0}


def test_a_known_task_decides():
    y = np.arange(N) % 3
    assert describe(TABLE, y).target.kind == "multiclass"
    target = describe(TABLE, y, task="regression").target
    assert (target.kind, target.reason, target.mean) == ("regression", "given", 1)


def test_a_constant_target_is_told():
    with pytest.raises(DataError, match="constant"):
        describe(TABLE, np.ones(N))


def test_looking_changes_nothing():
    before = TABLE.copy()
    describe(TABLE, TABLE["job"])
    pd.testing.assert_frame_equal(TABLE, before)


# --- repeated rows -----------------------------------------------------------------------------

SMALL = hnp.arrays(
    st.sampled_from(["u1", "i4", "f4", "f8", "?"]),
    st.tuples(st.integers(1, 30), st.integers(1, 3)),
    elements=st.integers(0, 1),
)


@given(X=SMALL, cut=st.integers(1, 29))
def test_repeated_rows_are_counted_as_sets_of_rows_would(X, cut):
    rows = [tuple(row) for row in X.tolist()]
    assert duplicate_rows(X) == len(rows) - len(set(rows))
    train, test = rows[:cut], rows[cut:]
    expected = sum(row in set(train) for row in test)
    assert duplicates_across(X[:cut], X[cut:]) == expected
    as_table = pd.DataFrame(X, columns=list("abc")[: X.shape[1]])
    assert duplicates_across(as_table[:cut], as_table[cut:]) == expected
    assert duplicate_rows(as_table) == duplicate_rows(X)


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame])
def test_zeros_and_gaps_are_equal_whatever_their_bits(make):
    with np.errstate(invalid="ignore"):
        other_nan = np.float64(0) / np.float64(0)
    rows = make(np.array([[0.0, np.nan], [-0.0, -other_nan], [0.0, 1.0]]))
    assert duplicate_rows(rows) == 1


def test_types_that_differ_between_the_parts_hide_nothing():
    assert duplicates_across(np.array([[1, 2]], "u1"), np.array([[1.0, 2.0]])) == 1
    train = pd.DataFrame({"a": [1, 2], "b": pd.Categorical(["x", "y"])})
    test = pd.DataFrame({"a": [1.0, np.nan], "b": pd.Categorical(["x", "z"])})
    assert duplicates_across(train, test) == 1


def test_mixed_tables_with_gaps_are_compared_by_value():
    repeated = pd.concat([TABLE, TABLE.iloc[[3, 5]]], ignore_index=True)
    assert duplicate_rows(TABLE) == 0
    assert duplicate_rows(repeated) == 2
    assert duplicates_across(TABLE, repeated) == N + 2
    assert duplicates_across(TABLE.iloc[:10], TABLE.iloc[10:]) == 0


def test_large_arrays_are_hashed_piece_by_piece(monkeypatch):
    X = np.random.default_rng(0).integers(0, 4, (200, 3))
    whole = duplicate_rows(X)
    monkeypatch.setattr("wellfit.datasets.duplicates._CHUNK_BYTES", 100)
    assert duplicate_rows(X) == whole == 200 - len(np.unique(X, axis=0))


def test_rows_in_column_order_are_read_by_row():
    X = np.asfortranarray(np.array([[1, 2, 3], [4, 5, 6], [1, 2, 3]]))
    assert duplicate_rows(X) == 1


def test_the_repeated_letters_of_notmnist_are_found(data_dir):
    assert duplicate_rows(load("notmnist", data_dir=data_dir).X) == 10_000 - 9_804


def test_mnist_has_no_row_twice(data_dir):
    mnist = load("mnist", data_dir=data_dir)
    summary = describe(mnist.X, mnist.y)
    assert summary.duplicate_rows == 0
    assert summary.columns[0].high == 0  # the corner is black in every image
    assert summary.target.classes[0] == 5923
    assert duplicates_across(mnist.X, mnist.X_test) == 0
