"""The values of a table's cells as numbers, and errors that name the cell that has none."""

from __future__ import annotations

import datetime
import reprlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.arrays import LARGEST, is_sparse
from wellfit.core.errors import CellTypeError, DataError
from wellfit.preprocessing.columns import (
    Kind,
    Table,
    is_mixed,
    is_number,
    kind_by_values,
    kind_of,
)

Labels: TypeAlias = "Sequence[Any] | pd.Index[Any]"

_NOUNS: dict[Kind, str] = {
    "number": "numbers",
    "flag": "True and False",
    "date": "dates",
    "duration": "durations",
    "category": "text or categories",
    "empty": "nothing",
}
_ALSO: dict[Kind, Kind] = {"number": "flag", "flag": "number"}  # read as each other
_FEW = 0.1  # share of cells that are likelier mistakes than what the column is about
_EPOCH = pd.Timestamp(0, tz="UTC").as_unit("s")  # in nanoseconds, far dates couldn't be compared


def noun_and_example(column: pd.Series[Any]) -> str:
    """Return what a column holds, in words, and one value, text if there is any.

    >>> noun_and_example(pd.Series([1.5, "abc"], dtype=object))
    "text or categories, e.g. 'abc'"
    """
    values = column.dropna().tolist()
    example = next((value for value in values if isinstance(value, str)), *values[:1])
    return f"{_NOUNS[kind_of(column)]}, e.g. {reprlib.repr(example)}"


def read_numbers(column: pd.Series[Any], kind: Kind, name: str) -> NDArray[np.float64]:
    """Return a column's values as numbers, NaN where missing.

    Dates become seconds since 1970 (those without a time zone are taken for UTC), durations
    seconds, and True and False 1 and 0.

    Args:
        column: (rows,) values.
        kind: what the column held in training.
        name: the column's name, for errors.

    Raises:
        DataError: the column holds something else now; the message names the row by its index.
    """
    found = kind_by_values(column)
    if found not in (kind, _ALSO.get(kind)):
        if not column.notna().any():
            return np.full(len(column), np.nan)
        _refuse_kind(column, kind, found, name)
    try:
        return _to_floats(column, kind)
    except (ValueError, TypeError, ArithmeticError) as error:
        _refuse_value(column, kind, name, error)


def _to_floats(column: pd.Series[Any], kind: Kind) -> NDArray[np.float64]:
    if kind == "date":
        column = _seconds(column, lambda moments: pd.to_datetime(moments, utc=True) - _EPOCH)
    elif kind == "duration":
        column = _seconds(column, pd.to_timedelta)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _seconds(column: pd.Series[Any], as_durations: Callable[[Any], Any]) -> pd.Series[Any]:
    """Return dates or durations in seconds, at the resolution that the column has."""
    try:
        return as_durations(column).dt.total_seconds()
    except (pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta):
        if len(column) == 1 and isinstance(column.iloc[0], datetime.timedelta):
            return pd.Series([column.iloc[0].total_seconds()])  # longer than any of NumPy's
        if len(column) == 1:
            raise
        # No one resolution holds both nanoseconds and far dates: each value has its own.
        each = [_seconds(column.iloc[[row]], as_durations) for row in range(len(column))]
        return pd.concat(each)


def _refuse_kind(column: pd.Series[Any], kind: Kind, found: Kind, name: str) -> NoReturn:
    refuse_containers(column, name)
    row, value = _stray(column, kind)
    raise DataError(
        f"column {name!r} held {_NOUNS[kind]} in training; it now holds {_NOUNS[found]}, "
        f"e.g. {reprlib.repr(value)} in row {row!r}"
    )


def _refuse_value(column: pd.Series[Any], kind: Kind, name: str, error: Exception) -> NoReturn:
    for row, value in column.dropna().items():
        try:
            _to_floats(pd.Series([value], dtype=object), kind)
        except (ValueError, TypeError, ArithmeticError) as reason:
            raise DataError(
                f"column {name!r} holds {reprlib.repr(value)} in row {row!r}, which can't be "
                f"read as one of {_NOUNS[kind]}: {reason}"
            ) from error
    raise DataError(f"column {name!r} can't be read as {_NOUNS[kind]}: {error}") from error


def refuse_text(frame: pd.DataFrame) -> None:
    """Raise DataError for the first cell of a table that no number can be made of."""
    for name, column in frame.items():
        for row, value in column.items():
            try:
                float(value)
            except TypeError:  # missing, or an object that has its own message
                continue
            except (ValueError, OverflowError) as error:
                raise DataError(
                    f"column {name!r} holds {reprlib.repr(value)} in row {row!r}; expected a "
                    f"number, since preprocess is None: {error}"
                ) from error


def refuse_containers(column: pd.Series[Any], name: str) -> None:
    """Raise CellTypeError if a cell holds a list, a dictionary or the like."""
    for row, value in column.dropna().items():
        if isinstance(value, (dict, list, set, tuple, np.ndarray)):
            raise CellTypeError(
                f"column {name!r} holds {reprlib.repr(value)} in row {row!r}; "
                "a cell's argument must be a string or a number"
            )


