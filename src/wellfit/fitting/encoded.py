"""EncodedRows: numbers, encoded targets and weights on their way to the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wellfit.fitting.features import Numbers


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """Rows to train or to validate on, as the engine reads them.

    Attributes:
        x: (n_rows, n_inputs) floats, bytes of pixels, or sparse rows.
        y: (n_rows,) codes of classes, or (n_rows, n_outputs) numbers.
        weight: (n_rows,) weights, of mean 1 over the training rows; or None.

    >>> rows = EncodedRows(np.zeros((2, 3)), np.array([0, 1]))
    >>> rows.extended(np.ones((1, 3)), np.array([1])).y
    array([0, 1, 1])
    """

    x: Numbers
    y: NDArray[np.generic]
    weight: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def extended(self, x: Numbers, y: NDArray[np.generic]) -> Self:
        """Return these rows with others below, of weight 1."""
        weight = self.weight
        if weight is not None:
            weight = np.concatenate([weight, np.ones(len(y))])
        return type(self)(_stacked([self.x, x]), np.concatenate([self.y, y]), weight)

    @classmethod
    def concatenate(cls, several: Sequence[Self]) -> Self:
        """Return the rows of several tables, which all have weights or all have none."""
        if len(several) == 1:
            return several[0]
        weights = [rows.weight for rows in several if rows.weight is not None]
        return cls(
            _stacked([rows.x for rows in several]),
            np.concatenate([rows.y for rows in several]),
            np.concatenate(weights) if weights else None,
        )

    @property
    def nbytes(self) -> int:
        """The bytes that numbers and targets take."""
        numbers = self.x.data if sparse.issparse(self.x) else self.x
        return int(numbers.nbytes + self.y.nbytes)


def _stacked(several: Sequence[Numbers]) -> Numbers:
    if sparse.issparse(several[0]):
        return sparse.csr_array(sparse.vstack(several))
    return np.concatenate(several)
