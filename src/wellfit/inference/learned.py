"""Learned parameters of layers, in the arrays that their functions of NumPy take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def bins_of(
    parameters: Array, statistics: Array, n_bins: int, size: int, may_jump: Sequence[int] = ()
) -> tuple[Array, Array, Array]:
    """Return the line that a piecewise linear embedding is within each of T bins.

    Args:
        parameters: (T + 2, F · size), and further rows where it may jump.
        statistics: (T + 1, F) the edges; then, where it may jump, the factor of the jumps.
        n_bins: T.
        size: numbers that a column becomes.
        may_jump: which of the F columns may jump.

    Returns:
        Where each bin starts (F, T), infinity for those that no number lies in; the embedding's
        value there (F, T, size), and its slope within the bin (F, T, size).

    >>> bins = bins_of(np.array([[4.0], [1.0], [0.5], [7.0]]), np.array([[0], [2], [3.0]]), 2, 1)
    >>> [part.ravel().tolist() for part in bins]
    [[0.0, 2.0], [7.0, 12.0], [2.5, 1.5]]
    """
    # In double precision, as bins may be narrow.
    edges, parameters = statistics[: n_bins + 1].astype(float), parameters.astype(float)
    weight, bias = bins_product(parameters, n_bins, size)
    inside, along = weight[:, :-1], weight[:, -1:]
    start, width = edges[:-1].T, np.diff(edges.T)[:, :, None]
    inside = inside * (width > 0)
    below = np.cumsum(inside, axis=1) - inside
    value = bias[:, None] + below + start[:, :, None] * along
    slope = inside / np.where(width > 0, width, 1) + along
    value[list(may_jump)] += jumps_of(parameters, statistics, n_bins, size, may_jump)
    # Above the last bin of some width there is none.
    start[:, 1:][start[:, 1:] >= edges[-1:].T] = np.inf
    return start, value, slope


def jumps_of(
    parameters: Array, statistics: Array, n_bins: int, size: int, may_jump: Sequence[int]
) -> Array:
    """Return the bins' own numbers (columns that may jump, T, size) of what ``bins_of`` takes."""
    columns = list(may_jump)
    own = parameters[n_bins + 2 :].reshape(-1)[: n_bins * len(columns) * size]
    factor: Array = statistics[-1, columns][:, None, None].astype(own.dtype)
    return own.reshape(n_bins, len(columns), size).swapaxes(0, 1) * factor


def bins_product(parameters: Array, n_bins: int, size: int) -> tuple[Array, Array]:
    """Return a piecewise linear embedding's weight (F, T + 1, size) and bias (F, size)."""
    weight = parameters.reshape(len(parameters), -1, size).swapaxes(0, 1)
    return weight[:, : n_bins + 1], weight[:, n_bins + 1]


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
