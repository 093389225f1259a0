"""What a page is about: all that is known of a run, whatever is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellfit.report.scores import positions

if TYPE_CHECKING:
    import pandas as pd

    from wellfit.datasets.dataset import Dataset

Lines = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Material:
    """All that is known of one run; what isn't there is empty or None, and ``notes`` say why.

    Attributes:
        name: what to call it.
        folder: where it lies.
        config: its settings, as the run folder keeps them.
        metrics: a line for each epoch.
        health: a line for each epoch whose layers were looked at.
        result: how it ended.
        model: the fitted estimator.
        data: what it was trained on, with test rows.
        task: what kind of task the data were taken for.
        candidates: a search's table, the best first.
        notes: what is missing, and why.
    """

    name: str
    folder: str
    config: Mapping[str, Any]
    metrics: Lines = ()
    health: Lines = ()
    result: Mapping[str, Any] | None = None
    model: Any = None
    data: Dataset | None = None
    task: Any = None
    candidates: pd.DataFrame | None = None
    notes: Sequence[str] = ()

    @property
    def is_search(self) -> bool:
        """Whether many candidates were tried."""
        return "search" in self.config

    @property
    def about(self) -> Mapping[str, Any]:
        """What the settings say of the data."""
        return self.config.get("data") or {}

    @property
    def ended(self) -> Mapping[str, Any]:
        """How it ended; nothing where it didn't."""
        return self.result or {}

    @cached_property
    def tested(self) -> Answers | None:
        """The model's answers on the test rows; None where either is missing."""
        if self.model is None or self.data is None or self.data.X_test is None:
            return None
        return Answers.of(self.model, self.data)


@dataclass(frozen=True)
class Answers:
    """A model's answers on the test rows.

    Attributes:
        X: the rows.
        y: (rows,) or (rows, outputs) the truth.
        predicted: shaped like ``y``.
        chances: (rows, classes) probabilities; None in a regression.
        classes: what their columns stand for.
        names: what to call these.
    """

    X: Any
    y: NDArray[Any]
    predicted: NDArray[Any]
    chances: NDArray[np.float64] | None = None
    classes: Sequence[Any] = ()
    names: Sequence[str] = ()

    @classmethod
    def of(cls, model: Any, data: Dataset) -> Answers:
        """Predict the test rows."""
        X, y = data.X_test, np.asarray(data.y_test)
        if not hasattr(model, "predict_proba"):
            return cls(X, y.astype(float), np.asarray(model.predict(X), dtype=float))
        chances = np.asarray(model.predict_proba(X), dtype=float)
        classes = np.asarray(model.classes_).tolist()
        if y.ndim > 1:
            predicted = np.asarray(model.predict(X))
        else:
            predicted = np.asarray(model.classes_)[chances.argmax(axis=1)]
        return cls(X, y, predicted, chances, classes, class_names(classes, data.class_names))

    @property
    def one_class_each(self) -> bool:
        """Whether every row has one class."""
        return self.chances is not None and self.y.ndim == 1

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """Where each row's true class stands among the classes; -1 where it is none of them."""
        return positions(self.y, self.classes)

    @cached_property
    def given(self) -> NDArray[np.float64]:
        """The probability that each row's true class was given."""
        assert self.chances is not None
        given: NDArray[np.float64] = self.chances[np.arange(len(self.y)), self.places]
        given[self.places < 0] = 0
        return given


def class_names(classes: Sequence[Any], named: Sequence[str] | None) -> list[str]:
    """Return what to call classes: ``trouser`` for 1, where the data say so.

    >>> class_names([0, 1], ("shirt", "trouser")), class_names(["no", "yes"], None)
    (['shirt', 'trouser'], ['no', 'yes'])
    """
    if named and all(isinstance(c, int) and 0 <= c < len(named) for c in classes):
        return [named[c] for c in classes]
    return [str(c) for c in classes]
