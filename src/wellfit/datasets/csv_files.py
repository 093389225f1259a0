"""Reading csv files: separator and header, then cells by a schema or by inference."""

from __future__ import annotations

import codecs
import collections
import csv
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellfit.core.errors import DataError
from wellfit.datasets.cells import MISSING, read_as, trimmed
from wellfit.datasets.files import InMemoryFile, conversion, open_plain
from wellfit.datasets.schema import CellType, Decimal, TableSchema
from wellfit.datasets.typed import infer_cell_types, typed

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = ",;\t|"
_TYPED = 2**16  # rows whose types are inferred together
_PROBED = 2**16  # bytes examined to recognize text
_UNNAMED = "Unnamed: {}"  # pandas' names of columns without one


@dataclass(frozen=True)
class CsvLayout:
    """The layout of a csv file.

    Args:
        path: the file.
        separator: the cell separator.
        names: the column names.
        header: whether the first line has the names.
    """

    path: Path | InMemoryFile
    separator: str
    names: tuple[str, ...]
    header: bool

    def place(self, row: int) -> str:
        """Return the position of a row (from 0): its number and its line in the file."""
        line = self._line(row)
        of = f"line {line:,} of {self.path}" if line else str(self.path)
        of += "" if self.header or row else ", which was read as data and not as a header"
        return f"row {row + 1:,} ({of})"

    def _line(self, row: int) -> int | None:
        """Return the first line of a row, from 1; a quoted cell may take several lines."""
        with io.TextIOWrapper(open_plain(self.path), encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, delimiter=self.separator, skipinitialspace=True)
            left, line = row + self.header, 1
            try:
                for cells in reader:
                    left -= bool(cells)
                    if left < 0:
                        return line
                    line = reader.line_num + 1
            except csv.Error:  # a cell beyond the csv module's limit
                return None
        return None


def layout_of(path: Path | InMemoryFile, schema: TableSchema) -> CsvLayout:
    """Return the layout of a csv file from its first line.

    Raises:
        DataError: the file is empty or not text, or column names are missing or repeated.
    """
    with open_plain(path) as raw:
        _refuse_zero_bytes(raw.read(_PROBED), path)  # a sparse file may have an endless first line
    with io.TextIOWrapper(open_plain(path), encoding="utf-8-sig", newline="") as text:
        first = next((line for line in text if line.strip()), None)
        if first is None:
            raise DataError(f"{path} is empty")
        unquoted = re.sub(r'"[^"]*"', "", first)
        separator = max(_SEPARATORS, key=unquoted.count)
        lines = chain([first], text)
        cells = next(csv.reader(lines, delimiter=separator, skipinitialspace=True))
    if schema.header:
        names = [cell.strip() for cell in cells]
        refuse_twins(names, path, " (if its first line holds data: --no-header)")
        names = [name or _UNNAMED.format(at) for at, name in enumerate(names)]
    else:
        names = _names_without_header(path, len(cells), schema)
    return CsvLayout(path, separator, tuple(names), schema.header)


def _refuse_zero_bytes(begin: bytes, path: Path | InMemoryFile) -> None:
    """Raise a DataError if a file begins as text in UTF-16, or as no text at all."""
    if isinstance(path, Path) and begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{path} is text in UTF-16; expected UTF-8: {conversion(path, 'UTF-16')}")
    if b"\0" in begin:
        raise DataError(f"{path} is not text in UTF-8: it contains zero bytes, as UTF-16 does")


def _names_without_header(path: Path | InMemoryFile, width: int, schema: TableSchema) -> list[str]:
    """Return the schema's names in order, or column_1, column_2, … without a schema."""
    names = list(schema.types)
    numbered = [f"column_{number}" for number in range(1, width + 1)]
    if schema.target is None and len(names) < width and set(names) <= set(numbered):
        return numbered  # a command has set the types of some of them
    if len(names) == width + 1 and schema.target is not None:
        names.remove(schema.target)
    if names and len(names) != width:
        raise DataError(
            f"{path} has no header and {width} columns; expected the {len(names)} of the "
            f"training table: {listed(names)}"
        )
    return names or numbered


def refuse_twins(names: Sequence[str], path: Path | InMemoryFile, hint: str = "") -> None:
    """Raise a DataError if two columns have the same name."""
    twins = [name for name, count in collections.Counter(names).items() if name and count > 1]
    if twins:
        raise DataError(f"{path} has more than one column named {listed(twins)}{hint}")


