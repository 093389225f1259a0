"""Tables from csv and parquet files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellfit.core.errors import DataError, did_you_mean
from wellfit.datasets.cells import number_of, trimmed
from wellfit.datasets.csv_files import csv_blocks, layout_of, listed, read_csv, refuse_twins
from wellfit.datasets.files import InMemoryFile, ending, reading
from wellfit.datasets.schema import TableSchema
from wellfit.datasets.typed import Place, typed

if TYPE_CHECKING:
    import pandas as pd

PARQUET = (".parquet", ".pq")
TABLES = (".csv", ".tsv", ".txt", ".data", *PARQUET)
_READ_BYTES = 1 << 18  # of a column of a parquet file at once


def is_table(path: Path) -> bool:
    """Return whether there is a file of this name, and its ending is a table's."""
    return path.is_file() and ending(path) in TABLES


def read_table(path: str | os.PathLike[str], schema: TableSchema | None = None) -> pd.DataFrame:
    """Read a csv file, gzipped or not, or a parquet file.

    In a csv file, these cells are missing values: empty, ``NA``, ``N/A``, ``n/a``, ``NaN``,
        ``null``,
    ``<NA>``, and what Excel and C write (``#N/A``, ``#DIV/0!``, ``1.#IND``, ``-nan``); in columns
    of numbers, dates or booleans in any case, and ``None`` too. In columns of text, ``None`` and
    ``?`` are values, because many tables use them as categories. Blanks around cells and names are
    removed. The separator is the most frequent one of comma, semicolon, tab and bar in the first
    line. A first column of integers without a name is a row index, as pandas writes it, and is
    dropped. ISO dates, and numbers like ``1,234.5`` or ``1.234,5``, are read as such if a column
    has nothing else.

    Args:
        path: the file; ``.parquet`` and ``.pq`` are parquet, every other ending is csv.
        schema: the types of columns, as an earlier file had them; others are inferred. It also
            says which further cells are missing, and whether the first line is a header.

    Returns:
        (rows, columns) the table, with a column for each name of the header.

    Raises:
        DataError: no such file, no rows, a column name twice, damaged, not UTF-8, or a cell that
            isn't of the type that the schema declares; names its column, row and line.
    """
    return read_with_schema(Path(path), schema or TableSchema())[0]


def read_with_schema(path: Path, schema: TableSchema) -> tuple[pd.DataFrame, TableSchema]:
    """Return a table with its complete schema; see :func:`read_table`."""
    with reading(path):
        if ending(path) in PARQUET:
            table = _typed_parquet(_read_parquet(path), schema, path)
            types = {**TableSchema.of(table).types, **schema.types}
            schema = replace(schema, types=types)
        else:
            table, schema = read_csv(layout_of(path, schema), schema)
    refuse_unreadable(table, path)
    return table, schema


def table_blocks(
    path: Path, schema: TableSchema, columns: Sequence[str], rows: int
) -> Iterator[pd.DataFrame]:
    """Yield some columns of a table in blocks of rows, so that memory stays bounded.

    Args:
        path: a csv or parquet file.
        schema: the types of these columns.
        columns: columns to read; :func:`column_names` lists them.
        rows: maximal number of rows in a block.

    Raises:
        DataError: as :func:`read_table` does, when it reaches the cell.
    """
    with reading(path):
        if ending(path) in PARQUET:
            blocks = _parquet_blocks(path, schema, columns, rows)
        else:
            blocks = csv_blocks(layout_of(path, schema), schema, columns, rows)
        empty = True
        for table in blocks:
            refuse_unreadable(table, path)
            empty = False
            yield table
    if empty:
        raise DataError(f"{path} has column names, but no rows")


def column_names(path: Path, schema: TableSchema) -> list[str]:
    """Return the names of a table's columns without reading its rows."""
    with reading(path):
        if ending(path) not in PARQUET:
            return list(layout_of(path, schema).names)
        from pyarrow.parquet import read_schema

        names = [str(name) for name in read_schema(path).names]
        return [name for name in names if not name.startswith("__index_level_")]


def place_in(path: Path, schema: TableSchema) -> Place:
    """Return a function for the position of a row (from 0) in a table's file."""
    if ending(path) in PARQUET:
        return lambda row: f"row {row + 1:,} of {path}"
    with reading(path):
        return layout_of(path, schema).place


