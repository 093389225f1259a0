"""Numbers as targets, scaled for training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, NotRequired, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import r2_score

from wellfit.core.errors import DataError, HyperparameterError, ModelFileError
from wellfit.core.schema import Length, conform
from wellfit.fitting.features import Numbers
from wellfit.fitting.losses import resolve_loss
from wellfit.fitting.targets.base import TargetEncoder
from wellfit.nn import Activation, Loss
from wellfit.preprocessing import TargetScaler
from wellfit.preprocessing.documents import ScalerDocument
from wellfit.preprocessing.target_arrays import target_array, target_numbers


class NumberTargetsDocument(ScalerDocument):
    """The scale of :class:`NumberTargets`; ``flat`` where they were (n_samples,).

    ``range`` holds the least and the largest of each, where predictions are kept between them.
    """

    flat: bool
    range: NotRequired[Annotated[list[list[float]], Length(2)]]


@dataclass(frozen=True, eq=False)
class NumberTargets(TargetEncoder):
    """Numbers, one or several a row, scaled for training.

    Attributes:
        n_targets: numbers a row.
        flat: whether they come, and are predicted, as (n_samples,).
        scaler: what scales them; None until :meth:`with_scale`.
        activation: that the network ends in, if it ends in one: see :meth:`with_activation`.
        clips: whether predictions are kept within ``range``.
        range: (2, n_targets) the least and the largest target of the training rows, if it clips.

    >>> y = np.array([10.0, 20.0, 30.0])
    >>> targets = NumberTargets.fit(y).scaled(y)
    >>> targets.encode([20.0], np.zeros((1, 1))), targets.decode(np.zeros((1, 1)))
    (array([[0.]]), array([20.]))
    """

    n_targets: int
    flat: bool
    scaler: TargetScaler | None = None
    activation: Activation | None = None
    clips: bool = False
    range: NDArray[np.float64] | None = None

    @classmethod
    def fit(cls, y: ArrayLike, loss: Any = "auto") -> NumberTargets:
        """Learn how many numbers a row has; see :meth:`TargetEncoder.fit`."""
        own = cls(cls.loss_of(loss), 1, target_array(y).ndim == 1)
        numbers = own.columns(y)
        constant = np.flatnonzero((numbers == numbers[:1]).all(axis=0))
        if len(constant):
            raise DataError(
                f"the target is {numbers[0, constant[0]]:g} in all of n_samples = {len(numbers)} "
                "rows; expected at least two values"
            )
        return replace(own, n_targets=numbers.shape[1])

    @staticmethod
    def loss_of(loss: Any) -> Loss:
        """Return the loss that an estimator's parameter asks for."""
        return resolve_loss(loss, "squared_error", task="regression")

    def with_loss(self, loss: Any) -> Self:
        """Return the encoder with another loss."""
        return replace(self, loss=self.loss_of(loss))

    def with_scale(self, y: NDArray[Any], rows: NDArray[np.integer]) -> Self:
        """Return the encoder with the scale of the training rows' targets."""
        return self.scaled(self.columns(y)[rows])

    def scaled(self, y: NDArray[Any]) -> Self:
        """Return the encoder with the scale of these targets."""
        columns = self.columns(y)
        scaled = replace(self, scaler=TargetScaler(self._scaling).fit(columns))
        return scaled.with_range(columns, np.arange(len(columns)))

    def with_clipping(self, clips: bool) -> Self:
        """Return the encoder whose predictions are, or aren't, kept in the range of the targets.

        Quantiles never are: the outer ones may lie beyond what has been seen.
        """
        return replace(self, clips=clips and self.loss.point_level is None)

    def with_range(self, y: NDArray[Any], rows: NDArray[np.integer]) -> Self:
        """Return the encoder for predictions in the range of more training rows."""
        if not self.clips:
            return replace(self, range=None)
        columns = self.columns(y)[rows]
        known = columns if self.range is None else np.vstack([self.range, columns])
        return replace(self, range=np.stack([known.min(axis=0), known.max(axis=0)]))

    def with_activation(self, activation: Activation | None) -> Self:
        """Return the encoder for a network that ends in an activation.

        Targets of one that is bounded on both sides, such as tanh, are learned as they are; of
        one that is bounded below, such as relu, divided by their mean.

        Raises:
            HyperparameterError: the loss makes something else of what the network puts out.
        """
        z = torch.arange(1.0, 1 + self.n_outputs).view(-1, 1)
        if activation is not None and not torch.equal(self.loss.predict(z), z):
            raise HyperparameterError(
                f"output_activation is {activation.name!r}, and loss {self.loss.name!r} puts a "
                "function of its own behind the output layer; expected output_activation=None, "
                "or another loss"
            )
        return replace(self, activation=activation)

    @property
    def _scaling(self) -> Literal["standard", "robust", "mean", "none"]:
        low, high = self._limits
        if np.isfinite(high):
            return "none"
        return "mean" if np.isfinite(low) else self.loss.scaling

    @property
    def _limits(self) -> tuple[float, float]:
        return (-np.inf, np.inf) if self.activation is None else self.activation.limits

    @property
    def has_scale(self) -> bool:
        """Whether a scale was learned already."""
        return self.scaler is not None

    @property
    def rescales(self) -> bool:
        """Whether the scale is another than that of the targets."""
        scaler = self.scaler
        return scaler is not None and bool(scaler.mean_.any() or (scaler.scale_ != 1).any())

    @property
    def n_outputs(self) -> int:
        """The logits that the loss asks for: several a number, of quantiles."""
        return self.loss.outputs(self.n_targets)

    def columns(self, y: ArrayLike) -> NDArray[np.float64]:
        """Return targets (n_samples, n_targets) as numbers that the loss is defined for."""
        numbers = target_numbers(y)
        columns = numbers.reshape(len(numbers), -1)
        self.loss.check(columns)
        return columns

    def read(self, y: ArrayLike, *, warn: bool = True) -> NDArray[Any]:
        """Return numbers (n_samples,) or (n_samples, n_targets), as in the first training."""
        targets = target_array(y)
        columns = 1 if targets.ndim == 1 else targets.shape[1]
        if columns != self.n_targets:
            raise DataError(
                f"the target has shape {targets.shape}; expected ({len(targets)}, "
                f"{self.n_targets}), as in the first training"
            )
        return targets.reshape(len(targets)) if self.flat else targets.reshape(-1, columns)

    @property
    def scale(self) -> TargetScaler:
        """The scaler that was learned."""
        assert self.scaler is not None, "targets are encoded once their scale is known"
        return self.scaler

    def encode(self, y: ArrayLike, x: Numbers) -> NDArray[Any]:
        """Return scaled numbers (n_samples, n_targets).

        Raises:
            DataError: numbers that the network's last activation can't put out.
        """
        scaled = self.scale.transform(self.columns(y))
        low, high = self._limits
        wrong = np.argwhere((scaled < low) | (scaled > high))
        if len(wrong) and self.activation is not None:
            row, column = wrong[0]
            lowest, highest = (self._units(np.full((1, self.n_outputs), b)) for b in (low, high))
            raise DataError(
                f"the target is {self.columns(y)[row, column]:g} in row {row}, and "
                f"output_activation {self.activation.name!r} puts out numbers from "
                f"{lowest.flat[column]:g} to {highest.flat[column]:g}; expected targets among "
                "them, or output_activation=None"
            )
        return scaled

    def decode(self, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return estimates in the targets' own units, one a target."""
        estimates = self._units(outputs)
        return self._flattened(
            np.clip(estimates, *self.range) if self.range is not None else estimates
        )

    def _units(self, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
        return self.scale.inverse_transform(outputs[:, self.loss.point])

    def quantiles(self, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return each target's quantiles (n_samples, [n_targets,] n_quantiles)."""
        return self._flattened(self.estimates(outputs))

    def estimates(self, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return each target's quantiles (n_samples, n_targets, n_quantiles), rising.

        Where the loss estimates none, they are the predictions (n_samples, n_targets, 1).
        """
        count = len(self.loss.levels())
        if not count:
            return self.decode(outputs).reshape(len(outputs), self.n_targets, 1)
        each = outputs.reshape(len(outputs), self.n_targets, -1)[..., -count:]
        columns = [self.scale.inverse_transform(each[..., q]) for q in range(count)]
        return np.stack(columns, axis=-1)

    def check_quantiles(self) -> None:
        """Refuse a loss that estimates no quantiles.

        Raises:
            HyperparameterError: naming it.
        """
        if not self.loss.levels():
            raise HyperparameterError(
                f"loss is {self.loss.name!r}, which estimates no quantiles; expected 'quantile' "
                "or Quantile(quantiles=(0.1, 0.5, 0.9))"
            )

    def _flattened(self, estimates: NDArray[np.float64]) -> NDArray[np.float64]:
        return estimates[:, 0] if self.flat else estimates

    def score(self, y: NDArray[Any], outputs: NDArray[np.floating]) -> float:
        """Return R²."""
        return float(r2_score(y, self.decode(outputs)))

    def to_document(self) -> dict[str, Any]:
        """Return the scale as data for JSON."""
        document = {**self.scale.to_document(), "flat": self.flat}
        return document if self.range is None else {**document, "range": self.range.tolist()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any], loss: Any) -> NumberTargets:
        """Rebuild from what :meth:`to_document` returned.

        Raises:
            ModelFileError: it is of another form; names the field.
        """
        conform(document, NumberTargetsDocument, "targets")
        scale = {k: value for k, value in document.items() if k not in ("flat", "range")}
        scaler, n_targets = TargetScaler.from_document(scale), len(document["mean"])
        if document["flat"] and n_targets != 1:
            raise ModelFileError(f"targets.flat is True of {n_targets} outputs; expected 1")
        known = cls(cls.loss_of(loss), n_targets, document["flat"], scaler)
        if "range" not in document:
            return known
        low, high = document["range"]
        conform(low, Annotated[list[float], Length(n_targets)], "targets.range[0]")
        conform(high, Annotated[list[float], Length(n_targets)], "targets.range[1]")
        limits = np.array([low, high])
        if not (np.isfinite(limits).all() and (limits[0] <= limits[1]).all()):
            raise ModelFileError(
                "targets.range holds NaN, infinities, or a least number above the largest"
            )
        return replace(known, clips=True, range=limits)
