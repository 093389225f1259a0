"""A look at data before training: sizes, types, gaps, levels, the target, repeated rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from wellfit.datasets.dataset import Array
from wellfit.datasets.duplicates import duplicate_rows
from wellfit.datasets.task import Kind, infer_task

if TYPE_CHECKING:
    import pandas as pd

    from wellfit.datasets.dataset import Rows
    from wellfit.datasets.task import Labels

ColumnKind: TypeAlias = Literal["numeric", "categorical", "boolean", "text", "datetime"]

TOP_LEVELS = 5
# Text with more levels than both of these is told as text: a name, a comment, an identifier.
MOST_LEVELS = 50
MOST_LEVEL_SHARE = 0.1
_BLOCK = 16  # columns that are counted at a time: their transpose stays in the cache


@dataclass(frozen=True)
class Column:
    """What a column holds.

    ``low``, ``mean`` and ``high`` are a numeric column's; ``top`` are the most frequent levels
    of any other, each with its count.
    """

    name: str
    kind: ColumnKind
    missing: int
    distinct: int
    low: float | None = None
    mean: float | None = None
    high: float | None = None
    top: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Target:
    """What a target holds.

    ``reason`` says why it is of this kind. ``classes`` counts the rows by class, in the classes'
    order; ``low``, ``mean``, ``high`` and ``std`` are those of a quantity.
    """

    kind: Kind
    reason: str
    missing: int
    classes: dict[Any, int]
    low: float | None = None
    mean: float | None = None
    high: float | None = None
    std: float | None = None


@dataclass(frozen=True)
class Summary:
    """What :func:`describe` saw; ``duplicate_rows`` counts rows of X that equal an earlier one."""

    rows: int
    columns: tuple[Column, ...]
    duplicate_rows: int
    target: Target | None

    @property
    def missing(self) -> int:
        """The number of missing cells."""
        return sum(column.missing for column in self.columns)

    @property
    def kinds(self) -> dict[ColumnKind, int]:
        """The number of columns of each kind that occurs."""
        kinds = [column.kind for column in self.columns]
        return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def describe(X: Rows, y: Labels | None = None, *, task: Kind | None = None) -> Summary:
    """Summarise rows and their target; nothing is printed.

    Args:
        X: (rows, columns) a table or an array.
        y: (rows,) the target, or (rows, outputs).
        task: the kind of task, where it is known better than :func:`infer_task` can tell.

    Returns:
        Rows, columns, repeated rows and the target.

    Raises:
        DataError: a target that is empty or constant.

    >>> from wellfit.datasets import load
    >>> iris = load("iris")
    >>> summary = describe(iris.X, iris.y)
    >>> summary.rows, summary.kinds, summary.duplicate_rows, summary.target.classes
    (150, {'numeric': 4}, 1, {'setosa': 50, 'versicolor': 50, 'virginica': 50})
    """
    import pandas as pd

    if isinstance(X, np.ndarray) and X.dtype == np.uint8:
        columns = tuple(_pixel_columns(X))
    else:
        table = pd.DataFrame(X)
        columns = tuple(_column(str(name), values) for name, values in table.items())
    target = None if y is None else _target(y, task)
    return Summary(len(X), columns, duplicate_rows(X), target)


def _pixel_columns(X: Array) -> Iterator[Column]:
    """Describe columns of bytes by counting each of the 256 values: many times as fast."""
    values = np.arange(256)
    for start in range(0, X.shape[1], _BLOCK):
        block = np.ascontiguousarray(X[:, start : start + _BLOCK].T)
        for name, column in enumerate(block, start):
            counts = np.bincount(column, minlength=256)
            there = np.flatnonzero(counts)
            low, high = float(there[0]), float(there[-1])
            mean = float(counts @ values / len(column))
            yield Column(str(name), "numeric", 0, len(there), low, mean, high)


def _column(name: str, values: pd.Series) -> Column:
    missing, present = int(values.isna().sum()), values.dropna()
    distinct = int(present.nunique())
    kind = _kind(present, distinct)
    if kind == "numeric" and len(present):
        low, mean, high = (float(f) for f in (present.min(), present.mean(), present.max()))
        return Column(name, kind, missing, distinct, low, mean, high)
    levels = present.value_counts().head(TOP_LEVELS)
    # Dates at midnight are shown without a time.
    top = tuple(
        (str(level).removesuffix(" 00:00:00"), int(count))
        for level, count in levels.items()
        if count
    )
    return Column(name, kind, missing, distinct, top=top)


def _kind(present: pd.Series, distinct: int) -> ColumnKind:
    import pandas as pd

    inferred = pd.api.types.infer_dtype(present, skipna=True)
    if isinstance(present.dtype, pd.CategoricalDtype):
        return "categorical"
    if inferred == "boolean":
        return "boolean"
    if pd.api.types.is_numeric_dtype(present.dtype) or inferred in _NUMBERS:
        return "numeric"
    if inferred.startswith(("date", "time")) or _are_dates(present):
        return "datetime"
    many = distinct > max(MOST_LEVELS, MOST_LEVEL_SHARE * len(present))
    return "text" if many else "categorical"


_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")


def _are_dates(present: pd.Series) -> bool:
    """Say whether every text is an ISO 8601 date, as csv files hold them."""
    import pandas as pd

    # A year alone would do as a date for pandas; a date here has its dashes.
    if not len(present) or "-" not in str(present.iloc[0]):
        return False
    return bool(pd.to_datetime(present, format="ISO8601", errors="coerce").notna().all())


def _target(y: Labels, task: Kind | None) -> Target:
    import pandas as pd

    inferred = infer_task(y)
    kind, reason = (task, "given") if task else inferred
    outputs = pd.DataFrame(y)
    missing = int(outputs.isna().any(axis=1).sum())
    if kind == "regression":
        numbers = outputs.to_numpy(float, na_value=np.nan)
        figures = (np.nanmin, np.nanmean, np.nanmax, np.nanstd)
        return Target(kind, reason, missing, {}, *(float(figure(numbers)) for figure in figures))
    if kind == "multilabel":
        counts = {name: int(count) for name, count in outputs.sum().items()}
        return Target(kind, reason, missing, counts)
    by_class = outputs.iloc[:, 0].value_counts().sort_index()
    return Target(kind, reason, missing, {k: int(v) for k, v in by_class.to_dict().items()})
