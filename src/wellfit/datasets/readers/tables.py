"""The reader of tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wellfit.datasets.memory_budget import is_beyond_memory
from wellfit.datasets.readers.base import Reader, ReadOptions
from wellfit.datasets.table_dataset import streamed_dataset, table_dataset
from wellfit.datasets.table_files import table_files
from wellfit.datasets.tables import TABLES, read_table

if TYPE_CHECKING:
    import pandas as pd

    from wellfit.datasets.dataset import Dataset
    from wellfit.datasets.schema import TableSchema


class TableFile(Reader, name="table"):
    """A csv file, gzipped or not, or a parquet file."""

    endings = TABLES
    kinds = "csv, csv.gz, parquet"
    takes_target = True
    reads_features = True

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return a table with its target apart: in memory, or read in blocks if it is large."""
        if is_beyond_memory([path], options.memory):
            return streamed_dataset(path, options.target, options.schema)
        return table_dataset(path, options.target, options.schema)

    def read_features(self, path: Path, schema: TableSchema | None) -> pd.DataFrame:
        """Return a table with every column of the file."""
        return read_table(path, schema)


class TableFolder(Reader, name="table_folder"):
    """A folder of csv or parquet files, which are one table."""

    kinds = "a folder of them"
    takes_target = True

    def reads(self, path: Path) -> bool:
        """Return whether it is a folder with tables in it, or below it."""
        return path.is_dir() and bool(table_files(path))

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the table with its target apart: in memory, or read in blocks if it is large."""
        data = streamed_dataset(path, options.target, options.schema)
        if is_beyond_memory(table_files(path), options.memory):
            return data
        return replace(data, X=data.X.to_frame())
