"""The check for columns that contain the target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.core.hyper import hyper
from wellfit.core.metrics import Metric
from wellfit.core.words import percent
from wellfit.diagnose.alone import Halves, Single
from wellfit.diagnose.base import Check, Finding, Outcome
from wellfit.diagnose.context import SAMPLE, CheckContext
from wellfit.diagnose.formulas import formula_of
from wellfit.diagnose.order import RowOrder
from wellfit.fitting import ClassTargets

_NAMED = 3  # columns that a sentence names
_SCREEN = 500  # rows of a half, by which most columns are seen to be harmless
_HOPE = 0.8  # score there below which a column is not looked at again
_RARE = 200  # rows that each class should have in the sample
_OUTPUTS = 5  # of a target with several
_ENOUGH = 200  # scored rows by which an order of values may fail, and not warn


class LeakingColumns(Check, name="leaking_columns"):
    """A column that predicts the target by itself often leaks it, or is known only after it.

    On half of a sample of rows a tree of 32 leaves is fitted to each column alone (missing values
    are a value of their own); text and categories are read by level, and text that hardly
    repeats also by its common words, its first number and its length. The other half is scored:
    balanced accuracy above chance, or R² (0 is the baseline, 1 is perfect). Numeric targets are
    also compared with each column by correlation, and with the sums, differences, products and
    ratios of two columns.

    A table of one column isn't judged: there is nothing else to predict the target from. Nor is
    the time in whose order the rows stand, where neighbours have targets that are alike: that is
    what ``row_order`` warns of.
    """

    action: ClassVar[str] = "predicted the target from each column alone"
    in_verdict: ClassVar[bool] = True

    warn: float = hyper("score of one column that is suspicious", default=0.96, low=0, high=1)
    fail: float = hyper("score of one column that determines", default=0.985, low=0, high=1)
    sure: float = hyper("lower bound that the score must have", default=0.7, low=0, high=1)
    honest: float = hyper("the same where values are ordered", default=0.9, low=0, high=1)
    most: int = hyper("columns looked at, at random where there are more", default=1000, low=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Name the columns whose score is too good."""
        ids = _drawn(context)
        targets = list(_targets(context, ids))
        if context.table.shape[1] < 2 or len(ids) < 20 or not targets:
            return None
        if context.classifies and 4 * len(np.unique(targets[0].y)) > len(ids):
            return None
        places = np.arange(context.table.shape[1])
        if len(places) > self.most:
            places = np.sort(context.draw("columns").choice(places, self.most, replace=False))
        table = context.excerpt(ids, places)
        numbers = [one.y for one in targets if not one.classifies]
        formula = next(filter(None, (formula_of(table, y) for y in numbers)), "")
        if formula:
            observed = f"{formula} in all of {len(ids):,} rows looked at"
            return self.finding(Outcome.FAIL, observed, _ADVICE, score=1.0)
        found = [(one, _singles(table, one)) for one in targets]
        halves, singles = max(found, key=lambda pair: max(single.score for single in pair[1]))
        return self._found(table, halves, singles, RowOrder().columns(context))

    def _found(
        self,
        table: pd.DataFrame,
        halves: Halves,
        singles: Sequence[Single],
        ordering: Mapping[str, str],
    ) -> Finding | None:
        ranked = sorted(range(len(singles)), key=lambda at: -singles[at].score)
        grades = [self._grade(single, halves) for single in singles]
        for at, name in enumerate(map(str, table.columns)):
            # A number that determines the target is one that the network mustn't have, even where
            # it numbers the rows: of these, data may have been sorted by their target.
            if ordering.get(name) == "date" or (name in ordering and grades[at] != Outcome.FAIL):
                grades[at] = Outcome.PASS
        bad = [at for at in ranked if grades[at] is not Outcome.PASS]
        if not any(single.shown for single in singles):
            return None  # classes are too rare
        if not bad:
            best, name = singles[ranked[0]], table.columns[ranked[0]]
            observed = f"the best single column is {name!r}: {_shown(best, halves.classifies)}"
            return self.finding(Outcome.PASS, observed, score=best.score)
        texts = [
            _column_text(table.iloc[:, at], singles[at], grades[at], halves) for at in bad[:_NAMED]
        ]
        texts += [f"{len(bad) - _NAMED} more"] if len(bad) > _NAMED else []
        outcome = Outcome.FAIL if Outcome.FAIL in grades else Outcome.WARN
        return self.finding(outcome, "; ".join(texts), _ADVICE, score=singles[bad[0]].score)

    def _grade(self, single: Single, halves: Halves) -> Outcome:
        # An honest quantity may separate few rows of easy classes.
        caution = single.ordered and halves.classifies
        if single.score <= self.warn or single.sure <= (self.honest if caution else self.sure):
            return Outcome.PASS
        enough = not caution or single.rows >= _ENOUGH
        return Outcome.FAIL if single.score > self.fail and enough else Outcome.WARN


