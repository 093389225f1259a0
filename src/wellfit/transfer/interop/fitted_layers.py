"""Layers with their parameters: the form that every format is converted from and to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from wellfit.core.errors import InputError
from wellfit.core.hyper import resolve
from wellfit.inference.learned import scale_and_shift
from wellfit.nn import (
    Activate,
    Activation,
    BatchNorm,
    CategoricalEmbedding,
    Identity,
    Layer,
    Linear,
    Network,
    NumericEmbedding,
    PReLU,
)
from wellfit.training import Weights

Array = NDArray[np.float64]


def _nothing() -> Array:
    return np.zeros((0, 0))


@dataclass(frozen=True)
class FittedLayer:
    """A layer, and what it has learned.

    Attributes:
        layer: its description.
        parameters: (rows, columns) as the layer lays them out: weights with the bias as the last
            row, batch norm's scales and shifts, PReLU's slopes.
        statistics: (rows, columns): batch norm's running means and variances, the edges of a
            piecewise linear embedding.
        inputs: how many numbers it reads, where its own numbers don't show that; or 0.

    >>> FittedLayer.linear([[1.0, 2.0]], [0.5, 0.5]).parameters
    array([[1. , 2. ],
           [0.5, 0.5]])
    """

    layer: Layer
    parameters: Array = field(default_factory=_nothing)
    statistics: Array = field(default_factory=_nothing)
    inputs: int = 0

    @classmethod
    def linear(cls, weights: ArrayLike, bias: ArrayLike | None = None) -> Self:
        """Return a linear layer.

        Args:
            weights: (inputs, units).
            bias: (units,); None for zeros.

        Raises:
            InputError: shapes that don't fit each other.
        """
        matrix = _numbers(weights, "weights", 2)
        row = np.zeros(matrix.shape[1]) if bias is None else _numbers(bias, "bias", 1)
        if len(row) != matrix.shape[1]:
            raise InputError(
                f"a linear layer has weights of shape {matrix.shape} and a bias of shape "
                f"{row.shape}; expected a bias of shape ({matrix.shape[1]},)"
            )
        return cls(Linear(matrix.shape[1]), np.vstack([matrix, row]))

    @classmethod
    def batch_norm(
        cls,
        mean: ArrayLike,
        variance: ArrayLike,
        gamma: ArrayLike | None = None,
        beta: ArrayLike | None = None,
        *,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
    ) -> Self:
        """Return a batch norm, y = gamma (x - mean) / √(variance + epsilon) + beta.

        Args:
            mean: (units,) the running means.
            variance: (units,) the running variances.
            gamma: (units,) scales; None for ones.
            beta: (units,) shifts; None for zeros.
            epsilon: added to the variance, above 0.
            momentum: the share of the running statistics kept at a step of training.

        Raises:
            InputError: shapes that don't fit each other.
        """
        middle = _numbers(mean, "mean", 1)
        ones, zeros = np.ones_like(middle), np.zeros_like(middle)
        given = {
            "mean": middle,
            "variance": _numbers(variance, "variance", 1),
            "gamma": ones if gamma is None else _numbers(gamma, "gamma", 1),
            "beta": zeros if beta is None else _numbers(beta, "beta", 1),
        }
        if len({len(row) for row in given.values()}) > 1:
            shapes = ", ".join(f"{key} {row.shape}" for key, row in given.items())
            raise InputError(f"a batch norm has shapes that don't fit: {shapes}")
        return cls(
            BatchNorm(momentum, epsilon),
            np.stack([given["gamma"], given["beta"]]),
            np.stack([middle, given["variance"]]),
        )

    @classmethod
    def scaling(cls, scale: Array, shift: Array) -> Self:
        """Return x · scale + shift, units (n,), as a batch norm."""
        epsilon = BatchNorm().epsilon
        ones = np.ones_like(scale)
        return cls.batch_norm(0 * ones, ones - epsilon, scale, shift, epsilon=epsilon)

    @classmethod
    def activation(cls, function: str | Activation, slopes: ArrayLike | None = None) -> Self:
        """Return an activation, by name or as an object; PReLU's with its slopes (units,)."""
        layer = Activate(resolve(Activation, function))
        return cls(layer) if slopes is None else cls(layer, _numbers(slopes, "slopes", 1)[None])

    def affine(self) -> tuple[Array, Array]:
        """Return a batch norm as a scale and a shift of each unit, (units,) each."""
        assert isinstance(self.layer, BatchNorm)
        return scale_and_shift(self.parameters, self.statistics, self.layer.epsilon)

    @property
    def weights(self) -> Array:
        """A linear layer's weights (inputs, units)."""
        return self.parameters[:-1]

    @property
    def bias(self) -> Array:
        """A linear layer's bias (units,)."""
        return self.parameters[-1]


def _numbers(given: ArrayLike, what: str, axes: int) -> Array:
    array = np.array(given, dtype=np.float64)
    if array.ndim != axes:
        raise InputError(f"{what} has shape {array.shape}; expected {axes} axes")
    return array


