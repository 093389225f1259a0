"""The second pass over a table that needn't fit in memory: its rows encoded into a store."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.digests import blake2b
from wellfit.core.errors import ModelFileError
from wellfit.core.locking import lock
from wellfit.datasets.streamed import StreamedTable
from wellfit.training.row_store import RowStore
from wellfit.training.row_store_writer import write_rows


def store_rows(
    table: StreamedTable,
    blocks: Iterable[Any],
    largest: NDArray[np.integer],
    dtype: np.dtype[Any],
    key: str,
) -> RowStore:
    """Return a table's encoded rows on a disk: those of an earlier training, or made now.

    A store that was cut short or altered, or is of other rows or another encoder, is made again,
    which a warning says.

    Args:
        table: whose rows all count.
        blocks: their numbers (n, D) in their order, read only if they are needed.
        largest: (D,) as of :func:`~wellfit.training.row_store_writer.write_rows`.
        dtype: float32 or float64.
        key: a digest of the encoder.

    Raises:
        DataError: a cell that can't be encoded.
        InputError: the disk has too little room.
        OSError: the store can't be written.
    """
    fingerprint = blake2b([table.fingerprint, key, dtype.name])
    folder = table.store.path / table.part
    if table.keeps_all:
        folder /= fingerprint[:16]
    folder.mkdir(parents=True, exist_ok=True)
    held = lock(folder, wait=True)  # another process may be making it
    try:
        store = _known(folder / "rows", fingerprint)
        if store is None:
            shown = table.watched("encoding", blocks, len)
            store = write_rows(folder / "rows", shown, len(table), largest, dtype, fingerprint)
    except BaseException:
        _remove_empty(folder, table.store.path)
        raise
    finally:
        if held is not None:
            os.close(held)
    store.keep = table.store
    return store


def _remove_empty(folder: Path, root: Path) -> None:
    """Remove a folder and those above it, up to ``root``, that hold nothing."""
    for place in (folder, *folder.parents):
        try:
            place.rmdir()
        except OSError:  # it holds other rows
            return
        if place == root:
            return


def _known(folder: Path, fingerprint: str) -> RowStore | None:
    """Return the store of an earlier training, if its rows would be the same."""
    try:
        return RowStore(folder, fingerprint)
    except FileNotFoundError:
        return None
    except ModelFileError as error:
        warnings.warn(f"{error}: they are encoded again", UserWarning, stacklevel=2)
        return None
