"""Reading tables: what each column holds, and its values as numbers."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow
from numpy.typing import NDArray
from pandas.api.types import infer_dtype
from scipy import sparse
from sklearn.utils import check_array

from wellfit.core.errors import CellTypeError, DataError

Kind = Literal["number", "flag", "date", "duration", "category", "empty"]
Table = Any  # a pandas DataFrame, a numpy matrix of numbers, or a scipy CSR matrix

LARGEST = 1e30  # fits float32, and its square float64; larger is taken for a mistake

_KINDS: dict[str, Kind] = {
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
    "boolean": "flag",
    "datetime64": "date",
    "datetime": "date",
    "date": "date",
    "timedelta64": "duration",
    "timedelta": "duration",
    "empty": "empty",
}
_NOUNS: dict[Kind, str] = {
    "number": "numbers",
    "flag": "True and False",
    "date": "dates",
    "duration": "durations",
    "category": "text or categories",
    "empty": "nothing",
}
_ALSO: dict[Kind, Kind] = {"number": "flag", "flag": "number"}  # read as each other


@dataclass(frozen=True)
class ColumnInfo:
    """The kind of one column of the training table.

    Attributes:
        name: the column's name; ``"x0"``, ``"x1"``… where the table had no names.
        kind: ``"number"``, ``"flag"`` (booleans), ``"date"``, ``"duration"``, ``"category"`` (text
            too) or ``"empty"`` (no value in any row).
        levels: the frequent levels of a category column as text, sorted; else None. Every other
            value is encoded as a rare level, or as no level.
    """

    name: str
    kind: Kind
    levels: tuple[str, ...] | None = None


def is_image_like(X: Any) -> bool:
    """Say whether ``X`` is a matrix of pixels: a 2-D numpy array of uint8, kept as it is.

    >>> is_image_like(np.zeros((2, 784), dtype=np.uint8))
    True
    """
    return isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype == np.uint8


def as_table(X: Any) -> Table:
    """Return ``X`` as a pandas DataFrame, or as a matrix where it holds numbers only.

    Raises:
        DataError: ``X`` has no rows, no columns, two columns of one name, or isn't 2-D.
    """
    if not isinstance(X, pd.DataFrame) and hasattr(X, "__arrow_c_stream__"):
        X = pyarrow.table(X).to_pandas()  # polars and others
    if isinstance(X, pd.DataFrame):
        return _checked_frame(X)
    try:
        # Without dtype=object, numpy would turn the numbers of a mixed list into text.
        dtype = object if isinstance(X, (list, tuple)) else None
        matrix = check_array(X, accept_sparse="csr", dtype=dtype, ensure_all_finite=False)
    except (ValueError, TypeError) as error:
        raise DataError(str(error)) from error
    return matrix if matrix.dtype.kind in "biuf" else pd.DataFrame(matrix)


def _checked_frame(frame: pd.DataFrame) -> pd.DataFrame:
    if not frame.columns.is_unique:
        twice = list(frame.columns[frame.columns.duplicated()].unique())
        raise DataError(f"X has more than one column named {twice[0]!r}; give each its own name")
    for size, noun in zip(frame.shape, ("sample(s)", "feature(s)"), strict=True):
        if size == 0:  # scikit-learn's own words
            raise DataError(
                f"Found array with 0 {noun} (shape={frame.shape}) "
                "while a minimum of 1 is required."
            )
    return frame


def kinds_of(table: Table) -> list[Kind]:
    """Return what each column of a table holds."""
    if isinstance(table, pd.DataFrame):
        return [kind_of(table.iloc[:, position]) for position in range(table.shape[1])]
    flags = isinstance(table, np.ndarray) and table.dtype == bool
    return ["flag" if flags else "number"] * int(table.shape[1])


def kind_of(column: pd.Series[Any]) -> Kind:
    """Return what a column holds, by its values where its type is ``object``."""
    return _KINDS.get(infer_dtype(column, skipna=True), "category")


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
        DataError: the column holds something else now.
    """
    found = kind_of(column)
    if found == "empty":
        return np.full(len(column), np.nan)
    if found not in (kind, _ALSO.get(kind)):
        _refuse_containers(column, name)
        raise DataError(
            f"column {name!r} held {_NOUNS[kind]} in training; "
            f"it now holds {noun_and_example(column)}"
        )
    try:
        return _to_floats(column, kind)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise DataError(f"column {name!r} can't be read as {_NOUNS[kind]}: {error}") from error


def _refuse_containers(column: pd.Series[Any], name: str) -> None:
    for value in column.dropna().tolist():
        if isinstance(value, (dict, list, set, tuple)):
            raise CellTypeError(
                f"column {name!r} holds {reprlib.repr(value)}; "
                "a cell's argument must be a string or a number"
            )


def _to_floats(column: pd.Series[Any], kind: Kind) -> NDArray[np.float64]:
    second = pd.Timedelta(seconds=1)
    if kind == "date":
        column = (pd.to_datetime(column, utc=True) - pd.Timestamp(0, tz="UTC")) / second
    elif kind == "duration":
        column = pd.to_timedelta(column) / second
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def number_matrix(
    table: Table, positions: Sequence[int], kinds: Sequence[Kind], names: Sequence[str]
) -> NDArray[Any]:
    """Return some columns of a table as a dense matrix (rows, columns) of floats, NaN if missing.

    Raises:
        DataError: a column holds something else than in training, or infinity.
    """
    if isinstance(table, pd.DataFrame):
        values = np.empty((len(table), len(positions)))
        for index, at in enumerate(positions):
            values[:, index] = read_numbers(table.iloc[:, at], kinds[at], names[at])
    else:
        chosen = table if len(positions) == table.shape[1] else table[:, positions]
        values = chosen.toarray() if sparse.issparse(chosen) else chosen
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float64)
    refuse_infinity(values, [names[at] for at in positions])
    return values


def refuse_infinity(values: NDArray[Any], names: Sequence[str]) -> None:
    """Raise DataError if a column holds an infinity, or a number too large to be meant."""
    wrong = np.abs(values) > values.dtype.type(LARGEST)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"column {names[column]!r} holds {values[row, column]:g}; expected numbers between "
            f"-{LARGEST:g} and {LARGEST:g}, or missing values (infinity is neither)"
        )
