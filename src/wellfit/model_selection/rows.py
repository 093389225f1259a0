"""Rows of a search's folds, of tables in memory and of those that are read in blocks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core._sklearn_compat import safe_indexing
from wellfit.core.locking import lock
from wellfit.datasets import StreamedTable
from wellfit.datasets.streamed import StoreFolder

_PREFIX = "search-"


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
    with _own_folder(X.store.path) as folder:
        yield replace(X, store=StoreFolder(folder), keeps_all=True)


@contextmanager
def _own_folder(parent: Path) -> Iterator[Path]:
    """Return a context with a folder of this search's own, which is removed at its end.

    It is one that a killed search has left, if there is one: a search that is resumed finds its
    rows there, encoded. Rows of other folds or encoders have other names, and go with the folder.
    """
    # The latest of them.
    left = sorted(_left_behind(parent), key=lambda each: each[0].stat().st_mtime)
    folder, held = left.pop() if left else _made(parent)
    for other, unlocked in left:
        shutil.rmtree(other, ignore_errors=True)
        os.close(unlocked)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def _made(parent: Path) -> tuple[Path, int | None]:
    folder = Path(mkdtemp(prefix=_PREFIX, dir=parent))
    return folder, lock(folder)


def _left_behind(parent: Path) -> Iterator[tuple[Path, int]]:
    """Yield the folders of searches that were killed, locked: those that go on hold the lock."""
    for folder in parent.glob(f"{_PREFIX}*"):
        held = None
        with suppress(OSError):  # held by another search, or just removed by it
            held = lock(folder)
        if held is not None:
            yield folder, held
