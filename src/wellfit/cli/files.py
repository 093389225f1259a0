"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO


def write(path: Path, data: bytes) -> None:
    """Write a file beside its place, then rename it: what was there survives a full disk.

    Raises:
        OSError: it can't be written; ``filename`` is the path.
    """
    with writing(path) as file:
        file.write(data)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Return a context with a file to write piece by piece, which takes its place at the end.

    The file is on the disk before its name is, so that a power failure leaves no empty one.

    Raises:
        OSError: it can't be written; ``filename`` is the path, where what was there is unchanged.
    """
    new = unfinished(path)
    try:
        with new.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException as error:
        with suppress(OSError):  # where nothing can be written, nothing can be removed
            new.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def unfinished(path: Path) -> Path:
    """Return what a file is called until it is whole; a process that is killed may leave it."""
    return path.with_name(f".{path.name}.new")


def append(file: BinaryIO, data: bytes) -> None:
    """Append to an unbuffered file all of the data or, on a full disk, none.

    Raises:
        OSError: they can't be written; the file is as long as before.
    """
    size = file.tell()
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        with suppress(OSError):  # a device has no length
            file.truncate(size)
        raise


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON that any reader takes; NaN and infinities become null."""
    text = json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False)
    write(path, f"{text}\n".encode())


def plain(value: Any) -> Any:
    """Return what JSON can hold: numpy's numbers as Python's, other objects as text.

    >>> plain({"sizes": (512,), "loss": float("nan"), "path": Path("a")})
    {'sizes': [512], 'loss': None, 'path': 'a'}
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