_ADVICE = (
    "find out how the column is made: if it is computed from the target, or known only after it, "
    "drop it, since new rows won't have it"
)


def _drawn(context: CheckContext) -> NDArray[np.intp]:
    """Return the numbers of some rows, rare classes well among them."""
    order: NDArray[np.intp] = context.draw("alone").permutation(len(context.targets))
    ids = order[:SAMPLE]
    if not context.classifies or len(order) <= SAMPLE:
        return ids
    codes = pd.factorize(context.targets)[0]
    rank = pd.Series(codes[order]).groupby(codes[order]).cumcount().to_numpy()
    more: NDArray[np.intp] = order[SAMPLE:][(rank < _RARE)[SAMPLE:]][:SAMPLE]
    return context.draw("rare").permutation(np.concatenate([ids, more]))


def _targets(context: CheckContext, ids: NDArray[np.intp]) -> Iterator[Halves]:
    """Yield each output of the target, as far as it varies."""
    y = context.targets[ids]
    encoder = context.encoder
    classifies = isinstance(encoder, ClassTargets) and not encoder.labels.soft_
    for output in y.reshape(len(y), -1).T[:_OUTPUTS]:
        values = pd.factorize(output)[0] if classifies else output.astype(np.float64)
        if len(np.unique(values)) > 1:
            yield Halves(values, classifies)


def _singles(table: pd.DataFrame, halves: Halves) -> list[Single]:
    """Return each column's score; by few rows first, since most columns are harmless."""
    few = np.arange(min(len(table), 2 * _SCREEN))  # rows are in random order
    screen = Halves(halves.y[few], halves.classifies)
    found = []
    for place in range(table.shape[1]):
        column = table.iloc[:, place]
        single = screen.single(column.iloc[few])
        again = single.score > _HOPE and len(few) < len(table)
        found.append(halves.single(column) if again else single)
    return found


def _column_text(column: pd.Series[Any], single: Single, grade: Outcome, halves: Halves) -> str:
    """Return what a column by itself achieves, and whether its gaps alone do."""
    what = f"column {column.name!r} alone"
    if halves.missing(column).score > 0.95 * single.score:
        what = f"the presence of a value in column {column.name!r} alone"
    verb = "determines" if grade is Outcome.FAIL else "nearly determines"
    return f"{what} {verb} the target ({_shown(single, halves.classifies)})"


def _shown(single: Single, classifies: bool) -> str:
    """Return a column's score beside the baseline's, on the same rows."""
    if not classifies:
        score = Metric.of("r2").format(single.shown)
        if single.by_ranks:
            return f"squared rank correlation {score} on {single.rows:,} rows"
        return f"R² {score} on {single.rows:,} rows; baseline, the mean: R² 0"
    return (
        f"accuracy {percent(single.shown)} on {single.rows:,} rows; majority-class baseline "
        f"{percent(single.baseline)}"
    )
