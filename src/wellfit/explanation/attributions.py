"""Attributions: what each column of a row adds to its prediction, by integrated gradients.

Source: Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier

from wellfit.charts import Chart, attribution_chart
from wellfit.charts.to_matplotlib import draw_on
from wellfit.core.errors import HyperparameterError, InputError
from wellfit.core.extras import import_extra
from wellfit.core.fitted import require_fitted
from wellfit.core.words import pluralize, short, signed, wrapped
from wellfit.explanation.cells import RowsOfCells, texts_of
from wellfit.explanation.html import page_of
from wellfit.explanation.members import networks_of, spread_of
from wellfit.explanation.outputs import Floats, ModelOutputs, Scale, titled
from wellfit.explanation.paths import EncodedPaths
from wellfit.explanation.quadrature import integrate
from wellfit.explanation.understood import understood

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Errors of segments are added up as if all had one sign: the sums are off by a tenth of this.
_TOLERANCE = 1e-4
_NUMBERS = 20_000  # columns times rows of a block, whose segments are held in memory
_SCALES = ("probability", "logit")


@dataclass(frozen=True, eq=False, repr=False)
class Attributions:
    """What each column adds to each row's prediction: baseline + sum = prediction.

    Attributes:
        values: (n_rows, n_columns) what each column adds, in the output's unit.
        columns: (n_columns,) their names.
        baseline: (n_rows,) the output where each path begins.
        prediction: (n_rows,) the output of each row.
        outputs: (n_rows,) the name of the class or output that is explained.
        unit: ``"probability"``, ``"logit"`` or ``"prediction"``.
        rows: the rows' cells.
        understood: (n_rows,) for each row, what the model understands of missing and unseen
            cells, by column.
        baseline_name: what the baseline is, in words.
    """

    values: Floats
    columns: tuple[str, ...]
    baseline: Floats
    prediction: Floats
    outputs: tuple[str, ...]
    unit: str
    rows: RowsOfCells
    understood: tuple[Mapping[str, str], ...]
    baseline_name: str

    def __len__(self) -> int:
        return len(self.values)

    @property
    def sums(self) -> Floats:
        """What the columns of each row add up to (n_rows,)."""
        return np.asarray(self.values.sum(axis=1))

    @property
    def error(self) -> Floats:
        """By how much each row's sum misses the prediction less the baseline (n_rows,)."""
        return self.prediction - self.baseline - self.sums

    @property
    def ranking(self) -> tuple[str, ...]:
        """The columns, what adds most on average over the rows first."""
        order = np.argsort(-np.abs(self.values).mean(axis=0), kind="stable")
        return tuple(self.columns[at] for at in order)

    def to_frame(self) -> pd.DataFrame:
        """Return a line for each row: what is explained, the ends, the sum, and each column.

        Where a column of the table has one of these names, such as ``"sum"``, they are in
        brackets: ``"(sum)"``.
        """
        about = pd.DataFrame(
            {
                "output": self.outputs,
                "prediction": self.prediction,
                "baseline": self.baseline,
                "sum": self.sums,
            }
        )
        if set(about) & set(self.columns):
            about = about.add_prefix("(").add_suffix(")")
        return pd.concat([about, pd.DataFrame(self.values, columns=list(self.columns))], axis=1)

    def row_frame(self, row: int) -> pd.DataFrame:
        """Return the columns of one row with their cells, what adds most first.

        Raises:
            InputError: there is no such row.
        """
        self._check(row)
        order = np.argsort(-np.abs(self.values[row]), kind="stable")
        return pd.DataFrame(
            {
                "column": [self.columns[at] for at in order],
                "value": [self._cells(row)[at] for at in order],
                "attribution": self.values[row][order],
            }
        )

    def chart_of(self, row: int) -> Chart:
        """Return one row's attributions as bars, the largest on top.

        Raises:
            InputError: there is no such row.
        """
        self._check(row)
        named = zip(self.columns, self._cells(row), self.values[row].tolist(), strict=True)
        return attribution_chart(
            {f"{name} = {cell}": value for name, cell, value in named},
            float(self.baseline[row]),
            float(self.prediction[row]),
            self._of(row),
        )

    def plot(self, row: int = 0, ax: Axes | None = None) -> Axes:
        """Draw what each column adds to one row's prediction.

        Args:
            row: its position.
            ax: where to draw; else on a new figure of pyplot's, which a notebook shows.

        Raises:
            InputError: there is no such row.
        """
        chart = self.chart_of(row)
        return draw_on(chart, ax, (6.4, 0.32 * len(chart.y.names) + 1.4))

    def to_shap(self) -> Any:
        """Return the same as an ``Explanation`` of shap, for its plots.

        Raises:
            MissingExtraError: shap isn't installed.
        """
        shap = import_extra("shap", "shap", "to_frame() for the numbers, plot() for a figure")
        data = np.array(pd.DataFrame(self.rows.table), dtype=object)
        return shap.Explanation(self.values, self.baseline, data, feature_names=list(self.columns))

    def text_of(self, row: int) -> str:
        """Return the line that says how one row's prediction adds up."""
        self._check(row)
        return (
            f"{self._of(row)} {short(float(self.prediction[row]), 4)} = baseline "
            f"{short(float(self.baseline[row]), 4)} + sum {signed(float(self.sums[row]), 4)}"
        )

    @property
    def note(self) -> str:
        """What the numbers are."""
        return (
            f"Integrated gradients from the baseline, {self.baseline_name}, to each row, in the "
            "encoded columns; what one column became is added up."
        )

    def __str__(self) -> str:
        return f"{_text(self.to_frame())}\n{wrapped(self.note)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the first row's chart and the table, for a notebook."""
        return page_of([self.chart_of(0)], self.to_frame(), self.note)

    def _of(self, row: int) -> str:
        return titled(self.unit, self.outputs[row])

    def _cells(self, row: int) -> list[str]:
        table = self.rows.table
        cells: Any = table.iloc[row].tolist() if hasattr(table, "iloc") else table[row].tolist()
        return texts_of(cells)

    def _check(self, row: int) -> None:
        if not -len(self) <= row < len(self):
            raise InputError(
                f"row is {row!r}, and there are {pluralize(len(self), 'row')}; expected 0 to "
                f"{len(self) - 1}"
            )


