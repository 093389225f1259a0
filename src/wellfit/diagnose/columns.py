"""Checks of the features, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.hyper import hyper
from wellfit.diagnose.base import Check, Finding, Outcome, graded
from wellfit.diagnose.context import CheckContext

_FIRST = 1000  # rows that are looked at before all
_NAMED = 3  # columns that a sentence names
_ROWS_OF_A_LEVEL = 3  # at least, on average, of columns whose levels are compared


class ConstantColumns(Check, name="constant_columns"):
    """Constant columns carry no information.

    Constant pixels are normal: the borders of images rarely change.
    """

    action: ClassVar[str] = "looked for columns with a single value"

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn of the columns by name."""
        table = context.columns
        found = [
            str(name) for name, constant in zip(table, _constant(table), strict=True) if constant
        ]
        if not found:
            return self.finding(Outcome.PASS, "every column varies", columns=0)
        if context.pixels:
            text = (
                f"{len(found)} of {table.shape[1]} pixels are constant, as image borders often are"
            )
            return self.finding(Outcome.PASS, text, columns=len(found))
        return self.finding(
            Outcome.WARN,
            f"{_listed(found)} the same in all rows",
            "drop these columns, or find out why they don't vary",
            columns=len(found),
        )


class DuplicateColumns(Check, name="duplicate_columns"):
    """Duplicate columns carry no new information."""

    action: ClassVar[str] = "looked for columns that equal another in all rows"

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn of the second and further ones by name."""
        table = context.columns
        if table.shape[1] < 2 or context.pixels:
            return None
        found = [f"{name} (= {earlier})" for name, earlier in _repeated(table)]
        if not found:
            return self.finding(Outcome.PASS, _none_equal(table), columns=0)
        return self.finding(
            Outcome.WARN,
            f"{_listed(found)} another column over again",
            "keep only one of them: together they get too much weight",
            columns=len(found),
        )


class ColumnScales(Check, name="scale"):
    """No single learning rate suits columns of very different scales.

    Where the estimator scales its inputs (``preprocess="auto"``) there is nothing to check.
    """

    action: ClassVar[str] = "compared the scales of the columns, as the network sees them"

    most: float = hyper("spread, or mean over spread, that is too much", default=100.0, low=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn of inputs that aren't scaled; fail where it is by far."""
        if context.estimator.preprocess is not None:
            return None
        x: Any = context.prepared.rows.x
        sample = x[context.sample]
        values = np.asarray(sample.toarray() if hasattr(sample, "toarray") else sample, float)
        spread = values.std(axis=0)
        spread, middle = spread[spread > 0], np.abs(values.mean(axis=0))[spread > 0]
        if not len(spread):
            return None
        widest, ratio = float(spread.max()), float(spread.max() / np.median(spread))
        size = float((middle / spread).max()) if widest > 1 else 0.0
        worst = max(widest, ratio if widest > 1 else 0.0, size, 0.1 / widest)
        return self.finding(
            graded(worst, self.most / 5, self.most),
            f"standard deviations range from {spread.min():.2g} to {widest:.2g}",
            'use preprocess="auto", or a StandardScaler before the network',
            smallest=float(spread.min()),
            largest=widest,
        )


def _constant(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which columns (columns,) hold one value; the first rows speak for most of them."""
    found = _one_value(table.iloc[:_FIRST])
    if len(table) > _FIRST and found.any():
        found[found] = _one_value(table.loc[:, found])
    return found


def _one_value(table: pd.DataFrame) -> NDArray[np.bool_]:
    kinds = {getattr(dtype, "kind", "O") for dtype in table.dtypes}
    if kinds <= set("uifb"):
        values = table.to_numpy()
        same = (values == values[0]) | ((values != values) & (values[0] != values[0]))
        return np.asarray(same.all(axis=0))
    return np.array([table.iloc[:, at].nunique(dropna=False) < 2 for at in range(table.shape[1])])


def _repeated(table: pd.DataFrame) -> Iterator[tuple[Any, Any]]:
    """Yield each column that equals an earlier one, and that one; constant ones are left out."""
    names = [n for n, same in zip(table, _constant(table), strict=True) if not same]
    for rows in (_FIRST, len(table)):  # few rows tell most columns apart
        groups: dict[int, list[Any]] = {}
        for name in names:
            some = table[name].iloc[:rows]
            key = int(pd.util.hash_pandas_object(some, index=False).to_numpy().sum())
            groups.setdefault(key, []).append(name)
        names = [name for group in groups.values() if len(group) > 1 for name in group]
    for first, *others in (group for group in groups.values() if len(group) > 1):
        yield from ((name, first) for name in others if table[name].equals(table[first]))


def _none_equal(table: pd.DataFrame) -> str:
    """Return that no column equals another, and which ones say the same by other names."""
    found = [f"{name} and {earlier}" for name, earlier in _recoded(table)]
    if not found:
        return "no column equals another, nor recodes one"
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    pairs = ", ".join(found[:_NAMED]) + more
    return f"no column equals another; the same levels by other names: {pairs}"


def _recoded(table: pd.DataFrame) -> Iterator[tuple[Any, Any]]:
    """Yield each column whose values go with those of an earlier one, level for level.

    Only columns with few levels are compared: of values that are all different, any two do.
    """
    first: dict[bytes, Any] = {}
    for name, same in zip(table, _constant(table), strict=True):
        codes, levels = pd.factorize(table[name], use_na_sentinel=False)
        if same or len(levels) > len(table) / _ROWS_OF_A_LEVEL:
            continue
        # Levels are numbered in the order in which they occur, whatever their names are.
        key = np.asarray(codes, dtype=np.int64).tobytes()
        if key in first:
            yield name, first[key]
        first.setdefault(key, name)


def _listed(names: Sequence[str]) -> str:
    """Return names as the beginning of a sentence.

    >>> _listed(["a"]), _listed(["a", "b"]), _listed(["a", "b", "c", "d", "e"])
    ('a is', 'a, b are', 'a, b, c and 2 more are')
    """
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(str, names[:_NAMED])) + more + (" is" if len(names) == 1 else " are")
