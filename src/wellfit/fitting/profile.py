"""The first pass over a table that needn't fit in memory: facts of all rows, and a sample."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.arrays import LARGEST
from wellfit.core.errors import DataError
from wellfit.core.words import pluralize
from wellfit.datasets.schema import CellType
from wellfit.datasets.streamed import SAMPLE_ROWS, StreamedTable, sampled
from wellfit.datasets.table_parts import TablePart
from wellfit.preprocessing.cells import read_numbers
from wellfit.preprocessing.columns import Kind
from wellfit.preprocessing.facts import ColumnFacts

_MOST_LEVELS = 1_000_000  # of a column that are counted: some 100 MB
_KINDS: dict[CellType, Kind] = {
    "number": "number",
    "boolean": "flag",
    "date": "date",
    "duration": "duration",
    "text": "category",
    "empty": "empty",
}


@dataclass(frozen=True)
class TableProfile:
    """What the encoding of a table is learned from.

    Attributes:
        sample: rows of it, each equally likely; all where there are few.
        facts: of each column, of all rows.
    """

    sample: pd.DataFrame
    facts: list[ColumnFacts]


@dataclass
class _Tally:
    """What has been seen of a column until now."""

    kind: Kind
    n_rows: int = 0
    present: int = 0
    lowest: float = np.inf
    highest: float = -np.inf
    counts: Counter[str] = field(default_factory=Counter)
    example: Any = None

    def add(self, column: pd.Series[Any], name: str) -> float | None:
        """Count the cells of a block; return one that is infinite or too large, if any is."""
        self.n_rows += len(column)
        there = int(column.notna().sum())
        if not there:
            return None
        if self.example is None:
            self.example = column.dropna().iloc[0]
        self.present += there
        if self.kind == "category":
            for text, count in column.value_counts().items():
                self.counts[str(text)] += count
            return None
        values = read_numbers(column, self.kind, name)
        self.lowest = min(self.lowest, float(np.nanmin(values)))
        self.highest = max(self.highest, float(np.nanmax(values)))
        far = self.highest if self.highest > -self.lowest else self.lowest
        return far if abs(far) > LARGEST else None

    @property
    def facts(self) -> ColumnFacts:
        """What is known of the column now."""
        kind: Kind = self.kind if self.present else "empty"
        return ColumnFacts(
            kind, self.present < self.n_rows, self.lowest < self.highest, self.counts
        )


def profile(table: StreamedTable, seed: int = 0) -> TableProfile:
    """Read a table once, to collect the facts from which its encoding is learned.

    Args:
        table: whose rows all count.
        seed: of the sample.

    Raises:
        DataError: a cell of another type than its column, an infinite number, or a column of
            text whose values never end; names column and file.

    >>> import tempfile
    >>> from wellfit.datasets import Dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pd.DataFrame({"size": [1.0, 2.0, None], "y": [0, 1, 1]})
    ...     table.to_parquet(f"{folder}/0.parquet")
    ...     profile(Dataset.from_parquet(folder, target="y").X).facts
    [ColumnFacts(kind='number', gaps=True, varies=True, counts=Counter())]
    """
    tallies = {name: _Tally(_KINDS[table.schema.types[name]]) for name in table.columns}
    chosen, done, pieces = sampled(len(table), SAMPLE_ROWS, seed), 0, []
    for part, block in table.watched("reading", table.placed(), lambda each: len(each[1])):
        for name, tally in tallies.items():
            wrong = tally.add(block[name], name)
            if wrong is not None:
                _refuse_number(block[name], name, wrong, part, table)
            if len(tally.counts) > _MOST_LEVELS:
                _refuse_endless(name, tally, part)
        at = np.searchsorted(chosen, [done, done + len(block)])
        pieces.append(block.iloc[chosen[at[0] : at[1]] - done])
        done += len(block)
    sample = pd.concat(pieces, ignore_index=True)
    return TableProfile(_with_examples(sample, tallies), [each.facts for each in tallies.values()])


def _with_examples(sample: pd.DataFrame, tallies: dict[str, _Tally]) -> pd.DataFrame:
    """Return a sample in which each column has a value that has one in any row."""
    lacking = [
        name for name, each in tallies.items() if each.present and sample[name].isna().all()
    ]
    for name in lacking:
        column = sample[name].astype(object)
        column.iloc[0] = tallies[name].example
        sample = sample.assign(**{name: column.infer_objects()})
    return sample


def _refuse_number(
    column: pd.Series[Any], name: str, wrong: float, part: TablePart, table: StreamedTable
) -> None:
    numbers = np.abs(pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan))
    row = int(column.index[int(np.nanargmax(numbers))])
    raise DataError(
        f"column {name!r} holds {wrong:g} in {part.place(table.schema, row)}; expected numbers "
        f"between -{LARGEST:g} and {LARGEST:g}, or missing values (infinity is neither)"
    )


def _refuse_endless(name: str, tally: _Tally, part: TablePart) -> None:
    raise DataError(
        f"column {name!r} holds more than {_MOST_LEVELS:,} different texts in the first "
        f"{pluralize(tally.n_rows, 'row')}, up to {part.name}, such as {tally.example!r}; "
        f"expected categories that occur again and again: leave the column out (--drop {name})"
    )


def positions_in(table: StreamedTable, rows: NDArray[np.integer] | None) -> StreamedTable:
    """Return the table of some rows, which may be given in any order; all where None."""
    return table if rows is None else table[np.sort(rows)]
