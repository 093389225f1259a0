"""Duplicate rows, within one part or across two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wellfit.datasets.dataset import Array

if TYPE_CHECKING:
    from wellfit.datasets.dataset import Rows

_CHUNK_BYTES = 1 << 24


def duplicate_rows(X: Rows) -> int:
    """Return the number of rows that equal an earlier one; missing values equal each other.

    >>> duplicate_rows(np.array([[1, 2], [3, 4], [1, 2], [1, 2]]))
    2
    """
    (keys,) = _keys([X])
    return len(keys) - len(np.unique(keys))


def duplicates_across(X_train: Rows, X_test: Rows) -> int:
    """Return the number of rows of ``X_test`` that also occur in ``X_train``.

    Args:
        X_train: (rows, columns) an array or a table.
        X_test: (rows, columns) the same columns.

    >>> duplicates_across(np.array([[1, 2], [3, 4]]), np.array([[3, 4], [3, 4], [5, 6]]))
    2
    """
    return int(occurs_in(X_train, X_test).sum())


def occurs_in(X_train: Rows, X_test: Rows) -> NDArray[np.bool_]:
    """Return (test rows,) which rows of ``X_test`` also occur in ``X_train``.

    >>> occurs_in(np.array([[1, 2], [3, 4]]), np.array([[3, 4], [5, 6]]))
    array([ True, False])
    """
    train, test = _keys([X_train, X_test])
    return np.isin(test, train)


def _keys(parts: Sequence[Rows]) -> list[Array]:
    """Return a 64-bit hash of each row; a million rows collide with probability 3e-8."""
    import pandas as pd

    if all(isinstance(part, np.ndarray) and part.dtype != object for part in parts):
        dtype = np.result_type(*(part.dtype for part in parts))
        return [_array_keys(np.asarray(part), dtype) for part in parts]
    # Joined, so that equal values get the same type, such as 1 and 1.0.
    table = pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)
    # Before version 3.1, pandas gives -0.0 another hash than 0.0; adding 0.0 makes them one.
    table = table.apply(lambda column: column + 0.0 if column.dtype.kind == "f" else column)
    keys = pd.util.hash_pandas_object(table, index=False).to_numpy()
    return np.split(keys, np.cumsum([len(part) for part in parts])[:-1])


def _array_keys(X: Array, dtype: np.dtype[np.generic]) -> Array:
    size = max(_CHUNK_BYTES // max(X.shape[1] * dtype.itemsize, 1), 1)
    keys = np.empty(len(X), np.int64)
    for start in range(0, len(X), size):
        rows = _plain(X[start : start + size].astype(dtype))
        packed = rows.view(f"V{rows.shape[1] * dtype.itemsize}").ravel().tolist()
        keys[start : start + size] = np.fromiter(map(hash, packed), np.int64, len(packed))
    return keys


def _plain(rows: Array) -> Array:
    """Return equal numbers as equal bits: a single zero and a single NaN."""
    rows = np.ascontiguousarray(rows)
    if rows.dtype.kind == "f":
        rows = np.where(np.isnan(rows), rows.dtype.type(np.nan), rows + rows.dtype.type(0))
    return rows
