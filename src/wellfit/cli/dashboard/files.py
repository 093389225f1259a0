"""Files of a runs folder that others write meanwhile: read from where the last look ended.

Only plain files of the folder are opened, none through a link, and none is written or locked: the
runs don't notice that they are watched.
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

_CHUNK = 1 << 22  # bytes a look: a page that is opened late catches up over several looks
_LARGEST = 1 << 24
_REMEMBERED = 256
_generations = itertools.count(1)


def open_inside(path: Path, root: Path) -> int | None:
    """Return a descriptor to read a file by; None where there is no plain file inside ``root``.

    Args:
        path: the file.
        root: a folder, its own links resolved.
    """
    # A link in between, or a pipe that would keep us spinner, is no part of a run.
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
    """A file of JSON that is replaced whole.

    Args:
        path: the file.
        root: outside of which nothing is read.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self._path, self._root = path, root
        self._seen: tuple[int, ...] | None = None
        self.content: dict[str, Any] = {}

    def look(self) -> bool:
        """Read it where it changed; say whether it did. Without a file it is empty."""
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
    """A file of JSON lines that grows; a file begun anew is noticed, and read from its beginning.

    A line that is only half there is left for the next look, one that is damaged is passed over.

    Args:
        path: the file.
        root: outside of which nothing is read.

    Attributes:
        rows: the lines so far, those that hold an object.
        generation: another number each time the file has begun anew.
        grew: whether the file was larger at the last look than at the one before.
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
        """Read what is new; say whether anything is."""
        descriptor = open_inside(self._path, self._root)
        if descriptor is None:
            self._size, self.grew = 0, False
            return self._restart() if self._offset else False
        with os.fdopen(descriptor, "rb") as file:
            at = os.fstat(file.fileno())
            changed, size = False, self._size
            self._size, self.grew = at.st_size, size is not None and at.st_size > size
            if self._offset and not self._goes_on(file, (at.st_dev, at.st_ino)):
                changed = self._restart()
            self._file = (at.st_dev, at.st_ino)
            file.seek(self._offset)
            data = file.read(_CHUNK)
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and len(data) == _CHUNK:  # no line of a run is as long: step over it
            whole = data
        self._offset += len(whole)
        self._before = (self._before + whole)[-_REMEMBERED:]
        rows = [row for row in map(_parsed, whole.splitlines()) if isinstance(row, dict)]
        self.rows += rows
        return changed or bool(rows)

    def _goes_on(self, file: Any, identity: tuple[int, int]) -> bool:
        """Say whether what was read last is still there: the file only grew."""
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
    """Yield the folders in a folder, sorted; none that is hidden or a link."""
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
    """Return the inodes of all files that are locked on this machine; None where none can tell.

    Trying a lock would keep a run that starts at that moment from having it; this doesn't.
    """
    try:
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return None
    fields = [line.split() for line in lines]
    # The device is left out: some file systems tell another one here than to stat.
    inodes = [parts[5].rpartition(":")[2] for parts in fields if parts[1:2] == ["FLOCK"]]
    return {int(inode) for inode in inodes}


def is_held(folder: Path, locks: set[int] | None) -> bool:
    """Say whether a process writes a run into the folder.

    Args:
        folder: of a run.
        locks: what :func:`held_locks` returned.
    """
    try:
        if locks is not None:
            return folder.stat().st_ino in locks
        return is_locked(folder)
    except OSError:
        return False
