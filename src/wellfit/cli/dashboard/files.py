"""Incremental reading of the files that running processes write.

Only regular files inside the folder are opened, none through a link, and none is written or
locked, so that watching doesn't affect the runs.
"""

from __future__ import annotations

import itertools
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wellfit.core.locking import is_locked

_CHUNK = 1 << 22  # bytes per read: a page that is opened late catches up in several reads
_LARGEST = 1 << 24
_REMEMBERED = 256
_generations = itertools.count(1)


def open_inside(path: Path, root: Path) -> int | None:
    """Return a descriptor for reading a file; None if there is no regular file inside ``root``.

    Args:
        path: the file.
        root: a folder, its own links resolved.
    """
    # Links, and pipes on which reading would wait, don't belong to a run.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if path.is_symlink() or not path.parent.resolve().is_relative_to(root):
            return None
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


class Document:
    """A JSON file that writers replace as a whole.

    Args:
        path: the file.
        root: folder outside of which nothing is read.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self._path, self._root = path, root
        self._seen: tuple[int, ...] | None = None
        self.content: dict[str, Any] = {}

    def look(self) -> bool:
        """Read the file if it changed; return whether it did. A missing file counts as empty."""
        descriptor = open_inside(self._path, self._root)
        if descriptor is None:
            changed, self._seen, self.content = self._seen is not None, None, {}
            return changed
        with os.fdopen(descriptor, "rb") as file:
            at = os.fstat(file.fileno())
            seen = (at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns)
            if seen == self._seen:
                return False
            data = file.read(_LARGEST) if at.st_size <= _LARGEST else b""
        self._seen = seen
        parsed = _parsed(data)
        self.content = parsed if isinstance(parsed, dict) else {}
        return True


class Tail:
    """A growing file of JSON lines; a restarted file is detected, and read from its beginning.

    An incomplete line is left for the next read, a damaged one is skipped.

    Args:
        path: the file.
        root: folder outside of which nothing is read.

    Attributes:
        rows: the lines so far that are JSON objects.
        generation: a number that changes whenever the file is restarted.
        grew: whether the file was larger at the last read than at the one before.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self._path, self._root = path, root
        self._forget()
        self.generation = next(_generations)
        self.grew = False
        self._size: int | None = None

    def _forget(self) -> None:
        self._offset, self._before, self._file = 0, b"", (0, 0)
        self.rows: list[dict[str, Any]] = []

    def look(self) -> bool:
        """Read new lines; return whether there are any."""
        descriptor = open_inside(self._path, self._root)
        if descriptor is None:
            self._size, self.grew = 0, False
            return self._restart() if self._offset else False
        with os.fdopen(descriptor, "rb") as file:
            at = os.fstat(file.fileno())
            changed, size = False, self._size
            self._size, self.grew = at.st_size, size is not None and at.st_size > size
            if self._offset and not self._has_grown_only(file, (at.st_dev, at.st_ino)):
                changed = self._restart()
            self._file = (at.st_dev, at.st_ino)
            file.seek(self._offset)
            data = file.read(_CHUNK)
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and len(data) == _CHUNK:  # no line of a run is this long: skip it
            whole = data
        self._offset += len(whole)
        self._before = (self._before + whole)[-_REMEMBERED:]
        rows = [row for row in map(_parsed, whole.splitlines()) if isinstance(row, dict)]
        self.rows += rows
        return changed or bool(rows)

    def _has_grown_only(self, file: Any, identity: tuple[int, int]) -> bool:
        """Return whether the last bytes read are unchanged, so that the file only grew."""
        if identity != self._file:
            return False
        file.seek(self._offset - len(self._before))
        return bool(file.read(len(self._before)) == self._before)

    def _restart(self) -> bool:
        self._forget()
        self.generation = next(_generations)
        return True


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def subfolders(folder: Path) -> Iterator[Path]:
    """Yield the subfolders of a folder, sorted, without hidden ones and links."""
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return
    yield from (folder / name for name in sorted(names))


def held_locks() -> set[int] | None:
    """Return the inodes of all locked files on this machine; None if the system doesn't list them.

    Trying a lock could prevent a run that starts at this moment from getting it; this doesn't.
    """
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return None
    fields = [line.split() for line in lines]
    # The device is omitted, because some file systems report another one here than in stat.
    inodes = [parts[5].rpartition(":")[2] for parts in fields if parts[1:2] == ["FLOCK"]]
    return {int(inode) for inode in inodes}


def is_held(folder: Path, locks: set[int] | None) -> bool:
    """Return whether a process writes a run into the folder.

    Args:
        folder: a run folder.
        locks: the result of :func:`held_locks`.
    """
    try:
        if locks is not None:
            return folder.stat().st_ino in locks
        return is_locked(folder)
    except OSError:
        return False
