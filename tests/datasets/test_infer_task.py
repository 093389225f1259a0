from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from wellfit.core.errors import DataError
from wellfit.datasets import infer_task

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (["yes", "no"] * 5, "binary"),
        ([True, False], "binary"),
        ([0, 1, 1], "binary"),
        ([-1.0, 1.0, 1.0], "binary"),
        (["1", "2", "3"], "multiclass"),
        (list("abcdefghijklmnopqrstuvwxyz") * 3, "multiclass"),
        (np.arange(3).repeat(3), "multiclass"),
        (np.arange(10).repeat(20), "multiclass"),
        (RNG.integers(3, 10, 500), "multiclass"),  # grades of wine
        (np.arange(20).repeat(3), "multiclass"),
        (np.arange(21).repeat(30), "regression"),
        (np.arange(20).repeat(2), "regression"),  # too few rows for that many classes
        (RNG.integers(17, 91, 5000), "regression"),  # ages
        (RNG.poisson(100, 5000), "regression"),  # counts
        ([0.5, 1.5, 0.5, 1.5], "regression"),
        ([1.0, np.inf, 2.0], "regression"),
        (pd.Series([1, None, 0, 1]), "binary"),  # whole numbers that a gap turned into floats
        (pd.Series([1, None, 0, 1], dtype="Int64"), "binary"),
        (pd.Series([True, None, False], dtype=object), "binary"),
        (pd.Series([True, None, False], dtype="boolean"), "binary"),
        (pd.Series([1.5, 2.5, 3.5]).astype("category"), "multiclass"),
        (pd.Series(["a", "b", None], dtype="str"), "binary"),
        ([[0], [1]], "binary"),
        ([[0, 1, 1], [1, 0, 0]], "multilabel"),
        ([[0.5, 1.0], [2.0, 3.0]], "regression"),
    ],
)
def test_the_kind_of_a_target(y: Any, kind: str) -> None:
    y = y if isinstance(y, pd.Series) else np.asarray(y)
    assert infer_task(y).kind == kind
    if y.ndim == 1:
        assert infer_task(pd.Series(y)[::-1].reset_index(drop=True)).kind == kind


def test_the_reason_comes_in_words() -> None:
    assert infer_task(np.arange(21).repeat(3)).reason == "21 distinct integers, more than 20"
    assert infer_task(np.arange(9)).reason == "9 distinct integers, each fewer than 3 times"
    assert infer_task(np.array([0.5, 1])).reason == "numbers with a fractional part"
    assert infer_task(np.array([True, False])).reason == "2 distinct booleans"
    assert infer_task(pd.Series(["a", "b"], dtype="category")).reason == "2 distinct categories"
    assert infer_task(np.eye(3)).reason == "3 columns of 0 and 1"


@pytest.mark.parametrize(
    ("y", "complaint"),
    [
        ([], "every value is missing"),
        ([np.nan, np.nan], "every value is missing"),
        (["a"], "constant: its only value is a; expected at least two"),
        (["yes"] * 3, "constant: all of its 3 values are yes"),
        ([7, 7], "constant: all of its 2 values are 7"),
        ([2.5, 2.5, np.nan], "constant: all of its 2 values are 2.5"),
        (np.array(["2024-01-01", "2024-01-02"], "M8[D]"), "dates"),
        (np.array([1, 2], "m8[D]"), "durations"),
    ],
)
def test_a_target_that_asks_nothing_is_refused(y: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        infer_task(np.asarray(y))


def test_lists_are_refused() -> None:
    with pytest.raises(DataError, match="lists"):
        infer_task(pd.Series([[1], [2]]))
