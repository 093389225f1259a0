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
    """Write a file beside, then rename it: what was there survives a full disk.

    Raises:
        OSError: not to be written; ``filename`` is the path.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_bytes(data)
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):  # where nothing can be written, nothing can be removed
            beside.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Return a context with a file to write piece by piece, which takes its place at the end.

    Raises:
        OSError: it can't be written; ``filename`` is the path, where what was there is unchanged.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            yield file
        os.replace(new, path)
    except BaseException as error:
        with suppress(OSError):  # where nothing can be written, nothing can be removed
            new.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
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
