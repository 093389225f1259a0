"""Adaptive integration of many paths' derivatives at once, by halving where it pays.

A network of rectified units is piecewise linear along a path, and piecewise linear embeddings
bend at every edge of a bin. There, rules of high order converge no faster than others. To halve
the segments that hold a bend does: the function itself is known at their ends, and so is the error
of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Values (n,) and derivatives (n, columns) of some paths (n,) at places (n,) from 0 to 1.
Evaluate = Callable[[Ints, Floats], tuple[Floats, Floats]]

_FIRST = 16  # segments of a path before any is halved
_MOST = 4096  # segments of a path that wait to be halved
_HALVINGS = 40
_NEGLIGIBLE = 2.0**-14  # share of the tolerance: segments with a smaller error are done


@dataclass(frozen=True, eq=False)
class PathIntegrals:
    """What the derivatives of some paths add up to.

    Attributes:
        sums: (paths, columns) the integrals of the derivatives.
        first, last: (paths,) the values where paths begin and end.
        points: at how many places a function was evaluated, of all paths.
    """

    sums: Floats
    first: Floats
    last: Floats
    points: int


def integrate(evaluate: Evaluate, paths: int, columns: int, tolerance: float) -> PathIntegrals:
    """Integrate derivatives along paths until their sum is the difference of the ends' values.

    Args:
        evaluate: returns values and derivatives, whose sum over the columns is that of the value
            by the place.
        paths: how many.
        columns: of the derivatives.
        tolerance: how far a sum may be off; reached but where a function jumps.

    >>> def square(paths, places):
    ...     return places**2, 2 * places[:, None]
    >>> found = integrate(square, paths=1, columns=1, tolerance=1e-9)
    >>> found.sums.round(9), found.points
    (array([[1.]]), 33)
    """
    open_ = _Segments.first(evaluate, paths)
    ends = open_.ends(paths)
    sums, settled_error = np.zeros((paths, columns)), np.zeros(paths)
    points = 2 * len(open_.path) + paths
    for _ in range(_HALVINGS):
        count = np.bincount(open_.path, minlength=paths)
        waiting = np.bincount(open_.path, open_.error, paths)
        off = (settled_error + waiting > tolerance) & (count <= _MOST)
        # Those that stay whole are off by half of the tolerance at most, all together.
        halved = off[open_.path] & (open_.error > tolerance / (2 * count[open_.path]))
        if not halved.any():
            break
        done = ~off[open_.path] | (~halved & (open_.error <= _NEGLIGIBLE * tolerance))
        settled = open_.select(done)
        np.add.at(sums, settled.path, settled.integrals)
        settled_error += np.bincount(settled.path, settled.error, paths)
        points += 2 * int(halved.sum())
        kept = open_.select(~done & ~halved)
        open_ = kept.joined(open_.select(halved).halves(evaluate))
    np.add.at(sums, open_.path, open_.integrals)
    return PathIntegrals(sums, *ends, points)


@dataclass(frozen=True, eq=False)
class _Segments:
    """Segments of paths, each with what is known at its start, its middle and its end.

    Attributes:
        path: (n,) whose they are.
        start, width: (n,) where they lie, from 0 to 1.
        values: (3, n).
        slopes: (3, n, columns).
    """

    path: Ints
    start: Floats
    width: Floats
    values: Floats
    slopes: Floats

    @classmethod
    def first(cls, evaluate: Evaluate, paths: int) -> Self:
        """Divide every path evenly."""
        places = np.linspace(0, 1, 2 * _FIRST + 1)
        each = np.repeat(np.arange(paths), len(places))
        values, slopes = evaluate(each, np.tile(places, paths))
        values = values.reshape(paths, len(places))
        slopes = slopes.reshape(paths, len(places), -1)
        parts = [slice(0, -1, 2), slice(1, None, 2), slice(2, None, 2)]
        return cls(
            np.repeat(np.arange(paths), _FIRST),
            np.tile(places[:-1:2], paths),
            np.full(paths * _FIRST, 1 / _FIRST),
            np.stack([values[:, part].ravel() for part in parts]),
            np.stack([slopes[:, part].reshape(paths * _FIRST, -1) for part in parts]),
        )

    def ends(self, paths: int) -> tuple[Floats, Floats]:
        """Return the values (paths,) where paths begin and end, of paths divided evenly."""
        values = self.values.reshape(3, paths, -1)
        return values[0, :, 0].copy(), values[2, :, -1].copy()

    @property
    def integrals(self) -> Floats:
        """Simpson's rule for each segment (n, columns)."""
        first, middle, last = self.slopes
        sums: Floats = (first + 4 * middle + last) * (self.width / 6)[:, None]
        return sums

    @property
    def error(self) -> Floats:
        """How far each segment's sum is from the difference of its ends' values (n,)."""
        off: Floats = np.abs(self.values[2] - self.values[0] - self.integrals.sum(axis=1))
        return off

    def select(self, chosen: NDArray[np.bool_]) -> Self:
        """Return some of the segments."""
        return type(self)(
            self.path[chosen],
            self.start[chosen],
            self.width[chosen],
            self.values[:, chosen],
            self.slopes[:, chosen],
        )

    def joined(self, other: Self) -> Self:
        """Return these segments and others."""
        return type(self)(
            np.concatenate([self.path, other.path]),
            np.concatenate([self.start, other.start]),
            np.concatenate([self.width, other.width]),
            np.concatenate([self.values, other.values], axis=1),
            np.concatenate([self.slopes, other.slopes], axis=1),
        )

    def halves(self, evaluate: Evaluate) -> Self:
        """Return both halves of each segment; only their middles are new."""
        places = np.concatenate([self.start + self.width / 4, self.start + 3 * self.width / 4])
        path = np.concatenate([self.path, self.path])
        values, slopes = evaluate(path, places)
        new_values, new_slopes = values.reshape(2, -1), slopes.reshape(2, len(self.path), -1)
        parts = [
            type(self)(
                self.path,
                self.start + half * self.width / 2,
                self.width / 2,
                np.stack([self.values[half], new_values[half], self.values[half + 1]]),
                np.stack([self.slopes[half], new_slopes[half], self.slopes[half + 1]]),
            )
            for half in (0, 1)
        ]
        return parts[0].joined(parts[1])