def refuse_unreadable(table: pd.DataFrame, path: Path | InMemoryFile | str) -> None:
    """Raise a DataError for a table without rows, or with lists in cells."""
    import pandas as pd

    if not len(table):
        raise DataError(f"{path} has column names, but no rows")
    for name, dtype in table.dtypes.items():
        if pd.api.types.is_object_dtype(dtype) and table[name].map(_is_nested).any():
            raise DataError(
                f"column {name!r} of {path} contains lists; expected one value in each cell"
            )


def _is_nested(cell: Any) -> bool:
    """Return whether a cell contains a collection instead of a value."""
    return hasattr(cell, "__len__") and not isinstance(cell, (str, bytes))


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    table = pd.read_parquet(path).reset_index(drop=True)
    table.columns = table.columns.astype(str)
    refuse_twins(list(table.columns), path)
    return table


def _parquet_blocks(
    path: Path, schema: TableSchema, columns: Sequence[str], rows: int
) -> Iterator[pd.DataFrame]:
    from pyarrow.parquet import ParquetFile

    # Page by page: read ahead as a whole, as is the default, a large row group fills the memory.
    with ParquetFile(path, pre_buffer=False, buffer_size=_READ_BYTES) as file:
        first = 0
        for batch in file.iter_batches(rows, columns=list(columns)):
            table = batch.to_pandas()[list(columns)]
            table.index = range(first, first + len(table))
            first += len(table)
            yield _typed_parquet(table, schema, path)


def _typed_parquet(table: pd.DataFrame, schema: TableSchema, path: Path) -> pd.DataFrame:
    return typed_values(table, schema, place_in(path, schema))


def typed_values(table: pd.DataFrame, schema: TableSchema, place: Place) -> pd.DataFrame:
    """Return a table of values that have types, such as a parquet file's, as a schema says.

    Args:
        table: (rows, columns), with the number of each row, from 0, as the index.
        schema: the types of its columns, and which values mean missing.
        place: returns the position of a row.

    Raises:
        DataError: a cell doesn't have its column's type; names the column, the row and the cell.
    """
    texts = {str(name): trimmed(column, schema.na_values) for name, column in table.items()}
    table = table.assign(**texts)
    if schema.na_values:
        numbers = [number for na in schema.na_values if (number := number_of(na)) is not None]
        table = table.mask(table.isin([*schema.na_values, *numbers]))
    return typed(table, schema, ",", place)


def split_target(
    table: pd.DataFrame, target: str | None, origin: str
) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Return the features and the target of a table.

    Raises:
        DataError: no target was given, there is no such column, or there is no other column.
    """
    refuse_no_target([str(name) for name in table.columns], target, origin)
    return table.drop(columns=target), table[target]


def refuse_no_target(names: Sequence[str], target: str | None, origin: str) -> None:
    """Raise a DataError unless a table has the target among its columns, and others too."""
    if target is None:
        raise DataError(
            f"{origin} is a table: set the column to predict by target=… (--target …). "
            f"Its columns: {listed(names)}. The last one is {names[-1]!r}"
        )
    if target not in names:
        hint = did_you_mean(target, names)
        raise DataError(f"{origin} has no column {target!r}{hint} Its columns: {listed(names)}")
    if len(names) == 1:
        raise DataError(f"{origin} has no column except {target!r}; expected features too")


def refuse_missing(there: Sequence[str], columns: Sequence[str], origin: str) -> None:
    """Raise a DataError if a column is missing; it names the nearest one."""
    missing = [column for column in columns if column not in there]
    if missing:
        hint = did_you_mean(missing[0], there)
        more = f" ({len(missing)} of {len(columns)} are missing)" if len(missing) > 1 else ""
        listed = ", ".join(there[:20]) + (", …" if len(there) > 20 else "")
        raise DataError(f"{origin} has no column {missing[0]!r}{more}{hint} Its columns: {listed}")


def refuse_target(target: str | None, origin: str) -> None:
    """Raise a DataError if a target is given for data that include labels."""
    if target is not None:
        raise DataError(f"{origin} includes its labels, so it needs no target; given: {target!r}")
