"""Choosing the reader of a file by its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from wellfit.core import registry
from wellfit.core.errors import DataError
from wellfit.core.hyper import resolve
from wellfit.datasets.files import check_file
from wellfit.datasets.readers.base import Reader, ReadOptions
from wellfit.datasets.tables import refuse_target

if TYPE_CHECKING:
    from wellfit.datasets.dataset import Dataset, Rows
    from wellfit.datasets.schema import TableSchema

# A reader in a new file of this folder needs no line here.
registry.discover(__name__)


def read_file(
    path: Path,
    *,
    target: str | None = None,
    allow_pickle: bool = False,
    schema: TableSchema | None = None,
    memory: int | None = None,
) -> Dataset:
    """Read a file or folder with the reader for its name; schema and memory are for tables.

    Raises:
        DataError: unknown file type, damaged, or an invalid target.
    """
    if not path.is_dir():
        check_file(path)
    reader = reader_of(path)
    dataset = reader.read(path, ReadOptions(target, allow_pickle, schema, memory))
    if not reader.takes_target:
        refuse_target(target, str(path))
    return dataset


def read_features(path: str | os.PathLike[str], schema: TableSchema | None = None) -> Rows:
    """Read rows for prediction, which need no target.

    Args:
        path: a csv, csv.gz, parquet, npz (its ``X``) or idx file of images.
        schema: schema of the training table, for tables.

    Returns:
        A table with every column of the file, or an array (rows, columns).

    Raises:
        DataError: no such file, damaged, without rows, or of another type.
    """
    path = Path(path)
    check_file(path)
    return reader_of(path, features=True).read_features(path, schema)


def reader_of(path: Path, features: bool = False) -> Reader:
    """Return the reader of a file or folder; with ``features``, one that needs no targets.

    Raises:
        DataError: none reads it; lists what can be read.
    """
    every = [resolve(Reader, name) for name in registry.names(Reader.family)]
    every.sort(key=lambda one: not one.takes_target)  # messages begin with tables
    able = [one for one in every if one.reads_features or not features]
    for reader in able:
        if reader.reads(path):
            return reader
    kinds = ", ".join(one.kinds for one in able if one.kinds)
    raise DataError(f"{path} has an unknown file type; expected {kinds}")
