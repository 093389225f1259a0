"""Conversion of columns to the types of a schema, or to the type of all their cells."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wellfit.core.arrays import LARGEST
from wellfit.core.errors import DataError
from wellfit.datasets.cells import (
    decimals_of,
    inferred_type,
    is_plain,
    is_text,
    number_of,
    read_as,
)
from wellfit.datasets.schema import CellType, Decimal, TableSchema

if TYPE_CHECKING:
    import pandas as pd

Place = Callable[[int], str]  # returns the position of a row in its file

_EXPECTED: dict[CellType, str] = {
    "number": "a number",
    "boolean": "True or False",
    "date": "a date such as 2024-02-29",
    "duration": "a duration",
    "text": "text",
}


def typed(table: pd.DataFrame, schema: TableSchema, separator: str, place: Place) -> pd.DataFrame:
    """Return a table whose columns have the types of a schema.

    Args:
        table: (rows, columns); columns that the schema doesn't name are unchanged.
        schema: the types.
        separator: cell separator of its file; decides what ``1,234`` means if the schema doesn't.
        place: returns the position of a row.

    Raises:
        DataError: a cell doesn't have its column's type; names the column, the row and the cell.
    """
    columns: dict[str, Any] = {}
    for name, column in ((str(name), column) for name, column in table.items()):
        kind = schema.types.get(name)
        if kind is not None:
            decimal = _decimal(column, name, schema, separator)
            columns[name], unread = read_as(column, kind, decimal)
            if unread.any():
                row = int(unread.to_numpy().argmax())
                cell, where = column.iloc[row], place(int(table.index[row]))
                # Without a target, it isn't the schema of a training table.
                why = "as in training" if schema.target else "as its type was given"
                expected = _expected(kind, schema.decimals.get(name))
                mixed = kind == "number" and not is_text(column)
                raise DataError(_message(name, cell, where, f"{expected}, {why}", mixed))
    return table.assign(**columns) if columns else table


def infer_cell_types(
    table: pd.DataFrame, schema: TableSchema, separator: str
) -> tuple[pd.DataFrame, dict[str, Decimal]]:
    """Return a table in which text columns become numbers, dates or booleans if all cells fit.

    Numbers may have thousands separators, or a decimal comma: ``1,234.5`` or ``1.234,5``.
    ``1,234`` can be either: the other columns of the file decide; if they don't, it has a decimal
    comma in a file separated by semicolons, and means 1234 otherwise. Dates are ISO 8601 dates,
    with or without time.

    Args:
        table: (rows, columns); columns that the schema names are unchanged.
        schema: columns that are already converted.
        separator: cell separator of its file.

    Returns:
        The table, and the decimal separator of each column whose cells show it.
    """
    others = {str(name): column for name, column in table.items() if name not in schema.types}
    texts = {name: column for name, column in others.items() if is_text(column)}
    marks = {name: _marks(column) for name, column in texts.items()}
    shown = dict(schema.decimals)
    shown |= {name: mark for name, found in marks.items() for mark in found if len(found) == 1}
    if "," not in shown.values():
        shown |= {name: "." for name, column in others.items() if _has_fractions(column)}
    whole_file = TableSchema(decimals=shown)
    read: dict[str, Any] = {}
    for name, column in texts.items():
        if marks[name]:
            preferred = whole_file.decimal(name) or _usual(separator)
            mark = preferred if preferred in marks[name] else min(marks[name])
            read[name], shown[name] = read_as(column, "number", mark)[0], mark
        elif (kind := inferred_type(column)) != "text":
            read[name] = read_as(column, kind, None)[0]
    return (table.assign(**read) if read else table), shown


def refuse_infinity(X: pd.DataFrame, place: Place) -> None:
    """Raise a DataError if a numeric column contains infinity or a number out of range.

    Args:
        X: (rows, columns), with the number of each row in its file, from 0, as the index.
        place: returns the position of a row in words.
    """
    for name, column in X.items():
        if column.dtype.kind in "fiu":
            wrong = (column.abs() > LARGEST).to_numpy(bool, na_value=False)
            if wrong.any():
                row = int(wrong.argmax())
                raise DataError(
                    f"column {name!r} holds {column.iloc[row]:g} in "
                    f"{place(int(column.index[row]))}; expected numbers between -{LARGEST:g} and "
                    f"{LARGEST:g}, or missing values (infinity is neither)"
                )


def _marks(column: pd.Series[Any]) -> set[Decimal]:
    """Return the possible decimal separators of a text column; none if it isn't numeric."""
    marks = decimals_of(column)
    # Without a comma, a number has a decimal point: 1.234.
    return {"."} if "." in marks and is_plain(column) else marks


def _has_fractions(column: pd.Series[Any]) -> bool:
    return column.dtype.kind == "f" and bool((column % 1 > 0).any())


def _usual(separator: str) -> Decimal:
    return "," if separator == ";" else "."


def _decimal(
    column: pd.Series[Any], name: str, schema: TableSchema, separator: str
) -> Decimal | None:
    """Return a column's decimal separator from the schema or from its cells."""
    if schema.types.get(name) != "number" or not is_text(column):
        return None
    known = schema.decimal(name)
    if known is None and (marks := _marks(column)):
        usual = _usual(separator)
        known = usual if usual in marks else min(marks)
    return known


def _message(name: str, cell: Any, where: str, expected: str, mixed: bool) -> str:
    """Return what to say of a cell that isn't of its column's type.

    ``mixed`` columns hold text and numbers, as they may in JSON and in workbooks.
    """
    if mixed and isinstance(cell, str) and number_of(cell) is not None:
        return (
            f"column {name!r} holds the text {cell!r} among numbers, in {where}; expected "
            f"{expected}: no text, without quotation marks"
        )
    shown = repr(cell) if isinstance(cell, str) else str(cell)
    return f"column {name!r} holds {shown} in {where}; expected {expected}{_hint(cell)}"


def _hint(cell: Any) -> str:
    return f" (--na {shlex.quote(cell)} reads it as missing)" if isinstance(cell, str) else ""


def _expected(kind: CellType, decimal: Decimal | None) -> str:
    style = {".": " such as 1,234.5", ",": " such as 1.234,5"}
    return _EXPECTED[kind] + (style[decimal] if decimal else "")
