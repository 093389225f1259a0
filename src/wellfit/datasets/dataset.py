"""The data set class: rows and labels, with optional validation and test sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray

from wellfit.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from wellfit.datasets.schema import TableSchema
    from wellfit.datasets.task import Kind, Labels

    Rows: TypeAlias = NDArray[Any] | pd.DataFrame

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set: training rows, labels, optional validation and test sets, and metadata.

    Args:
        name: name of the data set.
        X: (rows, columns) numbers, or a table. Pixels stay ``uint8``, one image a row.
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
    X: Rows
    y: Labels
    X_test: Rows | None = None
    y_test: Labels | None = None
    X_val: Rows | None = None
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

    def __repr__(self) -> str:
        test = "" if self.X_test is None else f", {len(self.X_test):,} test rows"
        rows, columns = self.X.shape
        return f"<Dataset {self.name!r}: {rows:,} rows, {columns:,} columns{test}>"

    def _check_part(self, part: str, X: Rows | None, y: Labels | None) -> None:
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


def _shape(X: Rows) -> str:
    return " x ".join(f"{size:,}" for size in X.shape) or "a single number"
