"""Submodels as one wide network: their units side by side, in ordinary linear layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from wellfit.inference.learned import apart
from wellfit.nn import Layer, Linear, RepeatRows, SubmodelLinear, SubmodelScale

Array: TypeAlias = NDArray[Any]
Learned: TypeAlias = tuple[Layer, Array, Array]  # a layer, its parameters, what it tracks


def side_by_side(parts: Iterable[Learned]) -> Iterator[Learned]:
    """Yield the layers of a network that has the units of n submodels side by side.

    The lowest linear layer reads what all submodels read. The matrices above it are
    block-diagonal: ``diag(r) W diag(s)`` of each submodel in turn, where W may be shared. The
    mean of predictions, the last layer, stays. Of a network without submodels all stays.

    Args:
        parts: the layers from the input on, with arrays (rows, columns) as they lay them out.
    """
    wide = _Wide()
    for layer, learned, tracked in parts:
        if isinstance(layer, RepeatRows):
            wide.n = layer.rows
        elif isinstance(layer, SubmodelScale):
            wide.scale(*np.split(learned[:, None], [wide.n]))
        else:
            yield from wide.linear()
            if isinstance(layer, SubmodelLinear):
                wide.product(*apart(learned, wide.n))
            elif isinstance(layer, Linear) and wide.n > 1:
                weight, bias = apart(learned, 1)
                wide.product(weight.repeat(wide.n, 0), bias.repeat(wide.n, 0))
            else:
                yield layer, np.tile(learned, wide.n), np.tile(tracked, wide.n)
    yield from wide.linear()


class _Wide:
    """The linear layer of n submodels that is being put together.

    Attributes:
        n: how many read each example from here on.
    """

    def __init__(self) -> None:
        self.n, self._lowest = 1, True
        self._product: tuple[Array, Array] | None = None  # (n, inputs, units), (n, 1, units)
        self._below: tuple[Array, Array] | None = None  # scales and shifts of what it reads

    def scale(self, scale: Array, shift: Array) -> None:
        """Multiply by scales (n, 1, units) and add shifts, if any: above the product, or below."""
        shift = shift if len(shift) else np.zeros_like(scale)
        if self._product is None:
            self._below = scale, shift
        else:
            weight, bias = self._product
            self._product = weight * scale, bias * scale + shift

    def product(self, weight: Array, bias: Array) -> None:
        """Take the weights (n, inputs, units) and biases (n, 1, units)."""
        if self._below is not None:
            scale, shift = self._below
            weight, bias = weight * scale.swapaxes(1, 2), bias + shift @ weight
        self._product, self._below = (weight, bias), None

    def linear(self) -> Iterator[Learned]:
        """Yield the layer that has been put together, if there is one."""
        if self._product is None:
            return
        weights, biases = self._product
        weight = np.concatenate(weights, axis=1) if self._lowest else block_diag(*weights)
        block = np.vstack([weight, biases.reshape(1, -1)])
        self._product, self._lowest = None, False
        yield Linear(block.shape[1]), block, np.zeros((0, 0))
