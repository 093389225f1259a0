"""One process at a time in a folder, by a lock that ends with the process, however it ends."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

LOCK_FILE = ".lock"  # where folders themselves can't be locked
_HELD = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


def lock(folder: Path) -> int | None:
    """Lock a folder; ``os.close`` of what is returned unlocks it, as does the process's end.

    Where the disk knows no locks, this does nothing and returns None.

    Raises:
        BlockingIOError: it is locked already.
    """
    if sys.platform == "win32":
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT)
    else:
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor)
    except OSError as error:
        os.close(descriptor)
        if error.errno in _HELD:
            raise BlockingIOError(error.errno, error.strerror, str(folder)) from error
        return None
    return descriptor


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
