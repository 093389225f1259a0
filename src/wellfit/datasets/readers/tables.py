"""The reader of tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wellfit.datasets.readers.base import Reader, ReadOptions
from wellfit.datasets.tables import TABLES, read_table, table_dataset

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
        """Return a table with its target apart."""
        return table_dataset(path, options.target, options.schema)

    def read_features(self, path: Path, schema: TableSchema | None) -> pd.DataFrame:
        """Return a table with every column of the file."""
        return read_table(path, schema)
