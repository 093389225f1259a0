"""Inferring the task of a target: classification or regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from wellfit.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Labels: TypeAlias = NDArray[Any] | pd.Series[Any]

Kind: TypeAlias = Literal["binary", "multiclass", "regression", "multilabel"]

MOST_CLASSES = 20
ROWS_PER_CLASS = 3


class Task(NamedTuple):
    """A kind of task, and the reason for it."""

    kind: Kind
    reason: str


def infer_task(y: Labels) -> Task:
    """Infer whether a target is for classification or regression, and why.

    The first matching rule applies; missing values are ignored:

    1. text, categories and booleans are classes;
    2. numbers with a fractional part are a regression target;
    3. two distinct integers are classes;
    4. up to 20 distinct integers, each occurring 3 times on average, are classes;
    5. other integers (ages, counts, prices) are a regression target.

    Ordered integers (grades) can't be distinguished from codes: rule 4 treats both as classes. A
    table of 0s and 1s, (rows, labels), is multi-label.

    Args:
        y: (rows,) the target, or (rows, outputs).

    Returns:
        The kind, "binary", "multiclass", "regression" or "multilabel", and the reason.

    Raises:
        DataError: no values, a single distinct value, dates, or lists.

    >>> import numpy as np
    >>> infer_task(np.array(["spam", "ham", "spam"]))
    Task(kind='binary', reason='2 distinct texts')
    >>> infer_task(np.array([326.0, 327.5, 334.0])).kind
    'regression'
    """
    import pandas as pd

    if y.ndim == 2:
        return _of_table(pd.DataFrame(y))
    values = pd.Series(y).dropna().infer_objects()
    if not len(values):
        raise DataError("the target is empty: every value is missing")
    _refuse_constant(values)
    dtype = values.dtype
    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        raise DataError("the target holds dates or durations; expected classes or numbers")
    if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype):
        return _of_classes(values, _noun(values))
    return _of_numbers(values)


def _refuse_constant(values: pd.Series) -> None:
    try:
        distinct = values.nunique()
    except TypeError:
        raise DataError("the target holds lists; expected one value a row") from None
    if distinct == 1:
        held = f"all of its {len(values):,} values are" if len(values) > 1 else "its only value is"
        raise DataError(
            f"the target is constant: {held} {values.iloc[0]!s}; expected at least two distinct "
            "values"
        )


def _of_table(y: pd.DataFrame) -> Task:
    if y.shape[1] == 1:
        return infer_task(y.iloc[:, 0])
    if y.isin([0, 1]).all(axis=None):
        return Task("multilabel", f"{y.shape[1]} columns of 0 and 1")
    return Task("regression", f"{y.shape[1]} columns of numbers")


def _of_numbers(values: pd.Series) -> Task:
    if (values % 1 != 0).any():  # infinity counts too, because inf % 1 is NaN
        return Task("regression", "numbers with a fractional part")
    distinct = values.nunique()
    if distinct <= 2 or distinct <= min(MOST_CLASSES, len(values) / ROWS_PER_CLASS):
        return _of_classes(values, "whole numbers")
    few = distinct <= MOST_CLASSES
    why = f"each fewer than {ROWS_PER_CLASS} times" if few else f"more than {MOST_CLASSES}"
    return Task("regression", f"{distinct:,} distinct integers, {why}")


def _of_classes(values: pd.Series, noun: str) -> Task:
    distinct = values.nunique()
    return Task("binary" if distinct == 2 else "multiclass", f"{distinct:,} distinct {noun}")


def _noun(values: pd.Series) -> str:
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        return "categories"
    return "booleans" if pd.api.types.is_bool_dtype(values.dtype) else "texts"
