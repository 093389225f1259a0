"""Checks for cells that a network can't read, before training or prediction starts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from wellfit.core.errors import DataError
from wellfit.datasets import Dataset, StreamedTable
from wellfit.datasets.tables import is_table, place_in
from wellfit.datasets.typed import Place, refuse_infinity


def refuse_infinities(data: Dataset, name: str, test: Path | None) -> None:
    """Raise a DataError if any part of the data contains infinity or a number out of range.

    Test rows are checked too, because an invalid one would fail only after training.

    Args:
        data: the data with all parts.
        name: the file or name from which they were loaded.
        test: the file of the test set, if there is one.
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
    """Raise a DataError if validation or test rows have missing values that nothing imputes."""
    for part in ("_val", "_test"):
        X = getattr(data, f"X{part}")
        if X is None or (isinstance(X, np.ndarray) and X.dtype.kind != "f"):
            continue
        if isinstance(X, StreamedTable):
            continue  # whose cells are checked when they are read
        missing = pd.DataFrame(X).isna().to_numpy()
        if missing.any():
            row, column = (int(at) for at in np.argwhere(missing)[0])
            columns = list(getattr(X, "columns", range(X.shape[1])))
            raise DataError(
                f"column {columns[column]!r} is missing in row {row + 1:,} of the "
                f"{'validation' if part == '_val' else 'test'} set; expected numbers only, since "
                "preprocess is None"
            )


def _place(data: Dataset, path: Path, part: str) -> Place:
    """Return the position of a row: in its file, if the data are a table."""
    if data.schema is not None and is_table(path):
        return place_in(path, data.schema)
    noun = {"": "", "_val": " of the validation set", "_test": " of the test set"}[part]
    return lambda row: f"row {row + 1:,}{noun}"
