"""The check for what the encoder of features leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from wellfit.core.hyper import hyper
from wellfit.core.words import percent
from wellfit.diagnose.base import Check, Finding, Outcome
from wellfit.diagnose.case import Case
from wellfit.preprocessing import TablePreprocessor
from wellfit.preprocessing.columns import kind_of

_NAMED = 3  # columns that a sentence names
_FREE = 0.9  # share of values that occur once in an identifier, or in free text


class Loss(NamedTuple):
    """What the encoder keeps of a column of text or categories.

    Attributes:
        name: the column's.
        levels: how many it has.
        kept: how many of them the encoder tells apart.
        rows: share of the rows with a value whose level is among the others.
        single: share of the levels that occur once.
    """

    name: str
    levels: int
    kept: int
    rows: float
    single: float

    def __str__(self) -> str:
        """Return the loss as a sentence."""
        what = f"column {self.name!r} has {self.levels:,} levels"
        if self.single > _FREE:
            once = percent(self.single, 0)
            what = f"column {self.name!r} is an identifier or free text ({once} of its "
            what += f"{self.levels:,} values occur once)"
        if not self.kept:
            return f"{what}: the encoder keeps none of them"
        return (
            f"{what}: the encoder keeps {self.kept:,} and merges the other "
            f"{self.levels - self.kept:,} ({percent(self.rows, 0)} of the rows) into one"
        )


class EncodedColumns(Check, name="encoded_columns"):
    """Levels of a category that are rare, or too many, are one to the network.

    A column of text or categories becomes a column of 0 and 1 for each of its most frequent
    levels; the others are merged into one. What is merged can't be learned from: an identifier
    or free text is lost as a whole.
    """

    did: ClassVar[str] = "compared the levels of categories with those that the encoder keeps"
    in_verdict: ClassVar[bool] = True

    most: float = hyper("share of rows in merged levels", default=0.2, low=0, high=1)

    def look(self, case: Case) -> Finding | None:
        """Warn of the columns by name."""
        if case.estimator.preprocess is None or not isinstance(case.table, pd.DataFrame):
            return None
        losses = sorted(encoding_losses(case.columns, self.most), key=lambda one: -one.rows)
        if not losses:
            return self.finding(
                Outcome.PASS, "the encoder keeps nearly all rows' levels", columns=0
            )
        more = [f"{len(losses) - _NAMED} more columns likewise"] if len(losses) > _NAMED else []
        return self.finding(
            Outcome.WARN,
            "; ".join([*map(str, losses[:_NAMED]), *more]),
            "group the levels into fewer, or replace them by numbers that are known of them, such "
            "as a place's coordinates; leave identifiers out",
            columns=len(losses),
            rows=losses[0].rows,
        )


def encoding_losses(table: pd.DataFrame, most: float = 0.2) -> Iterator[Loss]:
    """Yield what is lost of each column in which more than a share ``most`` of the rows is merged.

    Args:
        table: (rows, columns) as the estimator is given it.
        most: share of the rows with a value.

    >>> names = [f"n{i}" for i in range(300)]
    >>> table = pd.DataFrame({"name": names, "town": ["Bern", "Ulm", "Bonn"] * 100})
    >>> print(*encoding_losses(table))
    column 'name' is an identifier or free text (100 % of its 300 values occur once): the encoder
    keeps none of them
    """
    encoder = TablePreprocessor()
    for place in range(table.shape[1]):
        column = table.iloc[:, place]
        if kind_of(column) == "category":
            loss = _loss(column, encoder)
            if loss.rows > most:
                yield loss


def _loss(column: pd.Series[Any], encoder: TablePreprocessor) -> Loss:
    codes = pd.factorize(column)[0]
    counts = np.sort(np.bincount(codes[codes >= 0]))[::-1]
    levels = len(counts)
    kept = int((counts >= encoder.min_frequency).sum())
    if kept < levels or kept > encoder.max_categories:  # as Levels.fit does
        kept = min(kept, encoder.max_categories - 1)
    rows = float(counts[kept:].sum() / max(counts.sum(), 1))
    single = float((counts == 1).mean()) if levels else 0.0
    return Loss(str(column.name), levels, kept, rows, single)
