"""Parts of a table that needn't fit in memory: files, or partitions of a dask DataFrame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellfit.core.errors import DataError
from wellfit.datasets.schema import CellType, TableSchema
from wellfit.datasets.tables import place_in, table_blocks
from wellfit.datasets.typed import Place, typed

if TYPE_CHECKING:
    import pandas as pd

NOUNS: dict[CellType, str] = {
    "number": "numbers",
    "boolean": "booleans",
    "date": "dates",
    "duration": "durations",
    "text": "text",
    "empty": "no value",
}


class TablePart(ABC):
    """Consecutive rows of a table, read in blocks.

    Attributes:
        name: what messages call it.
        n_rows: how many rows it has.
        types: the type of each of its columns.
    """

    name: str
    n_rows: int
    types: Mapping[str, CellType]

    @abstractmethod
    def blocks(
        self, schema: TableSchema, columns: Sequence[str], rows: int
    ) -> Iterator[pd.DataFrame]:
        """Yield its rows in their order, as the schema says.

        Args:
            schema: the types of all columns.
            columns: those to read.
            rows: of a block, at most.

        Raises:
            DataError: a cell that isn't of its column's type, by column, row and file.
        """

    @abstractmethod
    def place(self, schema: TableSchema, row: int) -> str:
        """Return the position of a row (from 0) in words."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """What changes whenever its rows do."""


@dataclass(frozen=True)
class FilePart(TablePart):
    """A csv or parquet file.

    Args:
        path: the file.
        n_rows: how many rows it has.
        types: the type of each of its columns.
        constants: columns that its folders' names hold, as in ``day=2024-02-29``.
    """

    path: Path
    n_rows: int
    types: Mapping[str, CellType]
    constants: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The path."""
        return str(self.path)

    def blocks(
        self, schema: TableSchema, columns: Sequence[str], rows: int
    ) -> Iterator[pd.DataFrame]:
        """Yield the rows of the file, the columns of its folders among them."""
        there = [name for name in columns if name not in self.constants]
        # Rows are counted by a column, so one is read even where folders hold all that is wanted.
        read = there or [next(name for name in self.types if name not in self.constants)]
        for table in table_blocks(self.path, schema, read, rows):
            more = {name: self.constants[name] for name in columns if name in self.constants}
            yield table.assign(**more)[list(columns)]

    def place(self, schema: TableSchema, row: int) -> str:
        """Return the number of a row, and its line in a csv file."""
        return place_in(self.path, schema)(row)

    @property
    def identity(self) -> str:
        """Path, size and time of the last change."""
        found = self.path.stat()
        return f"{self.path.absolute()}|{found.st_size}|{found.st_mtime_ns}|{self.constants!r}"


@dataclass(frozen=True)
class DaskPart(TablePart):
    """A partition of a dask DataFrame, computed whenever it is read.

    Args:
        partition: a dask DataFrame of one partition.
        number: of the partition, from 0.
        n_rows: how many rows it has.
        types: the type of each of its columns.
        token: dask's name of it, which depends on what it is computed from.
    """

    partition: Any
    number: int
    n_rows: int
    types: Mapping[str, CellType]
    token: str

    @property
    def name(self) -> str:  # type: ignore[override]
        """The number of the partition."""
        return f"partition {self.number}"

    def blocks(
        self, schema: TableSchema, columns: Sequence[str], rows: int
    ) -> Iterator[pd.DataFrame]:
        """Yield the rows of the partition."""
        table = self.partition[list(columns)].compute().reset_index(drop=True)
        place: Place = lambda row: self.place(schema, row)  # noqa: E731
        for start in range(0, len(table), rows):
            yield typed(table.iloc[start : start + rows], schema, ",", place)

    def place(self, schema: TableSchema, row: int) -> str:
        """Return the numbers of a row and of the partition."""
        return f"row {row + 1:,} of {self.name}"

    @property
    def identity(self) -> str:
        """Dask's own name for the partition, and its rows."""
        return f"{self.token}|{self.n_rows}"


def same_columns(parts: Sequence[TablePart]) -> dict[str, CellType]:
    """Return the type of each column, which all parts have to share.

    A column may be empty in some parts, and of another type in the others.

    Raises:
        DataError: a part lacks a column, has one more, or one of another type; names both.
    """
    first = parts[0]
    types: dict[str, CellType] = dict(first.types)
    typed_by = dict.fromkeys(types, first.name)
    for part in parts[1:]:
        for name in [*types, *part.types]:
            if (name in types) != (name in part.types):
                lacking, other = (part, first) if name in types else (first, part)
                raise DataError(
                    f"{lacking.name} has no column {name!r}, which {other.name} has; expected "
                    "the same columns in each"
                )
        for name, kind in part.types.items():
            if types[name] == "empty":
                types[name], typed_by[name] = kind, part.name
            elif kind not in (types[name], "empty"):
                raise DataError(
                    f"column {name!r} holds {NOUNS[kind]} in {part.name}, and "
                    f"{NOUNS[types[name]]} in {typed_by[name]}; expected the same in each"
                )
    return types
