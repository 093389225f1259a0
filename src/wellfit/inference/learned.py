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
_NARROWEST = 1e-30  # a width that single precision has, and one over it


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


def steps_at(edges: Array) -> Lines:
    """Return the steps from 0 to 1 at the inner edges of bins, (F, T - 1) each, as steep lines.

    A step takes two of the numbers that single precision tells apart; no bin above the last one of
    some width is ever reached.

    >>> start, steepness, low, high = steps_at(np.array([[0.0], [1.0], [2.0]]))
    >>> np.clip((np.array([0.9, 1.0, 1.1]) - start) * steepness, low, high)
    array([[0., 1., 1.]])
    """
    inner = edges[1:-1].T
    width = np.maximum(2 * np.abs(np.spacing(inner.astype(np.float32))), _NARROWEST)
    steepness = np.where(inner < edges[-1:].T, 1 / width.astype(edges.dtype), 0)
    return inner - width, steepness, np.zeros_like(inner), np.ones_like(inner)


def bins_product(parameters: Array, n_bins: int, size: int) -> tuple[Array, Array]:
    """Return a piecewise linear embedding's weight (F, T + 1, size) and bias (F, size)."""
    weight = parameters.reshape(len(parameters), -1, size).swapaxes(0, 1)
    return weight[:, : n_bins + 1], weight[:, n_bins + 1]


def pieces_of(parameters: Array, statistics: Array, size: int) -> tuple[Lines, Array, Array]:
    """Return a piecewise linear embedding's lines (F, T + 1), weight (F, T + 1, size) and bias.

    Args:
        parameters: (T + 2, F · size).
        statistics: (T + 1, F), the edges.
        size: numbers that a column becomes.
    """
    return lines_of(statistics), *bins_product(parameters, len(statistics) - 1, size)


def pieces_with_jumps(
    parameters: Array, statistics: Array, size: int
) -> tuple[Lines, Array, Array]:
    """Return lines and steps (F, 2 T), weight (F, 2 T, size) and bias of one with jumps.

    Args:
        parameters: (2 T + 2, F · size).
        statistics: (T + 2, F): the edges, and the factor of the bins' own numbers.
        size: numbers that a column becomes.
    """
    edges, factor = statistics[:-1], statistics[-1]
    n_bins = len(edges) - 1
    lines, weight, bias = pieces_of(parameters[: n_bins + 2], edges, size)
    own = parameters[n_bins + 2 :].reshape(n_bins, -1, size).swapaxes(0, 1)
    own = own * factor[:, None, None].astype(own.dtype)
    start, steepness, low, high = (
        np.hstack(both) for both in zip(lines, steps_at(edges), strict=True)
    )
    weight = np.concatenate([weight, np.diff(own, axis=1)], axis=1)
    return (start, steepness, low, high), weight, bias + own[:, 0]


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
