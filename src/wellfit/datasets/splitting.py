"""Random splits into training and test sets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import DataError, HyperparameterError
from wellfit.datasets.dataset import Array, Dataset
from wellfit.datasets.streamed import StreamedTable
from wellfit.datasets.task import infer_task

if TYPE_CHECKING:
    from wellfit.datasets.task import Labels


def train_test_split(dataset: Dataset, test_size: float = 0.2, random_state: int = 0) -> Dataset:
    """Return the data with a random part of the rows as the test set.

    The split is stratified by class, as far as the rows allow. Data that have a test set are
    returned unchanged.

    Args:
        dataset: the data to split.
        test_size: fraction of the rows for the test set, in (0, 1).
        random_state: seed of the split.

    Raises:
        HyperparameterError: a test_size outside of (0, 1).
        DataError: fewer than two rows.

    >>> from wellfit.datasets import load
    >>> train_test_split(load("iris"), 0.2)
    <Dataset 'iris': 120 rows, 4 columns, 30 test rows>
    """
    from sklearn.model_selection import train_test_split

    if dataset.X_test is not None:
        return dataset
    if not 0 < test_size < 1:
        raise HyperparameterError(f"test_size is {test_size!r}; expected a number in (0, 1)")
    rows = len(dataset.X)
    if rows < 2:
        raise DataError(f"{dataset.name} has a single row; expected at least 2 to split")
    size = min(max(round(rows * test_size), 1), rows - 1)
    strata = _strata(dataset, min(size, rows - size))
    train, test = train_test_split(
        np.arange(rows), test_size=size, random_state=random_state, stratify=strata
    )
    X, y = dataset.X, dataset.y
    train, test = (in_reading_order(X, ids) for ids in (train, test))
    return replace(
        dataset,
        X=take_rows(X, train),
        y=take_rows(y, train),
        X_test=take_rows(X, test),
        y_test=take_rows(y, test),
    )


def _strata(dataset: Dataset, smaller: int) -> Array | None:
    """Return the stratum of each row, or None if the rows can't be stratified.

    Each stratum needs two rows, and each part a row of every stratum, so a class with a single
    row joins the largest class.
    """
    import pandas as pd

    y: Labels = dataset.y
    if y.ndim > 1 or (dataset.task or infer_task(y).kind) == "regression":
        return None
    codes: Array = pd.factorize(y)[0] + 1  # 0 means missing
    counts = np.bincount(codes)
    codes[counts[codes] < 2] = counts.argmax()
    strata = len(np.unique(codes))
    return codes if 1 < strata <= smaller else None


def take_rows(values: Any, index: Any) -> Any:
    """Return rows of a table, a column or an array, by numbers or as a slice."""
    return values.iloc[index] if hasattr(values, "iloc") else values[index]


def in_reading_order(values: Any, index: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return the row numbers; sorted if the table is read from files, front to back."""
    return np.sort(index) if isinstance(values, StreamedTable) else index
