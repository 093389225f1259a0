"""Text cells of csv files as numbers, dates, booleans and missing values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wellfit.datasets.schema import CellType, Decimal, cell_type

if TYPE_CHECKING:
    import pandas as pd

# Missing in any column, because they are hardly ever categories.
MISSING = (
    *("", "NA", "N/A", "n/a", "<NA>", "null", "NULL", "(null)", "\\N"),
    *("NaN", "nan", "-NaN", "-nan", "NaT"),  # C, Java, pandas
    *("1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "1.#NAN", "-nan(ind)"),  # C on Windows
    *("#N/A", "#NA", "#N/A N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"),
    "#NV",  # Excel in German
)
# Missing, in any letter case, among numbers, dates or booleans; in a column of text, "None" and
# "Na" are categories.
_MISSING_BESIDE_VALUES = {*(cell.casefold() for cell in MISSING), "none", "nil", "n.a.", "n.a"}
_TRUE, _FALSE = {"true", "1", "1.0"}, {"false", "0", "0.0"}
_WORDS = {"true", "false"}
_ALIKE: dict[CellType, CellType] = {
    "number": "boolean",
    "boolean": "number",
}  # each can be read as the other
_DATE = r"\d{4}-\d\d.*"
_PROBED = 1000  # cells that are examined first, to recognize text quickly
# Stray cells are at most this fraction of a column.
FEW = 0.1


def _number_pattern(group: str, point: str) -> str:
    group, point = re.escape(group), re.escape(point)
    grouped = rf"[1-9]\d{{0,2}}({group}\d{{3}})+"
    return rf"[-+]?((({grouped}|\d+)({point}\d*)?|{point}\d+)(e[-+]?\d+)?|inf|infinity)"


# Patterns of numbers by decimal separator.
_NUMBERS: dict[Decimal, str] = {".": _number_pattern(",", "."), ",": _number_pattern(".", ",")}


def trimmed(column: pd.Series[Any], missing: Sequence[str] = MISSING) -> pd.Series[Any]:
    """Return a text column without blanks around its cells; other columns are unchanged.

    Args:
        column: (rows,) cells.
        missing: trimmed cells that mean missing.

    >>> import pandas as pd
    >>> trimmed(pd.Series(["A1 ", " A1", "NA "])).tolist()
    ['A1', 'A1', nan]
    """
    if not is_text(column):
        return column
    cells = column.str.strip()
    changed = (cells != column) & column.notna()
    return cells.mask(changed & cells.isin(missing)) if changed.any() else column


def is_text(column: pd.Series[Any]) -> bool:
    """Return whether a column's cells are text, apart from missing ones."""
    import pandas as pd

    if isinstance(column.dtype, pd.StringDtype):
        return True
    if column.dtype != object:
        return False
    return pd.api.types.infer_dtype(column, skipna=True) == "string"


def decimals_of(column: pd.Series[Any]) -> set[Decimal]:
    """Return the decimal separators with which all cells of a text column are numbers."""
    cells = _probe(column)
    fitting = {mark for mark, pattern in _NUMBERS.items() if _matches(cells, pattern).all()}
    if not fitting or not len(cells):
        return set()
    cells = _values(column)
    return {mark for mark in fitting if _matches(cells, _NUMBERS[mark]).all()}


def is_plain(column: pd.Series[Any]) -> bool:
    """Return whether no cell of a text column contains a comma."""
    return not _values(column).str.contains(",", regex=False).any()


def inferred_type(column: pd.Series[Any]) -> CellType:
    """Return "date" or "boolean" if all cells of a text column are such, else "text"."""
    probe = _probe(column)
    if len(probe) and _matches(probe, _DATE).all() and not read_as(column, "date", None)[1].any():
        return "date"
    if (
        len(probe)
        and _lower(probe).isin(_WORDS).all()
        and _lower(_values(column)).isin(_WORDS).all()
    ):
        return "boolean"
    return "text"


