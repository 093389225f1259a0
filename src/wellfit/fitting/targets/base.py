"""Targets as users pass them to what the engine learns, and its outputs back to predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.fitting.features import FeatureEncoder, Numbers
from wellfit.nn import Loss


@dataclass(frozen=True, eq=False)
class TargetEncoder(ABC):
    """Turns one kind of targets into what the engine learns, and outputs into predictions.

    A value: what learns returns another encoder. Subclasses are one for each kind of targets.

    Attributes:
        loss: that is lowered, ``"auto"`` resolved.
    """

    loss: Loss

    @classmethod
    @abstractmethod
    def fit(cls, y: ArrayLike, loss: Any = "auto") -> TargetEncoder:
        """Learn the targets' form from all rows.

        Args:
            y: (n_samples,) or (n_samples, n_outputs), as users pass them.
            loss: the estimator's parameter: a name, an object or ``"auto"``.

        Raises:
            DataError: targets that nothing can be learned from.
            HyperparameterError: a loss for another task.
        """

    @abstractmethod
    def with_loss(self, loss: Any) -> Self:
        """Return the encoder with another loss, of the kinds that :meth:`fit` takes."""

    def with_features(self, features: FeatureEncoder, n_inputs: int) -> Self:
        """Return the encoder for rows that ``features`` turns into so many numbers."""
        return self

    def with_scale(self, y: NDArray[Any], rows: NDArray[np.integer]) -> Self:
        """Return the encoder with a scale learned from training rows, where targets have one.

        Args:
            y: all rows' targets, read.
            rows: positions of the training rows.
        """
        return self

    def with_range(self, y: NDArray[Any], rows: NDArray[np.integer]) -> Self:
        """Return the encoder for predictions in the range of more training rows, if it has one."""
        return self

    @property
    def has_scale(self) -> bool:
        """Whether a scale was learned already."""
        return False

    @property
    def rescales(self) -> bool:
        """Whether the network learns targets in other units than they come in."""
        return False

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """How many logits a row has."""

    @property
    def classes(self) -> NDArray[Any] | None:
        """The labels (n_classes,) in the order of their codes; None of numbers."""
        return None

    @abstractmethod
    def read(self, y: ArrayLike, *, warn: bool = True) -> NDArray[Any]:
        """Return targets as an array of the form that was learned, a single column flattened.

        ``warn`` allows the warning that scikit-learn gives of a column where it expects labels.
        """

    @abstractmethod
    def encode(self, y: ArrayLike, x: Numbers) -> NDArray[Any]:
        """Return targets as the engine wants them: codes (n_samples,) or (n_samples, n_outputs).

        Args:
            y: as :meth:`read` returns them.
            x: (n_samples, n_inputs) the encoded rows.
        """

    def strata(self, y: NDArray[Any]) -> NDArray[Any] | None:
        """Return the strata (n_samples,) whose shares a split of the rows keeps, or None."""
        return None

    @abstractmethod
    def decode(self, outputs: NDArray[np.floating]) -> NDArray[Any]:
        """Return the predictions that a network's outputs (n_samples, n_outputs) stand for."""

    @abstractmethod
    def to_document(self) -> dict[str, Any]:
        """Return what was learned as data for JSON; the loss is a parameter's matter."""

    @classmethod
    @abstractmethod
    def from_document(cls, document: Mapping[str, Any], loss: Any) -> TargetEncoder:
        """Rebuild from what :meth:`to_document` returned.

        Raises:
            ModelFileError: it is of another form; names the field.
        """
