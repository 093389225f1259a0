"""Rows of some classes: by label, name or range, in every part of the data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from wellfit.core.errors import DataError
from wellfit.datasets import Dataset, load, select_classes

DIGITS = np.tile(np.arange(10), 3)
X = np.arange(60.0).reshape(30, 2)
NAMES = (*"ABCDEFGHI", "T-shirt/top")


def digits(**more: object) -> Dataset:
    return Dataset("digits", X, DIGITS, X[:10], DIGITS[:10], **more)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ("0-4", [0, 1, 2, 3, 4]),
        ("7, 0,3", [0, 3, 7]),
        ("0-1,1,8 - 9", [0, 1, 8, 9]),
        ("B-D", [1, 2, 3]),
        ("A,T-shirt/top", [0, 9]),
        ("I-T-shirt/top", [8, 9]),
    ],
)
def test_every_part_holds_the_rows_of_the_classes_alone(classes: str, expected: list[int]) -> None:
    found = select_classes(digits(class_names=NAMES), classes)
    for rows, y, whole in ((found.X, found.y, DIGITS), (found.X_test, found.y_test, DIGITS[:10])):
        assert sorted(set(y.tolist())) == expected
        np.testing.assert_array_equal(rows, X[: len(whole)][np.isin(whole, expected)])
    assert found.task == ("binary" if len(expected) == 2 else "multiclass")


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (["low", "high", "mid"], "low,mid", {"low", "mid"}),
        (["a,b", "c", "d"], "a,b", {"a,b"}),
        ([-1.0, 0.0, 2.0], "-1-0", {-1.0, 0.0}),
        ([True, False], "True,False", {True, False}),
        (["1", 2, None], "1,2", {"1", 2}),
        (pd.Categorical(["x", "y", "z"]), "x-y", {"x", "y"}),
    ],
)
def test_labels_of_every_type(labels: object, classes: str, expected: set[object]) -> None:
    y = pd.Series(pd.concat([pd.Series(labels)] * 4, ignore_index=True))
    data = Dataset("d", pd.DataFrame({"a": np.arange(len(y))}), y, task="multiclass")
    if len(expected) == 1:
        with pytest.raises(DataError, match="'a,b' is a single class; expected at least two"):
            select_classes(data, classes)
        return
    found = select_classes(data, classes)
    assert set(found.y) == expected
    assert found.X.a.tolist() == y.index[y.isin(expected)].tolist()


@pytest.mark.parametrize(
    ("classes", "complaint"),
    [
        ("0-12", r"no class '12'; did you mean '\d'\? Its classes: 0, 1, 2, 3"),
        ("5,eleven", "no class 'eleven'"),
        ("x-y", "no class 'x-y'"),
        ("", "no class ''"),
        ("4-0", "the range 4-0 ends before it begins"),
        ("3", "'3' is a single class"),
    ],
)
def test_classes_that_do_not_exist(classes: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        select_classes(digits(), classes)


def test_targets_without_classes() -> None:
    with pytest.raises(DataError, match="the target of diabetes is a number to predict"):
        select_classes(load("diabetes"), "0-4")
    labels = Dataset("m", X, np.eye(2)[DIGITS % 2])
    with pytest.raises(DataError, match="several targets a row"):
        select_classes(labels, "0,1")


def test_a_test_set_without_the_classes() -> None:
    data = Dataset("d", X, DIGITS, X[:2], DIGITS[:2])
    with pytest.raises(DataError, match="no row of the test set is in the classes 5-9"):
        select_classes(data, "5-9")
