"""Targets: numbers standardized for regression, labels of any type as codes for classification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import infer_dtype
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target

from wellfit.core.errors import DataError, did_you_mean
from wellfit.preprocessing.columns import LARGEST, kind_of, noun_and_example


class TargetScaler:
    """Standardize regression targets to mean 0 and standard deviation 1, and back.

    >>> scaler = TargetScaler().fit([10.0, 20.0, 30.0])
    >>> scaler.transform([20.0, 30.0]).round(3)
    array([0.   , 1.225])
    >>> scaler.inverse_transform([0.0])
    array([20.])
    """

    mean_: NDArray[np.float64]
    scale_: NDArray[np.float64]

    def fit(self, y: Any) -> Self:
        """Learn each output's mean and standard deviation.

        Args:
            y: (rows,) or (rows, outputs) of numbers.

        Raises:
            DataError: text, missing values or infinities in ``y``.
        """
        values = _target_numbers(y)
        scaler = StandardScaler().fit(values.reshape(len(values), -1))
        self.mean_, self.scale_ = scaler.mean_, scaler.scale_
        return self

    def transform(self, y: Any) -> NDArray[np.float64]:
        """Return ``y`` standardized, in its own shape."""
        values = _target_numbers(y)
        return ((values.reshape(len(values), -1) - self.mean_) / self.scale_).reshape(values.shape)

    def inverse_transform(self, y: Any) -> NDArray[np.float64]:
        """Return standardized values in the target's own units, in their own shape."""
        values = np.asarray(y, dtype=np.float64)
        return (values.reshape(len(values), -1) * self.scale_ + self.mean_).reshape(values.shape)

    def to_document(self) -> dict[str, Any]:
        """Return what was learnt as data for JSON."""
        return {"mean": self.mean_.tolist(), "scale": self.scale_.tolist()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Rebuild from what :meth:`to_document` returned."""
        self = cls()
        self.mean_ = np.array(document["mean"], dtype=np.float64)
        self.scale_ = np.array(document["scale"], dtype=np.float64)
        return self


class ClassLabels:
    """Class labels as codes 0 to C-1, and back; multi-label matrices of 0 and 1 pass through.

    Attributes:
        classes_: (C,) the labels in order, of their own type; 0 to L-1 where multi-label.
        multilabel_: whether the target is a matrix (rows, L) of 0 and 1.

    >>> labels = ClassLabels().fit(["no", "yes", "no"])
    >>> labels.encode(["yes", "no"])
    array([1, 0])
    >>> labels.decode([0, 1])
    array(['no', 'yes'], dtype='<U3')
    """

    classes_: NDArray[Any]
    multilabel_: bool

    def fit(self, y: Any) -> Self:
        """Learn the classes.

        Args:
            y: (rows,) text, whole numbers, or True and False, all of one type; or (rows, L) of
                0 and 1.

        Raises:
            DataError: missing values, labels of several types, or numbers that are no labels.
        """
        labels = _labels(y)
        self.multilabel_ = labels.ndim == 2
        self.classes_ = np.arange(labels.shape[1]) if self.multilabel_ else np.unique(labels)
        return self

    def encode(self, y: Any) -> NDArray[np.int64]:
        """Return codes (rows,), or the matrix (rows, L) of 0 and 1.

        Raises:
            DataError: labels that :meth:`fit` didn't see, or as it would.
        """
        labels = _labels(y)
        if self.multilabel_ or labels.ndim == 2:
            wanted = (len(labels), len(self.classes_)) if self.multilabel_ else (len(labels),)
            if labels.shape != wanted:
                raise DataError(f"the target has shape {labels.shape}; expected {wanted}")
            return np.asarray(labels, dtype=np.int64)
        code = {label: index for index, label in enumerate(self.classes_.tolist())}
        rows, found = pd.factorize(labels)
        unseen = [label for label in found.tolist() if label not in code]
        if unseen:
            raise DataError(self._unseen(unseen))
        return np.array([code[label] for label in found.tolist()], dtype=np.int64)[rows]

    def decode(self, codes: Any) -> NDArray[Any]:
        """Return the labels of codes (rows,), or a multi-label matrix as it is."""
        found: NDArray[Any] = np.asarray(codes)
        return found if self.multilabel_ else self.classes_[found]

    def to_document(self) -> dict[str, Any]:
        """Return what was learnt as data for JSON."""
        return {
            "classes": self.classes_.tolist(),
            "dtype": self.classes_.dtype.str,
            "multilabel": self.multilabel_,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Rebuild from what :meth:`to_document` returned."""
        self = cls()
        self.classes_ = np.array(document["classes"], dtype=document["dtype"])
        self.multilabel_ = document["multilabel"]
        return self

    def _unseen(self, unseen: list[Any]) -> str:
        known = [str(label) for label in self.classes_.tolist()]
        listed = ", ".join(repr(label) for label in unseen[:5])
        more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""
        shown = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
        hint = did_you_mean(unseen[0], known)
        return f"the target holds labels unseen in training: {listed}{more}{hint} Known: {shown}"


def _target_numbers(y: Any) -> NDArray[np.float64]:
    values = _target_array(y)
    column = pd.Series(values.ravel())
    if kind_of(column) not in ("number", "flag"):
        raise DataError(f"the target holds {noun_and_example(column)}; expected numbers")
    numbers = column.to_numpy(dtype=np.float64).reshape(values.shape)
    wrong = np.argwhere(np.abs(numbers) > LARGEST)
    if len(wrong):
        raise DataError(
            f"Input y contains infinity, or a number beyond {LARGEST:g}, in row {wrong[0][0]}"
        )
    return numbers


def _labels(y: Any) -> NDArray[Any]:
    """Return (rows,) labels, or (rows, L) of 0 and 1."""
    values = _target_array(y)
    if values.dtype == object:
        values = _of_one_type(values)
    if values.dtype.kind not in "UOiufb":
        raise DataError(
            f"the target's labels are of type {values.dtype}; expected text, whole numbers, or "
            "True and False"
        )
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise DataError("Input y contains infinity; expected labels")
    found = type_of_target(np.array(values.tolist()) if values.dtype == object else values)
    if found == "multilabel-indicator":
        return values
    if found not in ("binary", "multiclass", "multiclass-multioutput"):
        raise DataError(
            f"Unknown label type: {found}. The target holds numbers that are no labels, "
            f"e.g. {values.ravel()[0]}; for these, use a regressor"
        )
    try:
        return np.asarray(column_or_1d(values, warn=True))
    except ValueError as error:
        raise DataError(str(error)) from error


def _of_one_type(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array of objects with Python's own text, numbers or booleans in it."""
    found = infer_dtype(values.ravel(), skipna=False)
    if found not in ("string", "integer", "boolean", "floating"):
        raise DataError(
            f"the target's labels are {found}; expected labels of one type: text, whole numbers, "
            "or True and False"
        )
    plain = [item.item() if isinstance(item, np.generic) else item for item in values.ravel()]
    return np.array(plain, dtype=object).reshape(values.shape)


def _unlike_types_kept(y: Any, text: NDArray[Any]) -> NDArray[Any]:
    """Return a list's values as objects if numpy made text of some that were none."""
    values = np.array(y, dtype=object)
    return text if infer_dtype(values.ravel(), skipna=False) == "string" else values


def _target_array(y: Any) -> NDArray[Any]:
    """Return ``y`` as an array of one or two axes, in which nothing is missing."""
    try:
        values: NDArray[Any] = y.toarray() if sparse.issparse(y) else np.asarray(y)
        if isinstance(y, (list, tuple)) and values.dtype.kind in "US":
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
    return values
