"""Accumulated local effects: how predictions change with a column among rows that are like it.

Source: Apley and Zhu, "Visualizing the effects of predictor variables in black box supervised
learning models", 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.charts import Chart, effect_chart
from wellfit.core.errors import InputError
from wellfit.explanation.cells import RowsOfCells
from wellfit.explanation.effects import ColumnEffect
from wellfit.explanation.grids import ColumnGrid, codes_of, ordered_values, quantile_places
from wellfit.explanation.outputs import ModelOutputs
from wellfit.explanation.similarity import similarity_order

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROWS = 2000
_LEVELS = 12


@dataclass(frozen=True, eq=False, repr=False)
class AccumulatedEffects(ColumnEffect):
    """How predictions differ from their mean with a column's value, as its effects add up.

    Attributes:
        mean: (n_outputs,) the mean prediction, which the effect is 0 at.
        counts: (n,) the rows below each value, down to the one before; of categories, that have
            it.
    """

    mean: Floats
    counts: Ints

    @property
    def name(self) -> str:
        """The standard name of the effect."""
        return "Accumulated local effects"

    def head(self, output: str) -> str:
        """Return what an output's values are: differences from the mean prediction."""
        return f"effect on {super().head(output)}"

    @property
    def chart(self) -> Chart:
        """The effect, added to the mean prediction."""
        named = zip(self.outputs, (self.values + self.mean).T, strict=True)
        return effect_chart(
            self.column, self.numbers, self.labels, dict(named), self.unit, accumulated=True
        )


def accumulated_local_effects(
    model: Any,
    X: Any,
    column: str,
    *,
    target: Any = None,
    n_bins: int = 20,
    max_rows: int | None = _ROWS,
    random_state: int = 0,
) -> AccumulatedEffects:
    """Return how predictions change with a column, from each of its values to the next.

    The rows in a bin of values are predicted with the column at the bin's lower end and at its
    upper end; the mean differences add up from bin to bin. So a row is never given a value far
    from its own, as partial dependence gives it, and columns that go along with this one don't
    count as its effect.

    Categories have no order: they are taken in the order in which the other columns of their rows
    are most alike. Rows without a value are left out.

    Args:
        model: a fitted classifier or regressor, any of scikit-learn's kind.
        X: (n_rows, n_columns) rows, preferably a test set.
        column: its name; ``"x0"``, ``"x1"``… where columns have none.
        target: the class, or of several outputs the name or the position from 0; None for the
            second of two classes, and else for all.
        n_bins: bins of the column's values, with as many rows in each.
        max_rows: rows, drawn at random; None for all.
        random_state: seed of the draw.

    Returns:
        The effect at each end of a bin, 0 on average over the rows.

    Raises:
        NotFittedError: before ``fit``.
        UnknownNameError: no such column or class; names the nearest.
        InputError: a column of one value.

    >>> from sklearn.datasets import load_diabetes
    >>> from wellfit import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = MLPRegressor((16,), epochs=10, random_state=0).fit(X, y)
    >>> accumulated_local_effects(reg, X, "bmi", n_bins=10).values.shape
    (11, 1)
    """
    rows = RowsOfCells.of(X, model, max_rows, random_state)
    outputs = ModelOutputs.of(model, rows.table)
    chosen = outputs.chosen(target)
    values = ordered_values(rows, str(column))
    if values is None:
        steps = _of_levels(rows, str(column))
    else:
        steps = _of_bins(rows, str(column), values, n_bins)
    lower, upper, mean = _predicted(outputs, rows, str(column), steps)
    size = len(steps.grid.places)
    change = (upper - lower)[:, chosen]
    count = np.bincount(steps.step, minlength=size - 1)
    sums = np.stack([np.bincount(steps.step, each, size - 1) for each in change.T], axis=1)
    effect = np.vstack([np.zeros(len(chosen)), np.cumsum(sums / count[:, None], axis=0)])
    return AccumulatedEffects(
        column=str(column),
        labels=steps.grid.labels,
        numbers=steps.grid.numbers,
        values=effect - steps.shares @ effect,
        outputs=tuple(outputs.names[at] for at in chosen),
        unit=outputs.unit,
        n_rows=len(rows),
        mean=mean[chosen],
        counts=steps.counts,
    )


@dataclass(frozen=True, eq=False)
class _Steps:
    """Steps from a value of a column to the next, and the rows that each is measured by.

    Attributes:
        grid: (n,) the values.
        row, step: (m,) rows, and the step that each measures, from 0.
        shares: (n,) how much each value counts for the mean.
        counts: (n,) the rows of each.
    """

    grid: ColumnGrid
    row: Ints
    step: Ints
    shares: Floats
    counts: Ints


def _of_bins(rows: RowsOfCells, column: str, values: Floats, n_bins: int) -> _Steps:
    """Return steps over bins of as many rows each, as far as values allow."""
    if n_bins < 1:
        raise InputError(f"n_bins is {n_bins!r}; expected a whole number from 1")
    known = np.flatnonzero(np.isfinite(values))
    if len(np.unique(values[known])) < 2:
        ColumnGrid.of(rows, column, 2)  # says what is wrong
    places = quantile_places(values, np.linspace(0, 1, n_bins + 1))
    # A bin holds its upper end; the first one holds both.
    step = np.searchsorted(values[places][1:-1], values[known], side="left")
    counts = np.bincount(step, minlength=len(places) - 1)
    # The mean of a bin's ends stands for its rows.
    half = counts / (2 * len(known))
    shares = np.concatenate([half, [0]]) + np.concatenate([[0], half])
    grid = ColumnGrid.at(rows, column, places)
    return _Steps(grid, known, step, shares, np.concatenate([[0], counts]))


def _of_levels(rows: RowsOfCells, column: str) -> _Steps:
    """Return steps between categories, the most frequent ones, in the order of likeness."""
    grid = ColumnGrid.of(rows, column, _LEVELS)
    codes = codes_of(rows.column(column))
    place_of = {int(codes[at]): place for place, at in enumerate(grid.places)}
    levels = np.array([place_of.get(int(code), -1) for code in codes])
    order = similarity_order(rows, column, levels, len(grid.places))
    grid = ColumnGrid.at(rows, column, grid.places[order])
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[order], rank[-1] = np.arange(len(order)), -1
    level = rank[levels]
    # Rows on both sides of a step measure it.
    below = np.flatnonzero((level >= 0) & (level < len(order) - 1))
    above = np.flatnonzero(level > 0)
    counts = np.bincount(level[level >= 0], minlength=len(order))
    return _Steps(
        grid,
        np.concatenate([below, above]),
        np.concatenate([level[below], level[above] - 1]),
        counts / counts.sum(),
        counts,
    )


def _predicted(
    outputs: ModelOutputs, rows: RowsOfCells, column: str, steps: _Steps
) -> tuple[Floats, Floats, Floats]:
    """Return predictions at the lower and the upper end of each row's step, and all rows' mean."""
    twice = np.concatenate([steps.row, steps.row])
    ends = np.concatenate([steps.grid.places[steps.step], steps.grid.places[steps.step + 1]])
    # The rows themselves come first, so that positions are the same in both tables.
    everyone = np.arange(len(rows))
    stacked = rows.take(np.concatenate([everyone, twice]))
    found = outputs(stacked.with_cells(column, np.concatenate([everyone, ends])).table)
    itself, lower, upper = np.split(found, [len(rows), len(rows) + len(steps.row)])
    return lower, upper, itself.mean(axis=0)