_IS_OF: dict[Kind, Callable[[Any], bool]] = {
    "number": is_number,
    "flag": is_number,
    "date": lambda value: isinstance(value, (datetime.date, np.datetime64)),
    "duration": lambda value: isinstance(value, (datetime.timedelta, np.timedelta64)),
}
_FROM_TEXT: dict[Kind, Callable[[str], Any]] = {
    "number": float,
    "flag": lambda text: {"true": 1, "false": 0}[text.strip().lower()],
    "date": pd.Timestamp,
    "duration": pd.Timedelta,
}


def _stray(column: pd.Series[Any], kind: Kind) -> tuple[Any, Any]:
    """Return the row and value of the cell that keeps a column from being of a kind.

    Of a column of text it is the first that couldn't be converted: ``"abc"`` of ``"1", "abc"``.

    >>> _stray(pd.Series(["1", "abc"]), "number")
    (1, 'abc')
    """
    first = None
    for row, value in column.dropna().items():
        if _IS_OF[kind](value):
            continue
        if not isinstance(value, str):
            return row, value
        try:
            _FROM_TEXT[kind](value)
        except (ValueError, KeyError):
            return row, value
        first = first or (row, value)
    return first or next(iter(column.dropna().items()))


def warn_of_strays(column: pd.Series[Any], name: str) -> None:
    """Warn if a column that is read as categories would be numbers or dates but for a few cells.

    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_of_strays(pd.Series([*range(30), "?"], dtype=object), "age")
    >>> str(caught[0].message).split(":")[0]
    "column 'age' holds numbers but for 1 of 31 values, '?' in row 30"
    """
    if not is_mixed(column):
        return
    values = column.dropna()
    for kind in ("number", "date", "duration"):
        others = values[[not _IS_OF[kind](value) for value in values]]
        if 0 < len(others) <= _FEW * len(values):
            row, value = next(iter(others.items()))
            example = "" if len(others) == 1 else "such as "
            warnings.warn(
                f"column {name!r} holds {_NOUNS[kind]} but for {len(others)} of {len(values)} "
                f"values, {example}{reprlib.repr(value)} in row {row!r}: all of it is read as "
                f"categories; replace such values by None to have it read as {_NOUNS[kind]}",
                UserWarning,
                stacklevel=3,
            )


def number_matrix(
    table: Table,
    positions: Sequence[int],
    kinds: Sequence[Kind],
    names: Sequence[str],
    rows: Labels | None = None,
) -> NDArray[Any]:
    """Return some columns of a table as a dense matrix (rows, columns) of floats, NaN if missing.

    Args:
        table: (rows, columns).
        positions: of the columns.
        kinds: of all columns.
        names: of all columns.
        rows: the rows' own names, for errors; None for a data frame's index, or 0, 1…

    Raises:
        DataError: a column holds something else than in training, or infinity.
    """
    if isinstance(table, pd.DataFrame):
        values = np.empty((len(table), len(positions)))
        for index, at in enumerate(positions):
            values[:, index] = read_numbers(table.iloc[:, at], kinds[at], names[at])
        rows = table.index
    else:
        chosen = table if len(positions) == table.shape[1] else table[:, positions]
        values = chosen.toarray() if is_sparse(chosen) else chosen
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float64)
    check_cells(values, [names[at] for at in positions], rows)
    return values


def check_cells(
    values: Any,
    names: Labels | None = None,
    rows: Labels | None = None,
    *,
    largest: float = LARGEST,
    missing: bool = True,
) -> None:
    """Raise DataError if a cell holds an infinity, or a number too large to be meant.

    Args:
        values: (rows, columns) of numbers: an array or a CSR matrix.
        names: of the columns; None for x0, x1…
        rows: the rows' own names; None for 0, 1…
        largest: the largest number that is accepted.
        missing: whether NaN is accepted.
    """
    cells: Any = values.data if is_sparse(values) else values
    if cells.dtype.kind != "f" or not cells.size:
        return
    # float16 can't hold the limit, which would become infinity.
    cells = cells.astype(np.float32) if cells.dtype == np.float16 else cells
    # The usual table passes here, after two passes without a copy.
    if -largest <= cells.min() and cells.max() <= largest:  # neither is so where one is NaN
        return
    wrong = np.abs(cells) > largest if missing else ~(np.abs(cells) <= largest)
    if not wrong.any():
        return
    if is_sparse(values):
        at = int(wrong.argmax())
        # A CSR matrix stores cells row by row; indptr says where each row begins.
        row = int(np.searchsorted(values.indptr, at, side="right")) - 1
        column, value = int(values.indices[at]), cells[at]
    else:
        row, column = np.argwhere(wrong)[0]
        value = cells[row, column]
    name = f"x{column}" if names is None else names[column]
    where = f"column {name!r}", f"in row {_label(row, rows)}"
    if np.isnan(value):
        raise DataError(f"Input X contains NaN: {' '.join(where)}; expected no missing values")
    accepted = (
        ", or missing values (infinity is neither)" if missing else " (infinity is too large)"
    )
    raise DataError(
        f"{where[0]} holds {value:g} {where[1]}; expected numbers between -{largest:g} and "
        f"{largest:g}{accepted}"
    )


def _label(row: int, rows: Labels | None) -> str:
    label = row if rows is None else rows[row]
    return repr(label.item() if isinstance(label, np.generic) else label)