def read_as(
    column: pd.Series[Any], kind: CellType, decimal: Decimal | None
) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Return a column's cells as values of a type, and a mask of the cells that aren't.

    Args:
        column: (rows,) text, or values of any type.
        kind: the type to read them as.
        decimal: the decimal separator of numbers; ``None`` takes it for a point.

    Returns:
        (rows,) values, missing where a cell can't be read; and (rows,) booleans, True there.

    >>> import pandas as pd
    >>> values, unread = read_as(pd.Series(["1.234,5", "?", None]), "number", ",")
    >>> values.tolist(), unread.tolist()
    ([1234.5, nan, nan], [False, True, False])
    """
    if kind in ("text", "empty"):
        values = _as_text(column)
        return values, values.isna() & column.notna()
    if not is_text(column) and cell_type(column) not in (kind, _ALIKE.get(kind), "empty"):
        return column.where(column.isna(), None).astype(object), _strays(column, kind)
    values = _read(column, kind, decimal)
    unread = values.isna() & column.notna()
    if unread.any() and is_text(column):
        unread &= ~_lower(column).isin(_MISSING_BESIDE_VALUES)
    return values, unread


def _strays(column: pd.Series[Any], kind: CellType) -> pd.Series[Any]:
    """Return which cells keep a column from being of a type: all, unless only some do."""
    there = column.notna()
    if column.dtype != object or kind not in ("number", "boolean"):
        return there
    stray = there & ~column.map(lambda cell: isinstance(cell, (int, float))).astype(bool)
    return stray if stray.any() else there


def number_of(cell: str) -> float | None:
    """Return a cell's number, or None.

    >>> number_of("1,234.5"), number_of("1,5"), number_of("x")
    (1234.5, 1.5, None)
    """
    for mark, pattern in _NUMBERS.items():
        if re.fullmatch(pattern, cell.strip(), re.IGNORECASE):
            group = "," if mark == "." else "."
            return float(cell.strip().replace(group, "").replace(mark, "."))
    return None


def is_date(cell: str) -> bool:
    """Return whether a cell begins like an ISO 8601 date."""
    return re.fullmatch(_DATE, cell.strip()) is not None


def stray_cells(column: pd.Series[Any]) -> tuple[CellType, pd.Series[Any]] | None:
    """Return the type of most cells of a text column, and the few other cells.

    >>> import pandas as pd
    >>> kind, few = stray_cells(pd.Series(["1.5"] * 20 + ["x"]))
    >>> kind, few.to_dict()
    ('number', {20: 'x'})
    """
    if not is_text(column):
        return None
    probe = _probe(column)
    patterns: list[tuple[CellType, str]] = [("number", _NUMBERS["."]), ("number", _NUMBERS[","])]
    patterns += [("date", _DATE), ("boolean", "true|false")]
    for kind, pattern in patterns:
        if not len(probe) or _matches(probe, pattern).mean() < 1 - 2 * FEW:
            continue
        cells = _values(column)
        few = cells[~_matches(cells, pattern)]
        if 0 < len(few) <= max(1, FEW * len(cells)):
            return kind, few
    return None


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return values as text, as in a csv file."""
    import pandas as pd

    if is_text(column):
        return column
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        whole = bool((column.dropna().dt.normalize() == column.dropna()).all())
        return column.dt.strftime("%Y-%m-%d" if whole else "%Y-%m-%d %H:%M:%S")
    text = column.astype(object).map(_text, na_action="ignore")
    return text.astype("str")


def _text(value: Any) -> str:
    # An integer column with missing values contains floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _read(column: pd.Series[Any], kind: CellType, decimal: Decimal | None) -> pd.Series[Any]:
    import pandas as pd

    if kind == "date":
        dates = pd.to_datetime(column, format="ISO8601", errors="coerce", utc=True)
        return dates.dt.tz_localize(None)
    if kind == "duration":
        return pd.to_timedelta(column, errors="coerce")
    if kind == "boolean":
        return _booleans(column)
    if not is_text(column):
        return pd.to_numeric(column, errors="coerce")
    mark: Decimal = decimal or "."
    cells = column.where(_matches(column, _NUMBERS[mark]))
    group = "," if mark == "." else "."
    plain = cells.str.replace(group, "", regex=False).str.replace(mark, ".", regex=False)
    return pd.to_numeric(plain, errors="coerce")


def _booleans(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return booleans, with dtype object if some are missing, as pandas does."""
    if column.dtype == bool:
        return column
    meant = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
    values = _lower(column.astype("str")).map(meant).astype(object)
    return values.astype(bool) if values.notna().all() else values


def _probe(column: pd.Series[Any]) -> pd.Series[Any]:
    return _values(column.dropna().head(_PROBED))


def _values(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return the cells that aren't missing in a column of numbers, dates or booleans."""
    cells = column.dropna()
    return cells[~_lower(cells).isin(_MISSING_BESIDE_VALUES)]


def _matches(column: pd.Series[Any], pattern: str) -> pd.Series[Any]:
    return column.str.fullmatch(pattern, case=False, na=False).astype(bool)


def _lower(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.str.strip().str.lower()
