"""What every recipe is handed: data by name, a seed, and a place for its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.datasets import Dataset, load


@dataclass(frozen=True)
class Split:
    """Rows to learn from, to choose by, and to judge by.

    Attributes:
        X, y: to learn from.
        X_val, y_val: to choose by.
        X_test, y_test: to judge by, once.
    """

    X: NDArray[Any]
    y: NDArray[Any]
    X_val: NDArray[Any]
    y_val: NDArray[Any]
    X_test: NDArray[Any]
    y_test: NDArray[Any]

    def only(self, classes: Sequence[Any]) -> Split:
        """Return the rows of some classes."""
        parts = []
        for X, y in ((self.X, self.y), (self.X_val, self.y_val), (self.X_test, self.y_test)):
            mask = np.isin(y, list(classes))
            parts += [X[mask], y[mask]]
        return Split(*parts)

    def first(self, rows: int) -> Split:
        """Return the same with only the first rows to learn from."""
        return replace(self, X=self.X[:rows], y=self.y[:rows])

    def each(self, rows: int, seed: int = 0) -> Split:
        """Return the same with so many rows of each class to learn from, drawn at random."""
        order = np.random.default_rng(seed).permutation(len(self.y))
        kept = [order[self.y[order] == label][:rows] for label in np.unique(self.y)]
        places = np.sort(np.concatenate(kept))
        return replace(self, X=self.X[places], y=self.y[places])


@dataclass(frozen=True)
class RecipeContext:
    """One go at a recipe.

    Attributes:
        data_dir: a folder of data by name; None for the environment's, or a download.
        seed: of everything that is drawn.
        quick: whether to take the short way, where the recipe has one.
        curves: histories of trainings by name, for a picture.
    """

    data_dir: Path | None = None
    seed: int = 0
    quick: bool = False
    curves: dict[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    def mnist(self, validation: int = 5000) -> Split:
        """Return MNIST: the first 55,000 rows, 5,000 to choose by, and the 10,000 of the test.

        The sources' first tutorials cut it so, the validation rows first.
        """
        data = _loaded("mnist", self.data_dir)
        X, y = np.asarray(data.X), np.asarray(data.y)
        rest = slice(validation, None)
        test = np.asarray(data.X_test), np.asarray(data.y_test)
        return Split(X[rest], y[rest], X[:validation], y[:validation], *test)

    def load(self, name: str) -> Dataset:
        """Return any other data."""
        return _loaded(name, self.data_dir)

    def keep(self, name: str, model: Any) -> None:
        """Remember a fitted estimator's learning curves."""
        self.curves[name] = {key: list(values) for key, values in model.history_.items()}


@cache
def _loaded(name: str, data_dir: Path | None) -> Dataset:
    return load(name, data_dir=data_dir)
