"""The rows of a request: JSON documents as columns of values, checked against a model's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, NoReturn

from wellfit.core.errors import DataError, did_you_mean
from wellfit.datasets.tables import refuse_missing

Columns = Sequence[Sequence[Any]]
ORIGIN = "the request"
_NAMED = 100  # columns that messages look at beside the model's: a request may hold a million
_FORMS = (
    'expected a list of rows, [{"column": value, …}, …], or columns, {"column": [value, …], …}'
)


def place(row: int) -> str:
    """Return the position of a row (from 0) in words."""
    return f"row {row + 1:,} of {ORIGIN}"


class RowForm:
    """The columns that a request has to have, and those that it may have.

    Args:
        columns: of the model, in its order.
        known: those that the training table had besides: the target, and what training dropped.

    >>> form = RowForm(["age", "job"], ["income"])
    >>> form.columns_of([{"job": "cook", "age": 25}], ignore_extra=False)
    [(25,), ('cook',)]
    >>> form.columns_of({"age": [25], "job": ["cook"]}, ignore_extra=False)
    [[25], ['cook']]
    >>> form.columns_of([{"age": 25, "jbo": "cook"}], ignore_extra=False)
    Traceback (most recent call last):
    wellfit.core.errors.DataError: the request has no column 'job'; did you mean 'jbo'? ...
    """

    def __init__(self, columns: Sequence[str], known: Sequence[str] = ()) -> None:
        self.columns, self.known = list(columns), {*columns, *known}
        several = itemgetter(*columns) if len(columns) > 1 else None
        self._values = several or (lambda row: tuple(row[name] for name in columns))

    def columns_of(self, document: Any, *, ignore_extra: bool) -> Columns:
        """Return each column's values, in the model's order.

        Args:
            document: of JSON: a list of rows, or the columns by their names.
            ignore_extra: whether other columns are ignored.

        Raises:
            DataError: of another form, without rows, or a column is missing or not the model's.
        """
        if isinstance(document, list):
            return self._of_rows(document, ignore_extra)
        if isinstance(document, dict):
            return self._of_columns(document, ignore_extra)
        raise DataError(f"{ORIGIN} holds {_named(document)}; {_FORMS}")

    def refuse_extra(self, there: Sequence[str] | Mapping[str, Any], origin: str = ORIGIN) -> None:
        """Refuse columns that training didn't have.

        Raises:
            DataError: there is one; names the nearest of the model's.
        """
        extra = next((name for name in there if name not in self.known), None)
        if extra is not None:
            shown = repr(extra[:_NAMED])
            hint = did_you_mean(extra[:_NAMED], self.columns[:1000])
            raise DataError(
                f"{origin} has the column {shown}, which the model doesn't use{hint} "
                "?extra=ignore ignores such columns"
            )

    def _of_rows(self, rows: list[Any], ignore_extra: bool) -> Columns:
        if not rows:
            raise DataError(f"{ORIGIN} has no rows; {_FORMS}")
        try:
            found = [*zip(*map(self._values, rows), strict=True)]
        except (KeyError, TypeError):
            self._refuse_row(rows)
        if not ignore_extra:
            width = len(self.columns)
            for at, row in enumerate(rows):
                if len(row) != width:
                    self.refuse_extra(row, _origin(at))
        return found

    def _refuse_row(self, rows: list[Any]) -> NoReturn:
        """Raise the error of the first row that lacks a column, or is no row."""
        for at, row in enumerate(rows):
            if not isinstance(row, dict):
                raise DataError(f"{place(at)} is {_named(row)}; {_FORMS}")
            self._refuse_lacking(row, _origin(at))
        raise AssertionError("each row has all columns")

    def _refuse_lacking(self, there: Mapping[str, Any], origin: str) -> None:
        if all(name in there for name in self.columns):
            return
        others = set(islice((name for name in there if name not in self.known), _NAMED))
        seen = [name for name in there if name in self.known or name in others]
        shown = [name if name in self.known else name[:_NAMED] for name in seen]
        refuse_missing(shown, self.columns, origin)

    def _of_columns(self, columns: dict[str, Any], ignore_extra: bool) -> Columns:
        if not any(name in columns for name in self.columns):
            # Other servers want rows within an object: under "instances", "inputs", "data".
            named = ", ".join(map(repr, self.columns[:3]))
            more = ", …" if len(self.columns) > 3 else ""
            raise DataError(f"{ORIGIN} has none of the model's columns, {named}{more}; {_FORMS}")
        self._refuse_lacking(columns, ORIGIN)
        if not ignore_extra:
            self.refuse_extra(columns)
        found = [columns[name] for name in self.columns]
        for name, values in zip(self.columns, found, strict=True):
            if not isinstance(values, list):
                raise DataError(f"column {name!r} of {ORIGIN} is {_named(values)}; {_FORMS}")
        lengths = {len(values): name for name, values in zip(self.columns, found, strict=True)}
        if len(lengths) > 1:
            (first, name), (second, other) = list(lengths.items())[:2]
            raise DataError(
                f"column {name!r} of {ORIGIN} has {first:,} values, and {other!r} {second:,}; "
                "expected as many in each"
            )
        if not found[0]:
            raise DataError(f"{ORIGIN} has no rows; {_FORMS}")
        return found


def matrix_rows(document: Any, width: int) -> list[list[Any]]:
    """Return rows of numbers, for a model whose columns have no names.

    Raises:
        DataError: of another form.

    >>> matrix_rows([[0.5, 1]], 2)
    [[0.5, 1]]
    """
    form = f"expected a list of rows, each a list of {width:,} numbers"
    if not isinstance(document, list) or not document:
        raise DataError(f"{ORIGIN} holds {_named(document)}; {form}")
    for at, row in enumerate(document):
        if not isinstance(row, list):
            raise DataError(f"{place(at)} is {_named(row)}; {form}")
        if len(row) != width:
            raise DataError(f"{place(at)} has {len(row):,} values; {form}")
        if not {int, float, bool, type(None)}.issuperset(map(type, row)):
            stray = next(one for one in row if isinstance(one, (str, list, dict)))
            raise DataError(f"{place(at)} holds {_named(stray)}; {form}")
    return document


def _origin(row: int) -> str:
    """Return what messages call a row: of the first, all probably have the same columns."""
    return place(row) if row else ORIGIN


def _named(value: Any) -> str:
    """Return what a value of JSON is, in words."""
    if isinstance(value, (list, dict)) and not value:
        return "an empty list" if isinstance(value, list) else "an empty object"
    names = {list: "a list", dict: "an object", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
