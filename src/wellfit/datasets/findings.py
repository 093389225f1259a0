"""Likely reading mistakes in a table: stray cells, and a header that looks like data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from wellfit.datasets.cells import MISSING, is_date, number_of, stray_cells
from wellfit.datasets.schema import CellType, cell_type

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class StrayCells:
    """The few cells that prevent a column from being numbers, dates or booleans.

    Args:
        column: name of the column.
        kind: type of the other cells.
        count: number of stray cells.
        cells: number of cells with a value.
        example: one of them.
        row: label of its row in the table's index.
    """

    column: str
    kind: CellType
    count: int
    cells: int
    example: str
    row: int


def find_stray_cells(table: pd.DataFrame) -> list[StrayCells]:
    """Return the text columns that have numbers, dates or booleans except in a few cells.

    >>> import pandas as pd
    >>> find_stray_cells(pd.DataFrame({"size": ["1.5"] * 20 + ["x"]}))[0].example
    'x'
    """
    found = []
    for name, column in table.items():
        stray = stray_cells(column)
        if stray is not None:
            kind, few = stray
            first, row = str(few.iloc[0]), few.index[0]
            count = int(column.notna().sum())
            found.append(StrayCells(str(name), kind, len(few), count, first, int(row)))
    return found


def header_looks_like_data(table: pd.DataFrame) -> bool:
    """Return whether the column names of a table look like another row of it.

    They do if the name of every numeric column is a number, that of every date column a date, and
    those of text columns are values of these columns. Increasing numbers, like years, can be
    names.

    >>> import pandas as pd
    >>> header_looks_like_data(pd.DataFrame({"5.1": [4.9, 4.7], "big": ["big", "small"]}))
    True
    >>> header_looks_like_data(pd.DataFrame({"2019": [4.9, 4.7], "2020": [3.1, 3.2]}))
    False
    """
    numbers: list[float] = []
    others, alike = 0, 0
    for name, column in ((str(name), column) for name, column in table.items()):
        kind = cell_type(column)
        if kind in ("empty", "boolean") or name in MISSING or name.startswith("Unnamed: "):
            continue
        if kind == "number":
            number = number_of(name)
            if number is None:
                return False
            numbers.append(number)
        elif kind == "date" and not is_date(name):
            return False
        else:
            others += 1
            alike += kind == "date" or bool((column == name).any())
    if alike and (numbers or 2 * alike >= others):
        return True
    whole = all(number % 1 == 0 for number in numbers)
    return bool(numbers) and not (whole and all(a < b for a, b in pairwise(numbers)))
