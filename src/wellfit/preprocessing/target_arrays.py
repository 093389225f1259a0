"""Targets as arrays: of a plain dtype, in one or two axes, nothing missing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import infer_dtype

from wellfit.core.arrays import LARGEST, is_sparse
from wellfit.core.errors import DataError
from wellfit.preprocessing.cells import noun_and_example
from wellfit.preprocessing.columns import kind_of

# What pandas finds in an array of objects that stands for an array of a plain dtype.
_PLAIN = ("integer", "floating", "mixed-integer-float", "boolean")
_FOUND = {"integer": "whole numbers of more than 64 bits"}


def target_numbers(y: Any) -> NDArray[np.float64]:
    """Return targets (rows,) or (rows, outputs) as finite numbers.

    Raises:
        DataError: text, missing values or infinities in ``y``.
    """
    values = target_array(y)
    column = pd.Series(values.ravel())
    if kind_of(column) not in ("number", "flag"):
        raise DataError(
            f"the target holds {noun_and_example(column)}; expected numbers (for classes, use a "
            "classifier)"
        )
    try:
        numbers = column.to_numpy(dtype=np.float64).reshape(values.shape)
    except OverflowError:  # a whole number of Python's has no bounds
        numbers = np.array([_float(one) for one in column]).reshape(values.shape)
    wrong = np.argwhere(np.abs(numbers) > LARGEST)
    if len(wrong):
        raise DataError(
            f"Input y contains infinity, or a number beyond {LARGEST:g}, in row {wrong[0][0]}"
        )
    return numbers


def _float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def plain_targets(y: Any) -> Any:
    """Return targets whose dtype is ``object`` as an array of a plain dtype; others as they are.

    pandas makes an object column wherever it isn't sure; scikit-learn's scorers take its numbers
    for targets of an unknown kind.

    >>> plain_targets(pd.Series([1, 0], dtype=object)), plain_targets([1, 0])
    (array([1, 0]), [1, 0])
    >>> plain_targets(np.array(["a", "b"], dtype=object))
    array(['a', 'b'], dtype=object)
    """
    if is_sparse(y) or not hasattr(y, "__array__"):
        return y
    values = np.asarray(y)
    plain = plain_array(values)
    return y if plain is values else plain


def plain_array(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array of objects that are numbers or booleans as one of their own type."""
    if values.dtype != object or not values.size:
        return values
    if infer_dtype(values.ravel(), skipna=False) in _PLAIN:
        plain = np.array(values.tolist())
        return plain if plain.dtype.kind in "biuf" else values
    if values.ndim == 2 and values.shape[1] > 1:  # the columns of a table, each of its own type
        columns = [plain_array(column) for column in values.T]
        if all(column.dtype != object for column in columns):
            return np.stack(columns, axis=1)
    return values


def matrix_kind(values: NDArray[Any]) -> str:
    """Return ``"flags"`` of a matrix of 0, 1, ``"shares"`` for one of fractions, or ``""``."""
    if values.ndim != 2 or values.shape[1] < 2 or values.dtype.kind not in "bifu":
        return ""
    from sklearn.utils.multiclass import type_of_target  # takes half a second: predictions don't

    found = type_of_target(values) if np.isfinite(values).all() else ""
    kinds = {"multilabel-indicator": "flags", "continuous-multioutput": "shares"}
    return kinds.get(found, "")


def column_names(y: Any, count: int) -> NDArray[Any]:
    """Return the names of a table's columns where they are text, else 0 to ``count`` - 1."""
    names = getattr(y, "columns", None)
    if names is None or not all(isinstance(name, str) for name in names):
        return np.arange(count)
    return np.array(list(names))


def label_array(y: Any, *, warn: bool = False) -> NDArray[Any]:
    """Return (rows,) labels, or (rows, L) of 0 and 1; ``warn`` of a single column (rows, 1)."""
    from sklearn.utils import column_or_1d  # takes half a second: predictions don't
    from sklearn.utils.multiclass import type_of_target

    values = target_array(y)
    if values.dtype == object:
        values = _of_one_type(values)
    if values.dtype.kind not in "UOiufb":
        raise DataError(
            f"the target's labels are of type {values.dtype}; expected text, whole numbers, or "
            "True and False"
        )
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise DataError("Input y contains infinity; expected labels")
    found = type_of_target(_distinct_texts(values) if values.dtype == object else values)
    if found == "multilabel-indicator":
        return values
    if found not in ("binary", "multiclass", "multiclass-multioutput"):
        raise DataError(
            f"Unknown label type: {found}. The target holds numbers that are no labels, "
            f"e.g. {values.ravel()[0]}; for these, use a regressor"
        )
    try:
        return np.asarray(column_or_1d(values, warn=warn))
    except ValueError as error:
        raise DataError(
            f"{error} For several labels a row, give a column of 0 and 1 for each label"
        ) from error


def _of_one_type(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array of objects with Python's own text in it."""
    found = infer_dtype(values.ravel(), skipna=False)
    if found != "string":
        raise DataError(
            f"the target's labels are {_FOUND.get(found, found)}; expected labels of one type: "
            "text, whole numbers, or True and False"
        )
    if not any(isinstance(item, np.generic) for item in values.ravel()):
        return values
    plain = [item.item() if isinstance(item, np.generic) else item for item in values.ravel()]
    return np.array(plain, dtype=object).reshape(values.shape)


def _distinct_texts(values: NDArray[Any]) -> NDArray[Any]:
    """Return the distinct texts as an array of strings, by which scikit-learn finds the kind."""
    # Of millions of rows, all would take several times the memory of the labels themselves.
    return np.array((pd.unique(values) if values.ndim == 1 else values).tolist())


def _unlike_types_kept(y: Any, text: NDArray[Any]) -> NDArray[Any]:
    """Return a list's values as objects if numpy made text of some that were none."""
    values = np.array(y, dtype=object)
    return text if infer_dtype(values.ravel(), skipna=False) == "string" else values


def target_array(y: Any) -> NDArray[Any]:
    """Return ``y`` as an array of one or two axes, in which nothing is missing."""
    try:
        values: NDArray[Any] = y.toarray() if is_sparse(y) else np.asarray(y)
        if isinstance(y, (list, tuple)) and values.dtype.kind in "US":
            # np.asarray([1, "a"]) is ['1', 'a']: the mix has to be seen to be refused.
            values = _unlike_types_kept(y, values)
    except ValueError as error:
        raise DataError(f"the target is no array: {error}") from error
    if values.ndim not in (1, 2) or not values.size:
        raise DataError(
            f"the target has shape {values.shape}; expected (rows,) or (rows, outputs)"
        )
    missing = pd.isna(values).reshape(len(values), -1).any(axis=1)
    if missing.any():
        raise DataError(
            f"Input y contains NaN: the target is missing in {missing.sum()} of {len(values)} "
            f"rows, first in row {missing.argmax()}; drop these rows"
        )
    return plain_array(values)
