"""Cells that no network can read, found before training or predicting begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from wellfit.core.arrays import LARGEST
from wellfit.core.errors import DataError
from wellfit.datasets import Dataset
from wellfit.datasets.files import ending
from wellfit.datasets.readers import TABLES
from wellfit.datasets.tables import place_in

Place = Callable[[int], str]


def refuse_infinity(X: pd.DataFrame, place: Place) -> None:
    """Raise a DataError where a column of numbers holds an infinity, or one beyond the range.

    Args:
        X: (rows, columns), with the number of each row in its file, from 0, as the index.
        place: where such a row stands, in words.
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


def refuse_infinities(data: Dataset, name: str, test: Path | None) -> None:
    """Raise a DataError where any part of the data holds an infinity, or one beyond the range.

    Training and test rows are looked at alike, since a test row that can't be read would be found
    only when training has ended.

    Args:
        data: with all of its parts.
        name: the file or name that they were loaded by.
        test: the file of the test rows, if there is one.
    """
    for part in ("", "_val", "_test"):
        X, y = getattr(data, f"X{part}"), getattr(data, f"y{part}")
        if X is None:
            continue
        place = _place(data, test if part == "_test" and test else Path(name).expanduser(), part)
        if isinstance(X, np.ndarray) and X.dtype.kind == "f":
            X = pd.DataFrame(X)
        if isinstance(X, pd.DataFrame):
            refuse_infinity(X, place)
        outputs = pd.DataFrame(y)
        if outputs.shape[1] == 1:
            outputs.columns = [data.target or "label"]
        refuse_infinity(outputs, place)


def refuse_missing_values(data: Dataset) -> None:
    """Raise a DataError where rows to judge by have missing values, which nothing fills in."""
    for part in ("_val", "_test"):
        X = getattr(data, f"X{part}")
        if X is None or (isinstance(X, np.ndarray) and X.dtype.kind != "f"):
            continue
        missing = pd.DataFrame(X).isna().to_numpy()
        if missing.any():
            row, column = (int(at) for at in np.argwhere(missing)[0])
            columns = list(getattr(X, "columns", range(X.shape[1])))
            raise DataError(
                f"column {columns[column]!r} is missing in row {row + 1:,} of the rows to "
                f"{'validate' if part == '_val' else 'test'} by; expected numbers only, since "
                "preprocess is None"
            )


def _place(data: Dataset, path: Path, part: str) -> Place:
    """Return where a row of a part stands: in its file, where it is a table's."""
    if data.schema is not None and path.is_file() and ending(path) in TABLES:
        return place_in(path, data.schema)
    noun = {"": "", "_val": " to validate by", "_test": " to test by"}[part]
    return lambda row: f"row {row + 1:,}{noun}"
