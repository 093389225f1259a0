"""Tables, and the kind of each of their columns."""

from __future__ import annotations

import decimal
import math
import numbers
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow
from numpy.typing import NDArray
from pandas.api.types import infer_dtype

from wellfit.core.cell_types import INFERRED
from wellfit.core.errors import DataError

Kind = Literal["number", "flag", "date", "duration", "category", "empty"]
Table = Any  # a pandas DataFrame, a numpy matrix of numbers, or a scipy CSR matrix

_FEWEST_PIXELS, _DARKEST = 64, 15  # an image of 8 by 8, of 4 bits
_ALIKE = 0.85  # times the differences between far columns: those between neighbours
_FEWEST_ROWS, _SAMPLE = 10, 300  # for means of columns; looked at

_KINDS: dict[str, Kind] = {
    found: "flag" if kind == "boolean" else kind for found, kind in INFERRED.items()
}


@dataclass(frozen=True)
class ColumnInfo:
    """The kind of one column of the training table.

    Attributes:
        name: the column's name; ``"x0"``, ``"x1"``… where the table had no names.
        kind: ``"number"``, ``"flag"`` (booleans), ``"date"``, ``"duration"``, ``"category"`` (text
            too) or ``"empty"`` (no value in any row).
        levels: the frequent levels of a category column as text, sorted; else None. Every other
            value is encoded as a rare level, or as no level.
        spellings: how else levels that are no text may be written: ``"1.0"`` and ``"True"``.
    """

    name: str
    kind: Kind
    levels: tuple[str, ...] | None = None
    spellings: tuple[str, ...] = ()


def is_image_like(X: Any, image_shape: Sequence[int] | None = None) -> bool:
    """Return whether ``X`` is a matrix of pixels, a flattened image a row; else it is a table.

    Pixels are a 2-D numpy array of uint8. A table of small whole numbers may be of that type too:
    without an ``image_shape``, pixels have 64 columns or more, values of 15 or more, and differ
    less from their neighbours than from pixels that are farther away.

    Args:
        X: anything.
        image_shape: of an image; whether its size is the number of columns decides.

    >>> rng = np.random.default_rng(0)
    >>> ramps = np.linspace(0, 200, 64) + rng.integers(0, 50, (10, 1))
    >>> noise = rng.integers(0, 256, (10, 64))
    >>> is_image_like(ramps.astype(np.uint8)), is_image_like(noise.astype(np.uint8))
    (True, False)
    """
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype != np.uint8:
        return False
    rows, columns = X.shape
    if image_shape is not None:
        return columns == math.prod(image_shape)
    if not rows or columns < _FEWEST_PIXELS:
        return False
    # Evenly over the table: its first rows may be all of one class.
    sample = X[:: -(-rows // _SAMPLE)].astype(np.float32)
    if len(sample) >= _FEWEST_ROWS:  # columns in the order of their size are no neighbours
        sample -= sample.mean(axis=0)
    # Of a colour image, the neighbour is three columns away.
    near, nearest, *far = (
        np.abs(sample[:, step:] - sample[:, :-step]).mean()
        for step in (1, 3, columns // 3, columns // 2)
    )
    # Neighbouring pixels differ less than far ones; neighbouring columns of a table don't.
    return bool(min(near, nearest) < _ALIKE * np.mean(far) and X.max() >= _DARKEST)


def as_table(X: Any) -> Table:
    """Return ``X`` as a pandas DataFrame, or as a matrix where it holds numbers only.

    Raises:
        DataError: ``X`` has no rows, no columns, two columns of one name, or isn't 2-D.
    """
    if not isinstance(X, pd.DataFrame) and hasattr(X, "__arrow_c_stream__"):
        with suppress(pyarrow.ArrowException, TypeError):  # a single column is no table
            X = pyarrow.table(X).to_pandas()  # polars and others
    if isinstance(X, pd.DataFrame):
        return _checked_frame(X)
    from sklearn.utils import check_array  # takes half a second, and frames don't need it

    try:
        # Without dtype=object, numpy would turn the numbers of a mixed list into text.
        dtype = object if isinstance(X, (list, tuple)) else None
        # Missing values are filled later; infinities are refused with the name of their column.
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


def kinds_of(table: Table, rows: NDArray[np.integer] | None = None) -> list[Kind]:
    """Return the kind of each column of a table.

    Args:
        table: as :func:`as_table` returns it.
        rows: a column is ``"empty"`` if none of these rows has a value; None for all rows. The
            kind of any other column depends on all rows of the table.
    """
    if isinstance(table, pd.DataFrame):
        return [kind_of(table.iloc[:, position], rows) for position in range(table.shape[1])]
    kinds: list[Kind] = ["number"] * int(table.shape[1])
    if isinstance(table, np.ndarray):
        if table.dtype == bool:
            kinds = ["flag"] * table.shape[1]
        # Only columns whose first value is missing can be empty: others need no look.
        for at in np.flatnonzero(np.isnan(table[0] if rows is None else table[rows[0]])):
            if np.isnan(table[:, at] if rows is None else table[rows, at]).all():
                kinds[at] = "empty"
    return kinds


def kind_of(column: pd.Series[Any], rows: NDArray[np.integer] | None = None) -> Kind:
    """Return the kind of a column: of its dtype, or of its values where that is ``object``.

    It is ``"empty"`` if no cell (of ``rows``) has a value, whatever the dtype.
    """
    some = column if rows is None else column.iloc[rows]
    return kind_by_values(column) if some.notna().any() else "empty"


def kind_by_values(column: pd.Series[Any]) -> Kind:
    """Return the kind of a column's dtype or values, where some have a value."""
    found = infer_dtype(column, skipna=True)
    if found in ("mixed", "mixed-integer") and all(map(is_number, column.dropna())):
        return "number"  # whole numbers beside decimals, say
    return _KINDS.get(found, "category")


def is_mixed(column: pd.Series[Any]) -> bool:
    """Return whether a column holds values of several kinds, so that a part may be of another.

    >>> is_mixed(pd.Series([1.5, "abc"], dtype=object)), is_mixed(pd.Series(["1.5", "abc"]))
    (True, False)
    """
    if not isinstance(column.dtype, np.dtype) or column.dtype.kind != "O":
        return False
    return infer_dtype(column, skipna=True).startswith("mixed") and kind_of(column) == "category"


def is_number(value: object) -> bool:
    """Return whether a cell's value is a number or a boolean.

    >>> [is_number(value) for value in (1, True, decimal.Decimal("1.5"), "1", 1j)]
    [True, True, True, False, False]
    """
    return isinstance(value, (numbers.Real, decimal.Decimal, np.bool_))


def positions(kinds: Sequence[Kind], *wanted: Kind) -> list[int]:
    """Return the positions of the columns of some kinds.

    >>> positions(["number", "flag", "date"], "number", "date")
    [0, 2]
    """
    return [at for at, kind in enumerate(kinds) if kind in wanted]