def attribute(
    model: Any, X: Any, *, target: Any = None, scale: Scale = "probability", baseline: Any = None
) -> Attributions:
    """Return what each column adds to the predictions of some rows, by integrated gradients.

    A path leads straight from a baseline to the row, through the space of encoded columns, or of
    what embeddings make of them where those have no derivative (codes, and jumps). Along
    it, the derivative by each column adds up to what the column contributes; all of them add up to
    the row's prediction less the baseline's. The engine's own backward pass gives the derivatives,
    in double precision; paths are cut finer where they bend, until the sum is off by less than
    1e-4 (of regressors, of the target's scale), and usually by a tenth of that.

    What a column is encoded as (columns of 0 and 1, embedded numbers, the mark of missing values)
    is one sum. Networks that a model averages (an ensemble's, a bagging's folds, submodels) go
    along their paths together: what is explained is what the model predicts.

    Args:
        model: a fitted MLPClassifier, MLPRegressor, ensemble, or search of these.
        X: (n_rows, n_columns) the rows.
        target: the class, or of several outputs the name or the position from 0. None for the
            second of two classes, of more the class that each row is predicted as, and the first
            output.
        scale: of classes: ``"probability"``, or ``"logit"`` for log(p / (1 - p)).
        baseline: rows whose mean, encoded, is the baseline, such as the training rows; None for
            zeros: medians, False, none of a category's levels, black pixels.

    Raises:
        NotFittedError: before ``fit``.
        UnknownNameError: no such class or output; names the nearest.
        InputError: a model without networks, or rows that it can't read.

    >>> from sklearn.datasets import load_breast_cancer
    >>> from wellfit import MLPClassifier
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> clf = MLPClassifier((16,), epochs=10, random_state=0).fit(X, y)
    >>> found = attribute(clf, X[:3], baseline=X)
    >>> found.values.shape, bool(abs(found.error).max() < 1e-4)
    ((3, 30), True)
    >>> bool(abs(found.prediction - clf.predict_proba(X[:3])[:, 1]).max() < 1e-5)
    True
    """
    require_fitted(model)
    if scale not in _SCALES:
        raise HyperparameterError(f"scale is {scale!r}; expected 'probability' or 'logit'")
    networks = networks_of(model)
    rows = RowsOfCells.of(X, model)
    start = None if baseline is None else RowsOfCells.of(baseline, model)
    outputs = ModelOutputs.of(model, rows.table)
    if scale == "logit" and not is_classifier(model):
        raise HyperparameterError("scale is 'logit', which is of classes; expected 'probability'")
    positions = _positions(outputs, rows, target)
    parts = []
    size = max(1, _NUMBERS // len(rows.names))
    spread = float(spread_of(model)[positions].min())
    for first in range(0, len(rows), size):
        some = np.arange(first, min(first + size, len(rows)))
        paths = EncodedPaths(
            networks,
            rows.take(some).table,
            None if start is None else start.table,
            positions[some],
            scale,
        )
        parts.append(integrate(paths, len(some), len(rows.names), _TOLERANCE * spread))
    return Attributions(
        values=np.concatenate([part.sums for part in parts]),
        columns=rows.names,
        baseline=np.concatenate([part.first for part in parts]),
        prediction=np.concatenate([part.last for part in parts]),
        outputs=tuple(outputs.names[at] for at in positions),
        unit=scale if outputs.classes else outputs.unit,
        rows=rows,
        understood=tuple(understood(networks[0].network.features, rows)),
        baseline_name=_baseline_name(start),
    )


def _positions(outputs: ModelOutputs, rows: RowsOfCells, target: Any) -> NDArray[np.int64]:
    """Return the position of the output that each row is explained by (n_rows,)."""
    if target is not None or not outputs.classes or len(outputs.names) == 2:
        return np.full(len(rows), outputs.chosen(target)[0])
    return np.asarray(outputs(rows.table).argmax(axis=1), dtype=np.int64)


def _baseline_name(start: RowsOfCells | None) -> str:
    if start is None:
        return "zeros: medians, False, none of a category's levels"
    return "the row given" if len(start) == 1 else f"the mean of {len(start):,} rows"


def _text(frame: pd.DataFrame, most: int = 20) -> str:
    shown = frame.head(most).to_string(float_format="{:.4g}".format, max_cols=12)
    left = len(frame) - most
    return shown + (f"\n… and {left:,} more" if left > 0 else "")
