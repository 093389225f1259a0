"""Memory budget of tables: it decides whether they are read whole or in blocks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wellfit.core.memory import available_memory
from wellfit.datasets.files import check_file, ending, reading
from wellfit.datasets.tables import PARQUET

_SHARE = 0.5  # of the memory that is free
# The table itself, its encoded numbers, and these with a column of ones; one-hot columns come on
# top of that.
_COPIES, _CELL = 4, 8
_TEXT = 4  # bytes in memory for each of a csv file, which has short cells
_PACKED = 5  # bytes of a gzipped file become so many


def is_beyond_memory(paths: Iterable[Path], memory: int | None = None) -> bool:
    """Return whether tables would take more memory than they may, while a network trains.

    Args:
        paths: csv or parquet files.
        memory: the bytes that they may take; None for half of what is free now.

    Raises:
        DataError: a file is missing or damaged.

    >>> is_beyond_memory([])
    False
    """
    budget = _SHARE * available_memory() if memory is None else memory
    return sum(map(_bytes, paths)) > budget


def _bytes(path: Path) -> int:
    check_file(path)
    size = path.stat().st_size
    if ending(path) not in PARQUET:
        return _TEXT * size * (_PACKED if path.name.lower().endswith(".gz") else 1)
    from pyarrow.parquet import read_metadata

    with reading(path):
        found = read_metadata(path)
    return _COPIES * _CELL * int(found.num_rows) * int(found.num_columns)
