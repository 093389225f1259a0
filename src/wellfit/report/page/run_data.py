"""The data of a report: everything known about a run, complete or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wellfit.report.scores import positions

if TYPE_CHECKING:
    import pandas as pd

    from wellfit.datasets.dataset import Dataset

Lines = Sequence[Mapping[str, Any]]
MOST_TOLD = 400e6  # bytes of a table that a report tells about


@dataclass(frozen=True)
class RunData:
    """Everything known about one run; missing parts are empty or None, and ``notes`` say why.

    Attributes:
        name: name of the run.
        folder: path of the run folder.
        config: settings, as in the run folder.
        metrics: a record for each epoch.
        health: a record for each epoch with layer statistics.
        result: result, as in the run folder.
        model: the fitted estimator.
        data: the data set, with its test set.
        test_weights: (rows,) by which the test rows count; None where all count alike.
        task: kind of task.
        candidates: table of a search's candidates, the best first.
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
    test_weights: NDArray[np.float64] | None = None
    task: Any = None
    candidates: pd.DataFrame | None = None
    notes: Sequence[str] = ()

    @property
    def is_search(self) -> bool:
        """Whether the run is a search."""
        return "search" in self.config

    @property
    def about(self) -> Mapping[str, Any]:
        """The description of the data in the settings."""
        return self.config.get("data") or {}

    @property
    def ended(self) -> Mapping[str, Any]:
        """The result; empty if the run is unfinished."""
        return self.result or {}

    @property
    def averages(self) -> bool:
        """Whether several networks were trained side by side: the metrics are their means."""
        return bool((self.config.get("settings") or {}).get("bagging"))

    @cached_property
    def test_predictions(self) -> TestPredictions | None:
        """The model's predictions on the test set; None if either is missing."""
        if self.model is None or self.data is None or self.data.X_test is None:
            return None
        return TestPredictions.of(self.model, self.data)


@dataclass(frozen=True)
class TestPredictions:
    """A model's predictions on the test set.

    Attributes:
        X: (rows, columns) test rows.
        y: (rows,) or (rows, outputs) true labels or values.
        predicted: shaped like ``y``.
        probabilities: (rows, classes) probabilities; None in a regression.
        classes: classes of the columns of ``probabilities``.
        names: names of the classes.
    """

    __test__: ClassVar[bool] = False  # no class of tests, in spite of its name

    X: Any
    y: NDArray[Any]
    predicted: NDArray[Any]
    probabilities: NDArray[np.float64] | None = None
    classes: Sequence[Any] = ()
    names: Sequence[str] = ()

    @classmethod
    def of(cls, model: Any, data: Dataset) -> TestPredictions:
        """Predict the test set."""
        X, y = data.X_test, np.asarray(data.y_test)
        if not hasattr(model, "predict_proba"):
            return cls(X, y.astype(float), np.asarray(model.predict(X), dtype=float))
        probabilities = np.asarray(model.predict_proba(X), dtype=float)
        classes = np.asarray(model.classes_).tolist()
        if y.ndim > 1:
            predicted = np.asarray(model.predict(X))
        else:
            predicted = np.asarray(model.classes_)[probabilities.argmax(axis=1)]
        return cls(X, y, predicted, probabilities, classes, class_names(classes, data.class_names))

    @property
    def one_class_each(self) -> bool:
        """Whether every row has one class."""
        return self.probabilities is not None and self.y.ndim == 1

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The position of each row's true class among the classes; -1 if it isn't one of them."""
        return positions(self.y, self.classes)

    @cached_property
    def true_class_probability(self) -> NDArray[np.float64]:
        """The predicted probability of each row's true class."""
        assert self.probabilities is not None
        chosen: NDArray[np.float64] = self.probabilities[np.arange(len(self.y)), self.places]
        chosen[self.places < 0] = 0
        return chosen


def class_names(classes: Sequence[Any], named: Sequence[str] | None) -> list[str]:
    """Return the names of classes: ``trouser`` for 1, if the data have names.

    >>> class_names([0, 1], ("shirt", "trouser")), class_names(["no", "yes"], None)
    (['shirt', 'trouser'], ['no', 'yes'])
    """
    if named and all(isinstance(c, int) and 0 <= c < len(named) for c in classes):
        return [named[c] for c in classes]
    return [str(c) for c in classes]
