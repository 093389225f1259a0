"""CellReader: plain values of rows, such as those of JSON, as cells that a NumpyModel reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.arrays import LARGEST
from wellfit.datasets.cells import number_of
from wellfit.datasets.schema import CellType, TableSchema
from wellfit.datasets.tables import refuse_unreadable, typed_values
from wellfit.datasets.typed import Place, refuse_infinity
from wellfit.inference.model import NumpyModel
from wellfit.preprocessing.categories import Levels
from wellfit.preprocessing.cells import read_numbers
from wellfit.preprocessing.columns import Kind, positions
from wellfit.preprocessing.table_encoding import NUMERIC

Values = Sequence[Any]
# The types whose values need no reading, by the type and the kind of their column.
_PLAIN: dict[tuple[CellType, Kind], frozenset[type]] = {
    ("number", "number"): frozenset({int, float, NoneType}),
    ("boolean", "flag"): frozenset({bool, NoneType}),
    ("text", "category"): frozenset({str, NoneType}),
}


@dataclass(frozen=True, eq=False)
class ReadCells:
    """The cells of some rows, read but not yet scaled, so that those of several requests join.

    Attributes:
        numbers: (n_rows, n_numbers) of numbers, dates and durations; NaN where missing.
        flags: (n_rows, n_flags) likewise, of True and False.
        places: (n_rows, n_categories) of each category's level.
    """

    numbers: NDArray[np.float64]
    flags: NDArray[np.float64]
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    @classmethod
    def joined(cls, parts: Sequence[ReadCells]) -> ReadCells:
        """Return the rows of several, one below the other."""
        if len(parts) == 1:
            return parts[0]
        names = ("numbers", "flags", "places")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class CellReader:
    """Reads values as a parquet file's are read for a model, without pandas where all are plain.

    Args:
        model: the fitted model.
        schema: how its columns are read: of :func:`~wellfit.inference.table_schema.table_schema`.

    >>> import tempfile
    >>> from wellfit import MLPClassifier
    >>> from wellfit.inference import read_numpy_model
    >>> from wellfit.inference.table_schema import table_schema
    >>> X = pd.DataFrame({"size": [0.0, 1.0], "colour": ["red", "blue"]})
    >>> clf = MLPClassifier((4,), epochs=2, random_state=0).fit(X, ["a", "b"])
    >>> model = read_numpy_model(clf.save(tempfile.mkdtemp() + "/model"))
    >>> reader = CellReader(model, table_schema(model))
    >>> cells = reader.read([[0.5, None], ["red", "green"]], lambda row: f"row {row + 1}")
    >>> cells.numbers.ravel(), reader.encode(cells).shape
    (array([0.5, nan]), (2, 2))
    """

    def __init__(self, model: NumpyModel, schema: TableSchema) -> None:
        self._network = model.network_
        self._encoding = encoding = model.network_.features.encoding
        columns = [
            _Column(at, name, kind, schema)
            for at, (name, kind) in enumerate(zip(encoding.names, encoding.kinds, strict=True))
        ]
        self._numbers, self._flags, categories, self._unused = (
            [columns[at] for at in positions(encoding.kinds, *kinds)]
            for kinds in (NUMERIC, ("flag",), ("category",), ("empty",))
        )
        levels = zip(categories, encoding.categories, strict=True)
        self._categories = [_Category(column, each) for column, each in levels]

    def read(self, columns: Sequence[Values], place: Place) -> ReadCells:
        """Return the cells of rows that are given column by column, in the model's order.

        Args:
            columns: of each column its values: None, booleans, numbers or text, as in JSON.
            place: returns the position of a row (from 0) in words.

        Raises:
            DataError: a value isn't of its column's type, by the message for tables.
        """
        rows = len(columns[0])
        places = np.empty((rows, len(self._categories)), dtype=np.int64)
        for at, category in enumerate(self._categories):
            places[:, at] = category.places(columns[category.column.at], place)
        for column in self._unused:
            column.table(columns[column.at], place)
        numbers, flags = (
            _matrix(own, columns, rows, place) for own in (self._numbers, self._flags)
        )
        return ReadCells(numbers, flags, places)

    def read_table(self, table: pd.DataFrame) -> ReadCells:
        """Return the cells of a table (rows, columns) that was read by the schema."""
        numbers, flags = (self._encoding.matrix(table, *own) for own in (NUMERIC, ("flag",)))
        places = np.empty((len(table), len(self._categories)), dtype=np.int64)
        for at, found in enumerate(self._encoding.places(table)):
            places[:, at] = found
        return ReadCells(numbers, flags, places)

    def encode(self, cells: ReadCells) -> NDArray[Any]:
        """Return what the network reads (n_rows, width) of cells."""
        found = list(cells.places.T)
        return self._encoding.encode_cells(cells.numbers, cells.flags, found, self._network.dtype)


class _Column:
    """A column: which of its values need no reading, and the reading of others."""

    def __init__(self, at: int, name: str, kind: Kind, schema: TableSchema) -> None:
        self.at, self.name, self.kind = at, name, kind
        self._schema = schema
        self.plain = _PLAIN.get((schema.types.get(name, "text"), kind), frozenset())
        self.missing = frozenset(schema.na_values)
        numbers = map(number_of, schema.na_values)
        self._missing_numbers = [number for number in numbers if number is not None]

    def is_plain(self, values: Values) -> bool:
        """Return whether all values are of types that need no reading."""
        return self.plain.issuperset(map(type, values))

    def table(self, values: Values, place: Place) -> pd.DataFrame:
        """Return values as the column of a table, read by the schema."""
        table = pd.DataFrame({self.name: list(values)})
        refuse_unreadable(table, "the request")
        table = typed_values(table, self._schema, place)
        refuse_infinity(table, place)
        return table

    def numbers(self, values: Values, place: Place) -> Values | NDArray[np.float64]:
        """Return values as numbers; None or NaN where missing."""
        if self.is_plain(values):
            return self._without_missing(values) if self._missing_numbers else values
        return read_numbers(self.table(values, place)[self.name], self.kind, self.name)

    def _without_missing(self, values: Values) -> NDArray[np.float64]:
        numbers = np.array(values, dtype=np.float64)
        numbers[np.isin(numbers, self._missing_numbers)] = np.nan
        return numbers


def _matrix(
    columns: Sequence[_Column], values: Sequence[Values], rows: int, place: Place
) -> NDArray[np.float64]:
    """Return the numbers (rows, columns) of some columns."""
    if not columns:
        return np.empty((rows, 0))
    found = [column.numbers(values[column.at], place) for column in columns]
    matrix = np.array(found, dtype=np.float64)  # None becomes NaN
    if (abs(matrix) > LARGEST).any():  # a table says which cell it is
        for column, numbers in zip(columns, matrix, strict=True):
            refuse_infinity(pd.DataFrame({column.name: numbers}), place)
    return matrix.T


class _Places(dict[str | None, int]):
    """The place of each known text, and of None; others are looked for without blanks around.

    Args:
        levels: of a column.
        missing: texts that mean missing.
    """

    def __init__(self, levels: Levels, missing: Iterable[str]) -> None:
        super().__init__()
        self._elsewhere = levels.elsewhere
        self.update(levels.places())
        self.update(dict.fromkeys([None, *missing], levels.nowhere))
        # Blanks around text are no part of it, as in files: no text with blanks is found at once.
        for text in [text for text in self if text is not None and text != text.strip()]:
            del self[text]

    def __missing__(self, text: Any) -> int:
        # What clients send isn't kept, or they would fill the memory.
        return self.get(text.strip(), self._elsewhere)


class _Category:
    """A column of text or categories: the places of its levels."""

    def __init__(self, column: _Column, levels: Levels) -> None:
        self.column, self._levels = column, levels
        self._places = _Places(levels, column.missing)

    def places(self, values: Values, place: Place) -> Sequence[int] | NDArray[np.int64]:
        """Return the place of each value's level, -1 for none."""
        if self.column.plain:
            # What is no text has no strip, or no hash.
            with suppress(AttributeError, TypeError):
                return list(map(self._places.__getitem__, values))
        name = self.column.name
        return self._levels.found(self.column.table(values, place)[name], name)
