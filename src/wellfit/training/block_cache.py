"""The block cache: blocks of rows in memory, which a thread reads before they are needed."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class ColumnFile:
    """Some neighbouring columns of all rows in a file of numpy's, row after row.

    Attributes:
        path: the file, ``.npy``.
        start: the first of the columns.
        stop: the one after the last of them.
        dtype: of their numbers.
        offset: the bytes before the first row.
    """

    path: Path
    start: int
    stop: int
    dtype: np.dtype[Any]
    offset: int

    @property
    def row_bytes(self) -> int:
        """The bytes of a row."""
        return (self.stop - self.start) * self.dtype.itemsize

    def read(self, file: BinaryIO, first: int, out: NDArray[Any]) -> None:
        """Fill (n, columns) with the rows from ``first`` on.

        Args:
            file: opened from ``path``, without a buffer.
            first: the number of the first row.
            out: contiguous memory.

        Raises:
            OSError: the file is shorter.
        """
        # Read, and not mapped: pages of a map count as this process's memory until the system
        # takes them back, and the block's memory is there already.
        file.seek(self.offset + first * self.row_bytes)
        left = memoryview(out.data).cast("B")
        while left:
            count = file.readinto(left)  # type: ignore[attr-defined]
            if not count:
                raise OSError(f"{self.path} ends before row {first + len(out):,}")
            left = left[count:]


class BlockCache:
    """Blocks of consecutive rows, of which the latest stay in memory.

    Only one thread may call it; another, of its own, reads.

    Args:
        files: the columns of all rows.
        n_rows: how many rows there are.
        block_rows: rows of a block, a power of 2.
        n_blocks: how many blocks stay in memory.
    """

    def __init__(
        self, files: Sequence[ColumnFile], n_rows: int, block_rows: int, n_blocks: int
    ) -> None:
        self._files, self._n_rows, self._rows = files, n_rows, block_rows
        self._slots = min(n_blocks, -(-n_rows // block_rows))
        self._memory = [
            np.empty((self._slots, block_rows, file.stop - file.start), file.dtype)
            for file in files
        ]
        self._flat = [torch.from_numpy(each).flatten(0, 1) for each in self._memory]
        self._place = torch.full((-(-n_rows // block_rows),), -1)  # each block's slot
        self._held: OrderedDict[int, int] = OrderedDict()  # blocks, the latest last
        self._free = list(range(self._slots))
        self._reading: dict[int, Future[None]] = {}
        self._reader = ThreadPoolExecutor(1, "wellfit-rows")
        # Opened once: a store that is made again meanwhile has other files of these names.
        self._opened = [file.path.open("rb", buffering=0) for file in files]
        weakref.finalize(self, _close, self._reader, self._opened)

    def gather(self, ids: Tensor, out: Tensor) -> None:
        """Write rows ``ids`` (n,) into (n, columns + 1) numbers, which end in ones."""
        blocks = torch.div(ids, self._rows, rounding_mode="floor")
        needed = torch.unique(blocks)
        if len(needed) <= self._slots:
            self._take(needed.tolist(), blocks, ids, out)
            return
        for few in needed.split(self._slots):  # more than fit in memory at once
            some = torch.isin(blocks, few).nonzero()[:, 0]
            part = out.new_empty(len(some), out.shape[1])
            self._take(few.tolist(), blocks[some], ids[some], part)
            out[some] = part

    def ahead(self, ids: Tensor) -> None:
        """Begin to read the blocks of rows that will be gathered soon, where there is room."""
        needed = torch.unique(torch.div(ids, self._rows, rounding_mode="floor"))
        # At most half of the memory: the other half holds what is being trained on.
        for block in needed[: self._slots // 2].tolist():
            if block in self._held:
                self._held.move_to_end(block)
            else:
                self._begin(block)

    def _take(self, needed: Sequence[int], blocks: Tensor, ids: Tensor, out: Tensor) -> None:
        """Gather rows whose blocks fit in memory together."""
        for block in needed:
            if block in self._held:
                self._held.move_to_end(block)
        for block in needed:
            if block not in self._held:
                self._begin(block)
        for block in needed:
            if block in self._reading:
                self._reading.pop(block).result()
        at = self._place[blocks] * self._rows + ids % self._rows
        for file, flat in zip(self._files, self._flat, strict=True):
            out[:, file.start : file.stop] = flat.index_select(0, at)
        out[:, -1] = 1

    def _begin(self, block: int) -> None:
        """Begin to read a block, in the place of the one that wasn't needed for longest."""
        if not self._free:
            oldest, slot = self._held.popitem(last=False)
            if oldest in self._reading:
                self._reading.pop(oldest).result()  # its memory is being written to
            self._place[oldest] = -1
            self._free.append(slot)
        slot = self._free.pop()
        self._held[block] = slot
        self._place[block] = slot
        self._reading[block] = self._reader.submit(self._read, block, slot)

    def _read(self, block: int, slot: int) -> None:
        first = block * self._rows
        count = min(self._rows, self._n_rows - first)
        for columns, file, memory in zip(self._files, self._opened, self._memory, strict=True):
            columns.read(file, first, memory[slot, :count])


def _close(reader: ThreadPoolExecutor, files: Sequence[BinaryIO]) -> None:
    """End a cache's thread and close its files."""
    reader.shutdown(cancel_futures=True)
    for file in files:
        file.close()
