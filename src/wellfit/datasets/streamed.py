"""StreamedTable: a table that is read in blocks of rows, since it needn't fit in memory."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from wellfit.core.digests import blake2b
from wellfit.core.errors import DataError, did_you_mean
from wellfit.datasets.schema import TableSchema
from wellfit.datasets.table_parts import TablePart
from wellfit.datasets.tables import refuse_no_target

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
# From what is done and with how many rows to a block in which rows are reported.
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

SAMPLE_ROWS = 200_000  # of which medians, quartiles and the like are learned
BLOCK_ROWS = 1 << 15  # of a block: a few MiB, of which several copies are made


class StoreFolder:
    """The folder of a table's encoded rows: a given one, or one that goes with this object.

    Args:
        path: a folder that stays; None for a temporary one.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @cached_property
    def path(self) -> Path:
        """The folder; a temporary one is made when it is first asked for."""
        if self._path is not None:
            return self._path
        made = Path(tempfile.mkdtemp(prefix="wellfit-rows-"))
        weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return StoreFolder, (self.path,)


@dataclass(frozen=True, eq=False)
class StreamedTable:
    """A table in files or in partitions of a dask DataFrame, read block by block.

    Args:
        parts: its rows, one part after the other.
        schema: the type of each column.
        columns: the names of the columns that count.
        rows: (n,) the numbers of the rows that count, increasing; None for all.
        store: where training puts its encoded rows.
        part: what the table is among a data set's, which names its encoded rows.
        keeps_all: whether rows that are encoded in several ways are all kept, and not the latest.
        progress: shows how far a pass over the rows is; None for nothing.

    >>> import pandas as pd
    >>> from wellfit.datasets import Dataset
    >>> folder = Path(tempfile.mkdtemp())
    >>> for day in (1, 2):
    ...     table = pd.DataFrame({"seconds": [3.0 * day, 60.0], "clicked": ["no", "yes"]})
    ...     table.to_parquet(folder / f"{day}.parquet")
    >>> table = Dataset.from_parquet(folder, target="clicked").X
    >>> table.shape
    (4, 1)
    >>> [block["seconds"].tolist() for block in table[[1, 2]].blocks()]
    [[60.0], [6.0]]
    """

    ndim: ClassVar[int] = 2

    parts: tuple[TablePart, ...]
    schema: TableSchema
    columns: tuple[str, ...]
    rows: NDArray[np.integer] | None = None
    store: StoreFolder = field(default_factory=StoreFolder)
    part: str = "training"
    keeps_all: bool = False
    progress: Progress | None = None

    @cached_property
    def total(self) -> int:
        """The rows of all parts, those that don't count among them."""
        return sum(part.n_rows for part in self.parts)

    @property
    def row_numbers(self) -> NDArray[np.integer]:
        """The numbers of the rows that count among those of all parts."""
        return np.arange(self.total) if self.rows is None else self.rows

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.total if self.rows is None else len(self.rows), len(self.columns)

    def __len__(self) -> int:
        return self.shape[0]

    @overload
    def __getitem__(self, rows: str) -> pd.Series[Any]: ...

    @overload
    def __getitem__(self, rows: slice | Sequence[int] | NDArray[np.integer]) -> StreamedTable: ...

    def __getitem__(self, rows: Any) -> StreamedTable | pd.Series[Any]:
        """Return some rows, by increasing row numbers, or a column by its name.

        ``[rows, ...]``, as scikit-learn writes it for arrays, means the same as ``[rows]``.

        Raises:
            DataError: row numbers that don't increase; rows are read in the order of the files.
        """
        if isinstance(rows, str):
            return self.column(rows)
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is ...:
            rows = rows[0]
        every = self.row_numbers
        found = every[rows if isinstance(rows, slice) else np.asarray(rows)]
        if len(found) > 1 and not (found[1:] > found[:-1]).all():
            raise DataError(
                "rows of a table in files are read in the order of the files; expected their "
                "numbers in increasing order"
            )
        return replace(self, rows=found)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        raise DataError(
            f"a table of {len(self):,} rows in files is read in blocks, and not as a whole; "
            "expected one in memory, such as to_frame() or sample() return it"
        )

    def drop(self, columns: str | Sequence[str]) -> StreamedTable:
        """Return the table without some columns."""
        gone = {columns} if isinstance(columns, str) else set(columns)
        return replace(self, columns=tuple(name for name in self.columns if name not in gone))

    def select(self, columns: Sequence[str]) -> StreamedTable:
        """Return the table of some columns, in this order.

        Raises:
            DataError: there is no such column; names the nearest.
        """
        for name in columns:
            if name not in self.schema.types:
                hint = did_you_mean(name, self.schema.types)
                raise DataError(f"{self.parts[0].name} has no column {name!r}{hint}")
        return replace(self, columns=tuple(columns))

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[pd.DataFrame]:
        """Yield the rows that count in their order, as tables of ``rows`` at most.

        Each has the numbers of its rows in their part as its index.

        Raises:
            DataError: a cell that isn't of its column's type, by column, row and file.
        """
        for part, wanted in self._wanted():
            for start, block in _numbered(part.blocks(self.schema, self.columns, rows)):
                some = block.iloc[_within(wanted, start, start + len(block))]
                if len(some):
                    yield some

    def placed(self) -> Iterator[tuple[TablePart, pd.DataFrame]]:
        """Yield each block and the part that it is of."""
        for part, wanted in self._wanted():
            own = replace(self, parts=(part,), rows=wanted)
            yield from ((part, block) for block in own.blocks())

    def watched(self, what: str, items: Iterable[T], rows: Callable[[T], int]) -> Iterator[T]:
        """Yield what a pass over the rows goes through, and report how far it is.

        Args:
            what: is done, such as ``"encoding"``.
            items: blocks, or what is made of them.
            rows: of an item.
        """
        if self.progress is None:
            yield from items
            return
        with self.progress(what, len(self)) as advance:
            for item in items:
                yield item
                advance(rows(item))

    def column(self, name: str) -> pd.Series[Any]:
        """Return the values of a column in all rows that count."""
        import pandas as pd

        pieces = [block[name] for block in replace(self, columns=(name,)).blocks()]
        return pd.concat(pieces, ignore_index=True)

    def sample(self, most: int, seed: int = 0) -> pd.DataFrame:
        """Return some rows in memory, each equally likely, in their order; all if there are few.

        Args:
            most: how many.
            seed: of the draw.
        """
        return self[sampled(len(self), most, seed)].to_frame()

    def to_frame(self) -> pd.DataFrame:
        """Return all rows that count in memory."""
        import pandas as pd

        return pd.concat(list(self.blocks()), ignore_index=True)

    @cached_property
    def fingerprint(self) -> str:
        """What changes whenever the rows do, or which of them count."""
        which = "" if self.rows is None else blake2b([self.rows.astype(np.int64)])
        types = {name: self.schema.types[name] for name in self.columns}
        every = [part.identity for part in self.parts]
        return blake2b([repr((every, types, self.schema.decimals, self.schema.na_values, which))])

    def _wanted(self) -> Iterator[tuple[TablePart, NDArray[np.integer]]]:
        """Yield each part that has rows that count, and their numbers in it."""
        first = 0
        for part in self.parts:
            last = first + part.n_rows
            wanted: NDArray[np.integer] = np.arange(part.n_rows)
            if self.rows is not None:
                wanted = _within(self.rows, first, last)
            if len(wanted):
                yield part, wanted
            first = last


