"""EncodedRows: numbers, encoded targets and weights on their way to the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from wellfit.fitting.features import Numbers
from wellfit.training.initial import deciding_rows
from wellfit.training.rows import host_table
from wellfit.training.shuffling import ShuffleBlocks
from wellfit.training.tables import ChainedTable, RowTable

_MOST_ROWS = 100_000  # that are looked at, of those on a disk


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """Rows to train or to validate on, as the engine reads them.

    Attributes:
        x: (n_rows, n_inputs) floats, bytes of pixels, or sparse rows; a row store of those that
            needn't fit in memory, or such tables one below the other.
        y: (n_rows,) codes of classes, or (n_rows, n_outputs) numbers.
        weight: (n_rows,) weights, of mean 1 over the training rows; or None.

    >>> rows = EncodedRows(np.zeros((2, 3)), np.array([0, 1]))
    >>> rows.extended(np.ones((1, 3)), np.array([1])).y
    array([0, 1, 1])
    """

    x: Numbers | RowTable
    y: NDArray[np.generic]
    weight: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def extended(self, x: Numbers | RowTable, y: NDArray[np.generic]) -> Self:
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
        """The bytes of memory that numbers and targets take."""
        x: Any = self.x
        return int((x.data if sparse.issparse(x) else x).nbytes + self.y.nbytes)

    @property
    def blocks(self) -> ShuffleBlocks | None:
        """How rows are shuffled that lie on a disk; None in memory."""
        return self.x.blocks if isinstance(self.x, RowTable) else None

    def in_memory(self, rows: NDArray[np.integer]) -> tuple[Numbers, NDArray[np.integer]]:
        """Return numbers in memory, and the positions of some rows among them.

        Args:
            rows: positions; of many on a disk, only some are looked at, evenly thinned out.
        """
        if not isinstance(self.x, RowTable):
            return self.x, rows
        few = np.asarray(self.x[rows[:: -(-len(rows) // _MOST_ROWS)]])
        return few, np.arange(len(few))

    def deciding(self, rows: NDArray[np.integer]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return numbers, targets and weights of training rows, of many those that decide.

        Args:
            rows: positions.
        """
        few = deciding_rows(rows)
        x: Any = self.x[few]
        weight = None if self.weight is None else torch.from_numpy(self.weight[few])
        x = x.toarray() if sparse.issparse(x) else np.asarray(x)
        return torch.from_numpy(x), torch.from_numpy(self.y[few]), weight


def _stacked(several: Sequence[Numbers | RowTable]) -> Numbers | RowTable:
    in_memory: list[Any] = [each for each in several if not isinstance(each, RowTable)]
    if len(in_memory) < len(several):
        return ChainedTable([host_table(each) for each in several])
    if sparse.issparse(several[0]):
        return sparse.csr_array(sparse.vstack(in_memory))
    return np.concatenate(in_memory)
