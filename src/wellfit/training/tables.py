"""Row tables: the encoded features of all rows, from which chunks of rows are gathered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from wellfit.training.shuffling import ShuffleBlocks


class RowTable(ABC):
    """Features of N rows, wherever they lie: the engine asks for chunks of rows only.

    Attributes:
        shape: (N, D), without the column of ones that a gathered row ends in.
        dtype: the type of its numbers, as numpy calls it.
        nbytes: the memory that they take.
        blocks: how rows are best shuffled; None where any order is as good.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    nbytes: int
    blocks: ShuffleBlocks | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | NDArray[np.integer]) -> RowSelection:
        """Return some rows, which are read when they are asked for."""
        return RowSelection(self, np.arange(len(self))[rows])

    @abstractmethod
    def gather(self, ids: Tensor, out: Tensor) -> None:
        """Write rows into memory.

        Args:
            ids: (n,) the numbers of the rows.
            out: (n, D + 1) where they go; the last column becomes ones.
        """

    @abstractmethod
    def arrays(self) -> Iterator[NDArray[Any] | str]:
        """Yield the arrays that identify these rows: their numbers, or a checksum of them."""

    def ahead(self, ids: Tensor) -> None:
        """Get ready for rows (...) that will be gathered soon; in memory, nothing is to be done.

        Args:
            ids: their numbers, in any shape.
        """
        return


class RowSelection:
    """Some rows of a table: slices and ``np.asarray`` read them.

    Args:
        table: where they lie.
        ids: (n,) their numbers.

    Attributes:
        shape: (n, D).
        dtype: of their numbers.
    """

    def __init__(self, table: RowTable, ids: NDArray[np.integer]) -> None:
        self._table, self._ids = table, ids
        self.shape, self.dtype = (len(ids), table.shape[1]), table.dtype

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, rows: slice | NDArray[np.integer]) -> RowSelection:
        return RowSelection(self._table, self._ids[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        out = torch.from_numpy(np.empty((len(self), self.shape[1] + 1), self.dtype))
        self._table.gather(torch.from_numpy(self._ids.astype(np.int64)), out)
        return np.asarray(out.numpy()[:, :-1], dtype=dtype)


class DenseTable(RowTable):
    """Rows in the device's memory, as floats or as bytes of pixels.

    Args:
        x: (N, D) numbers; uint8 stay bytes until they are gathered, and are then divided by
            ``pixel_max``.
        dtype: of floats.
        device: where they lie.
        pixel_max: the value of a pixel that becomes 1.
    """

    def __init__(
        self, x: NDArray[np.generic], dtype: torch.dtype, device: torch.device, pixel_max: int
    ) -> None:
        self.shape, self.dtype, self._pixel_max = (x.shape[0], x.shape[1]), x.dtype, pixel_max
        self.numbers = _with_ones(x, dtype, pixel_max).to(device)
        self.nbytes = self.numbers.nbytes

    def gather(self, ids: Tensor, out: Tensor) -> None:
        """Write rows into memory; pixels are divided there."""
        if self.numbers.dtype == torch.uint8:
            # Bytes take a quarter of the memory of float32, in the caches too.
            out.copy_(self.numbers.index_select(0, ids)).mul_(1 / self._pixel_max)
        elif self.numbers.device != out.device:
            out.copy_(self.numbers.index_select(0, ids.to(self.numbers.device)))
        else:
            torch.index_select(self.numbers, 0, ids, out=out)

    def arrays(self) -> Iterator[NDArray[Any] | str]:
        """Yield the numbers, with their column of ones."""
        yield self.numbers.cpu().numpy()


class SparseTable(RowTable):
    """Sparse rows, on the host until they are gathered.

    Args:
        x: (N, D) numbers.
    """

    def __init__(self, x: sparse.csr_array) -> None:
        self.shape, self.dtype = (x.shape[0], x.shape[1]), x.dtype
        self._numbers = sparse.csr_array(sparse.hstack([x, np.ones((x.shape[0], 1))]))
        self.nbytes = self._numbers.data.nbytes

    def gather(self, ids: Tensor, out: Tensor) -> None:
        """Write rows into memory: only those of a chunk become dense."""
        # The whole table need not fit in memory as a dense one.
        out.copy_(torch.from_numpy(self._numbers[ids.cpu().numpy()].toarray()))

    def arrays(self) -> Iterator[NDArray[Any] | str]:
        """Yield the parts of the matrix."""
        yield from (self._numbers.data, self._numbers.indices, self._numbers.indptr)


class ChainedTable(RowTable):
    """The rows of several tables, one below the other, each where it lies.

    Args:
        tables: of the same columns.
    """

    def __init__(self, tables: Sequence[RowTable]) -> None:
        self._tables = tables
        self._starts = np.cumsum([0, *map(len, tables)])
        self.shape = (int(self._starts[-1]), tables[0].shape[1])
        self.dtype, self.nbytes = tables[0].dtype, sum(table.nbytes for table in tables)
        self.blocks = next((table.blocks for table in tables if table.blocks), None)

    def gather(self, ids: Tensor, out: Tensor) -> None:
        """Write rows into memory, those of each table in turn."""
        for table, start, inside in self._parts(ids):
            if inside.all():
                table.gather(ids - start, out)
            elif inside.any():
                some = out.new_empty(int(inside.sum()), out.shape[1])
                table.gather(ids[inside] - start, some)
                out[inside] = some

    def ahead(self, ids: Tensor) -> None:
        """Tell each table which of its rows come soon."""
        for table, start, inside in self._parts(ids):
            table.ahead(ids[inside] - start)

    def arrays(self) -> Iterator[NDArray[Any] | str]:
        """Yield what each table does."""
        for table in self._tables:
            yield from table.arrays()

    def _parts(self, ids: Tensor) -> Iterator[tuple[RowTable, int, Tensor]]:
        """Yield each table, the number of its first row, and which of some rows are its own."""
        for place, table in enumerate(self._tables):
            start, end = self._starts[place : place + 2].tolist()
            yield table, start, (ids >= start) & (ids < end)


def _with_ones(x: NDArray[np.generic], dtype: torch.dtype, pixel_max: int) -> Tensor:
    pixels = x.dtype == np.uint8
    kind = np.dtype(np.uint8) if pixels else torch.empty(0, dtype=dtype).numpy().dtype
    table = np.empty((x.shape[0], x.shape[1] + 1), dtype=kind)
    table[:, :-1] = x
    # Divided with the pixels, this column becomes the ones that biases need.
    table[:, -1] = pixel_max if pixels else 1
    return torch.from_numpy(table)
