"""The row store: encoded rows in a folder on a disk, made once and read block by block."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.digests import blake2b
from wellfit.core.errors import ModelFileError
from wellfit.core.files import open_regular, read_json
from wellfit.core.schema import Range, conform
from wellfit.training.block_cache import BlockCache, ColumnFile
from wellfit.training.shuffling import ShuffleBlocks
from wellfit.training.tables import RowTable

CONTENTS = "rows.json"  # what a store holds; its other files are numpy's
_BLOCK_BYTES = 1 << 20  # read at once: a disk spends more time on reading than on seeking
_BUFFERED = 64  # blocks whose rows are shuffled among each other
_CHECKED_BYTES = 1 << 24  # of a file, at once


class ColumnsDocument(TypedDict):
    """Neighbouring columns of a row store, in a file of their own."""

    file: str
    start: Annotated[int, Range(0)]
    stop: Annotated[int, Range(1)]
    dtype: Literal["uint8", "float16", "float32", "float64"]
    checksum: str


class StoreDocument(TypedDict):
    """The contents of a row store as plain data."""

    format: Literal[1]
    rows: Annotated[int, Range(1)]
    dtype: Literal["float32", "float64"]
    fingerprint: str
    columns: list[ColumnsDocument]
    version: NotRequired[str]


class RowStore(RowTable):
    """Encoded rows on a disk, of which a few blocks are in memory at a time.

    Its folder has a file of numpy's (``.npy``) for each run of neighbouring columns of one type,
    and ``rows.json``, which describes them. :func:`~wellfit.training.row_store_writer.write_rows`
    makes one.

    Args:
        folder: where it lies.
        fingerprint: of the data and the encoder that its rows are to be of; None for any.

    Raises:
        FileNotFoundError: there is none.
        ModelFileError: it was cut short or altered, or is of other data or another encoder.

    Attributes:
        folder: where it lies.
        checksum: of all its numbers.
        keep: what has to live as long as the store, such as the owner of a temporary folder.
    """

    keep: object = None

    def __init__(self, folder: Path, fingerprint: str | None = None) -> None:
        self.folder = folder
        document = _contents(folder)
        if fingerprint not in (None, document["fingerprint"]):
            raise ModelFileError(f"{folder} holds rows of other data or of another encoder")
        self._files = [_checked(folder, columns, document) for columns in document["columns"]]
        self.shape = (document["rows"], self._files[-1].stop)
        self.dtype = np.dtype(document["dtype"])
        self.checksum = blake2b([columns["checksum"] for columns in document["columns"]])
        row = sum(file.row_bytes for file in self._files)
        self.blocks: ShuffleBlocks = _blocks(row)
        # Of what is trained on, and what is read ahead.
        self.nbytes = row * min(2 * self.blocks.buffer, len(self))

    def gather(self, ids: Tensor, out: Tensor) -> None:
        """Write rows into memory, from blocks that are there or are read now."""
        if out.device.type == "cpu":
            self._cache.gather(ids, out)
            return
        host = torch.empty(out.shape, dtype=out.dtype)
        self._cache.gather(ids.cpu(), host)
        out.copy_(host)

    def ahead(self, ids: Tensor) -> None:
        """Begin to read the blocks of rows that come soon."""
        if ids.numel():
            self._cache.ahead(ids.cpu())

    def arrays(self) -> Iterator[NDArray[Any] | str]:
        """Yield the checksum."""
        yield self.checksum

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self.folder, self.checksum)

    @cached_property
    def _cache(self) -> BlockCache:
        # What is trained on, what is read ahead, and a little more.
        return BlockCache(self._files, len(self), self.blocks.rows, 2 * _BUFFERED + 2)


def _blocks(row_bytes: int) -> ShuffleBlocks:
    """Return how rows are shuffled: in blocks of as many as a disk reads well at once."""
    # A power of 2, at least 64 rows: of very long rows, a block is more than a MiB.
    rows = 1 << max(6, int(math.log2(max(1, _BLOCK_BYTES // row_bytes))))
    return ShuffleBlocks(rows, _BUFFERED * rows)


def checksum_of(path: Path) -> str:
    """Return the digest of a file's bytes.

    Raises:
        FileNotFoundError: it isn't there.
        ModelFileError: it is no regular file.
    """
    with open_regular(path) as file:
        return blake2b(iter(lambda: file.read(_CHECKED_BYTES), b""))


def _contents(folder: Path) -> StoreDocument:
    """Return what a store says of itself.

    Raises:
        FileNotFoundError: there is none.
        ModelFileError: it is of another form.
    """
    document = read_json(folder / CONTENTS)
    conform(document, StoreDocument, CONTENTS)
    columns: list[Mapping[str, Any]] = document["columns"]
    ends = [0, *(each["stop"] for each in columns)]
    fitting = [each["start"] == end for each, end in zip(columns, ends, strict=False)]
    if not columns or not all(fitting) or ends != sorted(set(ends)):
        raise ModelFileError(f"columns of {folder / CONTENTS} aren't one beside the other")
    return document


def _checked(folder: Path, columns: ColumnsDocument, document: StoreDocument) -> ColumnFile:
    """Return a file of columns that is what the store says of it.

    Raises:
        ModelFileError: it is missing, cut short or altered.
    """
    name = columns["file"]
    path = folder / name
    if Path(name).name != name or not name.endswith(".npy"):
        raise ModelFileError(f"{folder / CONTENTS} names a file {name!r}; expected one beside it")
    try:
        with open_regular(path) as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0
            shape, _, dtype = read(file) if version == (1, 0) else ((), False, np.dtype("O"))
            offset = file.tell()
        same = checksum_of(path) == columns["checksum"]
    except (FileNotFoundError, ValueError) as error:
        raise ModelFileError(f"{path} is missing or no file of rows: {error}") from error
    start, stop = columns["start"], columns["stop"]
    wanted = (document["rows"], stop - start), np.dtype(columns["dtype"])
    if not same or (shape, dtype) != wanted:
        raise ModelFileError(f"{path} was cut short or altered")
    return ColumnFile(path, start, stop, dtype, offset)


def _reopened(folder: Path, checksum: str) -> RowStore:
    """Return the store of another process."""
    store = RowStore(folder)
    if store.checksum != checksum:
        raise ModelFileError(f"{folder} was made again meanwhile")
    return store


def described(
    files: list[ColumnFile], n_rows: int, dtype: np.dtype[Any], fingerprint: str, version: str
) -> bytes:
    """Return the contents of a store, as its ``rows.json`` has them.

    Args:
        files: that are written already.
        n_rows: how many rows they have.
        dtype: of rows as they are gathered.
        fingerprint: of the data and the encoder.
        version: of the package.
    """
    document: StoreDocument = {
        "format": 1,
        "rows": n_rows,
        "dtype": dtype.name,  # type: ignore[typeddict-item]
        "fingerprint": fingerprint,
        "columns": [
            {
                "file": file.path.name,
                "start": file.start,
                "stop": file.stop,
                "dtype": file.dtype.name,  # type: ignore[typeddict-item]
                "checksum": checksum_of(file.path),
            }
            for file in files
        ],
        "version": version,
    }
    return json.dumps(document, indent=1).encode()
