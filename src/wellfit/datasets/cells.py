"""Cells of csv files that pandas leaves as text: dates, and numbers as people write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd


class _Style(NamedTuple):
    """How numbers are written: what groups their thousands, and what their fractions follow."""

    group: str
    point: str

    def fits(self, cell: str) -> bool:
        """Say whether a cell is a number in this style."""
        group, point = re.escape(self.group), re.escape(self.point)
        whole = rf"(\d+|\d{{1,3}}({group}\d{{3}})+)"
        return re.fullmatch(rf"[-+]?{whole}({point}\d+)?", cell.strip()) is not None


_ENGLISH, _CONTINENTAL = _Style(",", "."), _Style(".", ",")
_DATE = re.compile(r"\s*\d{4}-\d\d")


def as_meant(column: pd.Series, separator: str) -> pd.Series:
    """Return a column of text as numbers or dates, where all of its cells are such.

    Numbers are those with thousands set apart or a decimal comma: ``1,234.5`` or ``1.234,5``.
    ``1,234`` can be either; it has a decimal comma in a file separated by semicolons, and is a
    thousand elsewhere. Dates are those of ISO 8601, with the time or without.

    Args:
        column: (rows,) cells; one that isn't of text comes back as it is.
        separator: what stands between the cells of a row.

    >>> import pandas as pd
    >>> as_meant(pd.Series(["1,234", "56"]), ",").tolist()
    [1234, 56]
    >>> as_meant(pd.Series(["1,234", "56"]), ";").tolist()
    [1.234, 56.0]
    >>> as_meant(pd.Series(["2024-02-29", None]), ",").dt.day.tolist()
    [29.0, nan]
    """
    import pandas as pd

    if pd.api.types.infer_dtype(column, skipna=True) != "string":
        return column
    cells = column.dropna().unique()
    styles = (_CONTINENTAL, _ENGLISH) if separator == ";" else (_ENGLISH, _CONTINENTAL)
    for style in styles:
        if all(style.fits(cell) for cell in cells):
            return _numbers(column, style)
    if all(_DATE.match(cell) for cell in cells):
        return _dates(column)
    return column


def _numbers(column: pd.Series, style: _Style) -> pd.Series:
    import pandas as pd

    plain = column.str.replace(style.group, "").str.replace(style.point, ".")
    return pd.to_numeric(plain)


def _dates(column: pd.Series) -> pd.Series:
    """Return dates in UTC, or the column as it is where a cell turns out to be none."""
    import pandas as pd

    dates = pd.to_datetime(column, format="ISO8601", errors="coerce", utc=True)
    return column if (dates.isna() & column.notna()).any() else dates.dt.tz_localize(None)
