"""Opening files that may come from elsewhere: regular files only, of a bounded size.

In the place of a file there may be a pipe, which would keep a reader waiting for ever, a device, a
folder, or a file of which only the size is large. Everything that wellfit itself wrote is read by
these functions, which open without waiting and compare the size before anything is read.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from wellfit.core.errors import ModelFileError

# Parsed, JSON takes up to fifteen times as much memory: half a gigabyte.
LARGEST_JSON = 32 << 20
_MOST_CONTAINERS = 2_000_000  # lists and dictionaries: 64 bytes each, even where they are empty

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_regular(path: str | os.PathLike[str], most: int | None = None) -> BinaryIO:
    """Open a regular file for reading, or a link to one, without waiting for anything.

    Args:
        path: the file.
        most: bytes that it may have; None for any size.

    Raises:
        FileNotFoundError: nothing is there.
        ModelFileError: something else than a regular file is there, one that is larger, or one
            that can't be opened.

    >>> open_regular(os.curdir)
    Traceback (most recent call last):
    wellfit.core.errors.ModelFileError: . is a folder; expected a regular file
    """
    # O_NONBLOCK: opening a pipe without a writer would wait for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        _refuse_special(path, os.stat(path))  # first, since opening a device may do something
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(error.errno, error.strerror, os.fspath(path)) from error
    except ModelFileError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"{path} can't be read: {reason}") from error
    file = os.fdopen(descriptor, "rb")
    try:
        # Again, of what was opened: the path may have changed in between.
        found = os.fstat(descriptor)
        _refuse_special(path, found)
        if most is not None and found.st_size > most:
            raise ModelFileError(
                f"{path} has {found.st_size:,} bytes; expected at most {most:,}, so that it "
                "isn't read"
            )
    except BaseException:
        file.close()
        raise
    return file


def _refuse_special(path: str | os.PathLike[str], found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = next((noun for test, noun in _KINDS if test(found.st_mode)), "no file")
        raise ModelFileError(f"{path} is {kind}; expected a regular file")


def read_regular(path: str | os.PathLike[str], most: int = LARGEST_JSON) -> bytes:
    """Return the bytes of a regular file that has at most ``most``; raises as it is opened."""
    try:
        with open_regular(path, most) as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(size + 1)
            # Meanwhile it may have grown, and the system's own files have no size.
            return data if len(data) <= size else data + file.read(most - len(data))
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ModelFileError(f"{path} can't be read: {error.strerror}") from error


def read_json(path: str | os.PathLike[str]) -> Any:
    """Return what a regular file of JSON holds.

    Raises:
        FileNotFoundError: nothing is there.
        ModelFileError: something else than a regular file, one beyond :data:`LARGEST_JSON`, or no
            JSON.
    """
    return parse_json(read_regular(path), path)


def parse_json(
    data: bytes | str,
    where: str | os.PathLike[str],
    object_hook: Callable[[dict[str, Any]], Any] | None = None,
) -> Any:
    """Return what JSON holds; ``where`` names its place in an error.

    Raises:
        ModelFileError: it isn't JSON, is nested too deeply, or too large to be parsed.

    >>> parse_json(b'{"epochs": 3}', "model.json")
    {'epochs': 3}
    """
    if len(data) > LARGEST_JSON:
        raise ModelFileError(
            f"{where} has {len(data):,} bytes of JSON; expected at most {LARGEST_JSON:,}"
        )
    raw = data.encode() if isinstance(data, str) else data
    containers = raw.count(b"[") + raw.count(b"{")
    if containers > _MOST_CONTAINERS:
        raise ModelFileError(
            f"{where} has {containers:,} lists and dictionaries; expected at most "
            f"{_MOST_CONTAINERS:,}"
        )
    try:
        return json.loads(data, object_hook=object_hook)
    except RecursionError as error:
        raise ModelFileError(f"{where} is damaged: its JSON is nested too deeply") from error
    except (ValueError, TypeError) as error:
        raise ModelFileError(f"{where} is damaged: it is not JSON ({error})") from error


def refuse_beyond_memory(path: str | os.PathLike[str], size: int) -> None:
    """Refuse to read what this machine's memory can't hold twice, as bytes and as arrays.

    Raises:
        ModelFileError: naming both sizes.
    """
    names: Mapping[str, int] = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return  # a system that doesn't report it: there reading ends in a MemoryError
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if 2 * size > memory:
        raise ModelFileError(
            f"{path} has {size:,} bytes, which takes twice as much memory to load; this machine "
            f"has {memory:,}"
        )
