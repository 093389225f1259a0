"""Opening files, compressed or not, with damage reported as a :class:`DataError`."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import re
import shlex
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wellfit.core.errors import DataError, did_you_mean

_GZIP = b"\x1f\x8b"
_CELL_ENDS, _LONGEST_CELL = re.compile(rb"[,;\t|\"\r\n]"), 20
# Errors of gzip, zip, csv, numpy, pandas and pyarrow for damaged files; their own
# error classes derive from ValueError (pandas, Arrow) or OSError (gzip).
_DAMAGE = (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, csv.Error, MemoryError)


@dataclass(frozen=True)
class InMemoryFile:
    """The content of a csv file that came by a network, in the place of a path.

    It is read as it is and never decompressed, so that its size bounds what is made of it.

    Args:
        data: the content.
        name: for messages, such as ``"the request"``.
    """

    data: bytes
    name: str

    def __str__(self) -> str:
        return self.name


def open_plain(path: Path | InMemoryFile) -> io.BufferedReader | gzip.GzipFile:
    """Open a file for reading, decompressing it if it is gzipped."""
    if isinstance(path, InMemoryFile):
        return io.BufferedReader(io.BytesIO(path.data))
    file = path.open("rb")
    packed = file.read(2) == _GZIP
    file.seek(0)
    if not packed:
        return file
    file.close()
    return gzip.open(path, "rb")


@contextlib.contextmanager
def reading(path: Path | InMemoryFile) -> Iterator[None]:
    """Convert the errors of reading a damaged file to a DataError with the file's name."""
    check_file(path)
    try:
        yield
    except DataError:
        raise
    except UnicodeDecodeError as error:
        hint = "" if isinstance(path, InMemoryFile) else f"; {_in_windows_1252(error, path)}"
        raise DataError(f"{path} is not text in UTF-8 ({error.reason}){hint}") from error
    except EOFError as error:
        raise DataError(f"{path} is truncated: {error}") from error
    except _DAMAGE as error:
        raise DataError(f"{path} cannot be read: {_first_line(error)}") from error


def check_file(path: Path | InMemoryFile) -> None:
    """Raise a DataError unless ``path`` is a nonempty file."""
    if isinstance(path, InMemoryFile):
        if not path.data:
            raise DataError(f"{path} is empty")
        return
    if not path.exists():
        raise DataError(f"there is no file {path}{nearest_file(path)}")
    if not path.is_file():
        what = "a folder, not a file" if path.is_dir() else "not a file"
        raise DataError(f"{path} is {what}")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty")


def nearest_file(path: Path, names: Iterable[str] = ()) -> str:
    """Return a hint with the nearest name in the folder of a path, as of ``did_you_mean``.

    Args:
        path: that doesn't exist.
        names: of what else may have been meant; of no meaning with a folder before them.
    """
    places = {name: str(path.parent / name) for name in siblings(path)}
    if path.parent == Path():
        places |= {name: name for name in names}
    return did_you_mean(path.name, places, places)


def siblings(path: Path) -> list[str]:
    """Return the names in the folder of ``path``."""
    try:
        return sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return []


def stem(path: Path) -> str:
    """Return a file's name without its suffixes: ``adult`` for ``adult.csv.gz``."""
    return path.name.removesuffix(".gz").rsplit(".", 1)[0] or path.name


def ending(path: Path) -> str:
    """Return a file's suffix in lower case, without ``.gz``: ``.csv`` for ``adult.csv.gz``."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def conversion(path: Path, encoding: str) -> str:
    """Return what converts a file, as messages say it."""
    return f"`iconv -f {encoding} -t UTF-8 {shlex.quote(str(path))} > utf-8.csv` converts it"


def _in_windows_1252(error: UnicodeDecodeError, path: Path) -> str:
    """Return what the first cell that is no UTF-8 is in the usual other encoding."""
    before = _CELL_ENDS.split(error.object[: error.start])[-1]
    after = _CELL_ENDS.split(error.object[error.start :])[0]
    cell = (before[-_LONGEST_CELL:] + after[:_LONGEST_CELL]).decode("cp1252", "replace")
    return (
        f"in Windows-1252, as in Latin-1, a cell is {cell!r}: if that is meant, "
        f"{conversion(path, 'WINDOWS-1252')}"
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
