"""Which kind of question a target asks: classes or a quantity. The one place with the rule."""

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
    """A kind of task, and the reason in words."""

    kind: Kind
    reason: str


def infer_task(y: Labels) -> Task:
    """Say whether ``y`` holds classes or a quantity, and why.

    The rule, first match first; missing values are left aside:

    1. text, categories and truth values are classes;
    2. numbers with a fractional part are a quantity;
    3. two distinct whole numbers are classes;
    4. up to 20 distinct whole numbers, each there 3 times on average, are classes;
    5. other whole numbers (ages, counts, prices) are a quantity.

    Whole numbers can't tell grades, which have an order, from codes, which have none: rule 4
    takes both for classes. A table of 0s and 1s, (rows, labels), is multi-label.

    Args:
        y: (rows,) the target, or (rows, outputs).

    Returns:
        The kind, "binary", "multiclass", "regression" or "multilabel", and the reason.

    Raises:
        DataError: no value at all, one value only, dates, or lists.

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
        raise DataError(
            f"the target is constant: all of its {len(values):,} values are "
            f"{values.iloc[0]!s}; expected at least two distinct values"
        )


def _of_table(y: pd.DataFrame) -> Task:
    if y.shape[1] == 1:
        return infer_task(y.iloc[:, 0])
    if y.isin([0, 1]).all(axis=None):
        return Task("multilabel", f"{y.shape[1]} columns of 0 and 1")
    return Task("regression", f"{y.shape[1]} columns of numbers")


def _of_numbers(values: pd.Series) -> Task:
    if (values % 1 != 0).any():  # infinity has no whole part either: inf % 1 is NaN
        return Task("regression", "numbers with a fractional part")
    distinct = values.nunique()
    if distinct <= 2 or distinct <= min(MOST_CLASSES, len(values) / ROWS_PER_CLASS):
        return _of_classes(values, "whole numbers")
    few = distinct <= MOST_CLASSES
    why = f"each fewer than {ROWS_PER_CLASS} times" if few else f"more than {MOST_CLASSES}"
    return Task("regression", f"{distinct:,} distinct whole numbers, {why}")


def _of_classes(values: pd.Series, noun: str) -> Task:
    distinct = values.nunique()
    return Task("binary" if distinct == 2 else "multiclass", f"{distinct:,} distinct {noun}")


def _noun(values: pd.Series) -> str:
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        return "categories"
    return "truth values" if pd.api.types.is_bool_dtype(values.dtype) else "texts"
