"""The check for categories that the feature encoder merges."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

import pandas as pd

from wellfit.core.hyper import hyper
from wellfit.diagnose.base import Check, Finding, Outcome
from wellfit.diagnose.context import CheckContext
from wellfit.estimators.categories import coded_from
from wellfit.preprocessing import preprocessor_of
from wellfit.preprocessing.merged import merged_levels

_NAMED = 3  # columns that a sentence names
_DATE = re.compile(r"\s*\d{1,4}([./-])\d{1,2}\1\d{1,4}(\D.*)?")  # 29/02/2024, 2/29/24 12:30
_ADVICE = (
    "group the levels into fewer, or replace them by numbers that describe them, such as "
    "coordinates of a place; drop identifiers"
)


class EncodedColumns(Check, name="encoded_columns"):
    """The encoder merges rare levels of a category into one.

    Of text and categories, the encoder tells the frequent levels apart; the others are merged
    into one. The network can't learn from merged levels: an identifier or free text is lost
    entirely.
    """

    action: ClassVar[str] = "compared the levels of categories with those that the encoder keeps"
    in_verdict: ClassVar[bool] = True

    most: float = hyper("share of rows in merged levels", default=0.2, low=0, high=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn of the columns by name."""
        encoder = preprocessor_of(context.estimator.preprocess)
        if encoder is None or not isinstance(context.table, pd.DataFrame):
            return None
        found = merged_levels(context.columns, 0.0, encoder, coded_from(context.estimator))
        merged = sorted(found, key=lambda one: -one.rows)
        losses = [one for one in merged if one.rows > self.most]
        if not losses:
            some = "; ".join(map(str, merged[:_NAMED]))
            return self.finding(
                Outcome.PASS,
                "the encoder keeps the levels of nearly all rows" + (f": {some}" if some else ""),
                columns=0,
            )
        more = [f"{len(losses) - _NAMED} more"] if len(losses) > _NAMED else []
        return self.finding(
            Outcome.WARN,
            "; ".join([*map(str, losses[:_NAMED]), *more]),
            _advice(context.table, [one.name for one in losses]),
            columns=len(losses),
            rows=losses[0].rows,
        )


def _advice(table: pd.DataFrame, names: Iterable[str]) -> str:
    """Return what to do about columns whose levels are merged; dates only have to be rewritten."""
    columns = [(name, table[name]) for name in names if name in table]
    dates = [(name, column) for name, column in columns if _holds_dates(column)]
    if not dates:
        return _ADVICE
    told = ", ".join(f"{name!r} ({column.dropna().iloc[0]!r})" for name, column in dates[:_NAMED])
    advice = f"write dates as 2024-02-29, since others are read as text: {told}"
    return advice if len(dates) == len(columns) else f"{advice}; else {_ADVICE}"


def _holds_dates(column: pd.Series[Any]) -> bool:
    """Say whether all cells look like dates that aren't in ISO 8601's format."""
    cells = column.dropna().astype(str)
    return len(cells) > 0 and all(map(_DATE.fullmatch, cells))
