"""Coverage: the share of rows whose target a calibrated model's intervals or sets hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from wellfit.charts import Chart, coverage_chart
from wellfit.core.errors import InputError
from wellfit.estimators.conformal import intervals_at, levels_of, sets_at
from wellfit.report.scores import positions
from wellfit.report.scores.intervals import wilson


@dataclass(frozen=True, eq=False)
class Coverage:
    """What intervals or sets of several levels hold.

    Attributes:
        levels: that the model has calibration rows for, of those that a report looks at.
        each: of each level the intervals (rows, outputs, 2), or the sets (rows, classes).
        shares: of each level the share of targets that are held.
        rows: how many rows were looked at.
        of: ``"intervals"`` or ``"sets"``.
        weight: (rows,) by which each counts in shares and sizes; None where all count alike.

    Of several targets, a share is of all of them, and its confidence interval as wide as that of
    one: the targets of a row may be held together.
    """

    levels: list[float]
    each: list[NDArray[Any]]
    shares: list[float]
    rows: int
    of: str
    weight: NDArray[np.float64] | None = None

    @classmethod
    def of_intervals(
        cls, model: Any, X: Any, y: NDArray[Any], weight: NDArray[np.float64] | None = None
    ) -> Coverage:
        """Look at a regressor's intervals.

        Args:
            model: the fitted regressor.
            X: (rows, columns) rows that it hasn't learned from.
            y: (rows,) or (rows, outputs) their targets.
            weight: (rows,) by which each counts; None for all alike.

        >>> from sklearn.datasets import load_diabetes
        >>> from wellfit import MLPRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = MLPRegressor((16,), conformal="split", random_state=0).fit(X[:300], y[:300])
        >>> Coverage.of_intervals(reg, X[300:], y[300:]).levels
        [0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
        """
        levels, truth = levels_of(model), y.reshape(len(y), -1)
        each = [one.reshape(*truth.shape, 2) for one in intervals_at(model, X, levels)]
        held = [((one[..., 0] <= truth) & (truth <= one[..., 1])).mean(axis=1) for one in each]
        shares = [float(np.average(rows, weights=weight)) for rows in held]
        return cls(levels, each, shares, len(y), "intervals", weight)

    @classmethod
    def of_sets(
        cls,
        model: Any,
        X: Any,
        places: NDArray[np.integer],
        weight: NDArray[np.float64] | None = None,
    ) -> Coverage:
        """Look at a classifier's sets.

        Args:
            model: the fitted classifier.
            X: (rows, columns) rows that it hasn't learned from.
            places: (rows,) the positions of their classes; -1 of a class that the model
                doesn't know.
            weight: (rows,) by which each counts; None for all alike.
        """
        levels, everyone = levels_of(model), np.arange(len(places))
        each = sets_at(model, X, levels)
        held = [sets[everyone, places] & (places >= 0) for sets in each]
        shares = [float(np.average(rows, weights=weight)) for rows in held]
        return cls(levels, [*each], shares, len(places), "sets", weight)

    @classmethod
    def of_model(
        cls, model: Any, X: Any, y: Any, weight: NDArray[np.float64] | None = None
    ) -> Coverage:
        """Look at a model's intervals or sets, whichever it predicts.

        Raises:
            InputError: it isn't calibrated, or has too few calibration rows for any level.
        """
        if not levels_of(model):
            raise InputError(
                f"this {type(model).__name__} isn't calibrated by enough rows; expected "
                "conformal='split' before fit, or conformalize(X, y)"
            )
        if not is_classifier(model):
            return cls.of_intervals(model, X, np.asarray(y, dtype=np.float64), weight)
        places = positions(np.asarray(y), model.classes_.tolist())
        return cls.of_sets(model, X, places, weight)

    @property
    def sizes(self) -> list[list[float]]:
        """Of each level the mean width of each target's intervals, or the mean classes of sets."""
        if self.of == "sets":
            sizes = [sets.sum(axis=1, keepdims=True) for sets in self.each]
        else:
            sizes = [np.diff(each, axis=-1)[..., 0] for each in self.each]
        return [np.average(each, axis=0, weights=self.weight).tolist() for each in sizes]

    @property
    def effective_rows(self) -> float:
        """The number of rows that, all counting alike, would leave the shares as uncertain."""
        if self.weight is None:
            return float(self.rows)
        return float(self.weight.sum() ** 2 / np.square(self.weight).sum())

    def plain(self) -> dict[str, Any]:
        """Return the document that a run folder stores, with 95 % intervals of the shares."""
        levels = []
        for level, share, size in zip(self.levels, self.shares, self.sizes, strict=True):
            low, high, _ = wilson(share * self.effective_rows, self.effective_rows)
            levels.append({"level": level, "share": share, "low": low, "high": high, "size": size})
        return {"of": self.of, "rows": self.rows, "levels": levels}

    @property
    def chart(self) -> Chart:
        """The shares by level."""
        return coverage_chart(self.levels, self.shares, self.rows, self.of, self.effective_rows)
