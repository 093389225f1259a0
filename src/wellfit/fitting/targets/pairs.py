"""Classes as targets of pairs: the network says whether two rows are of one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.core.errors import DataError
from wellfit.fitting.features import Numbers
from wellfit.fitting.losses import resolve_loss
from wellfit.fitting.targets.base import TargetEncoder
from wellfit.nn import Loss
from wellfit.preprocessing import ClassLabels

_SHOWN = 5  # labels in a message


@dataclass(frozen=True, eq=False)
class PairTargets(TargetEncoder):
    """Labels of rows; the network learns whether two of them are the same.

    Attributes:
        labels: the rows' labels and their codes.

    >>> targets = PairTargets.fit(["a", "a", "b", "b"])
    >>> targets.n_outputs, targets.decode(np.array([[0.9]]))
    (1, array([ True]))
    """

    labels: ClassLabels

    @classmethod
    def fit(cls, y: ArrayLike, loss: Any = "auto") -> PairTargets:
        """Learn the labels from all rows.

        Raises:
            DataError: several labels a row, labels of one class only, or a class of one row.
        """
        labels = ClassLabels().fit(y)
        if labels.multilabel_ or labels.soft_:
            raise DataError(f"y has shape {np.shape(y)}; expected one label for each row")
        counts = np.bincount(labels.encode(y))
        if len(counts) < 2:
            only = labels.classes_.tolist()[0]
            raise DataError(
                f"all rows are of one class, {only!r}; expected two at least, to make pairs that "
                "differ"
            )
        single = labels.classes_[counts < 2].tolist()
        if single:
            more = ", …" if len(single) > _SHOWN else ""
            raise DataError(
                f"of these classes there is a single row: {str(single[:_SHOWN])[1:-1]}{more}; "
                "expected two rows of each class at least, to make pairs that are alike"
            )
        return cls(cls.loss_of(loss), labels)

    @staticmethod
    def loss_of(loss: Any) -> Loss:
        """Return the loss that an estimator's parameter asks for."""
        return resolve_loss(loss, "sigmoid_cross_entropy", task="multilabel")

    def with_loss(self, loss: Any) -> Self:
        """Return the encoder with another loss."""
        return replace(self, loss=self.loss_of(loss))

    @property
    def n_outputs(self) -> int:
        """One: whether the rows of a pair are alike."""
        return 1

    @property
    def classes(self) -> NDArray[Any]:
        """False and True: different, alike."""
        return np.array([False, True])

    def read(self, y: ArrayLike, *, warn: bool = True) -> NDArray[Any]:
        """Return labels (n_samples,)."""
        return self.labels.read(y, warn=warn)

    def encode(self, y: ArrayLike, x: Numbers) -> NDArray[Any]:
        """Return the rows' codes (n_samples,), which pairs are drawn by."""
        return self.labels.encode(y)

    def strata(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return the rows' codes."""
        return self.labels.encode(y)

    def decode(self, outputs: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return whether the rows of each pair are alike, (n_pairs,)."""
        return np.asarray(outputs[:, 0] > 0.5)

    def to_document(self) -> dict[str, Any]:
        """Return the labels as data for JSON."""
        return self.labels.to_document()

    @classmethod
    def from_document(cls, document: Mapping[str, Any], loss: Any) -> PairTargets:
        """Rebuild from what :meth:`to_document` returned."""
        return cls(cls.loss_of(loss), ClassLabels.from_document(document))
