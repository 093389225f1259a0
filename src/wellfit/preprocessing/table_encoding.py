"""TableEncoding: the columns of a fitted table as the matrix that a network reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from wellfit.core.errors import ModelFileError
from wellfit.preprocessing.categories import Levels
from wellfit.preprocessing.cells import number_matrix
from wellfit.preprocessing.columns import ColumnInfo, Kind, Table, positions
from wellfit.preprocessing.numeric import Numbers, arrays_under

# Cells transformed at a time: of a matrix 1 MiB, which stays in the cache; of a data frame, whose
# columns each cost some time, 32 MiB, which still bounds the memory.
_MATRIX_CELLS, _FRAME_CELLS = 2**17, 2**22

# The kinds of columns that are scaled as numbers.
NUMERIC: tuple[Kind, ...] = ("number", "date", "duration")


@dataclass(frozen=True)
class TableEncoding:
    """What a :class:`TablePreprocessor` has learned, and all that predictions need of it.

    It is apart from the estimator, since scikit-learn takes longer to import than a small file
    takes to be predicted.

    Attributes:
        kinds: of each column of the table.
        names: of each column.
        numbers: the scaling of numbers, dates and durations.
        flags: the encoding of True and False.
        categories: the levels of each column of text or categories, in their order.

    >>> numbers = Numbers.fit(np.array([[1.0], [3.0]]), "standard", "none")
    >>> flags = Numbers.fit(np.empty((2, 0)), "none", "none")
    >>> encoding = TableEncoding(["number"], ["age"], numbers, flags, [])
    >>> encoding.encode(pd.DataFrame({"age": [2.0, 3.0]}), "float64")
    array([[0.],
           [1.]])
    """

    kinds: Sequence[Kind]
    names: Sequence[str]
    numbers: Numbers
    flags: Numbers
    categories: Sequence[Levels]

    @classmethod
    def from_document(
        cls, document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> Self:
        """Return the encoding of a table's document, whose form was checked.

        Raises:
            ModelFileError: parts that don't fit each other; names the field.
        """
        kinds, names = list(document["kinds"]), document["names"]
        if names is not None and (len(names) != len(kinds) or len(set(names)) != len(kinds)):
            raise ModelFileError(
                f"table.names holds {len(names)} names; expected {len(kinds)} different ones"
            )
        parts = {}
        for part, own in (("numbers", ("number", "date", "duration")), ("flags", ("flag",))):
            columns = len(positions(kinds, *own))
            found = arrays_under(f"{part}.", arrays)
            parts[part] = Numbers.from_document(document[part], found, columns)
        levels = [Levels.from_document(each) for each in document["categories"]]
        categories = len(positions(kinds, "category"))
        if len(levels) != categories:
            raise ModelFileError(
                f"table.categories holds {len(levels)} columns; expected {categories}"
            )
        names = [f"x{at}" for at in range(len(kinds))] if names is None else names
        encoding = cls(kinds, names, **parts, categories=levels)
        if not encoding.width:
            raise ModelFileError("table has no column with any value")
        return encoding

    @property
    def width(self) -> int:
        """The number of columns that :meth:`encode` returns."""
        levels = sum(each.width for each in self.categories)
        return self.numbers.width + self.flags.width + levels

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """The name and kind of each column, and its levels if it is a category."""
        columns = [ColumnInfo(*pair) for pair in zip(self.names, self.kinds, strict=True)]
        for at, each in zip(positions(self.kinds, "category"), self.categories, strict=True):
            levels, spellings = tuple(each.levels), tuple(each.aliases)
            columns[at] = replace(columns[at], levels=levels, spellings=spellings)
        return tuple(columns)

    @property
    def largest_whole(self) -> NDArray[np.int64]:
        """The largest number of each column of :meth:`encode`'s result; -1 if not all are whole.

        Marks of missing values and columns of 0 and 1 are whole, and codes.
        """
        levels = [each for _, each in codes_last(self.categories, self.categories)]
        parts = [self.numbers.largest_whole(flags=False), self.flags.largest_whole(flags=True)]
        return np.concatenate([*parts, *(each.largest_whole for each in levels)])

    @property
    def sources(self) -> NDArray[np.int64]:
        """The position in the table of the column that each of :meth:`encode`'s is of, (width,).

        >>> frame = pd.DataFrame({"town": ["Bern", "Ulm", "Rom"] * 9, "age": [20, None, 40] * 9})
        >>> from wellfit.preprocessing import TablePreprocessor
        >>> TablePreprocessor().fit(frame).encoding.sources
        array([1, 1, 0, 0, 0])
        """
        numbers = np.array(positions(self.kinds, "number", "date", "duration"), dtype=np.int64)
        flags = np.array(positions(self.kinds, "flag"), dtype=np.int64)
        parts = [numbers[self.numbers.sources], flags[self.flags.sources]]
        for at, levels in codes_last(positions(self.kinds, "category"), self.categories):
            parts.append(np.full(levels.width, at))
        return np.concatenate(parts)

    def encode(self, table: Table, dtype: DTypeLike) -> NDArray[Any]:
        """Return the matrix (rows, ``width``), C-contiguous, of a table with these columns.

        Args:
            table: (rows, columns) a pandas DataFrame, or a matrix where all columns are numbers.
            dtype: of the result, of floats.

        Raises:
            DataError: a column with something else in it than in training.
        """
        rows, columns = table.shape
        if not isinstance(table, pd.DataFrame) and set(self.kinds) - {"number", "flag", "empty"}:
            table = pd.DataFrame(table if isinstance(table, np.ndarray) else table.toarray())
        # Written in place by every part: stacking parts would need twice the memory.
        out = np.empty((rows, self.width), dtype=dtype)
        framed = isinstance(table, pd.DataFrame)
        size = max(1, (_FRAME_CELLS if framed else _MATRIX_CELLS) // columns)
        # Batch by batch, so that the intermediate copies stay in the cache, and memory is bounded.
        for start in range(0, rows, size):
            batch = slice(start, start + size)
            part = table.iloc[batch] if framed else table[batch]
            self._encode_into(out[batch], part, range(rows)[batch])
        return out

    def matrix(
        self, table: Table, *kinds: Kind, rows: Sequence[int] | None = None
    ) -> NDArray[Any]:
        """Return the columns of some kinds as numbers, NaN where missing."""
        return number_matrix(table, positions(self.kinds, *kinds), self.kinds, self.names, rows)

    def _encode_into(self, out: NDArray[Any], table: Table, rows: Sequence[int]) -> None:
        numbers, flags = (self.matrix(table, *kinds, rows=rows) for kinds in (NUMERIC, ("flag",)))
        self._assemble(out, numbers, flags, self.places(table))

    def places(self, table: Table) -> list[NDArray[np.int64]]:
        """Return the places (rows,) of the levels in each column of text or categories."""
        columns = zip(positions(self.kinds, "category"), self.categories, strict=True)
        return [each.found(table.iloc[:, at], self.names[at]) for at, each in columns]

    def encode_cells(
        self,
        numbers: NDArray[Any],
        flags: NDArray[Any],
        places: Sequence[NDArray[np.int64]],
        dtype: DTypeLike,
    ) -> NDArray[Any]:
        """Return what :meth:`encode` does, of cells that were read.

        Args:
            numbers: (rows, columns) of numbers, dates and durations, as of :meth:`matrix`.
            flags: (rows, columns) likewise.
            places: (rows,) of each category, as of :meth:`places`.
            dtype: of the result, of floats.
        """
        out = np.empty((len(numbers), self.width), dtype=dtype)
        self._assemble(out, numbers, flags, places)
        return out

    def _assemble(
        self,
        out: NDArray[Any],
        numbers: NDArray[Any],
        flags: NDArray[Any],
        places: Sequence[NDArray[np.int64]],
    ) -> None:
        end = 0
        for part, own in ((self.numbers, numbers), (self.flags, flags)):
            start, end = end, end + part.width
            if start < end:
                out[:, start:end] = part.transform(own)
        for found, levels in codes_last(places, self.categories):
            start, end = end, end + levels.width
            levels.mark(found, out[:, start:end])


def codes_last(columns: Sequence[Any], categories: Sequence[Levels]) -> list[tuple[Any, Levels]]:
    """Return what goes with each category's levels, in the order of an encoding's result."""
    # Codes come last, so that no other column's place depends on them.
    pairs = zip(columns, categories, strict=True)
    return sorted(pairs, key=lambda pair: pair[1].coded)
