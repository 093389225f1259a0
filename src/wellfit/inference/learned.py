"""Learned parameters of layers, in the arrays that their functions of NumPy take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.arrays import LARGEST

Array = NDArray[Any]
Lines = tuple[Array, Array, Array, Array]


def lines_of(edges: Array) -> Lines:
    """Return the lines of bins, and the column itself as the last one, (F, T + 1) each.

    Args:
        edges: (T + 1, F) of the bins of each column, the last one repeated.

    Returns:
        The start, steepness, low and high of each line: (x - start) * steepness, cut to
        [low, high].

    >>> [part.tolist() for part in lines_of(np.array([[0.0], [2.0]]))[:2]]
    [[[0.0, 0.0]], [[0.5, 1.0]]]
    """
    below, above = edges[:-1].T, edges[1:].T
    real = above > below
    steepness = np.divide(1, above - below, out=np.zeros_like(below), where=real)
    low, high = np.zeros_like(below), np.ones_like(below)
    low[:, 0], high[real & (above == above[:, -1:])] = -LARGEST, LARGEST
    last = (0.0, 1.0, -LARGEST, LARGEST)
    start, steep, least, largest = (
        np.hstack([part, np.full((len(part), 1), end, part.dtype)])
        for part, end in zip((below, steepness, low, high), last, strict=True)
    )
    return start, steep, least, largest


def bins_product(parameters: Array, size: int) -> tuple[Array, Array]:
    """Return a piecewise linear embedding's weight (F, T + 1, size) and bias (F, size)."""
    weight = parameters.reshape(len(parameters), -1, size).swapaxes(0, 1)
    return weight[:, :-1], weight[:, -1]


def waves_of(parameters: Array, n: int, size: int) -> tuple[Array, Array, Array, Array]:
    """Return a periodic embedding's frequencies and phases (F, n), weight and bias."""
    made = size - 1
    w, phase, a, b = np.split(parameters, [n, 2 * n, len(parameters) - made])
    return 2 * np.pi * w.T, phase.T, a.reshape(n, made, -1).transpose(2, 0, 1), b.T


def tables_of(parameters: Array, levels: Sequence[int]) -> list[Array]:
    """Return the table (codes, size) of each column of codes."""
    return [parameters[slice(*each)] for each in pairwise(accumulate(levels, initial=0))]


def scale_and_shift(parameters: Array, statistics: Array, epsilon: float) -> tuple[Array, Array]:
    """Return batch norm's scale and shift (units,), of what it has learned and tracked.

    >>> scale_and_shift(np.array([[2.0], [1.0]]), np.array([[3.0], [4.0]]), epsilon=0.0)
    (array([1.]), array([-2.]))
    """
    (gamma, beta), (mean, variance) = parameters, statistics
    scale: Array = gamma / np.sqrt(variance + epsilon)
    return scale, beta - mean * scale


def apart(parameters: Array, n: int) -> tuple[Array, Array]:
    """Return the weights (n, inputs, units) and biases (n, 1, units) of n submodels."""
    whole = parameters.reshape(len(parameters), n, -1).swapaxes(0, 1)
    return whole[:, :-1], whole[:, -1:]
