"""Permutation importance: how much a score falls when a column's cells are shuffled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier

from wellfit.charts import Chart, importance_chart
from wellfit.charts.to_matplotlib import draw_on
from wellfit.core.errors import HyperparameterError, InputError
from wellfit.core.fitted import require_fitted
from wellfit.core.metrics import Metric
from wellfit.core.words import percent, pluralize, wrapped
from wellfit.datasets.splitting import take_rows
from wellfit.explanation.cells import RowsOfCells
from wellfit.explanation.html import page_of
from wellfit.explanation.quick_scores import NegativeLogLoss, RSquared
from wellfit.explanation.stored import StoredPredictions
from wellfit.fitting.scoring import precomputable, scorer_name, scorer_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROWS = 2000
_GROUPS = 10  # of the rows, each of which is left out once
_WHOLE = "all"
_QUICK = NegativeLogLoss, RSquared


@dataclass(frozen=True, eq=False, repr=False)
class PermutationImportance:
    """How much a score falls when a column is shuffled, with intervals.

    Attributes:
        columns: (n_columns,) their names.
        means: (n_columns,) how much better the score is without shuffling, over all shuffles.
        low, high: (n_columns,) the bounds of the interval; NaN where it isn't known.
        importances: (n_columns, n_repeats) of each shuffle.
        score: of the rows as they are.
        metric: what is scored, costs turned back into costs.
        level: of the intervals.
        n_rows: how many rows were looked at.
    """

    columns: tuple[str, ...]
    means: Floats
    low: Floats
    high: Floats
    importances: Floats
    score: float
    metric: Metric
    level: float
    n_rows: int

    @property
    def ranking(self) -> tuple[str, ...]:
        """The columns, the most important first."""
        return tuple(self.columns[at] for at in np.argsort(-self.means, kind="stable"))

    def important(self, most: int) -> tuple[str, ...]:
        """Return so many of the most important columns, but for those that change nothing."""
        pairs = zip(self.columns, self.importances, strict=True)
        changed = {name for name, each in pairs if each.any()}
        return tuple(name for name in self.ranking if name in changed)[:most]

    @property
    def chart(self) -> Chart:
        """The twenty most important columns as bars, with their intervals."""
        return self.chart_of(20)

    def chart_of(self, most: int) -> Chart:
        """Return the most important columns as bars, with their intervals."""
        names = self.columns
        return importance_chart(
            dict(zip(names, self.means.tolist(), strict=True)),
            dict(zip(names, (self.high - self.means).tolist(), strict=True)),
            self.metric,
            most,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each column, the most important first."""
        order = np.argsort(-self.means, kind="stable")
        frame = pd.DataFrame(
            {
                "column": self.columns,
                "importance": self.means,
                "low": self.low,
                "high": self.high,
            }
        )
        return frame.iloc[order].reset_index(drop=True)

    def plot(self, ax: Axes | None = None, *, top: int = 20) -> Axes:
        """Draw the most important columns.

        Args:
            ax: where to draw; else on a new figure of pyplot's, which a notebook shows.
            top: columns to draw.
        """
        chart = self.chart_of(top)
        return draw_on(chart, ax, (6.4, 0.32 * len(chart.y.names) + 1.4))

    @property
    def note(self) -> str:
        """What the numbers are."""
        way = "decrease" if self.metric.higher_is_better else "increase"
        return (
            f"Importance is the {way} of the {self.metric.title}, "
            f"{self.metric.format(self.score)} on {pluralize(self.n_rows, 'row')}, when a column "
            f"is shuffled: the mean of {pluralize(self.importances.shape[1], 'shuffle')}, with "
            f"{percent(self.level, 0)} intervals. Columns that go along with others can replace "
            "each other, and each looks unimportant."
        )

    def __str__(self) -> str:
        table = self.to_frame().to_string(index=False, float_format="{:.4g}".format)
        return f"{table}\n{wrapped(self.note)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return chart and table, for a notebook."""
        return page_of([self.chart], self.to_frame(), self.note)


