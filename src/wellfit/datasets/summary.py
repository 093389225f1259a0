"""Summaries of data: sizes, types, missing values, categories, target, duplicate rows."""

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
# Text with more distinct values than both of these is free text: names, comments, identifiers.
MOST_LEVELS = 50
MOST_LEVEL_SHARE = 0.1
_BLOCK = 16  # columns counted at a time, so that their transpose fits in the cache


@dataclass(frozen=True)
class Column:
    """Summary of a column.

    ``low``, ``mean`` and ``high`` are for numeric columns; ``top`` are the most frequent values of
    other columns, each with its count.
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
    """Summary of a target.

    ``reason`` explains its kind. ``classes`` are the numbers of rows by class, in the order of the
    classes; ``low``, ``mean``, ``high`` and ``std`` are for regression targets.
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
    """The result of :func:`describe`; ``duplicate_rows`` counts repetitions of earlier rows."""

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
    """Summarize rows and their target, without printing.

    Args:
        X: (rows, columns) a table or an array.
        y: (rows,) the target, or (rows, outputs).
        task: the kind of task; None to infer it with :func:`infer_task`.

    Returns:
        A summary of rows, columns, duplicate rows and the target.

    Raises:
        DataError: the target is empty or constant.

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
    """Summarize columns of bytes by counting the 256 values, which is many times faster."""
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
    """Return whether every text is an ISO 8601 date."""
    import pandas as pd

    # pandas accepts a year alone as a date; here a date needs dashes.
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
