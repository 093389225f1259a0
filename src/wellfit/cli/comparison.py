"""Accuracy or R² of predictions, accumulated over blocks of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.cli.console import note, screen
from wellfit.core.metrics import Metric
from wellfit.core.words import pluralize


class Comparison:
    """Sums over blocks of rows that give the accuracy or R² of all rows.

    Args:
        target: name of the target.
        classes: the model's classes; None in a regression.

    >>> comparison = Comparison("y", None)
    >>> comparison.add(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    >>> comparison.add(np.array([4.0]), np.array([4.0]))
    >>> round(comparison.r2(), 4)
    0.9464
    """

    def __init__(self, target: str, classes: Any = None) -> None:
        self._target = target
        self._known = None if classes is None else dict.fromkeys(np.asarray(classes).tolist())
        self._rows = self._missing = self._right = self._familiar = 0
        self._mean: Any = 0.0
        self._squares: Any = 0.0  # sum of the target's squared deviations from its mean
        self._errors: Any = 0.0

    def add(self, y: Any, predicted: NDArray[Any]) -> None:
        """Compare a block of rows.

        Args:
            y: (rows,) or (rows, outputs) the target.
            predicted: shaped like ``y``.
        """
        truth = pd.DataFrame(y)
        missing = truth.isna().any(axis=1).to_numpy()
        self._missing += int(missing.sum())
        given = truth.to_numpy(dtype=object)[~missing]
        answers = predicted.reshape(len(predicted), -1)[~missing]
        if not len(given):
            return
        if self._known is None:
            self._add_numbers(given.astype(float), answers.astype(float))
        else:
            self._right += int((given == answers.astype(object)).all(axis=1).sum())
            single = given.shape[1] == 1
            familiar = sum(label in self._known for label in given[:, 0]) if single else len(given)
            self._familiar += familiar
        self._rows += len(given)

    def _add_numbers(self, y: NDArray[np.float64], predicted: NDArray[np.float64]) -> None:
        """Merge a block's mean and sums of squares (Chan, Golub and LeVeque, 1983)."""
        rows, mean = len(y), y.mean(axis=0)
        apart = mean - self._mean
        every = self._rows + rows
        self._squares = (
            self._squares + ((y - mean) ** 2).sum(axis=0) + apart**2 * (self._rows * rows / every)
        )
        self._mean = self._mean + apart * (rows / every)
        self._errors = self._errors + ((y - predicted) ** 2).sum(axis=0)

    def r2(self) -> float:
        """Return R², the mean of all outputs; of a constant target 1 if it is met, else 0."""
        varies = self._squares > 0
        unexplained = np.divide(
            self._errors, self._squares, out=np.ones_like(self._errors), where=varies
        )
        return float(np.where(varies | (self._errors > 0), 1 - unexplained, 1.0).mean())

    def print_notes(self) -> None:
        """Print the score of the predictions, if the target is complete."""
        if self._missing:
            rows = pluralize(self._missing, "row")
            note(
                f"{self._target} is missing or can't be read in {rows}: the predictions are not "
                "scored"
            )
            return
        if self._known is None:
            text = f"R² {Metric.of('r2').format(self.r2(), more=1)}"
        else:
            text = f"accuracy {Metric.of('accuracy').format(self._right / self._rows)}"
        screen(stderr=True).print(f"{text} against {self._target}", soft_wrap=True)
        if self._known is not None and not self._familiar:
            known = ", ".join(map(repr, list(self._known)[:3]))
            note(f"no value of {self._target} is a class of the model, such as {known}")
        elif self._known is not None and self._familiar < self._rows:
            unknown = pluralize(self._rows - self._familiar, "row")
            share = Metric.of("accuracy").format(self._right / self._familiar)
            note(
                f"{unknown} of {self._rows:,} have a class that the model doesn't know; the "
                f"accuracy on the others is {share}"
            )
