"""Checks for dependent rows: rows in the order of time, or of one entity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.hyper import hyper
from wellfit.diagnose.alone import dates_as_meant, numbers_of
from wellfit.diagnose.base import Check, Finding, Outcome
from wellfit.diagnose.context import CheckContext
from wellfit.preprocessing.columns import kind_of

_MOST = 200  # columns looked at
_FEWEST = 20  # rows, and distinct values of what orders them
_DENSE = 3  # times the number of rows that running numbers may span

# Parts of a calendar, from the longest; a column's name has one of these words in it.
_CALENDAR = (
    ("year", "years", "yr"),
    ("quarter", "qtr"),
    ("month", "months", "mnth", "mon"),
    ("week",),
    ("day", "dy"),
    ("hour", "hr"),
    ("minute",),
)
_TIME = {"time", "timestamp", "date", "datetime", "epoch"}
_IDENTIFIERS = {"id", "ids", "key", "code", "no", "number", "nr", "subject", "patient", "user"}
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Order(NamedTuple):
    """Columns that order the rows, and how alike the targets of neighbours in that order are.

    Attributes:
        names: the columns, the most significant first.
        what: of what kind they are.
        sorted: whether the rows are in this order as they stand.
        likeness: autocorrelation of the targets at lag 1; 0 by chance.
        surprise: the same in standard errors.
    """

    names: tuple[str, ...]
    what: str
    sorted: bool
    likeness: float
    surprise: float


class RowOrder(Check, name="row_order"):
    """Rows in the order of time resemble their neighbours: a random split inflates the score.

    Looks for dates, for numbers that count the rows or rise with them, and for columns that are
    parts of a calendar, and compares neighbours' targets in their order. Where a table's index
    shows the order that its rows had before a random split, that order is the rows'.
    """

    action: ClassVar[str] = "looked for columns that order the rows, such as dates and row numbers"
    in_verdict: ClassVar[bool] = True

    alike: float = hyper("autocorrelation of the targets that matters", default=0.1, low=0, high=1)
    errors: float = hyper("the same in standard errors", default=4.0, low=0)

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn of the columns by name."""
        if not _readable(context):
            return None
        found = self._found(context)
        if not found:
            return self.finding(Outcome.PASS, "no column orders the rows", columns=0)
        first = max(found, key=lambda one: (one.what != "number", one.sorted, one.likeness))
        others = [name for one in found for name in one.names if name not in first.names]
        also = f" (also {', '.join(map(repr, dict.fromkeys(others)))})" if others else ""
        text, advice = self._observed(first, also)
        return self.finding(Outcome.WARN, text, advice, likeness=first.likeness)

    def columns(self, context: CheckContext) -> dict[str, str]:
        """Return the single columns in whose order neighbours' targets are alike, and their kind.

        A column like that predicts the target by itself, and is no leak for that.
        """
        if not _readable(context):
            return {}
        found = [one for one in self._found(context) if one.sorted and self._alike(one)]
        return {one.names[0]: one.what for one in found if len(one.names) == 1}

    def _found(self, context: CheckContext) -> list[Order]:
        """Return the orders that matter."""
        table = context.columns.iloc[:, :_MOST]
        place = _original(table.index)
        every = _orders(table.iloc[place], context.targets[place])
        return [one for one in every if one.sorted or self._alike(one)]

    def _alike(self, one: Order) -> bool:
        return one.likeness > self.alike and one.surprise > self.errors

    def _observed(self, one: Order, also: str) -> tuple[str, str]:
        """Return what was seen, and what to do."""
        named = ", ".join(map(repr, one.names)) + also
        alike = self._alike(one)
        near = f"targets of neighbouring rows are correlated (autocorrelation {one.likeness:.2f})"
        later = (
            "a random split lets the network see rows from before and after each test row: if it "
            "is to predict later rows, test on the last ones (`wellfit train --time-column`)"
        )
        if one.what == "number":
            observed = f"column {named} numbers the rows"
            if alike:
                return f"{observed}; {near}", f"leave it out; if it stands for time, {later}"
            return observed, "leave it out: new rows have numbers that the network has never seen"
        what = "column" if len(one.names) == 1 else "columns"
        if one.sorted:
            observed = f"the rows are in the order of {what} {named}"
            return f"{observed}; {near}" if alike else observed, later
        return f"in the order of {what} {named}, {near}", later


