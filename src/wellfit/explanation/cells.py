"""Columns of a table by name, and tables whose cells are taken from other rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.errors import InputError, UnknownNameError
from wellfit.core.fitted import require_fitted
from wellfit.core.words import short
from wellfit.datasets.splitting import take_rows
from wellfit.datasets.streamed import StreamedTable
from wellfit.preprocessing import as_table
from wellfit.preprocessing.columns import Kind, kind_of

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RowsOfCells:
    """Rows to explain a model by, whose columns have names.

    Attributes:
        table: (n_rows, n_columns) a DataFrame or a matrix, as the model reads it.
        names: of the columns; ``"x0"``, ``"x1"``… where they have none.

    >>> rows = RowsOfCells.of(pd.DataFrame({"age": [20, 30], "town": ["Bern", "Ulm"]}))
    >>> rows.names, rows.kind("town")
    (('age', 'town'), 'category')
    >>> rows.with_cells("age", np.array([1, 1])).table["age"].tolist()
    [30, 30]
    """

    table: Any
    names: tuple[str, ...]

    @classmethod
    def of(
        cls, X: Any, model: Any = None, most: int | None = None, random_state: int = 0
    ) -> RowsOfCells:
        """Return the rows of a table, or some of them, drawn at random.

        Args:
            X: (n_rows, n_columns) anything that estimators read.
            model: that knows the columns' names where X has none.
            most: how many rows to take; None for all.
            random_state: seed of the draw.

        Raises:
            DataError: X is no table, or has no rows.
            InputError: a table that isn't in memory, or a model that is none.
            NotFittedError: a model before ``fit``.
        """
        if model is not None:
            require_fitted(model)
        if isinstance(X, StreamedTable):
            raise InputError("X is a table on a disk; expected rows in memory, such as a sample")
        table = as_table(X)
        table = table.toarray() if hasattr(table, "toarray") else table
        if most is not None and table.shape[0] > most:
            drawn = np.random.default_rng(random_state).permutation(table.shape[0])[:most]
            table = take_rows(table, np.sort(drawn))
        known = getattr(model, "feature_names_in_", None)
        if isinstance(table, pd.DataFrame) and all(isinstance(c, str) for c in table.columns):
            known = table.columns
        names = [f"x{at}" for at in range(table.shape[1])] if known is None else known
        return cls(table, tuple(map(str, names)))

    def __len__(self) -> int:
        return int(self.table.shape[0])

    def position(self, column: str) -> int:
        """Return the position of a column.

        Raises:
            UnknownNameError: there is no such column; names the nearest.
        """
        if str(column) not in self.names:
            raise UnknownNameError("column", column, self.names)
        return self.names.index(str(column))

    def column(self, name: str) -> pd.Series[Any]:
        """Return a column's cells (n_rows,), numbered from 0."""
        at = self.position(name)
        if isinstance(self.table, pd.DataFrame):
            return self.table.iloc[:, at].reset_index(drop=True)
        return pd.Series(self.table[:, at])

    def kind(self, name: str) -> Kind:
        """Return what a column holds."""
        return kind_of(self.column(name))

    def with_cells(self, name: str, places: Ints) -> RowsOfCells:
        """Return the rows with a column's cells taken from other rows.

        Cells keep their column's type in this way, whatever it is.

        Args:
            name: of the column.
            places: (n_rows,) the row that each takes its cell from.
        """
        at = self.position(name)
        if isinstance(self.table, pd.DataFrame):
            table = self.table.copy(deep=False)
            cells = self.table.iloc[:, at].take(places)
            table.isetitem(at, cells.array)
        else:
            table = self.table.copy()
            table[:, at] = self.table[places, at]
        return RowsOfCells(table, self.names)

    def take(self, places: Ints) -> RowsOfCells:
        """Return some rows, by their positions, which may repeat."""
        return RowsOfCells(take_rows(self.table, places), self.names)


def texts_of(cells: Sequence[Any]) -> list[str]:
    """Return cells as figures show them: numbers short, dates without a midnight's time.

    >>> texts_of([0.123456, 12, "Bern", None, pd.Timestamp(2024, 5, 1)])
    ['0.123', '12', 'Bern', '(missing)', '2024-05-01']
    """
    return [_text(cell) for cell in cells]


def _text(cell: Any) -> str:
    if pd.api.types.is_scalar(cell) and pd.isna(cell):
        return "(missing)"
    if isinstance(cell, float | np.floating):
        number = float(cell)
        whole = number.is_integer() and abs(number) < 1e15
        return f"{int(number)}" if whole else short(number)
    if isinstance(cell, pd.Timestamp) and cell == cell.normalize():
        return str(cell.date())
    return str(cell)
