"""Answers: what a model predicts of rows, as JSON and as csv."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from wellfit.inference.levels import BETWEEN, endings

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class ModelAnswers:
    """What a model predicts of some rows.

    Attributes:
        predictions: (n,) classes or estimates, or (n, n_outputs).
        probabilities: (n, n_classes), of a classifier.
        classes: the labels of a classifier.
        intervals: bounds (n, n_targets, 2) by the level's text.
        sets: which classes are in each row's set (n, n_classes), by the level's text.
        quantiles: estimates (n, n_targets) by the quantile's text.

    >>> bounds = np.array([[[1, 2]], [[2, 3]]])
    >>> found = ModelAnswers(np.array([1.5, 2.5]), intervals={"90": bounds})
    >>> list(found.document())
    ['predictions', 'intervals']
    >>> print(found.part(0, 1).csv(), end="")
    prediction,low_90,high_90
    1.5,1,2
    """

    predictions: Array
    probabilities: Array | None = None
    classes: Array | None = None
    intervals: Mapping[str, Array] = field(default_factory=dict)
    sets: Mapping[str, Array] = field(default_factory=dict)
    quantiles: Mapping[str, Array] = field(default_factory=dict)

    def part(self, start: int, end: int) -> ModelAnswers:
        """Return those of the rows from ``start`` to ``end``."""
        if not start and end == len(self.predictions):
            return self
        chances = None if self.probabilities is None else self.probabilities[start:end]
        spread: dict[str, Any] = {
            name: {level: rows[start:end] for level, rows in getattr(self, name).items()}
            for name in ("intervals", "sets", "quantiles")
        }
        predictions = self.predictions[start:end]
        return replace(self, predictions=predictions, probabilities=chances, **spread)

    def document(self) -> dict[str, Any]:
        """Return what JSON is made of: arrays of numbers, and lists of anything else."""
        found: dict[str, Any] = {"predictions": _plain(self.predictions)}
        if self.probabilities is not None and self.classes is not None:
            found["probabilities"] = _plain(self.probabilities)
            found["classes"] = self.classes.tolist()
        for name in ("intervals", "quantiles"):
            if levels := getattr(self, name):
                found[name] = {level: _plain(_of_one(rows)) for level, rows in levels.items()}
        if self.sets:
            found["sets"] = {level: list(self._labels(rows)) for level, rows in self.sets.items()}
        return found

    def table(self) -> pd.DataFrame:
        """Return the table that ``wellfit predict`` writes."""
        return pd.DataFrame(dict(self._columns()))

    def csv(self) -> str:
        """Return that table as csv."""
        return self.table().to_csv(index=False, lineterminator="\n")

    def _columns(self) -> Iterator[tuple[str, Any]]:
        several = self.predictions.reshape(len(self.predictions), -1)
        for target, ending in endings(several.shape[1]):
            yield f"prediction{ending}", several[:, target]
        if self.probabilities is not None and self.classes is not None:
            for name, column in zip(self.classes.tolist(), self.probabilities.T, strict=True):
                yield f"probability_{name}", column
        for level, rows in self.quantiles.items():
            for target, ending in endings(rows.shape[1]):
                yield f"quantile_{level}{ending}", rows[:, target]
        for level, rows in self.intervals.items():
            for target, ending in endings(rows.shape[1]):
                yield f"low_{level}{ending}", rows[:, target, 0]
                yield f"high_{level}{ending}", rows[:, target, 1]
        for level, rows in self.sets.items():
            yield f"set_{level}", [BETWEEN.join(map(str, each)) for each in self._labels(rows)]

    def _labels(self, sets: Array) -> Iterator[list[Any]]:
        """Yield the labels of each set."""
        assert self.classes is not None
        for each in sets:
            yield self.classes[each].tolist()


def _of_one(rows: Array) -> Array:
    """Return intervals or quantiles (n, n_targets, …) without the axis of the targets if one."""
    return rows[:, 0] if rows.shape[1] == 1 else rows


def _plain(rows: Array) -> Array | list[Any]:
    """Return an array that orjson writes, with as many digits as its precision has; or a list."""
    return np.ascontiguousarray(rows) if rows.dtype.kind in "fiub" else rows.tolist()
