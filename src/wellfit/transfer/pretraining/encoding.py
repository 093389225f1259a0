"""Outputs of fitted layers, and reconstructions in the units of the original rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array
from torch import Tensor

from wellfit.core.errors import DataError, HyperparameterError
from wellfit.estimators import settings
from wellfit.fitting import Compute, FeatureEncoder
from wellfit.fitting.features import Numbers
from wellfit.preprocessing import TablePreprocessor
from wellfit.training import predict
from wellfit.training.precision import threads
from wellfit.transfer.interop.fitted_layers import FittedLayer, weights_of

_NEARLY_3 = 2.95  # the furthest that a number bent towards ±3 is bent back from


def checked_codes(codes: ArrayLike, width: int) -> NDArray[np.floating]:
    """Return codes (N, ``width``) that can be read back into rows.

    Raises:
        DataError: codes of another width, or that aren't finite numbers.

    >>> checked_codes([[1, 2]], 2)
    array([[1., 2.]])
    """
    try:
        numbers: NDArray[np.floating] = check_array(codes, dtype=[np.float64, np.float32])
    except (TypeError, ValueError) as error:
        raise DataError(
            "the codes can't be read back into rows; expected finite numbers of shape "
            f"(n_samples, {width}), as transform returns: {error}"
        ) from error
    if numbers.shape[1] != width:
        raise DataError(
            f"the codes have {numbers.shape[1]} columns; expected the {width} that transform "
            "returns"
        )
    return numbers


def computed(
    parts: Sequence[FittedLayer],
    x: Numbers,
    compute: Compute,
    *,
    link: Callable[[Tensor], Tensor] = torch.clone,
    pixel_max: int = 255,
) -> NDArray[np.floating]:
    """Return what layers make of rows, (N, width).

    Args:
        parts: the layers; the last may be an activation.
        x: (N, D) numbers as the first of them takes them; bytes are pixels.
        compute: where and how to compute.
        link: what becomes of the last numbers, (1, width, N).
        pixel_max: the value of a pixel that becomes 1.

    >>> parts = [FittedLayer.linear([[1.0, -1.0]]), FittedLayer.activation("relu")]
    >>> computed(parts, np.array([[2.0], [-3.0]]), Compute()).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    weights = weights_of(parts).to(compute.dtype, compute.torch_device)
    with threads(compute.n_threads):
        return predict(weights, x, link, pixel_max=pixel_max)[0]


def in_units(numbers: NDArray[np.floating], features: FeatureEncoder) -> NDArray[np.floating]:
    """Return what a network says about its inputs (N, D) in the units that rows came in.

    Of tables these are the columns that its preprocessing makes: numbers in their own units,
    the rest as shares from 0 to 1.

    >>> in_units(np.array([[0.0, 0.5]]), FeatureEncoder("pixels", 2)).tolist()
    [[0.0, 127.5]]
    """
    if features.table is not None:
        return _unscaled(numbers, features.table)
    if features.kind == "pixels":
        return numbers * features.pixel_max
    return (
        numbers if features.largest is None else numbers * features.largest.astype(numbers.dtype)
    )


def _unscaled(numbers: NDArray[np.floating], table: TablePreprocessor) -> NDArray[np.floating]:
    """Undo the scaling of a table's numbers: its first columns."""
    learned = table.numbers_
    if not learned.scalings:
        return numbers
    (scaling,), count = learned.scalings.values(), len(learned.fill)
    bent = np.clip(numbers[:, :count].astype(np.float64), -_NEARLY_3, _NEARLY_3)
    straight = bent / np.sqrt(1 - np.square(bent / 3)) if learned.clip == "smooth" else bent
    restored = straight * scaling.scale + scaling.center  # type: ignore[attr-defined]
    out = numbers.copy()
    out[:, :count] = np.where(learned.varies, restored, learned.fill)
    return out


def units_of(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Return the units of each layer.

    Raises:
        HyperparameterError: there are none, or numbers that aren't whole.

    >>> units_of(64)
    (64,)
    """
    sizes = settings.hidden_sizes(hidden_layer_sizes)
    if not sizes:
        raise HyperparameterError("hidden_layer_sizes is empty; expected one layer at least")
    return sizes
