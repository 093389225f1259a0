"""Writing of row stores: under another name until they are whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import InputError
from wellfit.core.memory import in_bytes
from wellfit.core.version import __version__
from wellfit.core.writing import sync_folder, unfinished, write_and_sync
from wellfit.training.block_cache import ColumnFile
from wellfit.training.row_store import CONTENTS, RowStore, described

# The largest whole number up to which all are exact in a type that takes less than a float32.
_WHOLE = ((255, "uint8"), (2048, "float16"))


def write_rows(
    folder: Path,
    blocks: Iterable[NDArray[np.floating]],
    n_rows: int,
    largest: NDArray[np.integer],
    dtype: np.dtype[Any],
    fingerprint: str,
) -> RowStore:
    """Write encoded rows to a new row store, and return it.

    A disk that fills up, an error or a signal leaves nothing under the folder's name.

    Args:
        folder: where it is to lie; what is there gives way to it.
        blocks: the rows (n, D) in their order, as many as they come.
        n_rows: how many they are together.
        largest: (D,) the largest whole number that a column can hold, where it holds none but
            whole numbers from 0; -1 for other columns.
        dtype: float32 or float64, of columns that hold more than small whole numbers.
        fingerprint: of the data and the encoder.

    Raises:
        InputError: the disk has too little room, or the blocks have another number of rows.
        OSError: it can't be written; the message says how much room the rows take.

    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "rows"
    >>> rows = np.array([[0.5, 1.0], [2.5, 0.0]], dtype=np.float32)
    >>> store = write_rows(place, [rows], 2, np.array([-1, 1]), np.dtype("float32"), "")
    >>> np.asarray(store[:])
    array([[0.5, 1. ],
           [2.5, 0. ]], dtype=float32)
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(folder) as new:
        files = _column_files(new, n_rows, largest, dtype)
        needed = n_rows * sum(file.row_bytes for file in files)
        _refuse_full_disk(new, needed)
        with _naming(folder, needed):
            _write_columns(files, blocks, n_rows)
            document = described(files, n_rows, dtype, fingerprint, __version__)
            write_and_sync(new / CONTENTS, document)
            sync_folder(new)
    return RowStore(folder, fingerprint)


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Return a context with a new folder, which takes the place of another at its end."""
    new = unfinished(folder)
    shutil.rmtree(new, ignore_errors=True)  # of a process that was killed
    new.mkdir()
    try:
        yield new
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(new, folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    with suppress(OSError):
        sync_folder(folder.parent)


@contextmanager
def _naming(folder: Path, needed: int) -> Iterator[None]:
    """Return a context whose errors of writing name the store, and the bytes that it takes."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:  # of a file that is read
            raise
        reason = f"{error.strerror}; the encoded rows take {in_bytes(needed)}"
        raise OSError(error.errno, reason, str(folder)) from error


def _column_files(
    folder: Path, n_rows: int, largest: NDArray[np.integer], dtype: np.dtype[Any]
) -> list[ColumnFile]:
    """Return the files of a new store: one for each run of columns of one type."""
    types = [_type_of(most, dtype) for most in largest.tolist()]
    changes = [at for at in range(1, len(types)) if types[at] != types[at - 1]]
    files = []
    for start, stop in zip([0, *changes], [*changes, len(types)], strict=True):
        path, kind = folder / f"columns-{start}.npy", types[start]
        length = _write_header(path, (n_rows, stop - start), kind)
        files.append(ColumnFile(path, start, stop, kind, length))
    return files


def _type_of(most: int, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the smallest type that holds whole numbers up to one; -1 stands for any numbers."""
    small = (np.dtype(name) for limit, name in _WHOLE if 0 <= most <= limit)
    return next(small, dtype)


def _write_header(path: Path, shape: tuple[int, int], dtype: np.dtype[Any]) -> int:
    """Begin a file of numpy's; return the length of its header."""
    descr = np.lib.format.dtype_to_descr(dtype)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": descr, "fortran_order": False, "shape": shape}
        )
        return file.tell()


def _refuse_full_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"the encoded rows take {in_bytes(needed)}, and the disk of {folder.parent} has "
            f"{in_bytes(free)} left; expected more room, or a folder on another disk"
        )


def _write_columns(
    files: list[ColumnFile], blocks: Iterable[NDArray[np.floating]], n_rows: int
) -> None:
    """Append the rows of all blocks to each file.

    Raises:
        InputError: there are more or fewer than the files are for.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(file.path.open("ab")) for file in files]
        count = 0
        for block in blocks:
            count += len(block)
            for file, out in zip(files, opened, strict=True):
                _append(out, block[:, file.start : file.stop], file.dtype)
        for out in opened:
            out.flush()
            os.fsync(out.fileno())
    if count != n_rows:
        raise InputError(
            f"the data had {n_rows:,} rows when they were counted, and {count:,} now; expected "
            "files that nothing else writes to"
        )


def _append(file: BinaryIO, numbers: NDArray[np.floating], dtype: np.dtype[Any]) -> None:
    stored = np.ascontiguousarray(numbers, dtype=dtype)
    assert dtype == numbers.dtype or np.array_equal(stored, numbers), "a number changed"
    file.write(stored.data)
