"""Checks of the features, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from wellfit.core.hyper import hyper
from wellfit.diagnose.base import Check, Finding, Outcome, graded
from wellfit.diagnose.case import Case

_LEAVES = 32
_NAMED = 3  # columns that a sentence names


class ConstantColumns(Check, name="constant_columns"):
    """Columns that hold one value in all rows tell nothing.

    Pixels that never change are no illness: the rims of images are like that.
    """

    did: ClassVar[str] = "looked for columns that hold one value in all rows"

    def look(self, case: Case) -> Finding | None:
        """Warn of the columns by name."""
        table = case.columns
        found = [
            str(name) for name, constant in zip(table, _constant(table), strict=True) if constant
        ]
        if not found:
            return self.finding(Outcome.PASS, "every column varies", columns=0)
        if case.pixels:
            told = f"{len(found)} of {table.shape[1]} pixels never change, as rims of images do"
            return self.finding(Outcome.PASS, told, columns=len(found))
        return self.finding(
            Outcome.WARN,
            f"{_listed(found)} the same in all rows",
            "leave these columns out, or see why what should vary doesn't",
            columns=len(found),
        )


class DuplicateColumns(Check, name="duplicate_columns"):
    """Columns that equal another in all rows tell nothing new."""

    did: ClassVar[str] = "looked for columns that equal another in all rows"

    def look(self, case: Case) -> Finding | None:
        """Warn of the second and further ones by name."""
        table = case.columns
        if table.shape[1] < 2 or case.pixels:
            return None
        first: dict[int, Any] = {}
        found = []
        for name, constant in zip(table, _constant(table), strict=True):
            key = int(pd.util.hash_pandas_object(table[name], index=False).to_numpy().sum())
            if not constant and first.setdefault(key, name) != name:
                same = table[name].equals(table[first[key]])
                found += [f"{name} (= {first[key]})"] if same else []
        if not found:
            return self.finding(Outcome.PASS, "no column equals another", columns=0)
        return self.finding(
            Outcome.WARN,
            f"{_listed(found)} another column over again",
            "leave all but one of them out: together they weigh more than they should",
            columns=len(found),
        )


class LeakingColumns(Check, name="leaking_columns"):
    """A column that tells the target all by itself is mostly the target in disguise.

    A decision tree of 32 leaves is grown on each column alone, by half of a sample of rows, and
    judged by the other half: balanced accuracy above chance (0 is chance, 1 is perfect), or R².
    Numbers that go up or down with the target in more than 32 steps show by rank correlation.
    """

    did: ClassVar[str] = "predicted the target from each column alone, by a small tree"

    warn: float = hyper("score of one column that is suspicious", default=0.96, low=0, high=1)
    fail: float = hyper("score of one column that gives it away", default=0.985, low=0, high=1)
    most: int = hyper("columns looked at, at random where there are more", default=1000, low=1)

    def look(self, case: Case) -> Finding | None:
        """Name the columns whose score is too good."""
        ids = case.sample[:1000]
        y = case.targets[ids]
        if y.ndim > 1 or len(ids) < 20 or case.thin:
            return None
        if case.classifies:  # of any type
            y = pd.factorize(y)[0]
        table = case.columns
        places = np.arange(table.shape[1])
        if len(places) > self.most:
            places = np.sort(case.draw("columns").choice(places, self.most, replace=False))
        scores = np.array(
            [_alone(table.iloc[:, int(p)].to_numpy()[ids], y, case.classifies) for p in places]
        )
        best = int(scores.argmax())
        names = [str(table.columns[places[k]]) for k in np.argsort(-scores)]
        name, top = names[0], float(scores[best])
        outcome = graded(top, self.warn, self.fail)
        told = f"the best of {len(places)} columns, {name}, scores {top:.2f} by itself"
        if outcome is not Outcome.PASS:
            told = f"{_listed(names[: int((scores > self.warn).sum())])} enough to tell the target"
        return self.finding(
            outcome,
            f"{told} (0 is chance, 1 is perfect)",
            "see whether the column is known before the target is; if it is made from the target "
            "or comes after it, leave it out",
            score=top,
        )


class Scale(Check, name="scale"):
    """Columns of very different spread make one learning rate too large and too small at once.

    Where the estimator scales its inputs (``preprocess="auto"``) there is nothing to look at.
    """

    did: ClassVar[str] = "compared the columns' ranges, as the network sees them"

    most: float = hyper("spread, or mean over spread, that is too much", default=100.0, low=1)

    def look(self, case: Case) -> Finding | None:
        """Warn of inputs that aren't scaled; fail where it is by far."""
        x: Any = case.prepared.table.x
        if case.estimator.preprocess is not None:
            return None
        sample = x[case.sample]
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
            f"standard deviations go from {spread.min():.2g} to {widest:.2g}",
            'use preprocess="auto", or a StandardScaler before the network',
            smallest=float(spread.min()),
            largest=widest,
        )


def _constant(table: pd.DataFrame) -> NDArray[np.bool_]:
    kinds = {getattr(dtype, "kind", "O") for dtype in table.dtypes}
    if kinds <= set("uifb"):
        values = table.to_numpy()
        return np.asarray((values == values[0]).all(axis=0))
    return np.array([table[name].nunique(dropna=False) < 2 for name in table])


def _alone(column: NDArray[Any], y: NDArray[Any], classifies: bool) -> float:
    """Return how well a column by itself tells the target: 0 is chance, 1 is perfect."""
    numbers = column if column.dtype.kind in "uifb" else pd.factorize(column)[0]
    x, half = np.nan_to_num(numbers.astype(float))[:, None], len(y) // 2
    if (x == x[0]).all():
        return 0.0
    tree = (DecisionTreeClassifier if classifies else DecisionTreeRegressor)(
        max_leaf_nodes=_LEAVES, min_samples_leaf=2, random_state=0
    )
    if not classifies:
        answers = tree.fit(x[:half], y[:half].astype(float)).predict(x[half:])
        told = r2_score(y[half:].astype(float), answers)
        return float(max(0.0, told, spearmanr(x[:, 0], y.astype(float)).statistic ** 2))
    if len(set(y[half:])) < 2:
        return 0.0
    answers = tree.fit(x[:half], y[:half]).predict(x[half:])
    chance = 1 / len(set(y[half:]))
    hits = np.mean([(answers[y[half:] == c] == c).mean() for c in set(y[half:])])
    return float(max(0.0, (hits - chance) / (1 - chance)))


def _listed(names: Sequence[str]) -> str:
    """Return names as the beginning of a sentence.

    >>> _listed(["a"]), _listed(["a", "b"]), _listed(["a", "b", "c", "d", "e"])
    ('a is', 'a, b are', 'a, b, c and 2 more are')
    """
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(str, names[:_NAMED])) + more + (" is" if len(names) == 1 else " are")
