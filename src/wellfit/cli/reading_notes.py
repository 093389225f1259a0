"""Notes about likely mistakes in how a table was read."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellfit.core.words import pluralize
from wellfit.datasets import StreamedTable
from wellfit.datasets.cells import is_text
from wellfit.datasets.files import ending
from wellfit.datasets.findings import StrayCells, find_stray_cells, header_looks_like_data
from wellfit.datasets.tables import PARQUET, is_table, place_in

if TYPE_CHECKING:
    import pandas as pd

    from wellfit.datasets import Dataset, TableSchema

_MOST = 5
_NOUNS = {"number": "numbers", "date": "dates", "boolean": "booleans"}


def reading_notes(table: pd.DataFrame, path: Path | None, schema: TableSchema) -> Iterator[str]:
    """Yield notes on a table that was read from a file.

    Args:
        table: (rows, columns), with the number of each row in its file, from 0, as the index.
        path: the file; None for a named data set.
        schema: the schema used to read it.
    """
    if path is not None and ending(path) not in PARQUET and schema.header:
        yield from header_note(table, path)
    place = _row if path is None else place_in(path, schema)
    found = find_stray_cells(table)
    for stray in found[:_MOST]:
        yield _stray_text(stray, place)
    if len(found) > _MOST:
        yield f"{pluralize(len(found) - _MOST, 'more column')} of text with such cells"


def header_note(table: pd.DataFrame, path: Path) -> Iterator[str]:
    """Yield a note if the first line of a csv file looks like data."""
    if header_looks_like_data(table):
        shown = ", ".join(str(name) for name in list(table)[:5])
        yield (
            f"the first line of {path} looks like data ({shown}, …) but was read as column "
            "names; --no-header reads it as a row"
        )


def notes_on(data: Dataset, name: str) -> list[str]:
    """Return notes on data that were loaded from a file or by name."""
    if data.schema is None or isinstance(data.X, StreamedTable):
        return []  # files of a table in blocks are compared when they are opened
    table = data.X.assign(**{str(data.target): data.y})
    in_order = [column for column in data.schema.types if column in table]
    path = Path(name).expanduser()
    is_file = data.source == str(path) and is_table(path)
    return list(reading_notes(table[in_order], path if is_file else None, data.schema))


def unknown_levels(X: Any, X_test: Any) -> Iterator[str]:
    """Yield a note for each text column whose test and training rows share no value."""
    if not hasattr(X, "items") or not hasattr(X_test, "items"):
        return
    for name, column in X.items():
        if not is_text(column):
            continue
        cells = X_test[name].dropna()
        known = column.dropna().unique()  # isin takes a hundred times as long with all rows
        if len(cells) and len(known) and not cells.isin(known).any():
            yield unknown_note(str(name), str(cells.iloc[0]), sorted(known))


def unknown_note(name: str, example: str, known: Sequence[str]) -> str:
    """Return a note on a text column that shares no value with the training rows."""
    shown = ", ".join(map(repr, known[:3])) + (", …" if len(known) > 3 else "")
    return (
        f"no value of column {name!r}, such as {example!r}, occurs in the training rows, which "
        f"have {shown}"
    )


def _row(row: int) -> str:
    return f"row {row + 1:,}"


def _stray_text(stray: StrayCells, place: Callable[[int], str]) -> str:
    few = pluralize(stray.count, "cell")
    return (
        f"column {stray.column!r} holds {_NOUNS[stray.kind]} but for {few} of {stray.cells:,}, "
        f"such as {stray.example!r} in {place(stray.row)}, and was read as text; "
        f"--na {shlex.quote(stray.example)} reads these cells as missing"
    )
