"""Loading data from a file, a folder or by name."""

from __future__ import annotations

import os
import re
from pathlib import Path

from wellfit.core.errors import DataError
from wellfit.datasets.bundled import BUNDLED
from wellfit.datasets.dataset import Dataset
from wellfit.datasets.files import nearest_file
from wellfit.datasets.images import IMAGES
from wellfit.datasets.indexed import indexed
from wellfit.datasets.named import DatasetInfo, LoadOptions, NamedDataset
from wellfit.datasets.readers import read_file
from wellfit.datasets.schema import TableSchema

NAMED: dict[str, NamedDataset] = {named.name: named for named in (*BUNDLED, *IMAGES)}
_NAME = re.compile(r"[\w-]+")


def load(
    source: str | os.PathLike[str],
    *,
    target: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    allow_pickle: bool = False,
    schema: TableSchema | None = None,
    memory: int | None = None,
) -> Dataset:
    """Return the data of a file, a folder, or a named data set.

    A name takes precedence over a file of that name; ``./mnist``, or a ``Path``, is always a file.

    Args:
        source: a name that :func:`list_datasets` lists, or a csv, csv.gz, parquet, npz, idx or
            pickle file, a folder of csv or parquet files that are one table, or of idx files.
        target: the column to predict. A table from a file needs it; a named table has its own.
        data_dir: a folder with named data sets: ``mnist/`` and the like, and the tables that
            ``tabular/index.json`` describes. ``WELLFIT_DATA`` where not given. A named image set
            that it doesn't hold is an error with ``data_dir`` and a download without.
        allow_pickle: whether to read pickled arrays: a dictionary, or three pairs as
            ``mnist.pkl.gz`` has them.
        schema: the types of a table's columns, as ``Dataset.schema`` of an earlier table has them;
            others are inferred.
        memory: the bytes that a table from files may take while a network trains; None for half of
            what is free. Larger tables are read in blocks, whenever they are needed.

    Returns:
        The data, images flattened and as ``uint8``.

    Raises:
        DataError: neither a file nor a known name, damaged, empty, or a wrong target.

    >>> iris = load("iris")
    >>> iris.X.shape, sorted(set(iris.y)), iris.target
    ((150, 4), ['setosa', 'versicolor', 'virginica'], 'species')
    """
    folder = _folder(data_dir)
    path = Path(source).expanduser()
    named = _named(source, folder)
    if named:
        return named.load(LoadOptions(folder, target, schema))
    if path.exists():
        return read_file(
            path, target=target, allow_pickle=allow_pickle, schema=schema, memory=memory
        )
    known = _known(folder)
    hint = nearest_file(path, known)
    names = ", ".join(sorted(known))
    raise DataError(f"{str(source)!r} is neither a file nor a known data set{hint} Known: {names}")


def is_name(
    source: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None
) -> bool:
    """Return whether :func:`load` treats this as a name, even if there is a file of this name.

    Args:
        source: as for :func:`load`.
        data_dir: a folder of data, as for :func:`load`.

    >>> is_name("digits"), is_name("./digits")
    (True, False)
    """
    return _named(source, _folder(data_dir)) is not None


def list_datasets(data_dir: str | os.PathLike[str] | None = None) -> list[DatasetInfo]:
    """List the named data sets, bundled ones first, without downloading them.

    Args:
        data_dir: a folder of data, as for :func:`load`.

    >>> [entry.name for entry in list_datasets() if entry.where == "bundled"]
    ['digits', 'iris', 'wine', 'breast_cancer', 'diabetes']
    """
    folder = _folder(data_dir)
    return [named.info(folder) for named in _known(folder).values()]


def _named(source: str | os.PathLike[str], folder: Path | None) -> NamedDataset | None:
    if not isinstance(source, str) or not _NAME.fullmatch(source):
        return None
    return _known(folder).get(_key(source))


def _folder(data_dir: str | os.PathLike[str] | None) -> Path | None:
    if data_dir is None:
        return None
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise DataError(f"the data folder {folder} doesn't exist")
    return folder


def _known(data_dir: Path | None) -> dict[str, NamedDataset]:
    """Return all named data sets; a folder's index can't replace the built-in ones."""
    tables = {_key(name): table for name, table in indexed(data_dir).items()}
    return {**NAMED, **tables, **NAMED}


def _key(source: str) -> str:
    """Return a name in its listed form: ``Fashion-MNIST`` becomes ``fashion_mnist``."""
    return source.lower().replace("-", "_")
