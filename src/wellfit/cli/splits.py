"""Non-random splits: by time and by groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.errors import DataError, InputError, UnknownNameError
from wellfit.core.words import percent
from wellfit.datasets import Dataset
from wellfit.datasets.splitting import in_reading_order, take_rows

Ids: TypeAlias = "NDArray[np.intp]"
# Splits a subset of the rows into those to keep and those to hold out.
Cut: TypeAlias = Callable[[Ids, float], tuple[Ids, Ids]]


def later_rows(X: Any, columns: Sequence[str]) -> Cut:
    """Return a function that holds out the latest rows, in the order of some columns.

    Rows of the same time stay together.

    Args:
        X: (rows, columns) the table.
        columns: dates or numbers that increase with time, the most significant first.

    Raises:
        InputError: a column doesn't exist, contains text, or has missing values.

    >>> cut = later_rows(pd.DataFrame({"year": [2003, 2001, 2002, 2003]}), ["year"])
    >>> [ids.tolist() for ids in cut(np.arange(4), 0.25)]
    [[1, 2], [0, 3]]
    """
    keys = [_key(X, name) for name in columns]
    codes = pd.MultiIndex.from_arrays(keys).factorize(sort=True)[0]

    def cut(ids: Ids, fraction: float) -> tuple[Ids, Ids]:
        size = min(max(round(len(ids) * fraction), 1), len(ids) - 1)
        first = np.sort(codes[ids])[len(ids) - size]
        later = codes[ids] >= first
        if later.all():
            raise DataError(
                f"{percent(fraction, 0)} of the rows have the same {' and '.join(columns)}, so "
                "none are later; expected at least two times"
            )
        return ids[~later], ids[later]

    return cut


def whole_groups(X: Any, column: str, seed: int) -> Cut:
    """Return a function that holds out random whole groups.

    Args:
        X: (rows, columns) the table.
        column: rows with the same value are a group; missing values are one too.
        seed: seed of the random choice.

    Raises:
        InputError: the column doesn't exist.
    """
    codes = pd.factorize(_column(X, column, "--group-column"))[0]

    def cut(ids: Ids, fraction: float) -> tuple[Ids, Ids]:
        from sklearn.model_selection import GroupShuffleSplit  # takes a second

        if len(np.unique(codes[ids])) < 2:
            raise DataError(f"--group-column {column} has one group; expected at least two")
        split = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
        kept, aside = next(split.split(ids, groups=codes[ids]))
        return ids[kept], ids[aside]

    return cut


def set_aside(data: Dataset, cut: Cut, test: float, validation: float) -> Dataset:
    """Return data with a test set and, unless ``validation`` is 0, a validation set.

    Args:
        data: data without a test set.
        cut: splits off rows.
        test: fraction of the rows for the test set.
        validation: fraction of the other rows for the validation set.
    """
    train, aside = cut(np.arange(len(data.X)), test)
    parts = {"_test": aside}
    if validation and data.X_val is None:
        train, parts["_val"] = cut(train, validation)
    found = {f"{name}{part}": ids for part, ids in {"": train, **parts}.items() for name in "Xy"}
    taken = {
        name: take_rows(getattr(data, name[0]), in_reading_order(data.X, ids))
        for name, ids in found.items()
    }
    return replace(data, **taken)


@dataclass(frozen=True)
class ColumnSplit:
    """A split by the columns of time or of groups, of which a test set was the first part.

    Attributes:
        cut: splits off rows.
        n_rows: number of rows, those of the test set included.
        test: fraction of the rows in the test set.
        forward: whether rows that are held out come after all others, as by time.
    """

    cut: Cut
    n_rows: int
    test: float
    forward: bool

    def folds(self, n: int) -> list[tuple[Ids, Ids]]:
        """Return the training and the held-out rows of ``n`` folds of the training set.

        By time, the latest rows are held out of all, then of those that are left, and so on; by
        groups, each group is held out once.

        Raises:
            DataError: there are too few times or groups.

        >>> cut = later_rows(pd.DataFrame({"year": range(8)}), ["year"])
        >>> folds = ColumnSplit(cut, 8, 0.25, forward=True).folds(2)
        >>> [(train.tolist(), held.tolist()) for train, held in folds]
        [([0, 1, 2, 3], [4, 5]), ([0, 1], [2, 3])]
        """
        rows = self.cut(np.arange(self.n_rows), self.test)[0]
        found, left = [], rows
        for parts in range(n + self.forward, self.forward, -1):
            try:
                left, held = self.cut(left, 1 / parts) if parts > 1 else (left[:0], left)
            except DataError as error:
                raise DataError(f"{n} folds are too many; of the last rows, {error}") from error
            train = left if self.forward else np.setdiff1d(rows, held)
            # As positions in the training set, whose rows stand in this order.
            found.append((np.searchsorted(rows, train), np.searchsorted(rows, held)))
        return found

    def hold_out(self, positions: Ids, fraction: float) -> tuple[Ids, Ids]:
        """Return the positions in the training set to train on, and those to hold out.

        They are split as the test set was, for early stopping within a fold of a search.

        Raises:
            DataError: there is one time or group only.

        >>> cut = later_rows(pd.DataFrame({"year": range(8)}), ["year"])
        >>> split = ColumnSplit(cut, 8, 0.25, forward=True)
        >>> [ids.tolist() for ids in split.hold_out(np.arange(4), 0.25)]
        [[0, 1, 2], [3]]
        """
        rows = self.cut(np.arange(self.n_rows), self.test)[0]
        kept, held = self.cut(rows[positions], fraction)
        return np.searchsorted(rows, kept), np.searchsorted(rows, held)


def row_weights(X: Any, name: str, where: str = "") -> pd.Series[float]:
    """Return the weight of each row from a column.

    Args:
        X: the rows.
        name: of the column.
        where: which rows they are, for messages.

    Raises:
        DataError: a weight that is no number, missing, negative or infinite; all are 0.
    """
    column = X[name]
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    wrong = ~(numbers >= 0) | np.isinf(numbers)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        cell = column.iloc[row]
        shown = repr(cell) if isinstance(cell, str) else str(cell)
        raise DataError(
            f"--weights {name} holds {shown} in row {row + 1:,}{where}; expected a number "
            "of at least 0 in every row"
        )
    if not numbers.any():
        raise DataError(
            f"--weights {name} is 0 in all rows{where}; expected at least one that counts"
        )
    return numbers


def _column(X: Any, name: str, option: str) -> pd.Series[Any]:
    if not hasattr(X, "columns"):
        raise InputError(f"the data have no column names, so {option} {name} is invalid")
    if name not in X.columns:
        raise UnknownNameError(f"column for {option}", name, [str(known) for known in X.columns])
    return X[name]


def _key(X: Any, name: str) -> pd.Series[Any]:
    column = _column(X, name, "--time-column")
    number = pd.api.types.is_numeric_dtype(column.dtype)
    if not number and not pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise InputError(
            f"--time-column {name} holds text, such as {column.dropna().iloc[0]!r}; expected "
            "dates (2024-02-29), or numbers that increase with time"
        )
    if column.isna().any():
        raise InputError(
            f"--time-column {name} is missing in {int(column.isna().sum()):,} of {len(X):,} rows; "
            "expected a value in every row"
        )
    return column
