"""Classes and sets of labels as targets."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight

from wellfit.core.errors import DataError, HyperparameterError, ModelFileError, shown
from wellfit.fitting.features import Numbers
from wellfit.fitting.losses import each_output_alone, resolve_loss
from wellfit.fitting.targets.base import TargetEncoder
from wellfit.nn import Loss
from wellfit.preprocessing import ClassLabels
from wellfit.preprocessing.target_arrays import target_array

_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, eq=False)
class ClassTargets(TargetEncoder):
    """Classes: one label a row, or the probabilities of all classes.

    :meth:`fit` returns :class:`LabelSetTargets` for a matrix of independent labels.

    Attributes:
        labels: the classes and their codes.

    >>> targets = ClassTargets.fit(["no", "yes", "no"])
    >>> targets.n_outputs, targets.encode(["yes", "no"], np.zeros((2, 1)))
    (2, array([1, 0]))
    >>> targets.decode(np.array([[0.2, 0.8]]))
    array(['yes'], dtype='<U3')
    """

    labels: ClassLabels

    @classmethod
    def fit(cls, y: ArrayLike, loss: Any = "auto") -> ClassTargets:
        """Learn the classes from all rows; see :meth:`TargetEncoder.fit`."""
        alone = each_output_alone(loss)
        labels = ClassLabels().fit(y, alone=alone)
        if labels.multilabel_ and alone is None:
            _warn_of_one_hot(y)
        if not labels.multilabel_ and len(labels.classes_) < 2:
            only = labels.classes_.tolist()[0]
            raise DataError(f"the target has one class, {only!r}; expected at least two classes")
        return cls.of(labels, loss)

    @classmethod
    def of(cls, labels: ClassLabels, loss: Any = "auto") -> ClassTargets:
        """Return the encoder of classes that are known."""
        kind = LabelSetTargets if labels.multilabel_ else cls
        return kind(kind.loss_of(loss), labels)

    @staticmethod
    def loss_of(loss: Any) -> Loss:
        """Return the loss that an estimator's parameter asks for."""
        return resolve_loss(loss, "softmax_cross_entropy", task="classification")

    def with_loss(self, loss: Any) -> Self:
        """Return the encoder with another loss."""
        return replace(self, loss=self.loss_of(loss))

    @property
    def n_outputs(self) -> int:
        """The classes; 1 for two classes where the loss takes each output alone."""
        count = len(self.labels.classes_)
        return 1 if self.loss.each_output_alone and count == 2 else count

    @property
    def classes(self) -> NDArray[Any]:
        """The labels (n_classes,), sorted."""
        return self.labels.classes_

    @property
    def multilabel(self) -> bool:
        """Whether a row has a set of labels."""
        return self.labels.multilabel_

    @property
    def one_label(self) -> bool:
        """Whether each row has one label, and no probabilities of several."""
        return not (self.labels.multilabel_ or self.labels.soft_)

    def read(self, y: ArrayLike, *, warn: bool = True) -> NDArray[Any]:
        """Return labels (n_samples,), or a matrix (n_samples, n_classes)."""
        return self.labels.read(y, warn=warn)

    def encode(self, y: ArrayLike, x: Numbers) -> NDArray[Any]:
        """Return codes (n_samples,); a column of 0 and 1 for two classes of one output."""
        encoded = self.labels.encode(y)
        if self.labels.soft_ or self.n_outputs > 1:
            return encoded
        return encoded[:, None].astype(np.float32)

    def with_all_classes(self, y: ArrayLike) -> Self:
        """Return the encoder with the codes of this very ``y`` by heart, for many to ask."""
        return replace(self, labels=self.labels.with_all_classes(y))

    def codes(self, y: ArrayLike) -> NDArray[Any]:
        """Return each row's code, the likeliest one's; of label sets, 0 or 1 for each label."""
        encoded = self.labels.encode(y)
        return encoded.argmax(axis=1) if self.labels.soft_ else encoded

    def strata(self, y: NDArray[Any]) -> NDArray[Any] | None:
        """Return the rows' codes: a split keeps the shares of the classes."""
        return self.codes(y)

    def class_weights(self, y: NDArray[Any], class_weight: Any) -> NDArray[np.float64] | None:
        """Return the weights (n_samples,) that an estimator's ``class_weight`` gives its rows.

        Raises:
            HyperparameterError: neither None, ``"balanced"`` nor a weight for each class.
        """
        if class_weight is None:
            return None
        try:
            weight: NDArray[np.float64] = compute_sample_weight(class_weight, self.labels.hard(y))
        except (ValueError, TypeError) as error:
            raise HyperparameterError(
                f"class_weight is {shown(class_weight)}; expected 'balanced', or a weight "
                f"for each of {self.classes.tolist()[:10]} ({error})"
            ) from error
        return weight

    def probabilities(self, outputs: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return probabilities (n_samples, n_classes), of sum 1 unless labels form sets."""
        return self.labels.probabilities(outputs)

    def log_loss(
        self, encoded: NDArray[Any], outputs: NDArray[np.floating], smoothing: float = 0.0
    ) -> NDArray[np.float64]:
        """Return each row's log loss (n_samples,), the sum over the labels of a set.

        Args:
            encoded: targets as :meth:`encode` returns them.
            outputs: (n_samples, n_outputs) as the loss makes them of logits.
            smoothing: how much of each target is shared by all classes alike.
        """
        p = self.probabilities(outputs).astype(np.float64)
        shares = np.eye(p.shape[1])[encoded] if encoded.ndim == 1 else encoded
        if shares.shape[1] == 1:
            shares = np.hstack([1 - shares, shares])
        if self.multilabel:  # each has two classes: there, or not
            p, shares = np.hstack([1 - p, p]), np.hstack([1 - shares, shares])
        even = 1 / 2 if self.multilabel else 1 / p.shape[1]
        shares = (1 - smoothing) * shares + smoothing * even
        loss: NDArray[np.float64] = -(shares * np.log(np.maximum(p, _TINY))).sum(axis=1)
        return loss

    def label(self, probabilities: NDArray[np.floating]) -> NDArray[Any]:
        """Return the likeliest label (n_samples,); of sets, a row of 0 and 1 for each row."""
        return self.labels.likeliest(probabilities)

    def decode(self, outputs: NDArray[np.floating]) -> NDArray[Any]:
        """Return the likeliest label of each row; of label sets, a row of 0 and 1."""
        return self.label(self.probabilities(outputs))

    def score(self, y: NDArray[Any], outputs: NDArray[np.floating]) -> float:
        """Return the accuracy."""
        return float(accuracy_score(self.labels.hard(y), self.decode(outputs)))

    def to_document(self) -> dict[str, Any]:
        """Return the classes as data for JSON."""
        return self.labels.to_document()

    @classmethod
    def from_document(cls, document: Mapping[str, Any], loss: Any) -> ClassTargets:
        """Rebuild from what :meth:`to_document` returned.

        Raises:
            ModelFileError: it is of another form; names the field.
        """
        labels = ClassLabels.from_document(document)
        least = 1 if labels.multilabel_ else 2
        if len(labels.classes_) < least:
            raise ModelFileError(
                f"targets.classes holds {len(labels.classes_)}; expected {least} at least"
            )
        return cls.of(labels, loss)


class LabelSetTargets(ClassTargets):
    """Sets of labels: a column of 0 and 1, or of probabilities, for each label by itself.

    >>> targets = ClassTargets.fit([[0, 1], [1, 1]])
    >>> targets.n_outputs, targets.decode(np.array([[0.2, 0.8]])).tolist()
    (2, [[0, 1]])
    """

    @staticmethod
    def loss_of(loss: Any) -> Loss:
        """Return the loss that an estimator's parameter asks for."""
        return resolve_loss(loss, "sigmoid_cross_entropy", task="multilabel")

    @property
    def n_outputs(self) -> int:
        """The labels."""
        return len(self.labels.classes_)

    def encode(self, y: ArrayLike, x: Numbers) -> NDArray[Any]:
        """Return (n_samples, n_labels) numbers from 0 to 1."""
        encoded = self.labels.encode(y)
        return encoded if self.labels.soft_ else encoded.astype(np.float32)

    def strata(self, y: NDArray[Any]) -> None:
        """Return None: sets of labels have no shares that a split could keep."""


def _warn_of_one_hot(y: ArrayLike) -> None:
    """Warn of a matrix that may stand for one class a row, where it is read as several labels."""
    flags = target_array(y)
    if (flags.sum(axis=1) == 1).all():
        warnings.warn(
            f"y is a matrix of {flags.shape[1]} columns with a single 1 in every row; it is taken "
            "for several labels a row, each a yes or no by itself. For one class a row, expected "
            "y.argmax(axis=1), or loss='softmax_cross_entropy'",
            UserWarning,
            stacklevel=2,
        )
