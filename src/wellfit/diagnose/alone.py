"""Predictions of a target from one column, by small models that are fitted quickly."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from wellfit.preprocessing.cells import read_numbers
from wellfit.preprocessing.columns import kind_of

_LEAVES = 32
_FEW = 12  # distinct numbers that may be codes of classes
_DIGITS = 10  # the last digit of an identifier may hold a class
_TOKENS = 64  # the commonest letter or digit runs of a text column
_RUNS = re.compile(r"[^\W\d_]+|\d+")
_DATE = re.compile(r"\s*\d{4}-\d\d")
_KNOWN = 0.3  # share of the scored rows whose level was fitted to, for these to be enough
_PRESENT = 20  # rows with a value, for a correlation

Floats = NDArray[np.float64]


class Single(NamedTuple):
    """The score of one column by itself on rows that its model was not fitted to.

    Attributes:
        score: balanced accuracy above chance, or R²: 0 is the baseline, 1 is perfect.
        sure: the score's lower bound: of a 95 % confidence interval for classes, itself for R².
        shown: the accuracy, or R².
        baseline: the same of the commonest class, or of the mean.
        rows: how many were scored; of text and categories those whose level was fitted to.
        ordered: whether it follows from the order of a quantity's values, as with honest columns.
        by_ranks: whether it isn't R² but the squared correlation of ranks, which says how well the
            column sorts the rows, not how near its numbers are to the targets.
    """

    score: float = 0.0
    sure: float = 0.0
    shown: float = 0.0
    baseline: float = 0.0
    rows: int = 0
    ordered: bool = False
    by_ranks: bool = False


class Answers(NamedTuple):
    """Predictions (rows,), the truth (rows,), and whether they follow a quantity's order."""

    predicted: NDArray[Any]
    y: NDArray[Any]
    ordered: bool = False


