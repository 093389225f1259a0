"""Choosing the reader of a file by its suffix."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from wellfit.core.errors import DataError
from wellfit.datasets.arrays import read_npz, read_npz_rows, read_pickle
from wellfit.datasets.dataset import Dataset
from wellfit.datasets.files import check_file, ending
from wellfit.datasets.idx import flatten, read_idx, read_idx_file
from wellfit.datasets.images import read_image_folder
from wellfit.datasets.notmnist import ARCHIVE, read_notmnist
from wellfit.datasets.tables import PARQUET, read_table, refuse_target, table_dataset

if TYPE_CHECKING:
    from wellfit.datasets.dataset import Rows
    from wellfit.datasets.schema import TableSchema

TABLES = (".csv", ".tsv", ".txt", ".data", *PARQUET)
PICKLES = (".pickle", ".pkl")
_READ = (
    "csv, csv.gz, parquet, npz, idx (train-images-idx3-ubyte.gz and the like, or a folder of "
    "them), the notMNIST archive, pickled arrays (--allow-pickle)"
)


def read_file(
    path: Path,
    *,
    target: str | None = None,
    allow_pickle: bool = False,
    schema: TableSchema | None = None,
) -> Dataset:
    """Read a file or folder with the reader for its suffix; the schema is for tables.

    Raises:
        DataError: unknown file type, damaged, or an invalid target.
    """
    if not path.is_dir():
        check_file(path)
        if ending(path) in TABLES:
            return table_dataset(path, target, schema)
    dataset = _read_labelled(path, allow_pickle)
    refuse_target(target, str(path))
    return dataset


def _read_labelled(path: Path, allow_pickle: bool) -> Dataset:
    if path.is_dir():
        return read_image_folder(path)
    if ending(path) == ".npz":
        return read_npz(path)
    if ending(path) in PICKLES:
        return read_pickle(path, allow_pickle=allow_pickle)
    if path.name == ARCHIVE:
        return read_notmnist(path)
    if is_idx(path):
        return read_idx_file(path)
    raise DataError(f"{path} has an unknown file type; expected {_READ}")


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
    if ending(path) in TABLES:
        return read_table(path, schema)
    if ending(path) == ".npz":
        return read_npz_rows(path)
    if is_idx(path):
        return flatten(read_idx(path), path)[0]
    raise DataError(f"{path} has an unknown file type; expected csv, parquet, npz or idx")


def is_idx(path: Path) -> bool:
    """Return whether a file has the name of an idx file: ``x-idx3-ubyte.gz``, ``x.idx``."""
    return bool(re.search(r"[-.]idx(\d(-\w+)?)?(\.gz)?$", path.name))
