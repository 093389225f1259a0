"""Targets: numbers scaled for regression; labels of any type as codes, or as probabilities."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.arrays import is_sparse
from wellfit.core.errors import DataError, ModelFileError, did_you_mean
from wellfit.core.schema import conform
from wellfit.preprocessing.documents import LabelsDocument, ScalerDocument, classes_from
from wellfit.preprocessing.target_arrays import (
    column_names,
    label_array,
    matrix_kind,
    plain_array,
    plain_targets,
    target_array,
    target_numbers,
)

_ROUNDING = 0.01  # by which written probabilities may miss a sum of 1


class TargetScaler:
    """Scale regression targets so that a network's first estimates are near them, and back.

    Args:
        scaling: ``"standard"`` to mean 0 and standard deviation 1; ``"robust"`` by the median and
            the quartiles, which outliers don't move: without outliers, nearly the same;
            ``"mean"`` divides by the mean, for targets that have a natural 0; ``"none"`` leaves
            them as they are.

    >>> scaler = TargetScaler().fit([10.0, 20.0, 30.0])
    >>> scaler.transform([20.0, 30.0]).round(3)
    array([0.   , 1.225])
    >>> scaler.inverse_transform([0.0])
    array([20.])
    >>> TargetScaler("mean").fit([10.0, 20.0, 30.0]).transform([0.0, 30.0])
    array([0. , 1.5])
    """

    mean_: NDArray[np.float64]
    scale_: NDArray[np.float64]

    def __init__(
        self, scaling: Literal["standard", "robust", "mean", "none"] = "standard"
    ) -> None:
        self.scaling = scaling

    def fit(self, y: Any) -> Self:
        """Learn what each output has subtracted, and is then divided by.

        Args:
            y: (rows,) or (rows, outputs) of numbers.

        Raises:
            DataError: text, missing values or infinities in ``y``.
        """
        from sklearn.preprocessing import StandardScaler  # takes a second: predictions don't

        values = target_numbers(y)
        columns = values.reshape(len(values), -1)
        scaler = StandardScaler().fit(columns)
        self.mean_, self.scale_ = scaler.mean_, scaler.scale_
        if self.scaling == "mean":
            self.scale_ = np.where(self.mean_ > 0, self.mean_, 1.0)
            self.mean_ = np.zeros_like(self.mean_)
        elif self.scaling == "none":
            self.mean_, self.scale_ = np.zeros_like(self.mean_), np.ones_like(self.scale_)
        elif self.scaling == "robust":
            self._resist(columns)
        return self

    def _resist(self, columns: NDArray[np.float64]) -> None:
        """Use median and quartiles where half of an output's values aren't all alike."""
        from sklearn.preprocessing import RobustScaler  # as above

        # Scaled so that, for normal targets, the unit is the standard deviation all the same.
        robust = RobustScaler(unit_variance=True).fit(columns)
        low, high = np.percentile(columns, [25, 75], axis=0)
        spread = high > low
        self.mean_ = np.where(spread, robust.center_, self.mean_)
        self.scale_ = np.where(spread, robust.scale_, self.scale_)

    def transform(self, y: Any) -> NDArray[np.float64]:
        """Return ``y`` scaled, in its own shape."""
        values = target_numbers(y)
        return ((values.reshape(len(values), -1) - self.mean_) / self.scale_).reshape(values.shape)

    def inverse_transform(self, y: Any) -> NDArray[np.float64]:
        """Return scaled values in the target's own units, in their own shape."""
        values = np.asarray(y, dtype=np.float64)
        return (values.reshape(len(values), -1) * self.scale_ + self.mean_).reshape(values.shape)

    def to_document(self) -> dict[str, Any]:
        """Return what was learned as data for JSON."""
        return {"mean": self.mean_.tolist(), "scale": self.scale_.tolist()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Rebuild from what :meth:`to_document` returned.

        Raises:
            ModelFileError: it is of another form; names the field.
        """
        conform(document, ScalerDocument, "targets")
        if not document["mean"] or len(document["mean"]) != len(document["scale"]):
            raise ModelFileError(
                f"targets.mean is of {len(document['mean'])} outputs, and targets.scale of "
                f"{len(document['scale'])}; expected the same, and one at least"
            )
        self = cls()
        self.mean_ = np.array(document["mean"], dtype=np.float64)
        self.scale_ = np.array(document["scale"], dtype=np.float64)
        return self


class ClassLabels:
    """Class labels as codes 0 to C-1, and back; matrices of labels or probabilities stay such.

    Attributes:
        classes_: (C,) the labels in order, of their own type. Where the target is a matrix: 0 to
            C-1, or the names of a DataFrame's columns of probabilities.
        multilabel_: whether the target is a matrix (rows, L), each column a yes or no by itself.
        soft_: whether the target is a matrix of probabilities.

    >>> labels = ClassLabels().fit(["no", "yes", "no"])
    >>> labels.encode(["yes", "no"])
    array([1, 0])
    >>> labels.decode([0, 1])
    array(['no', 'yes'], dtype='<U3')
    """

    classes_: NDArray[Any]
    multilabel_: bool
    soft_: bool
    known_codes: tuple[Any, NDArray[Any]] | None = None  # targets and their codes

    def fit(self, y: Any, *, alone: bool | None = None) -> Self:
        """Learn the classes.

        Args:
            y: (rows,) text, whole numbers, or True and False, all of one type; (rows, L) of 0 and
                1, for several labels a row; or (rows, C) probabilities of the classes.
            alone: whether the columns of a matrix stand each alone (True) or share a probability
                of 1 (False); None decides by whether all is 0 or 1.

        Raises:
            DataError: missing values, labels of several types, numbers that are no labels, or
                probabilities outside [0, 1] or not of sum 1.
        """
        values = target_array(y)
        kind = matrix_kind(values)
        self.multilabel_ = kind == "flags" if alone is None else alone and kind != ""
        self.soft_ = kind == "shares" or (kind == "flags" and not self.multilabel_)
        if self.soft_:
            self._probabilities(target_numbers(y))
            self.classes_ = column_names(y, values.shape[1])
        elif self.multilabel_:
            self.classes_ = np.arange(values.shape[1])
        else:
            self.classes_ = np.unique(label_array(y, warn=True))
        return self

    def encode(self, y: Any) -> NDArray[Any]:
        """Return codes (rows,), the matrix (rows, L) of 0 and 1, or probabilities (rows, C).

        Raises:
            DataError: labels that :meth:`fit` didn't see, or as it would.
        """
        # By identity: the folds of a search ask for the codes of the same object many times.
        if self.known_codes is not None and y is self.known_codes[0]:
            return self.known_codes[1]
        labels = target_numbers(y) if self.soft_ else label_array(y)
        matrix = self.soft_ or self.multilabel_
        if matrix or labels.ndim == 2:
            wanted = (len(labels), len(self.classes_)) if matrix else (len(labels),)
            if labels.shape != wanted:
                raise DataError(f"the target has shape {labels.shape}; expected {wanted}")
            return self._probabilities(labels) if self.soft_ else labels.astype(np.int64)
        code = {label: index for index, label in enumerate(self.classes_.tolist())}
        # Each distinct label is looked up once, however many rows have it.
        rows, found = pd.factorize(labels)
        unseen = [label for label in found.tolist() if label not in code]
        if unseen:
            raise DataError(self._unseen(unseen))
        return np.array([code[label] for label in found.tolist()], dtype=np.int64)[rows]

    def read(self, y: Any, *, warn: bool = False) -> NDArray[Any]:
        """Return targets as an array: labels (rows,) of a plain dtype, or a matrix.

        Args:
            y: as for :meth:`fit`, or one column (rows, 1) of labels.
            warn: whether one column is reported by scikit-learn's ``DataConversionWarning``.

        Raises:
            DataError: missing values, or labels of several types.

        >>> ClassLabels().fit([1, 2]).read(np.array([[2], [1]], dtype=object))
        array([2, 1])
        """
        return target_numbers(y) if self.soft_ else label_array(y, warn=warn)

    @staticmethod
    def listed(classes: Any) -> NDArray[Any]:
        """Return classes as users list them, of a plain dtype: (C,), or (rows, L) targets."""
        given = classes if is_sparse(classes) or hasattr(classes, "shape") else list(classes)
        return target_array(given)

    def check_listed(self, given: NDArray[Any]) -> None:
        """Check that :meth:`listed` classes are those that :meth:`fit` has learned.

        Of a matrix of labels, 0 and 1 will do too: scikit-learn takes what its cells hold.

        Raises:
            DataError: they are others.
        """
        matrix = self.multilabel_ or self.soft_
        if matrix and given.ndim == 2 and given.shape[1] == len(self.classes_):
            return
        wanted = [self.classes_.tolist(), *([list(range(len(self.classes_))), [0, 1]] * matrix)]
        if np.unique(given).tolist() not in wanted:
            raise DataError(
                f"classes is {np.unique(given).tolist()}; expected {wanted[0]}, the classes "
                f"{'that the columns of y stand for' if matrix else 'of the first call'}"
            )

    def with_all_classes(self, y: Any) -> Self:
        """Return the same labels with the codes of this very ``y`` by heart, for many to ask."""
        with_all_classes = copy.copy(self)
        with_all_classes.known_codes = y, self.encode(y)
        return with_all_classes

    def hard(self, y: Any) -> Any:
        """Return the likeliest labels of a matrix of probabilities; other targets as they are.

        Numbers and booleans in an array of objects come as a plain dtype, which scorers expect.

        >>> ClassLabels().fit([[0.2, 0.8], [0.9, 0.1]]).hard([[0.4, 0.6]])
        array([1])
        """
        if not self.soft_ or np.ndim(y) != 2:
            return plain_targets(y)
        shares = self.encode(y)
        return (shares > 0.5).astype(int) if self.multilabel_ else self.decode(shares.argmax(1))

    def decode(self, codes: Any) -> NDArray[Any]:
        """Return the labels of codes (rows,), or a multi-label matrix as it is."""
        found: NDArray[Any] = np.asarray(codes)
        return found if self.multilabel_ else self.classes_[found]

    def probabilities(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the probabilities that a network's outputs (rows, outputs) stand for.

        Returns:
            (rows, C), of sum 1; of several labels a row, each label's own (rows, L).
        """
        if self.multilabel_:
            return outputs
        if outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs])
        outputs = outputs + np.finfo(np.float32).tiny  # where every class is ruled out
        return outputs / outputs.sum(axis=1, keepdims=True)

    def likeliest(self, probabilities: NDArray[Any]) -> NDArray[Any]:
        """Return the likeliest label (rows,), or a row of 0 and 1 for several labels."""
        if self.multilabel_:
            return (probabilities > 0.5).astype(int)
        return self.decode(probabilities.argmax(axis=1))

    def to_document(self) -> dict[str, Any]:
        """Return what was learned as data for JSON."""
        return {
            "classes": self.classes_.tolist(),
            "dtype": self.classes_.dtype.str,
            "multilabel": self.multilabel_,
            "soft": self.soft_,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Rebuild from what :meth:`to_document` returned.

        Raises:
            ModelFileError: it is of another form; names the field.
        """
        conform(document, LabelsDocument, "targets")
        self = cls()
        self.classes_ = plain_array(classes_from(document["classes"], document["dtype"]))
        self.multilabel_ = document["multilabel"]
        self.soft_ = document.get("soft", False)
        return self

    def _probabilities(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities, their rows scaled to sum to exactly 1 where columns share it."""
        outside = np.argwhere((shares < 0) | (shares > 1))
        if len(outside):
            row, column = outside[0]
            raise DataError(
                f"the target is {shares[row, column]:g} in row {row}, column {column}; expected "
                "probabilities in [0, 1] (for other numbers, use a regressor)"
            )
        if self.multilabel_:
            return shares
        total = shares.sum(axis=1)
        worst = int(np.abs(total - 1).argmax())
        if abs(total[worst] - 1) > _ROUNDING:
            raise DataError(
                f"row {worst} of the target sums to {total[worst]:g}; expected probabilities of "
                "the classes, of sum 1 (where each column is a yes or no by itself, use "
                "loss='sigmoid_cross_entropy')"
            )
        # Probabilities written with few digits sum to 1 only roughly; the loss expects exactly 1.
        return shares / total[:, None]

    def _unseen(self, unseen: list[Any]) -> str:
        known = [str(label) for label in self.classes_.tolist()]
        listed = ", ".join(repr(label) for label in unseen[:5])
        more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""
        shown = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
        hint = did_you_mean(unseen[0], known)
        return f"the target holds labels unseen in training: {listed}{more}{hint} Known: {shown}"
