"""What a table's reader can't decide alone: stray cells, and a header that looks like data."""

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
    """The few cells for which a column isn't one of numbers, dates or booleans.

    Args:
        column: its name.
        kind: the type of all other cells.
        count: how many they are.
        cells: how many cells of the column have a value.
        example: one of them.
        row: its label in the table's index.
    """

    column: str
    kind: CellType
    count: int
    cells: int
    example: str
    row: int


def find_stray_cells(table: pd.DataFrame) -> list[StrayCells]:
    """Return the columns of text that would hold numbers, dates or booleans but for a few cells.

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
    """Say whether the names of a table's columns look like one more row of it.

    They do where every column of numbers is named by a number, every one of dates by a date, and
    the names of text are values of their columns. Numbers that only increase, like years, may
    well be names.

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