def layers_of(weights: Weights) -> list[FittedLayer]:
    """Return the layers of the first of some networks."""
    own, k = weights.networks[0], weights.members
    learned = weights.network.parameters.views(weights.parameters, k)
    tracked = weights.network.statistics.views(weights.statistics, k)
    return [
        FittedLayer(
            layer, p[0].double().cpu().numpy().copy(), s[0].double().cpu().numpy().copy(), width
        )
        for layer, p, s, width in zip(own.layers, learned, tracked, own.widths, strict=False)
    ]


def weights_of(parts: Sequence[FittedLayer], dtype: torch.dtype = torch.float64) -> Weights:
    """Return layers as the weights of one network, which ends in a linear layer.

    Raises:
        InputError: nothing that has weights, or a layer that doesn't fit the one below it.
    """
    whole = checked(parts)
    network = Network(inputs_of(whole), tuple(part.layer for part in whole))
    learned = network.parameters.join([[torch.tensor(part.parameters) for part in whole]])
    tracked = network.statistics.join([[torch.tensor(part.statistics) for part in whole]])
    return Weights(network, 1, learned.to(dtype), tracked.to(dtype), {})


def at_work(parts: Iterable[FittedLayer]) -> list[FittedLayer]:
    """Return the parts without those that do nothing when predicting."""
    return [part for part in parts if not part.layer.training_only and not _is_identity(part)]


def simplified(parts: Iterable[FittedLayer]) -> list[FittedLayer]:
    """Return the same function with batch norms folded into the linear layers next to them.

    Linear layers that follow one another become one. What is left of batch norms stands between
    two activations.

    >>> norm = FittedLayer.batch_norm([1.0], [4.0], [2.0], [0.0], epsilon=1e-12)
    >>> simplified([norm, FittedLayer.linear([[3.0]])])[0].parameters.round(6)
    array([[ 3.],
           [-3.]])
    """
    done: list[FittedLayer] = []
    for part in at_work(parts):
        merged = _merged(done[-1], part) if done else None
        if merged is None:
            done.append(part)
        else:
            done[-1] = merged
    return done


def _merged(below: FittedLayer, above: FittedLayer) -> FittedLayer | None:
    """Return two neighbours as one, or None where a function stands between."""
    match below.layer, above.layer:
        case Linear(), BatchNorm():
            scale, shift = above.affine()
            return FittedLayer.linear(below.weights * scale, below.bias * scale + shift)
        case BatchNorm(), Linear():
            scale, shift = below.affine()
            return FittedLayer.linear(
                scale[:, None] * above.weights, shift @ above.weights + above.bias
            )
        case Linear(), Linear():
            return FittedLayer.linear(
                below.weights @ above.weights, below.bias @ above.weights + above.bias
            )
        case BatchNorm(), BatchNorm():
            (scale, shift), (outer, last) = below.affine(), above.affine()
            return FittedLayer.scaling(scale * outer, shift * outer + last)
    return None


def _is_identity(part: FittedLayer) -> bool:
    return isinstance(part.layer, Activate) and isinstance(part.layer.activation, Identity)


def checked(parts: Sequence[FittedLayer]) -> list[FittedLayer]:
    """Return parts, their widths checked, PReLU's slopes filled in, and a linear layer last.

    Raises:
        InputError: nothing that has weights, or a layer that doesn't fit the one below it.
    """
    if not any(isinstance(part.layer, Linear) for part in parts):
        raise InputError("the network has no linear layer; expected at least one")
    done, width = [], inputs_of(parts)
    for number, given in enumerate(parts):
        part = _filled(given, width)
        wanted = part.layer.parameters(width)
        if part.parameters.shape != (wanted.rows, wanted.columns):
            raise InputError(
                f"layer {number} ({part.layer.name}) has numbers of shape "
                f"{part.parameters.shape}; the {width} units below it ask for "
                f"({wanted.rows}, {wanted.columns})"
            )
        done.append(part)
        width = part.layer.width(width)
    if not isinstance(done[-1].layer, Linear):
        done.append(FittedLayer.linear(np.eye(width)))
    return done


def _filled(part: FittedLayer, width: int) -> FittedLayer:
    """Return an activation with slopes for each unit, where it has one for all or none."""
    layer = part.layer
    if not isinstance(layer, Activate) or not isinstance(layer.activation, PReLU):
        return part
    if not part.parameters.size:
        return replace(part, parameters=layer.activation.initial_parameters(width).numpy())
    alike = np.repeat(part.parameters, width, axis=1) if part.parameters.size == 1 else None
    return part if alike is None else replace(part, parameters=alike)


def inputs_of(parts: Sequence[FittedLayer]) -> int:
    """Return how many numbers a row has: what the first layer that knows expects."""
    for part in parts:
        if isinstance(part.layer, NumericEmbedding | CategoricalEmbedding) and part.inputs:
            return part.inputs
        if part.parameters.size > 1 or isinstance(part.layer, Linear | BatchNorm):
            rows, columns = part.parameters.shape
            return rows - 1 if isinstance(part.layer, Linear) else columns
    raise InputError("no layer says how many inputs it has; expected a linear layer")