def split_streamed(
    table: StreamedTable, target: str | None
) -> tuple[StreamedTable, pd.Series[Any]]:
    """Return the features of a table, and the target of all its rows in memory.

    Raises:
        DataError: no such column, no other one, or rows without a target; names the file.
    """
    names = list(table.columns)
    refuse_no_target(names, target, table.parts[0].name)
    assert target is not None
    found, missing, first = [], 0, ""
    for part, block in replace(table, columns=(target,)).placed():
        values = block[target]
        gaps = values.isna()
        if gaps.any() and not missing:
            first = part.place(table.schema, int(values.index[gaps][0]))
        missing += int(gaps.sum())
        found.append(values)
    if missing:
        raise DataError(
            f"the target {target!r} is missing in {missing:,} of {len(table):,} rows, first in "
            f"{first}; expected a value in every row: fill in the values, or remove these rows"
        )
    return table.drop(target), _joined(found)


def _joined(blocks: Sequence[pd.Series[Any]]) -> pd.Series[Any]:
    """Return blocks of a target as one, in which rows of one text share it in memory."""
    import pandas as pd

    if not all(isinstance(block.dtype, pd.StringDtype) for block in blocks):
        return pd.concat(blocks, ignore_index=True)
    known: dict[str, str] = {}
    out = np.empty(sum(map(len, blocks)), dtype=object)
    start = 0
    for block in blocks:
        codes, texts = pd.factorize(block)
        shared = np.array([known.setdefault(text, text) for text in texts], dtype=object)
        out[start : start + len(block)] = shared[codes]
        start += len(block)
    return pd.Series(out, dtype=object)


def sampled(count: int, most: int, seed: int) -> NDArray[np.integer]:
    """Return the numbers of some of ``count`` rows, each equally likely, increasing.

    >>> len(sampled(1000, 10, seed=0)), sampled(3, 10, seed=0).tolist()
    (10, [0, 1, 2])
    """
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False, shuffle=False))


def _numbered(blocks: Iterator[pd.DataFrame]) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield each block and the number of its first row."""
    start = 0
    for block in blocks:
        yield start, block
        start += len(block)


def _within(rows: NDArray[np.integer], first: int, last: int) -> NDArray[np.integer]:
    """Return which of increasing numbers lie between two, counted from the first of these."""
    at = np.searchsorted(rows, [first, last])
    return rows[at[0] : at[1]] - first
