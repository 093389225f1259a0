from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from wellfit.core.errors import DataError
from wellfit.datasets import Dataset, load, picture, train_test_split

X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ({"X": X, "y": Y[:3]}, "20 rows in X, 3 in y"),
        ({"X": X[:0], "y": Y[:0]}, "X of d is 0 x 2; expected rows and columns"),
        ({"X": X[:, :0], "y": Y}, "X of d is 20 x 0"),
        ({"X": X[0], "y": Y[:2]}, "X of d is 2; expected"),
        ({"X": X, "y": Y, "X_test": X}, "only one of X_test and y_test"),
        ({"X": X, "y": Y, "y_val": Y}, "only one of X_val and y_val"),
        ({"X": X, "y": Y, "X_test": X, "y_test": Y[:1]}, "20 rows in X_test, 1 in y_test"),
        ({"X": X, "y": Y, "X_val": X[:, :1], "y_val": Y}, "1 columns in X_val, 2 in X"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts, complaint):
    with pytest.raises(DataError, match=complaint):
        Dataset("d", **parts)


def test_a_dataset_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Dataset("d", X, Y).name = "e"


# --- holding out -------------------------------------------------------------------------------


def rows_of(part):
    return np.asarray(part)[:, 0].tolist()


@pytest.mark.parametrize("as_table", [False, True])
@pytest.mark.parametrize(("fraction", "size"), [(0.1, 2), (0.25, 5), (0.5, 10), (0.9, 18)])
def test_every_row_is_in_one_part_with_its_label(as_table, fraction, size):
    table = pd.DataFrame(X, columns=["a", "b"]) if as_table else X
    labels = pd.Series(Y, name="y") if as_table else Y
    split = train_test_split(Dataset("d", table, labels), fraction, random_state=3)
    assert len(split.X_test) == size
    assert type(split.X) is type(split.X_test) is type(table)
    assert sorted(rows_of(split.X) + rows_of(split.X_test)) == rows_of(X)
    for rows, y in ((split.X, split.y), (split.X_test, split.y_test)):
        assert [Y[int(first // 2)] for first in rows_of(rows)] == np.asarray(y).tolist()


def test_classes_keep_their_shares():
    y = np.repeat(["a", "b", "c"], [60, 30, 10])
    split = train_test_split(Dataset("d", np.arange(100.0)[:, None], y), 0.2)
    assert dict(zip(*np.unique(split.y_test, return_counts=True), strict=True)) == {
        "a": 12,
        "b": 6,
        "c": 2,
    }


def test_a_seed_fixes_the_split():
    dataset = load("iris")
    first, again, other = (train_test_split(dataset, 0.3, seed) for seed in (1, 1, 2))
    assert first.X.index.tolist() == again.X.index.tolist() != other.X.index.tolist()


def test_a_class_with_a_single_row_is_no_obstacle():
    y = np.array(["a"] * 12 + ["b"] * 7 + ["rare"])
    split = train_test_split(Dataset("d", X, y), 0.25)
    assert sorted([*split.y, *split.y_test]) == sorted(y)


def test_more_classes_than_rows_to_test_is_no_obstacle():
    y = np.repeat([f"c{i}" for i in range(10)], 2)
    assert len(train_test_split(Dataset("d", X, y), 0.1).y_test) == 2


@pytest.mark.parametrize("y", [X[:, 0] + 0.5, np.stack([Y, 1 - Y], axis=1)])
def test_quantities_and_several_outputs_are_split_at_random(y):
    split = train_test_split(Dataset("d", X, y), 0.25)
    assert len(split.y_test) == 5


def test_a_known_task_decides_over_what_numbers_look_like():
    grades = Dataset("d", X, np.arange(20) % 5)
    assert sorted(train_test_split(grades, 0.25).y_test) == [0, 1, 2, 3, 4]
    quantity = dataclasses.replace(grades, task="regression")
    assert sorted(train_test_split(quantity, 0.25).y_test) != [0, 1, 2, 3, 4]


def test_labels_that_are_missing_are_split_too():
    y = pd.Series(["a", "b", None, "a"] * 5)
    split = train_test_split(Dataset("d", X, y), 0.2)
    assert split.y_test.isna().sum() == 1


def test_data_with_a_test_part_come_back_as_they_are():
    dataset = Dataset("d", X, Y, X[:2], Y[:2])
    assert train_test_split(dataset, 0.5) is dataset


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_outside_of_its_range_is_refused(fraction):
    with pytest.raises(ValueError, match=r"expected a number in \(0, 1\)"):
        train_test_split(Dataset("d", X, Y), fraction)


def test_a_single_row_cannot_be_split():
    with pytest.raises(DataError, match="a single row"):
        train_test_split(Dataset("d", X[:1], Y[:1]), 0.5)


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_no_part_is_ever_empty(fraction):
    split = train_test_split(Dataset("d", X[:3], X[:3, 0] + 0.5), fraction)
    assert sorted([len(split.y), len(split.y_test)]) == [1, 2]


# --- pictures ----------------------------------------------------------------------------------


def test_a_picture_shows_each_class_once_before_any_twice(tmp_path):
    digits = load("digits")
    figure = picture(digits, n=12)
    assert [axes.get_title() for axes in figure.axes] == [*"0123456789", "0", "1"]
    figure.savefig(tmp_path / "digits.png")
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_shows_the_pixels_of_the_row_it_names():
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    dataset = Dataset("d", pixels, np.array([1, 0, 1, 0]), image_shape=(2, 3))
    shown = [np.asarray(axes.images[0].get_array()) for axes in picture(dataset).axes]
    np.testing.assert_array_equal(shown, pixels[[1, 0, 3, 2]].reshape(4, 2, 3))


def test_labels_go_by_name_where_they_have_one():
    dataset = Dataset(
        "d", np.eye(4), np.array([1, 0]).repeat(2), image_shape=(2, 2), class_names=("ß", "ö")
    )
    assert [axes.get_title() for axes in picture(dataset, 2).axes] == ["ß", "ö"]


def test_what_cannot_be_drawn_is_told():
    with pytest.raises(DataError, match="iris has no images"):
        picture(load("iris"))
    with pytest.raises(DataError, match="n is 0; expected at least 1"):
        picture(load("digits"), 0)
