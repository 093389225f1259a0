"""Piecewise linear embeddings as cut lines, for formats that can't look up a number's bin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.arrays import LARGEST
from wellfit.inference.learned import bins_product, jumps_of

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


def pieces_of(parameters: Array, statistics: Array, size: int) -> tuple[Lines, Array, Array]:
    """Return a piecewise linear embedding's lines (F, T + 1), weight (F, T + 1, size) and bias.

    Args:
        parameters: (T + 2, F · size).
        statistics: (T + 1, F), the edges.
        size: numbers that a column becomes.
    """
    return lines_of(statistics), *bins_product(parameters, len(statistics) - 1, size)


def pieces_with_jumps(
    parameters: Array, statistics: Array, size: int, may_jump: Sequence[int]
) -> tuple[Lines, Array, Array]:
    """Return lines and steps (F, 2 T), weight (F, 2 T, size) and bias of one with jumps.

    Args:
        parameters: (T + 2 rows, and those of the bins' own numbers, F · size).
        statistics: (T + 2, F): the edges, and the factor of the bins' own numbers.
        size: numbers that a column becomes.
        may_jump: which of the F columns have such numbers.
    """
    edges = statistics[:-1]
    n_bins = len(edges) - 1
    lines, weight, bias = pieces_of(parameters[: n_bins + 2], edges, size)
    own = np.zeros((len(weight), n_bins, size), parameters.dtype)
    own[list(may_jump)] = jumps_of(parameters, statistics, n_bins, size, may_jump)
    start, steepness, low, high = (
        np.hstack(both) for both in zip(lines, steps_at(edges), strict=True)
    )
    weight = np.concatenate([weight, np.diff(own, axis=1)], axis=1)
    return (start, steepness, low, high), weight, bias + own[:, 0]