def listed(names: Sequence[str], most: int = 20) -> str:
    """Return the first names in quotes, and the number of the others."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(repr(name) for name in names[:most]) + more


def read_csv(layout: CsvLayout, schema: TableSchema) -> tuple[pd.DataFrame, TableSchema]:
    """Read a csv file; the types of columns that the schema doesn't name are inferred.

    Returns:
        (rows, columns) the table, and the schema with all of its columns.
    """
    table = next(_frames(layout, schema))
    index = layout.header and layout.names[0] == _UNNAMED.format(0)
    if index and layout.names[0] not in schema.types and table.iloc[:, 0].dtype.kind in "iu":
        table = table.iloc[:, 1:]  # pandas writes its row index like this
    table = typed(table, schema, layout.separator, layout.place)
    table, decimals = infer_cell_types(table, schema, layout.separator)
    if TableSchema(decimals=decimals).decimal("") == ",":
        table, decimals = _with_grouped(table, decimals, layout, schema)
    types = {**TableSchema.of(table).types, **schema.types}
    return table, replace(schema, types=types, decimals=decimals)


def _with_grouped(
    table: pd.DataFrame, decimals: dict[str, Decimal], layout: CsvLayout, schema: TableSchema
) -> tuple[pd.DataFrame, dict[str, Decimal]]:
    """Reread numeric columns of a file with decimal commas, in which 1.234 means 1234.

    pandas read them with a decimal point before the file's number format was known.
    """
    taken = {*schema.types, *decimals}
    columns = ((str(name), column) for name, column in table.items())
    points = [name for name, column in columns if name not in taken and column.dtype.kind == "f"]
    if not points:
        return table, decimals
    texts = next(_frames(layout, replace(schema, types=dict.fromkeys(points, "text"))))
    for name in points:
        values, unread = read_as(texts[name], "number", ",")
        if not unread.any():
            table, decimals = table.assign(**{name: values}), {**decimals, name: ","}
    return table, decimals


def csv_blocks(
    layout: CsvLayout, schema: TableSchema, columns: Sequence[str], rows: int | None
) -> Iterator[pd.DataFrame]:
    """Yield some columns of a csv file in blocks of rows.

    Args:
        layout: layout of the file.
        schema: names all of ``columns``.
        columns: columns to read.
        rows: maximal number of rows in a block; None for one block of all.
    """
    for table in _frames(layout, schema, rows):
        yield typed(table[list(columns)], schema, layout.separator, layout.place)


def csv_types(
    layout: CsvLayout, schema: TableSchema, rows: int = _TYPED
) -> tuple[int, dict[str, CellType], dict[str, Decimal]]:
    """Return the number of rows of a csv file and the type of each column, in bounded memory.

    Args:
        layout: layout of the file.
        schema: columns whose types are known.
        rows: maximal number of rows that are looked at together.

    Returns:
        The rows; the types, text where blocks of rows differ; and decimal separators as
        :func:`~wellfit.datasets.typed.infer_cell_types` finds them.
    """
    n_rows, types, decimals = 0, dict[str, CellType](), dict[str, Decimal]()
    for block in _frames(layout, schema, rows):
        n_rows += len(block)
        table, marks = infer_cell_types(block, schema, layout.separator)
        for name, kind in TableSchema.of(table).types.items():
            types[name] = merged_type(types.get(name, "empty"), kind)
        decimals |= {name: mark for name, mark in marks.items() if name not in decimals}
    index = _UNNAMED.format(0)
    if layout.header and layout.names[0] == index and types.get(index) == "number":
        del types[index]  # pandas writes its row index like this
    return n_rows, {name: schema.types.get(name, kind) for name, kind in types.items()}, decimals


def merged_type(first: CellType, second: CellType) -> CellType:
    """Return the type of a column whose blocks have two.

    >>> merged_type("empty", "number"), merged_type("number", "boolean")
    ('number', 'text')
    """
    if "empty" in (first, second):
        return second if first == "empty" else first
    return first if first == second else "text"


def _frames(
    layout: CsvLayout, schema: TableSchema, rows: int | None = None
) -> Iterator[pd.DataFrame]:
    """Yield the table as pandas reads it, with trimmed text, in blocks of ``rows`` if given."""
    import pandas as pd

    missing = [*MISSING, *schema.na_values]
    with open_plain(layout.path) as file, warnings.catch_warnings():
        # pandas only warns about rows longer than the header, and drops the extra cells.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            found = pd.read_csv(
                file,
                sep=layout.separator,
                encoding="utf-8-sig",
                names=list(layout.names),
                header=0 if layout.header else None,
                dtype=_dtypes(layout, schema),
                keep_default_na=False,
                na_values=missing,
                skipinitialspace=True,
                index_col=False,
                low_memory=False,
                chunksize=rows,
            )
            blocks: Any = [found] if rows is None else found
            for table in blocks:
                texts = table.select_dtypes("str")
                trims = {str(name): trimmed(texts[name], missing) for name in texts}
                yield table.assign(**trims)
        except pd.errors.ParserWarning:
            raise DataError(f"{layout.path} has rows with more cells than the header") from None


def _dtypes(layout: CsvLayout, schema: TableSchema) -> dict[str, type[str]]:
    """Return the columns that pandas must read as text instead of guessing their type."""
    return {
        name: str
        for name in layout.names
        if (kind := schema.types.get(name)) and (kind != "number" or schema.decimal(name) == ",")
    }
