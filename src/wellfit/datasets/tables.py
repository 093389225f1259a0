"""Tables from csv and parquet files."""

from __future__ import annotations

import collections
import csv
import io
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellfit.core.errors import DataError, did_you_mean
from wellfit.datasets.cells import as_meant
from wellfit.datasets.dataset import Dataset
from wellfit.datasets.files import ending, open_plain, reading, stem

if TYPE_CHECKING:
    import pandas as pd

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
PARQUET = (".parquet", ".pq")
_SEPARATORS = ",;\t|"
_LISTED = 20


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a csv file, gzipped or not, or a parquet file.

    In a csv, these cells are missing values: empty, ``NA``, ``N/A``, ``NaN``, ``nan``, ``null``,
    ``NULL``. ``None`` and ``?`` are values like any other, since tables in use have them as
    levels. The separator is the commonest in the header of comma, semicolon, tab and bar. A
    nameless first column of whole numbers is a row index, as pandas writes it, and left out.
    ISO dates, and numbers like ``1,234.5`` or ``1.234,5``, are read as such where a whole column
    holds nothing else.

    Args:
        path: the file; ``.parquet`` and ``.pq`` are parquet, every other ending is csv.

    Returns:
        The table, with a column for each name of the header.

    Raises:
        DataError: no such file, no rows, a column name twice, damaged, or not UTF-8.
    """
    import pandas as pd

    path = Path(path)
    with reading(path):
        table = _read_parquet(path) if ending(path) in PARQUET else _read_csv(path)
    if not len(table):
        raise DataError(f"{path} has column names, but no rows")
    for name, dtype in table.dtypes.items():
        if pd.api.types.is_object_dtype(dtype) and table[name].map(_is_nested).any():
            raise DataError(f"column {name!r} of {path} holds lists; expected one value a cell")
    return table


def _is_nested(cell: Any) -> bool:
    """Say whether a cell holds a collection instead of a value."""
    return hasattr(cell, "__len__") and not isinstance(cell, (str, bytes))


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    header, separator = _csv_header(path)
    _refuse_twins(header, path)
    with open_plain(path) as file, warnings.catch_warnings():
        # pandas only warns of rows longer than the header, and drops what is too much.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            table = pd.read_csv(
                file,
                sep=separator,
                encoding="utf-8-sig",
                keep_default_na=False,
                na_values=list(MISSING),
                skipinitialspace=True,
                index_col=False,
                low_memory=False,
            )
        except pd.errors.ParserWarning:
            raise DataError(f"{path} has rows with more cells than the header") from None
    index = not header[0].strip() and pd.api.types.is_integer_dtype(table.dtypes.iloc[0])
    table = table.iloc[:, 1:] if index else table
    others = table.select_dtypes(exclude="number")
    return table.assign(**{str(name): as_meant(others[name], separator) for name in others})


def _csv_header(path: Path) -> tuple[list[str], str]:
    """Return the column names and the separator."""
    with io.TextIOWrapper(open_plain(path), encoding="utf-8-sig", newline="") as text:
        first = next((line for line in text if line.strip()), None)
        if first is None:
            raise DataError(f"{path} is empty")
        unquoted = re.sub(r'"[^"]*"', "", first)
        separator = max(_SEPARATORS, key=unquoted.count)
        lines = (line for part in ([first], text) for line in part)
        return next(csv.reader(lines, delimiter=separator, skipinitialspace=True)), separator


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    table = pd.read_parquet(path).reset_index(drop=True)
    table.columns = table.columns.astype(str)
    _refuse_twins(list(table.columns), path)
    return table


def _refuse_twins(header: Sequence[str], path: Path) -> None:
    twins = [name for name, count in collections.Counter(header).items() if name and count > 1]
    if twins:
        raise DataError(f"{path} has more than one column named {_listed(twins)}")


def table_dataset(path: Path, target: str | None) -> Dataset:
    """Read a table and set its target apart."""
    table = read_table(path)
    X, y = split_target(table, target, str(path))
    return Dataset(stem(path), X, y, target=target, source=str(path))


def split_target(
    table: pd.DataFrame, target: str | None, origin: str
) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Return the features and the target of a table.

    Raises:
        DataError: no target given, no such column, or no other column beside it.
    """
    names = [str(name) for name in table.columns]
    if target is None:
        raise DataError(
            f"{origin} is a table, so name the column to predict: target=… (--target …). "
            f"Its columns: {_listed(names)}. The last one is {names[-1]!r}"
        )
    if target not in names:
        hint = did_you_mean(target, names)
        raise DataError(f"{origin} has no column {target!r}{hint} Its columns: {_listed(names)}")
    if len(names) == 1:
        raise DataError(f"{origin} has no column but {target!r}; expected others to learn from")
    return table.drop(columns=target), table[target]


def refuse_target(target: str | None, origin: str) -> None:
    """Raise a DataError where a target is given for data that carry their labels."""
    if target is not None:
        raise DataError(
            f"{origin} carries its own labels, so no column can be its target; given: {target!r}"
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return ", ".join(repr(name) for name in names[:_LISTED]) + more
