"""Data sets of files that hold a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wellfit.core.errors import DataError
from wellfit.datasets.dataset import Dataset, of_streamed
from wellfit.datasets.files import ending, stem
from wellfit.datasets.findings import header_looks_like_data
from wellfit.datasets.schema import TableSchema
from wellfit.datasets.table_files import streamed_files
from wellfit.datasets.tables import PARQUET, read_with_schema, split_target


def table_dataset(path: Path, target: str | None, schema: TableSchema | None = None) -> Dataset:
    """Read a table and split off its target."""
    table, schema = read_with_schema(path, schema or TableSchema())
    try:
        X, y = split_target(table, target, str(path))
    except DataError as error:
        if ending(path) in PARQUET or not schema.header or not header_looks_like_data(table):
            raise
        raise DataError(
            f"{error}. The first line of the file looks like data: --no-header reads it as a row"
        ) from error
    schema = replace(schema, target=target)
    return Dataset(stem(path), X, y, target=target, source=str(path), schema=schema)


def streamed_dataset(path: Path, target: str | None, schema: TableSchema | None = None) -> Dataset:
    """Return the table of a file or folder; only the target is read into memory."""
    return of_streamed(streamed_files(path, schema), path, target)
