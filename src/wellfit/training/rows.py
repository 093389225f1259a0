"""The table on the device: features with a column of ones, targets, weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from wellfit.nn.losses import Loss
from wellfit.training.tables import DenseTable, RowTable, SparseTable

Features: TypeAlias = NDArray[np.generic] | sparse.csr_array | RowTable


class Rows:
    """A table on the device: features with a column of ones, targets, weights.

    Pixels (uint8) stay bytes until their batch, which divides them by ``pixel_max``. Sparse rows
    stay sparse, on the host, until their batch, and rows of a
    :class:`~wellfit.training.row_store.RowStore` stay on the disk.

    Args:
        x: (N, D), uint8, float or scipy.sparse, or a table of a kind of its own.
        y: (N,) class numbers, or (N, C) targets.
        weight: (N,) weights of the rows, of mean 1, or None.
        dtype: of the batches.
        device: where the table lies.
        pixel_max: the value of a pixel that becomes 1.

    >>> rows = Rows(np.array([[0, 255]], np.uint8), np.array([1]))
    >>> rows.features(torch.tensor([0]))
    tensor([[0., 1., 1.]])
    """

    def __init__(
        self,
        x: Features,
        y: NDArray[np.generic],
        weight: NDArray[np.floating] | None = None,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        pixel_max: int = 255,
    ) -> None:
        self.dtype, self.device = dtype, torch.device(device)
        self.width, self._pixel_max = x.shape[1] + 1, pixel_max
        self._table = row_table(x, dtype, self.device, pixel_max)
        self._y = torch.tensor(y, device=self.device)
        self._weight = None
        if weight is not None:
            self._weight = torch.tensor(weight, dtype=dtype, device=self.device)

    def __len__(self) -> int:
        return len(self._table)

    @property
    def one_class(self) -> bool:
        """Whether targets are class numbers."""
        return not self._y.is_floating_point()

    @property
    def pixel_scale(self) -> float:
        """What a batch multiplies pixels by."""
        return 1 / self._pixel_max

    @property
    def weighted(self) -> bool:
        """Whether rows have weights."""
        return self._weight is not None

    def parts(self) -> tuple[Tensor | RowTable, Tensor, Tensor | None]:
        """Return the table, the targets and the weights, as they lie."""
        table = self._table.numbers if isinstance(self._table, DenseTable) else self._table
        return table, self._y, self._weight

    def arrays(self) -> Iterator[NDArray[Any] | str]:
        """Yield the arrays that identify these rows: features, targets and weights."""
        yield from self._table.arrays()
        for part in (self._y, self._weight):
            if part is not None:
                yield part.cpu().numpy()

    def features(self, ids: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the rows ``ids`` (...) as (..., D + 1) numbers, in ``out`` if that is given."""
        if out is None:
            shape = (*ids.shape, self.width)
            out = torch.empty(shape, dtype=self.dtype, device=self.device)
        self._table.gather(ids.flatten(), out.view(-1, self.width))
        return out

    def ahead(self, ids: Tensor) -> None:
        """Get ready for rows ``ids`` (...) whose features will be asked for soon."""
        self._table.ahead(ids)

    def targets(self, ids: Tensor, loss: Loss, outputs: int) -> Tensor:
        """Return the targets of the rows ``ids`` (..., B) as ``loss`` wants them, (..., C, B)."""
        picked = self._y.index_select(0, ids.flatten()).view(*ids.shape, *self._y.shape[1:])
        return loss.encode(picked, outputs, self.dtype)

    def labels(self, ids: Tensor) -> Tensor:
        """Return the class numbers of the rows ``ids``, of any shape."""
        return self._y[ids]

    def alike(self, ids: Tensor, loss: Loss) -> Tensor:
        """Return whether the pairs ``ids`` (..., B, 2) are alike, as targets (..., 1, B)."""
        first, second = self.labels(ids).unbind(-1)
        return loss.encode((first == second).unsqueeze(-1), 1, self.dtype)

    def weights(self, ids: Tensor) -> Tensor | None:
        """Return the weights of the rows ``ids`` (..., B) as (..., 1, B), or None if all are 1."""
        return None if self._weight is None else self._weight[ids].unsqueeze(-2)


def row_table(
    x: Features, dtype: torch.dtype, device: torch.device, pixel_max: int = 255
) -> RowTable:
    """Return features as a table that chunks of rows are gathered from.

    Args:
        x: (N, D) numbers, or a table already.
        dtype: of floats.
        device: where they are to lie; sparse rows and those on a disk stay there.
        pixel_max: the value of a pixel that becomes 1.
    """
    if isinstance(x, RowTable):
        return x
    if sparse.issparse(x):
        return SparseTable(x)
    return DenseTable(np.asarray(x), dtype, device, pixel_max)


def host_table(x: Features) -> RowTable:
    """Return features as a table in the memory of the processor, in the type that they have."""
    return row_table(x, torch.from_numpy(np.empty(0, x.dtype)).dtype, torch.device("cpu"))
