"""Tables in several files: found, counted and compared before any row counts."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellfit.core.errors import DataError
from wellfit.core.extras import import_extra
from wellfit.datasets.csv_files import csv_types, layout_of
from wellfit.datasets.files import check_file, ending, reading, siblings
from wellfit.datasets.schema import CellType, Decimal, TableSchema
from wellfit.datasets.streamed import StoreFolder, StreamedTable
from wellfit.datasets.table_parts import DaskPart, FilePart, TablePart, same_columns
from wellfit.datasets.tables import PARQUET

if TYPE_CHECKING:
    import pyarrow

IN_FOLDERS = (".csv", ".tsv", *PARQUET)
Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def table_files(folder: Path) -> list[Path]:
    """Return the tables below a folder, in the order of their names.

    Files and folders whose names begin with ``.`` or ``_`` are left out: others write their notes
    there.
    """
    found = (path for path in folder.rglob("*") if ending(path) in IN_FOLDERS and path.is_file())
    return sorted(
        path
        for path in found
        if not any(name[0] in "._" for name in path.relative_to(folder).parts)
    )


def streamed_files(
    paths: Paths, schema: TableSchema | None = None, store: StoreFolder | None = None
) -> StreamedTable:
    """Return the table in some files, whose rows are read whenever they are needed.

    Args:
        paths: a file, a folder, a pattern such as ``"clicks/*.parquet"``, or several files.
        schema: the types of columns; others are those of the files.
        store: where training puts its encoded rows.

    Raises:
        DataError: no file, a damaged one, or files whose columns differ; names file and column.
    """
    base, files = _found(paths)
    schema = schema or TableSchema()
    parquet = [ending(path) in PARQUET for path in files]
    if any(parquet) != all(parquet):
        odd = files[parquet.index(not parquet[0])]
        raise DataError(f"{files[0]} and {odd} are files of two types; expected one type")
    constants = folder_columns(base, files) if parquet[0] and base else [{}] * len(files)
    parts, decimals = [], dict(schema.decimals)
    for path, more in zip(files, constants, strict=True):
        check_file(path)
        with reading(path):
            part, marks = (
                (_parquet_part(path, more), {}) if parquet[0] else _csv_part(path, schema)
            )
        decimals |= {name: mark for name, mark in marks.items() if name not in decimals}
        parts.append(part)
    types = {name: schema.types.get(name, kind) for name, kind in same_columns(parts).items()}
    return _table(parts, replace(schema, types=types, decimals=decimals), store)


def streamed(X: Any) -> Any:
    """Return a dask DataFrame as a table that is read block by block; anything else as it is."""
    return streamed_dask(X) if _is_of_dask(X) else X


def computed(y: Any) -> Any:
    """Return a target of dask's in memory; any other as it is."""
    return y.compute() if _is_of_dask(y) else y


def _is_of_dask(values: Any) -> bool:
    # Whoever passes one has imported dask, which takes a second.
    return type(values).__module__.split(".")[0] in ("dask", "dask_expr")


def streamed_dask(frame: Any, store: StoreFolder | None = None) -> StreamedTable:
    """Return the table in a dask DataFrame, one partition of which is computed at a time.

    Args:
        frame: the DataFrame.
        store: where training puts its encoded rows.

    Raises:
        DataError: no rows, or partitions of different types.
    """
    tokenize = import_extra("dask.base", "cluster").tokenize
    parts: list[TablePart] = []
    for number in range(frame.npartitions):
        partition = frame.get_partition(number)
        table = partition.compute()
        table.columns = table.columns.astype(str)
        types = TableSchema.of(table).types
        parts.append(DaskPart(partition, number, len(table), types, tokenize(partition)))
    return _table(parts, TableSchema(types=same_columns(parts)), store)


def _table(
    parts: Sequence[TablePart], schema: TableSchema, store: StoreFolder | None
) -> StreamedTable:
    """Return the table of all parts that have rows."""
    without = [part for part in parts if not part.n_rows]
    if len(without) == len(parts):
        raise DataError(f"{parts[0].name} has column names, but no rows")
    if without:
        more = f", and {len(without) - 1} more" if len(without) > 1 else ""
        warnings.warn(f"{without[0].name}{more} has no rows: left out", UserWarning, stacklevel=4)
    kept = tuple(part for part in parts if part.n_rows)
    return StreamedTable(kept, schema, tuple(schema.types), store=store or StoreFolder())


def _found(paths: Paths) -> tuple[Path | None, list[Path]]:
    """Return the files that are meant, and the folder that they were looked for in, if one was."""
    if not isinstance(paths, (str, os.PathLike)):
        files = [Path(path) for path in paths]
        if not files:
            raise DataError("no files are given; expected one at least")
        return None, files
    path = Path(paths).expanduser()
    if path.is_dir():
        files = table_files(path)
        if not files:
            raise DataError(f"the folder {path} holds no tables; expected parquet or csv files")
        return path, files
    if path.exists() or not glob.has_magic(str(path)):
        check_file(path)
        return None, [path]
    files = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
    files = [path for path in files if path.is_file()]
    if not files:
        there = ", ".join(siblings(path)[:5]) or "nothing"
        raise DataError(f"no file matches {path}; the folder {path.parent} holds {there}")
    return path.parent, files


def folder_columns(base: Path, files: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the columns that folders' names hold, as in ``day=2024-02-29``, for each file.

    Args:
        base: the folder above all of them.
        files: parquet files below it.
    """
    if not any("=" in name for path in files for name in path.relative_to(base).parent.parts):
        return [{} for _ in files]
    from pyarrow import dataset

    with reading(files[0]):
        found = dataset.dataset(
            [str(path) for path in files],
            format="parquet",
            partitioning="hive",
            partition_base_dir=str(base),
        )
        keys = {
            Path(fragment.path): dataset.get_partition_keys(fragment.partition_expression)
            for fragment in found.get_fragments()
        }
    return [keys[path] for path in files]


def _parquet_part(path: Path, constants: Mapping[str, Any]) -> FilePart:
    """Return a parquet file as a part, from its footer alone."""
    import pandas as pd
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        n_rows, fields = file.metadata.num_rows, file.schema_arrow
    types = {
        field.name: _cell_type(field, path)
        for field in fields
        if not field.name.startswith("__index_level_")
    }
    more = TableSchema.of(pd.DataFrame({name: [value] for name, value in constants.items()}))
    types |= more.types
    return FilePart(path, n_rows, types, constants)


def _cell_type(field: pyarrow.Field, path: Path) -> CellType:
    """Return the type of a column's cells by the type that Arrow gives it.

    Raises:
        DataError: it holds lists or the like.
    """
    from pyarrow import types

    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    tests: dict[CellType, Sequence[Any]] = {
        "number": (types.is_integer, types.is_floating, types.is_decimal),
        "boolean": (types.is_boolean,),
        "date": (types.is_timestamp, types.is_date),
        "duration": (types.is_duration,),
        "text": (types.is_string, types.is_large_string, types.is_string_view),
        "empty": (types.is_null,),
    }
    for name, checks in tests.items():
        if any(check(kind) for check in checks):
            return name
    raise DataError(
        f"column {field.name!r} of {path} is of Arrow's type {field.type}; expected one value in "
        "each cell: a number, text, a date, or true and false"
    )


def _csv_part(path: Path, schema: TableSchema) -> tuple[FilePart, Mapping[str, Decimal]]:
    """Return a csv file as a part: all of it is read, for the types of its columns."""
    n_rows, types, marks = csv_types(layout_of(path, schema), schema)
    return FilePart(path, n_rows, types), marks
