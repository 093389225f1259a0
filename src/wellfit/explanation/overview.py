"""The explanation of a model as a whole: importance, and the effects of what is important."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.charts import Chart
from wellfit.charts.to_matplotlib import draw
from wellfit.core.errors import InputError
from wellfit.core.words import wrapped
from wellfit.explanation.accumulated import AccumulatedEffects, accumulated_local_effects
from wellfit.explanation.cells import RowsOfCells
from wellfit.explanation.effects import ColumnEffect, PartialDependence, partial_dependence
from wellfit.explanation.html import page_of, picture_of
from wellfit.explanation.importance import PermutationImportance, permutation_importance

_PANEL = 5.4, 4.2


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """How a model's predictions depend on its columns.

    Attributes:
        importance: of all columns; None where no targets were given.
        dependence: by column, the partial dependence.
        accumulated: by column, the accumulated local effects.
    """

    importance: PermutationImportance | None
    dependence: Mapping[str, PartialDependence]
    accumulated: Mapping[str, AccumulatedEffects]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose effects are shown, the most important first."""
        return tuple(self.dependence)

    @property
    def effects(self) -> list[ColumnEffect]:
        """The effects of all columns, both kinds of a column side by side."""
        names = self.dependence
        return [each for name in names for each in (names[name], self.accumulated[name])]

    @property
    def charts(self) -> list[Chart]:
        """The importance, and the effects of each column."""
        first = [] if self.importance is None else [self.importance.chart]
        return [*first, *(effect.chart for effect in self.effects)]

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each column: its importance, and how far its effects range."""
        strengths = pd.DataFrame(
            {
                "column": self.columns,
                "partial dependence": [each.strength for each in self.dependence.values()],
                "accumulated effects": [each.strength for each in self.accumulated.values()],
            }
        )
        if self.importance is None:
            return strengths
        return self.importance.to_frame().merge(strengths, on="column", how="left")

    def plot(self) -> NDArray[Any]:
        """Draw all charts on a new figure of pyplot's; return their Axes."""
        import matplotlib.pyplot as plt

        charts, effects = self.charts, len(self.effects)
        down = len(self.columns) + len(charts) - effects
        figure = plt.figure(figsize=(2 * _PANEL[0], down * _PANEL[1]), layout="constrained")
        grid = figure.add_gridspec(down, 2)
        # The importance has a row for itself, so that both effects of a column share one.
        places = [grid[0, :]] * (len(charts) - effects)
        places += [grid[at // 2 - effects // 2, at % 2] for at in range(effects)]
        panels = [figure.add_subplot(place) for place in places]
        for axes, chart in zip(panels, charts, strict=True):
            draw(chart, axes)
        return np.array(panels, dtype=object)

    def __str__(self) -> str:
        table = self.to_frame().to_string(index=False, na_rep="", float_format="{:.4g}".format)
        return f"{table}\n{wrapped(self.note)}"

    __repr__ = __str__

    @property
    def note(self) -> str:
        """What the numbers are."""
        ranges = "The effects' columns say how far predictions range with a column."
        return ranges if self.importance is None else f"{self.importance.note} {ranges}"

    def _repr_html_(self) -> str:
        """Return charts and table, for a notebook."""
        first = [] if self.importance is None else [self.importance.chart]
        effects = picture_of([effect.chart for effect in self.effects]) if self.effects else ""
        return page_of(first, self.to_frame(), self.note) + effects


def explain(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    columns: Sequence[str] | None = None,
    n_columns: int = 3,
    target: Any = None,
    scoring: Any = None,
    random_state: int = 0,
) -> Explanation:
    """Explain a model: which columns its score depends on, and how its predictions do.

    See :func:`wellfit.explanation.attribute` for what each column adds to single predictions.

    Args:
        model: a fitted classifier or regressor.
        X: (n_rows, n_columns) rows that it hasn't learned from.
        y: (n_rows,) or (n_rows, n_outputs) what is true of them; None for no importance.
        columns: whose effects to show; None for the most important ones that vary.
        n_columns: how many these are.
        target: the class whose probability is shown, or of several outputs the name or the
            position from 0; None for the second of two classes, and else for all.
        scoring: what importance is measured by: see
            :func:`~wellfit.explanation.permutation_importance`.
        random_state: seed of draws and shuffles.

    Returns:
        The importance, and for each column the partial dependence and the accumulated local
        effects.

    Raises:
        NotFittedError: before ``fit``.
        UnknownNameError: no such column, class or scorer; names the nearest.
        InputError: neither targets nor columns.

    >>> from sklearn.datasets import load_diabetes
    >>> import wellfit
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = wellfit.MLPRegressor((16,), epochs=20, random_state=0).fit(X[:300], y[:300])
    >>> found = wellfit.explain(reg, X[300:], y[300:], n_columns=2)
    >>> sorted(found.columns)
    ['bmi', 's5']
    """
    rows = RowsOfCells.of(X, model)
    if y is None and columns is None:
        raise InputError(
            "explain was given neither y nor columns; expected targets to measure the importance "
            "by, or the names of columns"
        )
    importance = None
    for name in columns or ():
        rows.position(name)
    if y is not None:
        importance = permutation_importance(
            model, X, y, scoring=scoring, random_state=random_state
        )
    if columns is None and importance is not None:
        columns = importance.important(n_columns)
    shown = [str(name) for name in columns or ()]
    each: dict[str, Any] = {"target": target, "random_state": random_state}
    return Explanation(
        importance,
        {name: partial_dependence(model, X, name, **each) for name in shown},
        {name: accumulated_local_effects(model, X, name, **each) for name in shown},
    )
