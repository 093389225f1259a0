"""One process at a time in a folder, by a lock that ends with the process, however it ends."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from filelock import lock_descriptor

LOCK_FILE = ".lock"  # on Windows, where a folder itself can't be opened


def lock(folder: Path, *, wait: bool = False) -> int | None:
    """Lock a folder; ``os.close`` of what is returned unlocks it, as does the process's end.

    Where the disk knows no locks, as some network disks, this does nothing and returns None.

    Args:
        folder: what one process at a time may write into.
        wait: until another process unlocks it.

    Raises:
        BlockingIOError: it is locked already, and ``wait`` is false.
    """
    descriptor = _opened(folder, create=True)
    try:
        # A lock of the kernel, not a file that exists: it ends with the process, even if that is
        # killed.
        held = lock_descriptor(descriptor, blocking=wait)
    except OSError:
        os.close(descriptor)
        return None
    except BaseException:  # a signal ended the waiting
        os.close(descriptor)
        raise
    if not held:
        os.close(descriptor)
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(folder))
    return descriptor


def is_locked(folder: Path) -> bool:
    """Return whether a process holds a folder's lock; one that is free is taken for a moment.

    Raises:
        OSError: there is no such folder, or it can't be read.
    """
    descriptor = _opened(folder, create=False)
    try:
        return not lock_descriptor(descriptor, blocking=False)
    finally:
        os.close(descriptor)


def _opened(folder: Path, *, create: bool) -> int:
    if sys.platform == "win32":
        return os.open(folder / LOCK_FILE, os.O_RDWR | (os.O_CREAT if create else 0))
    return os.open(folder, os.O_RDONLY)
