"""Targets become numbers or codes, and come back as they were."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.preprocessing import LabelEncoder

from wellfit.core.errors import DataError
from wellfit.preprocessing import ClassLabels, TargetScaler

# Regression

shapes = hnp.array_shapes(min_dims=1, max_dims=2, max_side=8)
targets = hnp.arrays(np.float64, shapes, elements=st.floats(-1e9, 1e9, width=32))


@given(targets)
def test_targets_have_mean_0_and_deviation_1_and_come_back(y):
    scaler = TargetScaler().fit(y)
    scaled = scaler.transform(y)
    assert scaled.shape == y.shape
    spread = y.std(axis=0)
    assume((np.asarray(spread) > 1e-6 * (1 + np.abs(y).max())).all())
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-6)
    back = scaler.inverse_transform(scaled)
    np.testing.assert_allclose(back, y, rtol=1e-9, atol=1e-9 * (1 + np.abs(y).max()))
    rebuilt = TargetScaler.from_document(json.loads(json.dumps(scaler.to_document())))
    np.testing.assert_array_equal(rebuilt.transform(y), scaled)
    np.testing.assert_array_equal(rebuilt.inverse_transform(scaled), back)


def test_quartiles_set_the_scale_where_outliers_would():
    y = np.random.default_rng(0).normal(50, 4, size=(10_000, 1))
    y[:500] += 1e6
    scaler = TargetScaler("robust").fit(y)
    assert scaler.mean_[0] == np.median(y)
    low, high = np.quantile(y, [0.25, 0.75])
    assert scaler.scale_[0] == pytest.approx((high - low) / 1.349, rel=1e-4)
    assert scaler.scale_[0] == pytest.approx(4, rel=0.1)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(y)), y)


def test_the_deviation_sets_the_scale_where_quartiles_are_alike():
    y = [0.0] * 9 + [10.0]
    assert TargetScaler("robust").fit(y).scale_[0] == np.std(y)
    assert TargetScaler("robust").fit(y).mean_[0] == 1


def test_counts_are_divided_by_their_mean():
    scaler = TargetScaler("mean").fit([[0, 0], [6, 0]])
    assert scaler.transform([[0, 1], [6, 2]]).tolist() == [[0, 1], [2, 2]]
    assert scaler.inverse_transform([[1, 1]]).tolist() == [[3, 1]]


def test_a_constant_output_is_0_and_comes_back():
    y = [[5, 1], [5, 3]]
    scaler = TargetScaler().fit(y)
    assert scaler.transform(y).tolist() == [[0, -1], [0, 1]]
    assert scaler.inverse_transform([[0, 1]]).tolist() == [[5, 3]]


@pytest.mark.parametrize(
    "y",
    [
        pd.Series([1, 2, 3], dtype="Int64"),
        pd.Series([1.0, 2, 3], dtype=object),
        pl.Series([1, 2, 3]),
        [1, 2, 3],
        np.array([1, 2, 3], dtype=np.float32),
    ],
)
def test_any_container_of_numbers(y):
    scaler = TargetScaler().fit(y)
    assert (scaler.mean_.tolist(), scaler.transform(y).ndim) == ([2], 1)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, np.nan, 2, np.nan], "contains NaN: .* in 2 of 4 rows, first in row 1"),
        (pd.Series([1, None, 2], dtype="Int64"), "in 1 of 3 rows, first in row 1"),
        ([[1, 2], [3, None]], "in 1 of 2 rows, first in row 1"),
        ([None, None], "in 2 of 2 rows, first in row 0"),
        ([1.0, np.inf], "contains infinity, .* in row 1"),
        ([1, -(10**400)], r"beyond 1e\+30, in row 1"),
        ([1.0, 1e31], r"beyond 1e\+30, in row 1"),
        ([1.0, "abc"], "holds text or categories, e.g. 'abc'; expected numbers"),
        (["1", "2"], "holds text or categories, e.g. '1'"),
        ([pd.Timestamp(0)], "holds dates"),
        ([], r"shape \(0,\); expected"),
        (5, r"shape \(\); expected"),
        ([[1, 2], [3]], "the target is no array"),
    ],
)
def test_targets_that_are_no_numbers_are_refused(y: Any, message):
    with pytest.raises(DataError, match=message):
        TargetScaler().fit(y)


# Classification

labels = st.one_of(
    st.lists(st.text(st.characters(exclude_characters="\0")), min_size=1).map(np.array),
    st.lists(st.text(), min_size=1).map(lambda values: np.array(values, dtype=object)),
    st.lists(st.integers(-(2**40), 2**40), min_size=1).map(np.array),
    st.lists(st.integers(0, 255), min_size=1).map(lambda values: np.array(values, np.uint8)),
    st.lists(st.integers(-9, 9), min_size=1).map(lambda values: np.array(values, dtype=object)),
    st.lists(st.integers(-9, 9), min_size=1).map(lambda values: np.array(values, dtype=float)),
    st.lists(st.booleans(), min_size=1).map(np.array),
    st.lists(st.booleans(), min_size=1).map(lambda values: np.array(values, dtype=object)),
)


@given(labels)
def test_labels_are_codes_as_scikit_learn_has_them_and_come_back(y):
    fitted = ClassLabels().fit(y)
    reference = LabelEncoder().fit(y)
    np.testing.assert_array_equal(fitted.classes_, reference.classes_)
    rebuilt = ClassLabels.from_document(json.loads(json.dumps(fitted.to_document())))
    for each in (fitted, rebuilt):
        codes = each.encode(y)
        assert codes.dtype == np.int64
        np.testing.assert_array_equal(codes, reference.transform(y))
        back = each.decode(codes)
        numbers = y.dtype == object and not isinstance(y[0], str)
        assert back.dtype == (np.array(y.tolist()).dtype if numbers else y.dtype)
        assert back.tolist() == y.tolist()
        assert [type(label) for label in back.tolist()] == [type(label) for label in y.tolist()]


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (pd.Series(["b", "a", "b"]), ["a", "b"]),
        (pd.Series(["b", "a", "b"], dtype="category"), ["a", "b"]),
        (pd.Categorical([3, 1, 3]), [1, 3]),
        (pd.Series([3, 1, 3], dtype="Int64"), [1, 3]),
        (pd.Series([True, False, True], dtype="boolean"), [False, True]),
        (pl.Series(["b", "a", "b"]), ["a", "b"]),
        (["b", "a", "b"], ["a", "b"]),
        (np.array([np.int64(3), np.int64(1), np.int64(3)], dtype=object), [1, 3]),
    ],
)
def test_any_container_of_labels(y, classes):
    fitted = ClassLabels().fit(y)
    assert fitted.classes_.tolist() == classes
    assert fitted.encode(y).tolist() == [1, 0, 1]
    json.dumps(fitted.to_document())


def test_equal_labels_of_another_type_are_known():
    assert ClassLabels().fit([1, 2]).encode(np.array([2.0, 1.0])).tolist() == [1, 0]
    assert ClassLabels().fit(["a", "b"]).encode(pd.Series(["b"])).tolist() == [1]


@pytest.mark.parametrize("container", [np.array, sparse.csr_array, pd.DataFrame, list])
def test_multilabel_matrices_pass_through(container):
    y = [[0, 1, 1], [1, 0, 0]]
    fitted = ClassLabels().fit(container(y))
    assert fitted.multilabel_
    assert fitted.classes_.tolist() == [0, 1, 2]
    rebuilt = ClassLabels.from_document(json.loads(json.dumps(fitted.to_document())))
    assert rebuilt.encode(container(y)).tolist() == rebuilt.decode(y).tolist() == y


def test_a_column_vector_is_flattened_with_scikit_learns_warning():
    with pytest.warns(DataConversionWarning, match="column-vector"):
        assert ClassLabels().fit([["a"], ["b"]]).classes_.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", None, "b"], "in 1 of 3 rows, first in row 1"),
        ([1.0, np.nan], "contains NaN"),
        ([0.5, 1.25], "Unknown label type: continuous"),
        ([1.0, np.inf], "infinity"),
        (np.array([1, "a"], dtype=object), "labels are mixed-integer; expected labels of one"),
        ([1, "a"], "labels are mixed-integer; expected labels of one"),
        ([True, "a"], "labels are mixed; expected labels of one"),
        (np.array([1, 2.5], dtype=object), "Unknown label type: continuous"),
        (np.array([b"a", b"b"]), "labels are of type"),
        (np.array(["2020"], dtype="datetime64[D]"), "labels are of type datetime64"),
        ([[1, 2], [3, 4]], "1d array"),
        ([], "shape"),
    ],
)
def test_labels_that_are_none_are_refused(y: Any, message):
    with pytest.raises(DataError, match=message):
        ClassLabels().fit(y)


@pytest.mark.parametrize(
    ("known", "y", "message"),
    [
        (["cat", "dog"], ["cat", "dgo"], "unseen in training: 'dgo'; did you mean 'dog'?"),
        ([1, 2], [3, 1, 4], "unseen in training: 3, 4.* Known: 1, 2"),
        ([1, 2], ["1"], "unseen in training: '1'"),
        ([0, 1], list(range(9)), "2, 3, 4, 5, 6 and 2 more"),
        ([[0, 1], [1, 1]], [[0, 1, 1], [1, 0, 0]], r"shape \(2, 3\); expected \(2, 2\)"),
        ([[0, 1], [1, 1]], [0, 1], r"shape \(2,\); expected \(2, 2\)"),
        ([0, 1], [[0, 1], [1, 1]], r"shape \(2, 2\); expected \(2,\)"),
    ],
)
def test_labels_that_training_did_not_have_are_named(known, y, message):
    with pytest.raises(DataError, match=message):
        ClassLabels().fit(known).encode(y)


# Probabilities

SHARES = np.array([[0.2, 0.8], [1.0, 0.0], [0.333, 0.666]])


def test_probabilities_stay_and_sum_to_exactly_1():
    labels = ClassLabels().fit(SHARES)
    encoded = labels.encode(SHARES)
    np.testing.assert_allclose(encoded, SHARES, atol=1e-3)
    np.testing.assert_allclose(encoded.sum(axis=1), 1, rtol=1e-15)
    assert labels.hard(SHARES).tolist() == [1, 0, 1]
    assert labels.hard([0, 1]) == [0, 1]


def test_columns_that_stand_alone_need_not_sum_to_1():
    shares = np.array([[0.2, 0.2], [0.9, 1.0]])
    labels = ClassLabels().fit(shares, alone=True)
    np.testing.assert_array_equal(labels.encode(shares), shares)
    assert labels.hard(shares).tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize("alone", [None, True, False])
def test_a_matrix_of_0_and_1_is_labels_unless_its_columns_share(alone):
    labels = ClassLabels().fit(np.eye(3, dtype=int), alone=alone)
    assert labels.multilabel_ == (alone is not False)
    assert labels.soft_ == (alone is False)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_name_the_classes_and_documents_keep_them(frame):
    labels = ClassLabels().fit(frame({"cat": SHARES[:, 0], "dog": SHARES[:, 1]}))
    rebuilt = ClassLabels.from_document(json.loads(json.dumps(labels.to_document())))
    assert rebuilt.hard(SHARES).tolist() == ["dog", "cat", "dog"]
    np.testing.assert_array_equal(rebuilt.encode(SHARES), labels.encode(SHARES))
