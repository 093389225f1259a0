"""Predictions of rows beside the truth, which all scores are computed from.

Source: Kish, "Survey sampling", 1965, of the number of rows that weighted ones are worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.report.scores.intervals import Floats
from wellfit.report.scores.resampling import Bootstrap


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of some rows, and their true targets.

    Attributes:
        y: (rows,) true labels or values, or (rows, outputs).
        predicted: shaped like ``y``.
        probabilities: (rows, classes) of each class, or of each label; None in a regression.
        classes: (classes,) the class of each column of ``probabilities``.
        weight: (rows,) by which each row counts, at least 0; None where all count alike.
    """

    y: NDArray[Any]
    predicted: NDArray[Any]
    probabilities: Floats | None = None
    classes: Any = ()
    weight: Floats | None = None

    @classmethod
    def of(cls, model: Any, X: Any, y: ArrayLike, weight: Floats | None = None) -> Self:
        """Predict rows by a fitted estimator.

        Args:
            model: a classifier or a regressor.
            X: (rows, columns) the rows.
            y: (rows,) or (rows, outputs) their true targets.
            weight: (rows,) by which each counts; None for all alike.
        """
        truth = np.asarray(y)
        if not hasattr(model, "predict_proba"):
            numbers = np.asarray(model.predict(X), dtype=np.float64)
            return cls(truth.astype(np.float64), numbers, weight=weight)
        chances, classes = np.asarray(model.predict_proba(X), dtype=np.float64), model.classes_
        if truth.ndim > 1:
            return cls(truth, np.asarray(model.predict(X)), chances, classes, weight)
        return cls(truth, np.asarray(classes)[chances.argmax(axis=1)], chances, classes, weight)

    @property
    def task(self) -> str:
        """The kind of targets, as of :mod:`wellfit.fitting.scorer_choice`."""
        several = self.y.ndim > 1
        if self.probabilities is None:
            return "multioutput" if several else "regression"
        if several:
            return "multilabel"
        return "binary" if len(self.classes) == 2 else "multiclass"

    @cached_property
    def bootstrap(self) -> Bootstrap:
        """The resamples of the rows."""
        return Bootstrap(len(self.y), self.weight)

    def sums(self, rows: NDArray[np.bool_]) -> Any:
        """Return the numbers of rows in each column (rows, ...), or the sums of their weights."""
        return rows.sum(axis=0) if self.weight is None else self.weight @ rows

    def proportion(self, hits: NDArray[np.bool_], of: NDArray[np.bool_]) -> tuple[Any, Any]:
        """Return how many of how many rows hit, as intervals of proportions take them.

        Weighted rows are as many as would leave the proportion as uncertain if all counted alike,
        (Σw)² / Σw², Kish's effective sample size.

        Args:
            hits: (rows, ...) those of ``of`` that count.
            of: (rows, ...) the rows.
        """
        if self.weight is None:
            return hits.sum(axis=0), of.sum(axis=0)
        total = self.weight @ of
        shares = np.divide(self.weight @ hits, total, out=np.zeros_like(total), where=total > 0)
        squares = np.square(self.weight) @ of
        rows = np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0)
        return shares * rows, rows

    @cached_property
    def all_classes(self) -> list[Any]:
        """The classes, those that only ``y`` has at the end: in the order of columns."""
        known = np.asarray(self.classes).tolist()
        return [*known, *in_order(set(self.y[positions(self.y, self.classes) < 0].tolist()))]

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        """Which rows are of which class or label (rows, classes); of all classes."""
        if self.y.ndim > 1:
            return np.asarray(self.y) == 1
        return positions(self.y, self.all_classes)[:, None] == np.arange(len(self.all_classes))

    @cached_property
    def assigned(self) -> NDArray[np.bool_]:
        """Which rows are predicted to be of which class or label (rows, classes)."""
        if self.y.ndim > 1:
            return np.asarray(self.predicted) == 1
        places = positions(self.predicted, self.all_classes)
        return places[:, None] == np.arange(len(self.all_classes))

    @property
    def given(self) -> Floats:
        """The probabilities (rows, classes) of a classifier."""
        assert self.probabilities is not None
        return self.probabilities


def confusion(
    y: ArrayLike, predicted: ArrayLike, classes: Sequence[Any]
) -> tuple[list[Any], NDArray[np.int64]]:
    """Compute a confusion matrix.

    Args:
        y: (rows,) the true classes.
        predicted: (rows,) the predicted classes.
        classes: classes of the training set.

    Returns:
        The classes in their order, those that only ``y`` has among them, and the counts (true,
        predicted).

    >>> confusion(["a", "b", "b"], ["a", "a", "b"], ["a", "b"])
    (['a', 'b'], array([[1, 0],
           [1, 1]]))
    """
    every = in_order(Predictions(np.asarray(y), np.asarray(predicted), None, classes).all_classes)
    counts = np.zeros((len(every), len(every)), dtype=np.int64)
    np.add.at(counts, (positions(y, every), positions(predicted, every)), 1)
    return every, counts


def in_order(classes: Iterable[Any]) -> list[Any]:
    """Return classes in the order that people list them in: numbers by value, not by digits.

    >>> in_order([8, 12, 10]), in_order(["b", "a"]), in_order([2, "a"])
    ([8, 10, 12], ['a', 'b'], [2, 'a'])
    """
    several = list(classes)
    try:
        return sorted(several)
    except TypeError:  # of several types
        return sorted(several, key=str)


def weighing(column: str) -> str:
    """Return what counts by the weights of test rows, and what doesn't.

    Args:
        column: the weights.
    """
    return (
        f"Scores and coverage count each row by its weight in {column!r}; the confusion matrix, "
        "residuals, other figures, scorers of each epoch and the verdict count all rows alike."
    )


def positions(labels: ArrayLike, classes: Any) -> NDArray[np.int64]:
    """Return the position of each label among the classes, -1 if it isn't one of them."""
    import pandas as pd

    return np.asarray(pd.Index(np.asarray(classes)).get_indexer(pd.Index(np.asarray(labels))))
