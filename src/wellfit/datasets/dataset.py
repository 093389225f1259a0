"""The data set class: rows and labels, with optional validation and test sets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray

from wellfit.core.errors import DataError
from wellfit.datasets.files import stem
from wellfit.datasets.schema import TableSchema
from wellfit.datasets.streamed import StoreFolder, StreamedTable, split_streamed
from wellfit.datasets.table_files import Paths, streamed_dask, streamed_files

if TYPE_CHECKING:
    import pandas as pd

    from wellfit.datasets.task import Kind, Labels

    Rows: TypeAlias = NDArray[Any] | pd.DataFrame

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set: training rows, labels, optional validation and test sets, and metadata.

    Args:
        name: name of the data set.
        X: (rows, columns) numbers, or a table, in memory or in files. Pixels stay ``uint8``, one
            image a row.
        y: (rows,) labels or numbers.
        X_test: (rows, columns) the test set.
        y_test: (rows,) labels of the test set.
        X_val: (rows, columns) the validation set.
        y_val: (rows,) labels of the validation set.
        image_shape: (height, width) if every row is an image.
        target: the name of the column that became ``y``.
        task: "binary", "multiclass" or "regression" if it is known; ``None`` leaves it to
            :func:`~wellfit.datasets.infer_task`.
        class_names: names of the labels 0, 1, ….
        description: a sentence or two.
        source: origin of the data.
        license: license of the data, as far as known.
        schema: the types of a table's columns, for reading later files in the same way.

    Raises:
        DataError: no rows, no columns, or parts with different columns.

    >>> import numpy as np
    >>> Dataset("xor", np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0]))
    <Dataset 'xor': 4 rows, 2 columns>
    """

    name: str
    X: Any  # Rows, or a StreamedTable
    y: Labels
    X_test: Any = None
    y_test: Labels | None = None
    X_val: Any = None
    y_val: Labels | None = None
    image_shape: tuple[int, int] | None = None
    target: str | None = None
    task: Kind | None = None
    class_names: tuple[str, ...] | None = None
    description: str = ""
    source: str = ""
    license: str = ""
    schema: TableSchema | None = None

    def __post_init__(self) -> None:
        self._check_part("X", self.X, self.y)
        self._check_part("X_val", self.X_val, self.y_val)
        self._check_part("X_test", self.X_test, self.y_test)

    @classmethod
    def from_parquet(
        cls,
        paths: Paths,
        *,
        target: str,
        columns: Sequence[str] | None = None,
        store: str | os.PathLike[str] | None = None,
    ) -> Dataset:
        """Return a table in parquet files that needn't fit in memory: only the target is read.

        ``fit`` reads the files twice: once for categories, counts and a sample of the numbers,
        then to encode all rows into a store on a disk, from which it trains.

        Args:
            paths: a file, a folder (and those below it), a pattern such as ``"clicks/*.parquet"``,
                or several files. Folders' names such as ``day=2024-02-29`` are a column.
            target: the column to predict.
            columns: the features; None for every other column.
            store: a folder for the encoded rows, which later trainings on the same data read
                again; None for a temporary one that goes with the data.

        Raises:
            DataError: no file, a damaged one, files whose columns or types differ, or a target
                that is missing in some row; names the file and the column.

        >>> import tempfile
        >>> import pandas as pd
        >>> from wellfit import MLPClassifier
        >>> folder = Path(tempfile.mkdtemp())
        >>> for part in range(3):
        ...     table = pd.DataFrame({"x": range(part, part + 50)})
        ...     table.assign(y=table["x"] > 25).to_parquet(folder / f"{part}.parquet")
        >>> data = Dataset.from_parquet(folder, target="y")
        >>> data.X.shape
        (150, 1)
        >>> clf = MLPClassifier((8,), random_state=0).fit(data)
        >>> clf.predict(data.X).shape
        (150,)
        """
        return of_streamed(streamed_files(paths, store=_folder(store)), paths, target, columns)

    @classmethod
    def from_csv(
        cls,
        paths: Paths,
        *,
        target: str,
        columns: Sequence[str] | None = None,
        store: str | os.PathLike[str] | None = None,
        schema: TableSchema | None = None,
    ) -> Dataset:
        """Return a table in csv files that needn't fit in memory; see :meth:`from_parquet`.

        All files are read once more, for the types of their columns.

        Args:
            paths: as of :meth:`from_parquet`.
            target: the column to predict.
            columns: the features; None for every other column.
            store: a folder for the encoded rows; None for a temporary one.
            schema: how files are read: types of columns, missing values, the header.

        Raises:
            DataError: as :meth:`from_parquet`.
        """
        table = streamed_files(paths, schema, _folder(store))
        return of_streamed(table, paths, target, columns)

    @classmethod
    def from_dask(
        cls, frame: Any, *, target: str, store: str | os.PathLike[str] | None = None
    ) -> Dataset:
        """Return a dask DataFrame as data, of which one partition at a time is computed.

        Args:
            frame: the DataFrame, with the target among its columns.
            target: the column to predict.
            store: a folder for the encoded rows; None for a temporary one.

        Raises:
            DataError: no rows, or partitions whose columns differ.
        """
        return of_streamed(streamed_dask(frame, _folder(store)), "dask", target)

    def __repr__(self) -> str:
        test = "" if self.X_test is None else f", {len(self.X_test):,} test rows"
        rows, columns = self.X.shape
        return f"<Dataset {self.name!r}: {rows:,} rows, {columns:,} columns{test}>"

    def _check_part(self, part: str, X: Any, y: Labels | None) -> None:
        labels = part.replace("X", "y")
        if X is None and y is None:
            return
        if X is None or y is None:
            raise DataError(f"{self.name} has only one of {part} and {labels}; expected both")
        if X.ndim != 2 or 0 in X.shape:
            raise DataError(f"{part} of {self.name} is {_shape(X)}; expected rows and columns")
        if len(X) != len(y):
            raise DataError(f"{self.name} has {len(X):,} rows in {part}, {len(y):,} in {labels}")
        if X.shape[1] != self.X.shape[1]:
            columns = f"{X.shape[1]:,} columns in {part}, {self.X.shape[1]:,} in X"
            raise DataError(f"{self.name} has {columns}")


def _shape(X: Any) -> str:
    return " x ".join(f"{size:,}" for size in X.shape) or "a single number"


def _folder(path: str | os.PathLike[str] | None) -> StoreFolder:
    return StoreFolder(None if path is None else Path(path).expanduser())


def of_streamed(
    table: StreamedTable, paths: Any, target: str | None, columns: Sequence[str] | None = None
) -> Dataset:
    """Return the data of a table in parts, with the target of all rows in memory.

    Args:
        table: features and target.
        paths: where it is from.
        target: the column to predict.
        columns: the features; None for all.

    Raises:
        DataError: no such column, or rows without a target.
    """
    X, y = split_streamed(table, target)
    name = stem(Path(paths)) if isinstance(paths, (str, os.PathLike)) else "files"
    found = X if columns is None else X.select(columns)
    schema = replace(table.schema, target=target)
    return Dataset(name, found, y, target=target, source=str(paths), schema=schema)
