"""Layers at work on numbers, and numbers back in the units that rows came in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array
from torch import Tensor

from wellfit.core.errors import DataError
from wellfit.estimators.inputs import Inputs, Numbers
from wellfit.nn import Network
from wellfit.preprocessing import TablePreprocessor
from wellfit.training import Weights, predict
from wellfit.training.precision import device_of, dtype_of, threads
from wellfit.transfer.interop.parts import Part, checked

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
    parts: Sequence[Part],
    x: Numbers,
    estimator: Any,
    *,
    link: Callable[[Tensor], Tensor] = torch.clone,
    brightest: int = 255,
) -> NDArray[np.floating]:
    """Return what layers make of rows, (N, width).

    Args:
        parts: the layers; the last may be an activation.
        x: (N, D) numbers as the first of them takes them; bytes are pixels.
        estimator: whose ``precision``, ``device`` and ``n_threads`` to use.
        link: what becomes of the last numbers, (1, width, N).
        brightest: the value of a pixel that becomes 1.

    >>> from wellfit.transfer import MLPAutoencoder
    >>> parts = [Part.linear([[1.0, -1.0]]), Part.activation("relu")]
    >>> computed(parts, np.array([[2.0], [-3.0]]), MLPAutoencoder()).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    """
    whole = checked(parts)  # ends in a linear layer: that of the identity where there was none
    network = Network(x.shape[1], tuple(part.layer for part in whole))
    learned = network.parameters.join([[torch.tensor(part.parameters) for part in whole]])
    tracked = network.statistics.join([[torch.tensor(part.statistics) for part in whole]])
    weights = Weights(network, 1, learned, tracked, {})
    placed = weights.to(dtype_of(estimator.precision), device_of(estimator.device))
    with threads(estimator.n_threads):
        return predict(placed, x, link, brightest=brightest)[0]


def dense(numbers: Numbers, brightest: int) -> NDArray[np.floating]:
    """Return what a network sees of rows (N, D): pixels from 0 to 1, zeros written out.

    >>> dense(np.array([[0, 51]], np.uint8), brightest=204)
    array([[0.  , 0.25]], dtype=float32)
    """
    if hasattr(numbers, "toarray"):
        return np.asarray(numbers.toarray())
    if numbers.dtype == np.uint8:
        return np.multiply(numbers, 1 / brightest, dtype=np.float32)
    return numbers


def in_units(numbers: NDArray[np.floating], inputs: Inputs) -> NDArray[np.floating]:
    """Return what a network says about its inputs (N, D) in the units that rows came in.

    Of tables these are the columns that its preprocessing makes: numbers in their own units,
    the rest as shares from 0 to 1.

    >>> in_units(np.array([[0.0, 0.5]]), Inputs("pixels", brightest=255)).tolist()
    [[0.0, 127.5]]
    """
    if inputs.table is not None:
        return _unscaled(numbers, inputs.table)
    if inputs.kind == "pixels":
        return numbers * inputs.brightest
    return numbers if inputs.largest is None else numbers * inputs.largest.astype(numbers.dtype)


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
