"""Downloads from mirrors into a cache, verified by checksums."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wellfit.core.errors import DataError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_CHUNK = 1 << 16


def cache_folder() -> Path:
    """Return the cache folder: ``WELLFIT_CACHE``, or the system's cache folder."""
    import pooch

    return Path(os.environ.get("WELLFIT_CACHE") or pooch.os_cache("wellfit")).expanduser()


def fetch(file: str, md5: str, mirrors: Sequence[str], folder: Path) -> Path:
    """Return ``folder/file``, downloading it unless it exists with the right checksum.

    A download is written to a temporary file, verified, then renamed.

    Args:
        file: name of the file, on the mirrors and in the folder.
        md5: checksum of the file.
        mirrors: addresses to try in order, each ending in a slash.
        folder: folder for the file; created if missing.

    Raises:
        DataError: no mirror provided the right file; the message has the reason for each one.
    """
    import pooch

    failures = []
    for mirror in mirrors:
        try:
            with _progress(file) as bar:
                load = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK)
                hashed = f"md5:{md5}"
                return Path(pooch.retrieve(mirror + file, hashed, file, folder, downloader=load))
        except (OSError, ValueError) as error:  # no response or a full disk; a wrong checksum
            failures.append(f"  {mirror}{file}: {error}")
    raise DataError(f"cannot download {file}:\n" + "\n".join(failures))


@contextlib.contextmanager
def _progress(file: str) -> Iterator[_Bar]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    progress = Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
    with progress:
        yield _Bar(progress, progress.add_task(file, total=None))


class _Bar:
    """pooch's progress bar interface, drawn by rich; ``total`` is 0 until it is known."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task
        self.total = 0

    def update(self, size: int) -> None:
        """Add ``size`` bytes."""
        self._progress.update(self._task, total=self.total or None, advance=size)

    def reset(self) -> None:
        """Start again from 0."""
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """Do nothing, because the bar ends with its context."""