class RepeatedEntities(Check, name="repeated_entities"):
    """Several rows of one person, machine or place fall on both sides of a random split.

    Looks for identifiers that occur more than once: columns named so, and text of many values,
    where rows of one value have targets that are alike.
    """

    action: ClassVar[str] = "looked for identifiers that several rows share"
    in_verdict: ClassVar[bool] = True

    alike: float = hyper("likeness of the targets that matters", default=0.1, low=0, high=1)
    errors: float = hyper("the same in standard errors", default=4.0, low=0)
    many: float = hyper("values of a column, as a share of the rows", default=0.02, low=0, high=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn of the column whose rows are most alike."""
        if not _readable(context):
            return None
        found = []
        for place in range(min(context.columns.shape[1], _MOST)):
            column = context.columns.iloc[:, place]
            if not self._identifies(column):
                continue
            codes = pd.factorize(column)[0]
            alike, errors = _likeness(codes.astype(float), context.targets, codes)
            if alike > self.alike and errors > self.errors:
                found.append((alike, str(column.name), len(np.unique(codes))))
        if not found:
            return self.finding(Outcome.PASS, "no identifier is shared by rows", likeness=0.0)
        alike, name, values = max(found)
        return self.finding(
            Outcome.WARN,
            f"column {name!r} has {values:,} values in {len(context.targets):,} rows, and rows of "
            f"one value have targets that are alike (intraclass correlation {alike:.2f})",
            "if new rows have other values, keep the rows of one value on one side of the split, "
            "as scikit-learn's GroupShuffleSplit does (`wellfit train --group-column`)",
            likeness=alike,
        )

    def _identifies(self, column: pd.Series[Any]) -> bool:
        kind = kind_of(column)
        if kind == "number":
            words = _WORDS.findall(str(column.name))
            whole = pd.api.types.is_integer_dtype(column.dtype)
            named = whole and bool(words) and words[-1].lower() in _IDENTIFIERS
        else:
            named = kind == "category" and dates_as_meant(column) is column
        rows = len(column)
        return named and max(_FEWEST, self.many * rows) < column.nunique() < 0.9 * rows


def _readable(context: CheckContext) -> bool:
    """Say whether there are rows and columns enough, which aren't pixels."""
    table = context.table
    dense = not hasattr(table, "toarray") and table.shape[1] > 1
    return (
        dense
        and len(context.targets) >= _FEWEST
        and context.targets.ndim == 1
        and not context.pixels
    )


def _original(index: pd.Index[Any]) -> NDArray[np.intp]:
    """Return the places of the rows in the order of their numbers, as before a random split."""
    if pd.api.types.is_integer_dtype(index.dtype) and index.is_unique:
        return np.asarray(np.argsort(index.to_numpy(), kind="stable"))
    return np.arange(len(index))


def _orders(table: pd.DataFrame, y: NDArray[Any]) -> Iterator[Order]:
    """Yield what may order the rows, whether or not these stand in that order."""
    parts: dict[int, int] = {}
    for place, name in enumerate(map(str, table.columns)):
        column = dates_as_meant(table.iloc[:, place])
        kind = kind_of(column)
        if kind not in ("date", "number"):
            continue
        words = {word.lower() for word in _WORDS.findall(name)}
        part = next((at for at, unit in enumerate(_CALENDAR) if words & set(unit)), None)
        if kind == "number" and part is not None:
            parts.setdefault(part, place)
        what = "date" if kind == "date" or words & _TIME else "number"
        yield from _by_column(column, what, y)
    yield from _by_calendar(table, [place for _, place in sorted(parts.items())], y)


def _by_column(column: pd.Series[Any], what: str, y: NDArray[Any]) -> Iterator[Order]:
    values = numbers_of(column)
    known = values[np.isfinite(values)]
    whole = bool((known[:_FEWEST] % 1 == 0).all() and (known % 1 == 0).all())
    if what == "number" and not whole:
        return
    if not len(known):
        return
    if len(known) < len(values):  # whether a value is there may say much, and is no order
        values, y = known, y[np.isfinite(values)]
    inorder = _sorted(values)
    dense = bool(len(values) - 1 <= np.ptp(values) < _DENSE * len(values))
    if not (what == "date" or inorder or dense):
        return  # before values are counted, which takes time
    distinct = len(pd.unique(values))
    running = whole and dense and distinct == len(values)
    many = distinct > (_FEWEST if what == "date" else len(values) / 2)
    if running or (many and (inorder or what == "date")):
        yield Order((str(column.name),), what, inorder or running, *_likeness(values, y))


def _by_calendar(table: pd.DataFrame, places: list[int], y: NDArray[Any]) -> Iterator[Order]:
    """Yield the most significant parts of a calendar, as far as the rows are in their order."""
    names = tuple(str(table.columns[place]) for place in places)
    chosen: tuple[str, ...] = ()
    key = np.zeros(len(y))
    for place, name in zip(places, names, strict=True):
        codes = pd.factorize(table.iloc[:, place], sort=True)[0]
        longer = key * (codes.max() + 2) + codes + 1
        if not _sorted(longer):
            break
        key, chosen = longer, (*chosen, name)
    if len(chosen) > 1 and len(np.unique(key)) > 3:
        yield Order(chosen, "date", True, *_likeness(key, y))


def _sorted(values: NDArray[np.float64]) -> bool:
    steps = np.diff(values)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _likeness(
    values: NDArray[np.float64], y: NDArray[Any], groups: NDArray[np.integer] | None = None
) -> tuple[float, float]:
    """Return how alike the targets of neighbours in the order of values are, and its errors.

    Args:
        values: (rows,) what orders the rows.
        y: (rows,) the targets.
        groups: (rows,) neighbours of other groups aren't compared.

    Returns:
        The autocorrelation at lag 1, 0 by chance, and the same in standard errors.
    """
    order = np.argsort(values, kind="stable")
    y, pairs = y[order], np.ones(len(y) - 1, dtype=bool)
    if groups is not None:
        pairs = groups[order][1:] == groups[order][:-1]
    if pairs.sum() < _FEWEST:
        return 0.0, 0.0
    if y.dtype.kind in "fiu" and len(np.unique(y)) > _FEWEST:
        ranks = pd.Series(y).rank().to_numpy()
        ranks = (ranks - ranks.mean()) / ranks.std()
        alike = float((ranks[1:] * ranks[:-1])[pairs].mean())
    else:
        codes = pd.factorize(y)[0]
        by_chance = float(((np.bincount(codes) / len(y)) ** 2).sum())
        same = float((codes[1:] == codes[:-1])[pairs].mean())
        alike = (same - by_chance) / max(1 - by_chance, 1e-12)
    return alike, alike * float(pairs.sum()) ** 0.5