def permutation_importance(
    model: Any,
    X: Any,
    y: Any,
    *,
    scoring: Any = None,
    n_repeats: int = 5,
    level: float = 0.95,
    max_rows: int | None = _ROWS,
    random_state: int = 0,
) -> PermutationImportance:
    """Return how much a score falls when a column's cells are shuffled among the rows.

    scikit-learn shuffles and scores. The intervals are of what other rows of the same kind would
    show: by the delete-a-group jackknife, each tenth of the rows is left out once.

    Args:
        model: a fitted classifier or regressor, any of scikit-learn's kind.
        X: (n_rows, n_columns) rows that it hasn't learned from.
        y: (n_rows,) or (n_rows, n_outputs) what is true of them.
        scoring: a scorer by name, or a function; None for the log loss of classes, the accuracy
            of several labels a row, and R² of numbers.
        n_repeats: how often to shuffle each column, from 1.
        level: of the intervals, in (0, 1).
        max_rows: rows, drawn at random; None for all.
        random_state: seed of draw and shuffles.

    Raises:
        NotFittedError: before ``fit``.
        UnknownNameError: no such scorer; names the nearest.
        InputError: fewer than two rows, or another number of targets.

    Source: Breiman, "Random forests", 2001; the jackknife, Efron and Stein, "The jackknife
    estimate of variance", 1981.

    >>> from sklearn.datasets import load_diabetes
    >>> from wellfit import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = MLPRegressor((16,), epochs=20, random_state=0).fit(X[:300], y[:300])
    >>> importance = permutation_importance(reg, X[300:], y[300:])
    >>> set(importance.ranking[:2]) == {"bmi", "s5"}
    True
    """
    from sklearn.inspection import permutation_importance as shuffled

    require_fitted(model)
    if not 0 < level < 1:
        raise HyperparameterError(f"level is {level!r}; expected a number in (0, 1)")
    table, targets = _some(model, X, y, max_rows, random_state)
    scorer, name = _scorer(model, scoring, targets)
    groups = _groups(len(targets), random_state)
    found = shuffled(
        model,
        table.table,
        targets,
        scoring=_GroupScores(scorer, groups),
        n_repeats=n_repeats,
        random_state=random_state,
    )
    importances = found.pop(_WHOLE).importances
    left_out = np.array([each.importances_mean for each in found.values()])
    half = _half_width(left_out, level)
    means = importances.mean(axis=1)
    metric = Metric.of(name.removeprefix("neg_"))
    score = float(scorer(model, table.table, targets))
    return PermutationImportance(
        columns=table.names,
        means=means,
        low=means - half,
        high=means + half,
        importances=importances,
        score=-score if name.startswith("neg_") else score,
        metric=metric,
        level=level,
        n_rows=len(table),
    )


def _some(
    model: Any, X: Any, y: Any, most: int | None, random_state: int
) -> tuple[RowsOfCells, NDArray[Any]]:
    """Return rows and their targets, or so many drawn at random."""
    table, targets = RowsOfCells.of(X, model), np.asarray(y)
    if len(targets) != len(table):
        raise InputError(
            f"X has {pluralize(len(table), 'row')}, and y {len(targets):,}; expected as many"
        )
    if len(table) < 2:
        raise InputError("X has 1 row; expected at least 2, whose cells can be shuffled")
    if most is not None and len(table) > most:
        drawn = np.random.default_rng(random_state).permutation(len(table))[:most]
        return table.take(np.sort(drawn)), take_rows(targets, np.sort(drawn))
    return table, targets


def _scorer(model: Any, scoring: Any, y: NDArray[Any]) -> tuple[Callable[..., float], str]:
    """Return the scorer, and its name."""
    if scoring is not None:
        return scorer_of(scoring), scorer_name(scoring)
    if not is_classifier(model):
        return RSquared(), "r2"
    known = np.asarray(model.classes_)
    # The log loss responds to changed confidence, which the accuracy misses.
    if y.ndim == 1 and hasattr(model, "predict_proba") and np.isin(y, known).all():
        return NegativeLogLoss(known), "neg_log_loss"
    return scorer_of("accuracy"), "accuracy"


def _groups(n: int, random_state: int) -> list[Ints]:
    """Return the rows that stay when each group of them is left out, of so many."""
    # At random: groups that are alike by design would vary less than other rows do.
    count = min(_GROUPS, n)
    group = np.random.default_rng(random_state).permutation(n) % count
    return [np.flatnonzero(group != each) for each in range(count)]


class _GroupScores:
    """A scorer of all rows, and of the rows without each group: by predictions made once."""

    def __init__(self, scorer: Callable[..., float], groups: list[Ints]) -> None:
        self._scorer, self._groups = scorer, groups
        self._once = isinstance(scorer, _QUICK) or precomputable(scorer)

    def __call__(self, model: Any, X: Any, y: NDArray[Any]) -> dict[str, float]:
        rows: Any = X
        if self._once:
            model, rows = StoredPredictions(model, X), np.arange(len(y))[:, None]
        scores = {_WHOLE: float(self._scorer(model, rows, y))}
        for number, kept in enumerate(self._groups):
            scores[str(number)] = self._score(model, take_rows(rows, kept), y[kept])
        return scores

    def _score(self, model: Any, rows: Any, y: NDArray[Any]) -> float:
        try:
            return float(self._scorer(model, rows, y))
        except ValueError:  # without a group, a class may be gone that the score needs
            return float("nan")


def _half_width(left_out: Floats, level: float) -> Floats:
    """Return half of an interval's width from the importances (groups, n) without each group."""
    from scipy.stats import t

    count = len(left_out)
    variance = (count - 1) * left_out.var(axis=0)
    half: Floats = t.ppf((1 + level) / 2, count - 1) * np.sqrt(variance)
    return half
