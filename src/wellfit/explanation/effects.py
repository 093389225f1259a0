"""Effects of a column on predictions: partial dependence with ICE curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.charts import Chart, effect_chart
from wellfit.charts.to_matplotlib import draw_on
from wellfit.core.words import pluralize
from wellfit.explanation.cells import RowsOfCells
from wellfit.explanation.grids import ColumnGrid
from wellfit.explanation.html import page_of
from wellfit.explanation.outputs import ModelOutputs, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_ROWS = 500
_CELLS = 1 << 21  # cells of a table that are predicted at once


@dataclass(frozen=True, eq=False)
class ColumnEffect:
    """The effect of a column on some outputs of a model, by the column's value.

    Attributes:
        column: its name.
        labels: (n,) its values, as text.
        numbers: (n,) its values, where they are numbers; else None.
        values: (n, n_outputs) the effect on each output.
        outputs: their names.
        unit: ``"probability"`` or ``"prediction"``.
        n_rows: how many rows were looked at.
    """

    column: str
    labels: tuple[str, ...]
    numbers: Floats | None
    values: Floats
    outputs: tuple[str, ...]
    unit: str
    n_rows: int

    @property
    def name(self) -> str:
        """The standard name of the effect."""
        raise NotImplementedError

    @property
    def chart(self) -> Chart:
        """The effect, as a chart."""
        raise NotImplementedError

    @property
    def strength(self) -> float:
        """How far the effect ranges, of the output where it ranges farthest."""
        return float(np.ptp(self.values, axis=0).max())

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each of the column's values, a column for each output."""
        cells: Any = self.labels if self.numbers is None else self.numbers
        columns = {self.head(name): each for name, each in self._named()}
        return pd.DataFrame({self.column: cells, **columns})

    def head(self, output: str) -> str:
        """Return what an output's values are, in words."""
        return titled(self.unit, output)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the effect.

        Args:
            ax: where to draw; else on a new figure of pyplot's, which a notebook shows.
        """
        return draw_on(self.chart, ax, (5.6, 4.2))

    def __str__(self) -> str:
        head = f"{self.name} of {self.column}, {pluralize(self.n_rows, 'row')}"
        return f"{head}\n{self.to_frame().to_string(index=False, float_format='{:.4g}'.format)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the chart and the table, for a notebook."""
        return page_of([self.chart], self.to_frame())

    def _named(self) -> list[tuple[str, Floats]]:
        return list(zip(self.outputs, self.values.T, strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class PartialDependence(ColumnEffect):
    """The mean prediction with a column set to each of its values in turn, in all rows.

    Attributes:
        individual: (n_rows, n, n_outputs) each row's predictions: ICE curves.

    Source: Friedman, "Greedy function approximation: a gradient boosting machine", 2001; ICE,
    Goldstein, Kapelner, Bleich and Pitkin, "Peeking inside the black box", 2015.
    """

    individual: Floats

    @property
    def name(self) -> str:
        """The standard name of the effect."""
        return "Partial dependence"

    @property
    def chart(self) -> Chart:
        """The mean, over some rows' own curves where there is one output."""
        return effect_chart(
            self.column,
            self.numbers,
            self.labels,
            dict(self._named()),
            self.unit,
            individual=self.individual[..., 0] if len(self.outputs) == 1 else None,
        )


def partial_dependence(
    model: Any,
    X: Any,
    column: str,
    *,
    target: Any = None,
    n_values: int = 20,
    max_rows: int | None = _ROWS,
    random_state: int = 0,
) -> PartialDependence:
    """Return how predictions depend on a column, all others as they are.

    The column is set to a value in all rows, and the predictions are averaged. That takes values
    and rows together that may never occur together: where columns depend on each other, see
    :func:`accumulated_local_effects`.

    Args:
        model: a fitted classifier or regressor, any of scikit-learn's kind.
        X: (n_rows, n_columns) rows, preferably a test set.
        column: its name; ``"x0"``, ``"x1"``… where columns have none.
        target: the class, or of several outputs the name or the position from 0; None for the
            second of two classes, and else for all.
        n_values: values of the column, at most.
        max_rows: rows, drawn at random; None for all.
        random_state: seed of the draw.

    Returns:
        The mean and each row's own curve.

    Raises:
        NotFittedError: before ``fit``.
        UnknownNameError: no such column or class; names the nearest.
        InputError: a column of one value.

    >>> from sklearn.datasets import load_diabetes
    >>> from wellfit import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = MLPRegressor((16,), epochs=10, random_state=0).fit(X, y)
    >>> effect = partial_dependence(reg, X, "bmi")
    >>> effect.values.shape, effect.individual.shape
    ((19, 1), (442, 19, 1))
    """
    rows = RowsOfCells.of(X, model, max_rows, random_state)
    outputs = ModelOutputs.of(model, rows.table)
    grid, chosen = ColumnGrid.of(rows, column, n_values), outputs.chosen(target)
    curves = predictions_at(outputs, rows, grid)[..., chosen]
    names = tuple(outputs.names[at] for at in chosen)
    return PartialDependence(
        column=str(column),
        labels=grid.labels,
        numbers=grid.numbers,
        values=curves.mean(axis=0),
        outputs=names,
        unit=outputs.unit,
        n_rows=len(rows),
        individual=curves,
    )


def predictions_at(outputs: ModelOutputs, rows: RowsOfCells, grid: ColumnGrid) -> Floats:
    """Return predictions (n_rows, n_values, n_outputs) with a column at each value of a grid."""
    n, each = len(rows), np.arange(len(rows))
    step = max(1, _CELLS // (n * len(rows.names)))
    blocks = []
    for start in range(0, len(grid.places), step):
        places = grid.places[start : start + step]
        # As rows of one table: a call of a model costs much more than a row does.
        stacked = rows.take(np.tile(each, len(places)))
        # Their first block is the rows themselves, so that positions are the same in both.
        found = outputs(stacked.with_cells(grid.column, np.repeat(places, n)).table)
        blocks.append(found.reshape(len(places), n, -1))
    return np.concatenate(blocks).swapaxes(0, 1)
