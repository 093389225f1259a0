"""The interface of a reader: one kind of file, as data to train on and as rows to predict."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from wellfit.core.errors import DataError
from wellfit.core.hyper import Config
from wellfit.datasets.files import ending

if TYPE_CHECKING:
    from wellfit.datasets.dataset import Dataset, Rows
    from wellfit.datasets.schema import TableSchema


class ReadOptions(NamedTuple):
    """Options for reading a file.

    Attributes:
        target: the column to predict, for tables.
        allow_pickle: whether to read pickles.
        schema: column types, for tables.
        memory: bytes that a table may take; None for half of what is free.
    """

    target: str | None = None
    allow_pickle: bool = False
    schema: TableSchema | None = None
    memory: int | None = None


class Reader(Config, family="reader"):
    """Reads one kind of file.

    Attributes:
        endings: the endings of its files, in lower case, without ``.gz``.
        kinds: what it reads, as messages list it.
        takes_target: whether its files have columns of which one is the target.
        reads_features: whether it reads files without a target.

    >>> from wellfit.datasets.readers import reader_of
    >>> reader_of(Path("train.CSV.gz")).name
    'table'
    """

    endings: ClassVar[tuple[str, ...]] = ()
    kinds: ClassVar[str] = ""
    takes_target: ClassVar[bool] = False
    reads_features: ClassVar[bool] = False

    def reads(self, path: Path) -> bool:
        """Return whether it reads a file or folder of this name."""
        return ending(path) in self.endings

    @abstractmethod
    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the data of a file or folder.

        Raises:
            DataError: damaged, or an invalid target.
        """

    def read_features(self, path: Path, schema: TableSchema | None) -> Rows:
        """Return rows for prediction, (rows, columns).

        Raises:
            DataError: damaged, or without rows.
        """
        raise DataError(f"{path} holds no rows without targets")
