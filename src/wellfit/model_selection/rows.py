"""Rows of a search's folds, of tables in memory and of those that are read in blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core._sklearn_compat import safe_indexing
from wellfit.datasets import StreamedTable


def in_order(X: Any, rows: NDArray[Any]) -> NDArray[Any]:
    """Return row numbers in the order in which a table has to be read: any, or increasing.

    Args:
        X: features of all rows.
        rows: positions.

    >>> in_order(np.zeros((4, 1)), np.array([3, 1])).tolist()
    [3, 1]
    """
    return np.sort(rows) if isinstance(X, StreamedTable) else rows


def rows_of(X: Any, rows: NDArray[Any]) -> Any:
    """Return some rows of features; of a table in files, what a fold's encoded rows are kept by.

    Args:
        X: features of all rows.
        rows: positions, as :func:`in_order` returns them.
    """
    if not isinstance(X, StreamedTable):
        return safe_indexing(X, rows)
    some = X[rows]
    # Candidates that read the same rows alike share a store; folds have stores side by side.
    return replace(some, part=f"fold-{some.fingerprint[:16]}", keeps_all=True)
