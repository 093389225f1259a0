"""The rows themselves as targets, for autoencoders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.core.errors import DataError, HyperparameterError, ModelFileError
from wellfit.core.hyper import resolve
from wellfit.core.parameter import is_auto
from wellfit.fitting.features import FeatureEncoder, Numbers, dense_numbers
from wellfit.fitting.targets.base import TargetEncoder
from wellfit.nn import Loss, SigmoidCrossEntropy, SquaredError


@dataclass(frozen=True, eq=False)
class ReconstructionTargets(TargetEncoder):
    """The numbers of each row, which the network learns to reconstruct.

    ``loss="auto"`` is sigmoid cross-entropy of pixels, each being taken for a probability, and
    the squared error of all else.

    Attributes:
        asked: the loss as the estimator's parameter gives it.
        pixel_max: the value of a pixel that becomes 1; None where rows are no pixels.
        n_inputs: numbers a row.
    """

    asked: Any = "auto"
    pixel_max: int | None = None
    n_inputs: int = 0

    @classmethod
    def fit(cls, y: ArrayLike, loss: Any = "auto") -> ReconstructionTargets:
        """Count the rows: ``y`` (n_samples,) says nothing else.

        Raises:
            DataError: a single row.
        """
        if len(np.asarray(y)) < 2:
            raise DataError("n_samples = 1: expected at least two rows")
        return cls(_loss(loss, pixels=False), loss)

    def with_loss(self, loss: Any) -> Self:
        """Return the encoder with another loss."""
        return replace(self, loss=_loss(loss, self.pixel_max is not None), asked=loss)

    def with_features(self, features: FeatureEncoder, n_inputs: int) -> Self:
        """Return the encoder for rows that ``features`` turns into so many numbers."""
        pixel_max = features.pixel_max if features.kind == "pixels" else None
        own = replace(self, pixel_max=pixel_max, n_inputs=n_inputs)
        return own.with_loss(self.asked)

    @property
    def n_outputs(self) -> int:
        """As many as there are inputs."""
        return self.n_inputs

    def read(self, y: ArrayLike, *, warn: bool = True) -> NDArray[Any]:
        """Return ``y``, which nobody looks at."""
        return np.asarray(y)

    def encode(self, y: ArrayLike, x: Numbers) -> NDArray[Any]:
        """Return the rows as a network sees them, (n_samples, n_inputs).

        Raises:
            DataError: numbers that the loss isn't defined for.
        """
        target = self.numbers(x)
        if not self.loss.each_output_alone:
            self.loss.check(target.astype(np.float64, copy=False))
        elif target.min() < 0 or target.max() > 1:
            raise DataError(
                f"rows hold numbers from {target.min():g} to {target.max():g}, and loss "
                f"{self.loss.name!r} is for numbers from 0 to 1; expected such, or "
                "loss='squared_error'"
            )
        return target

    def numbers(self, x: Numbers) -> NDArray[np.floating]:
        """Return encoded rows as a network sees them: pixels from 0 to 1, zeros written out."""
        return dense_numbers(x, self.pixel_max or 255)

    def decode(self, outputs: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the outputs: they are numbers as the network reads them."""
        return outputs

    def to_document(self) -> dict[str, Any]:
        """Return an empty document: nothing was learned."""
        return {}

    @classmethod
    def from_document(cls, document: Mapping[str, Any], loss: Any) -> ReconstructionTargets:
        """Rebuild from what :meth:`to_document` returned."""
        if document:
            raise ModelFileError("targets holds fields; expected none")
        return cls(_loss(loss, pixels=False), loss)


def _loss(given: Any, pixels: bool) -> Loss:
    if is_auto(given):
        return SigmoidCrossEntropy() if pixels else SquaredError()
    loss = resolve(Loss, given)
    if loss.outputs(2) != 2 or not {"regression", "multilabel"} & set(loss.tasks):
        raise HyperparameterError(
            f"loss is {loss.name!r}, by which rows can't be reconstructed; expected 'auto', "
            "'squared_error', 'sigmoid_cross_entropy' or the like"
        )
    return loss