@dataclass(frozen=True)
class Halves:
    """A target, cut into rows to fit to and rows to score.

    Args:
        y: (rows,) class codes from 0, or numbers.
        classifies: which of the two.
    """

    y: NDArray[Any]
    classifies: bool

    def __post_init__(self) -> None:
        # Neighbours in the target's order go to different halves: both have all classes.
        order = np.argsort(self.y, kind="stable")
        object.__setattr__(self, "fitted", np.sort(order[::2]))
        object.__setattr__(self, "scored", np.sort(order[1::2]))

    fitted: NDArray[np.intp] = None  # type: ignore[assignment]
    scored: NDArray[np.intp] = None  # type: ignore[assignment]

    def single(self, column: pd.Series[Any]) -> Single:
        """Return how well a column (rows,) predicts the target by itself."""
        column = dates_as_meant(column)
        found = (self._judged(*answers) for answers in self._answers(column))
        best = max(found, key=lambda one: one.score, default=Single())
        return best if self.classifies else max(best, self._correlated(column))

    def missing(self, column: pd.Series[Any]) -> Single:
        """Return how well it predicts the target that a column's value is missing."""
        gaps = column.isna().to_numpy()
        return self._judged(*self._by_level(gaps.astype(int))) if gaps.any() else Single()

    def _answers(self, column: pd.Series[Any]) -> Iterator[Answers]:
        """Yield predictions of the scored rows."""
        kind = kind_of(column)
        if kind == "empty":
            return
        if kind == "category":
            codes = pd.factorize(column.astype(str).where(column.notna()))[0]
            yield self._by_level(codes)
            if len(np.unique(codes)) > len(codes) / 5:
                texts = column.astype(object).where(column.notna(), "").map(str)
                yield self._tree(_text_features(texts, self.fitted))
            return
        values = numbers_of(column)
        if np.isnan(values).any():
            yield self._by_level(np.isnan(values).astype(int))
        ranks, distinct = _ranks(values)
        quantity = kind in ("number", "duration") and len(distinct) > _FEW
        yield self._tree(ranks[:, None], quantity)
        if len(distinct) > _LEAVES and (distinct == np.round(distinct)).all():
            yield self._by_level(np.nan_to_num(values % _DIGITS, nan=_DIGITS).astype(int))

    def _tree(self, x: Floats, ordered: bool = False) -> Answers:
        kind: Any = DecisionTreeClassifier if self.classifies else DecisionTreeRegressor
        tree = kind(max_leaf_nodes=_LEAVES, min_samples_leaf=2, random_state=0)
        tree.fit(x[self.fitted], self.y[self.fitted])
        return Answers(tree.predict(x[self.scored]), self.y[self.scored], ordered)

    def _by_level(self, codes: NDArray[np.integer]) -> Answers:
        """Predict the commonest class, or the mean, that a level has in the fitted half."""
        codes, y = codes - codes.min(), self.y[self.fitted]
        own, rows = codes[self.fitted], self.scored
        counts = np.bincount(own, minlength=codes.max() + 1)
        known = counts[codes[rows]] > 0
        if known.mean() > _KNOWN:  # new levels say nothing of what the others do
            rows = rows[known]
        if self.classifies:
            table = np.zeros((len(counts), int(self.y.max()) + 1))
            np.add.at(table, (own, y), 1)
            table += 1e-6 * np.bincount(y, minlength=table.shape[1])  # for levels not seen there
            best = table.argmax(axis=1)
        else:
            sums = np.bincount(own, weights=y, minlength=len(counts))
            best = np.where(counts, sums / np.maximum(counts, 1), y.mean())
        return Answers(best[codes[rows]], self.y[rows])

    def _judged(self, answers: NDArray[Any], y: NDArray[Any], ordered: bool) -> Single:
        if not self.classifies:
            left = float(((y - answers) ** 2).sum() / max(((y - y.mean()) ** 2).sum(), 1e-300))
            return Single(1 - left, 1 - left, 1 - left, 0.0, len(y), ordered)
        counts = np.bincount(y)
        classes = np.flatnonzero(counts >= 3)
        if len(classes) < 2:
            return Single()
        right, chance = answers == y, 1 / len(classes)
        balanced = float(np.mean([right[y == c].mean() for c in classes]))
        # The interval of as many rows as the rarest class would allow if it were the rule.
        rows = int(min(len(y), len(classes) * counts[classes].min()))
        low = float(binomtest(round(balanced * rows), rows).proportion_ci(method="wilson").low)
        score, sure = (max(0.0, (value - chance) / (1 - chance)) for value in (balanced, low))
        return Single(
            score, sure, float(right.mean()), float(counts.max() / len(y)), len(y), ordered
        )

    def _correlated(self, column: pd.Series[Any]) -> Single:
        """Return the larger squared correlation with the target, of the values or their ranks."""
        if kind_of(column) == "category":
            return Single()
        x = numbers_of(column)
        there = np.isfinite(x)
        x, y = x[there], self.y[there]
        if there.sum() < max(_PRESENT, 0.3 * len(there)) or np.ptp(x) == 0 or np.ptp(y) == 0:
            return Single()
        ranks = np.corrcoef(pd.Series(x).rank(), pd.Series(y).rank())[0, 1] ** 2
        plain = np.corrcoef((x - x.mean()) / np.ptp(x), y)[0, 1] ** 2
        best = float(max(ranks, plain))
        return Single(best, best, best, 0.0, len(y), by_ranks=bool(ranks > plain))


def numbers_of(column: pd.Series[Any]) -> Floats:
    """Return a column as numbers; infinity, which training refuses, is missing here."""
    values = read_numbers(column, kind_of(column), str(column.name))
    return np.where(np.isfinite(values), values, np.nan)


def _ranks(values: Floats) -> tuple[Floats, Floats]:
    """Return values' ranks, which float32 trees tell apart, and the distinct values."""
    codes, distinct = pd.factorize(values, sort=True)
    return np.where(codes < 0, np.nan, codes.astype(np.float64)), np.asarray(distinct)


def dates_as_meant(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of text as dates if all of its cells are ISO 8601 dates."""
    there = column.notna().to_numpy()
    first = column.iloc[int(there.argmax())] if there.any() else None
    if not isinstance(first, str) or not _DATE.match(first):
        return column
    dates: pd.Series[Any] = pd.to_datetime(column, format="ISO8601", errors="coerce", utc=True)
    return column if (dates.isna() & column.notna()).any() else dates


def _text_features(column: pd.Series[Any], fitted: NDArray[np.intp]) -> Floats:
    """Return which common runs of letters or digits a text has, its first number, its length."""
    runs = [_RUNS.findall(cell.lower()) for cell in column]
    counts = Counter(run for at in fitted for run in set(runs[at]))
    common = [run for run, count in counts.most_common(_TOKENS) if count > 1]
    there = [[run in found for run in common] for found in map(set, runs)]
    first = [next((float(run) for run in found if run.isdecimal()), np.nan) for found in runs]
    ranks, _ = _ranks(np.array(first))
    flags = np.array(there, dtype=np.float64).reshape(len(runs), -1)
    return np.column_stack([flags, ranks, column.str.len()])
