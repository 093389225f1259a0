"""Files that are written whole or not at all, even if the disk is full or power fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def write(path: Path, data: bytes) -> None:
    """Write a file under another name, then rename it: what was there survives a full disk.

    Raises:
        OSError: it can't be written; ``filename`` is the path.
    """
    with writing(path) as file:
        file.write(data)


@contextmanager
def writing(path: Path, unfinished_path: Path | None = None) -> Iterator[BinaryIO]:
    """Return a context with a file to write piece by piece, which takes its place at the end.

    The file is on the disk before its name is, so that a power failure leaves no empty one.

    Args:
        path: the file's place.
        unfinished_path: its name until it is whole; :func:`unfinished` where not given.

    Raises:
        OSError: it can't be written; ``filename`` is the path, where what was there is unchanged.
    """
    new = unfinished_path or unfinished(path)
    try:
        with new.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # Atomic on one disk: a reader sees the old file or the new one, never a part.
        os.replace(new, path)
    except BaseException as error:
        with suppress(OSError):  # where nothing can be written, nothing can be removed
            new.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    with suppress(OSError):  # the file is whole; the disk sees to its name in time
        sync_folder(path.parent)


def unfinished(path: Path) -> Path:
    """Return what a file is called until it is whole; a process that is killed may leave it."""
    return path.with_name(f".{path.name}.new")


def write_and_sync(path: Path, data: bytes) -> None:
    """Write a file in its place, and have it on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk, where folders can be opened for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def append(file: BinaryIO, data: bytes, *, sync: bool = False) -> None:
    """Append to an unbuffered file all of the data or, on a full disk, none.

    Args:
        file: open for appending, without a buffer.
        data: what is added.
        sync: wait until it is on the disk.

    Raises:
        OSError: they can't be written; the file is as long as before.
    """
    size = file.tell()
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        if sync:
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):  # a device has no length
            file.truncate(size)
        raise
