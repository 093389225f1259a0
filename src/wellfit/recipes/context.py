"""The context of a recipe: data by name, a seed, and a store for learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit import MLPClassifier
from wellfit.datasets import Dataset, load


@dataclass(frozen=True)
class Split:
    """Training, validation and test sets.

    Attributes:
        X, y: training set.
        X_val, y_val: validation set.
        X_test, y_test: test set.
    """

    X: NDArray[Any]
    y: NDArray[Any]
    X_val: NDArray[Any]
    y_val: NDArray[Any]
    X_test: NDArray[Any]
    y_test: NDArray[Any]

    def only(self, classes: Sequence[Any]) -> Split:
        """Return only the rows of some classes."""
        parts = []
        for X, y in ((self.X, self.y), (self.X_val, self.y_val), (self.X_test, self.y_test)):
            mask = np.isin(y, list(classes))
            parts += [X[mask], y[mask]]
        return Split(*parts)

    def first(self, rows: int) -> Split:
        """Return a split with only the first training rows."""
        return replace(self, X=self.X[:rows], y=self.y[:rows])

    def each(self, rows: int, seed: int = 0) -> Split:
        """Return a split with ``rows`` random training rows of each class."""
        order = np.random.default_rng(seed).permutation(len(self.y))
        kept = [order[self.y[order] == label][:rows] for label in np.unique(self.y)]
        places = np.sort(np.concatenate(kept))
        return replace(self, X=self.X[places], y=self.y[places])


@dataclass(frozen=True)
class RecipeContext:
    """The context of one run of a recipe.

    Attributes:
        data_dir: a folder with named data sets; None for WELLFIT_DATA or a download.
        seed: seed of all random numbers.
        curves: training histories by name, for the figure.
    """

    data_dir: Path | None = None
    seed: int = 0
    curves: dict[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    def mnist(self, validation: int = 5000, *, last: bool = False) -> Split:
        """Return MNIST with 55,000 training, 5,000 validation and 10,000 test rows.

        Args:
            validation: number of validation rows.
            last: whether they are the last of the 60,000, as in Nielsen's ``mnist.pkl.gz``, and
                not the first, as in TensorFlow's tutorials.
        """
        data = _loaded("mnist", self.data_dir)
        X, y = np.asarray(data.X), np.asarray(data.y)
        test = np.asarray(data.X_test), np.asarray(data.y_test)
        split = len(y) - validation if last else validation
        first, rest = slice(split), slice(split, None)
        rows, held = (first, rest) if last else (rest, first)
        return Split(X[rows], y[rows], X[held], y[held], *test)

    def load(self, name: str) -> Dataset:
        """Return another named data set."""
        return _loaded(name, self.data_dir)

    def classifier(self, **params: Any) -> MLPClassifier:
        """Return a classifier with this seed, and without the defaults that no source has.

        It has no early stopping, no average of weights and no embedding of numeric columns,
        unless ``params`` say so: recipes stay what they are where wellfit's defaults change.

        >>> RecipeContext(seed=1).classifier(hidden_layer_sizes=(64,)).ema_decay
        0.0
        """
        plain = {"early_stopping": False, "ema_decay": 0.0, "numeric_embedding": None}
        return MLPClassifier(**{**plain, "random_state": self.seed, **params})

    def keep(self, name: str, model: Any) -> None:
        """Store a fitted estimator's learning curves."""
        self.curves[name] = {key: list(values) for key, values in model.history_.items()}


@cache
def _loaded(name: str, data_dir: Path | None) -> Dataset:
    return load(name, data_dir=data_dir)
