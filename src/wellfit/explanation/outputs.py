"""The outputs of a fitted model that are explained: probabilities of classes, or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from wellfit.core.errors import InputError, UnknownNameError
from wellfit.core.fitted import require_fitted

Floats = NDArray[np.float64]
Scale: TypeAlias = Literal["probability", "logit"]


@dataclass(frozen=True, eq=False)
class ModelOutputs:
    """A fitted model's predictions as columns of numbers, each with a name.

    Attributes:
        model: the fitted model.
        names: of all outputs: the classes, or ``"prediction"``, or ``"output 1"``…
        classes: whether they are probabilities of classes.

    >>> from sklearn.datasets import load_iris
    >>> from wellfit import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> outputs = ModelOutputs.of(MLPClassifier((4,), epochs=2, random_state=0).fit(X, y), X)
    >>> outputs.names, outputs(X).shape, outputs.position(2)
    (('0', '1', '2'), (150, 3), 2)
    """

    model: Any
    names: tuple[str, ...]
    classes: bool

    @classmethod
    def of(cls, model: Any, X: Any) -> ModelOutputs:
        """Return the outputs of a fitted classifier or regressor.

        Args:
            model: with ``predict_proba``, or else ``predict``.
            X: (n_rows, n_columns) rows that it predicts, of which the first is.

        Raises:
            NotFittedError: before ``fit``.
            InputError: no rows, or a classifier without probabilities.
        """
        require_fitted(model)
        if not X.shape[0]:
            raise InputError("X has no rows; expected at least one")
        if not is_classifier(model):
            count = _columns(model.predict(X[:1])).shape[1]
            names = [f"output {number}" for number in range(1, count + 1)]
            return cls(model, ("prediction",) if count == 1 else tuple(names), False)
        if not hasattr(model, "predict_proba"):
            raise InputError(
                f"{type(model).__name__} has no predict_proba; expected a classifier that "
                "predicts probabilities"
            )
        return cls(model, tuple(str(label) for label in np.asarray(model.classes_)), True)

    def __call__(self, X: Any) -> Floats:
        """Return all outputs (n_rows, n_outputs) of some rows."""
        predict = self.model.predict_proba if self.classes else self.model.predict
        return _columns(predict(X))

    @property
    def unit(self) -> str:
        """What the outputs are, for titles."""
        return "probability" if self.classes else "prediction"

    def position(self, target: Any) -> int:
        """Return the position of an output that is asked for.

        Args:
            target: a class; of numbers, the output's name, or its position from 0.

        Raises:
            UnknownNameError: no such class or output; names the nearest.
        """
        if not self.classes and isinstance(target, int) and 0 <= target < len(self.names):
            return target
        if str(target) not in self.names:
            raise UnknownNameError("class" if self.classes else "output", target, self.names)
        return self.names.index(str(target))

    def chosen(self, target: Any) -> list[int]:
        """Return the positions of the outputs that a figure shows.

        Args:
            target: one of them, or None: then of two classes the second, and else all.
        """
        if target is not None:
            return [self.position(target)]
        return [1] if self.classes and len(self.names) == 2 else list(range(len(self.names)))


def titled(unit: str, name: str) -> str:
    """Return what to call an output in a sentence.

    >>> titled("probability", "yes"), titled("prediction", "output 2")
    ('probability of yes', 'output 2')
    >>> titled("prediction", "prediction")
    'prediction'
    """
    return name if unit == "prediction" else f"{unit} of {name}"


def _columns(predictions: Any) -> Floats:
    """Return predictions (n,) or (n, n_outputs) as columns."""
    numbers = np.asarray(predictions, dtype=np.float64)
    return numbers.reshape(len(numbers), -1)
