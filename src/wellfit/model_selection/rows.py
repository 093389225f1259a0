"""Rows of a search's folds, of tables in memory and of those that are read in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core._sklearn_compat import safe_indexing
from wellfit.datasets import StreamedTable
from wellfit.datasets.streamed import StoreFolder


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


@contextmanager
def fold_stores(X: Any) -> Iterator[Any]:
    """Return a context with features whose folds' encoded rows are removed at its end.

    They lie in a folder of their own beside the rows of trainings, so that several searches on
    one table don't take each other's. The next search has other folds, or candidates that encode
    otherwise, so that keeping them would fill the disk for nothing.

    Args:
        X: features of all rows; those in memory are returned as they are.
    """
    if not isinstance(X, StreamedTable):
        yield X
        return
    X.store.path.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(
        prefix="search-", dir=X.store.path, ignore_cleanup_errors=True
    ) as folder:
        yield replace(X, store=StoreFolder(Path(folder)), keeps_all=True)
