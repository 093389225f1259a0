"""Samplers that don't learn from scores: a grid, random numbers, a Sobol sequence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

import numpy as np
from scipy.stats import qmc

from wellfit.model_selection.samplers.base import Candidate, Sampler, SamplerRun
from wellfit.model_selection.spaces import Space

_TIRED = 1000  # draws in a row that were there before: a small space has been seen


class _Listed(SamplerRun):
    """Candidates that nobody's scores change."""

    def __init__(self, candidates: Iterator[Candidate], size: int | None = None) -> None:
        self._candidates, self.size = candidates, size

    def ask(self, n: int) -> list[Candidate]:
        return list(islice(self._candidates, n))


class Grid(Sampler, name="grid"):
    """Takes every combination of the space's values, the last changing fastest.

    Ranges need ``"steps"``. How many candidates there are is the grid's matter, not ``n_iter``'s.

    >>> drawing = Grid().start(Space.of({"l2": [0.1, 0.2], "batch_size": [8]}), seed=0)
    >>> drawing.ask(10)
    [{'l2': 0.1, 'batch_size': 8}, {'l2': 0.2, 'batch_size': 8}]
    """

    def start(self, space: Space, seed: int) -> SamplerRun:
        """List the grid."""
        grid = list(space.combinations())
        return _Listed(iter(grid), len(grid))


class Random(Sampler, name="random"):
    """Draws each candidate independently of all others.

    Of choices, none is drawn twice.

    Source: Bergstra and Bengio, "Random search for hyper-parameter optimization", 2012.

    >>> space = Space.of({"l2": [0.1, 0.2]})
    >>> sorted(c["l2"] for c in Random().start(space, seed=0).ask(10))
    [0.1, 0.2]
    """

    def start(self, space: Space, seed: int) -> SamplerRun:
        """Seed a generator."""
        rng = np.random.default_rng(seed)
        points = (rng.random(len(space.axes)) for _ in count())
        return _Listed(_unseen(space, points))


class Sobol(Sampler, name="sobol"):
    """Spreads candidates more evenly than chance does: a scrambled Sobol sequence.

    Source: Sobol', "On the distribution of points in a cube and the approximate evaluation of
    integrals", 1967; Owen, "Scrambling Sobol' and Niederreiter-Xing points", 1998.

    >>> space = Space.of({"dropout": {"low": 0, "high": 1}})
    >>> drawn = Sobol().start(space, seed=0).ask(4)
    >>> sorted(int(4 * candidate["dropout"]) for candidate in drawn)  # one in each quarter
    [0, 1, 2, 3]
    """

    def start(self, space: Space, seed: int) -> SamplerRun:
        """Scramble the sequence."""
        sequence = qmc.Sobol(len(space.axes), rng=np.random.default_rng(seed))
        return _Listed(_unseen(space, (sequence.random(1)[0] for _ in count())))


def _unseen(space: Space, points: Iterator[np.ndarray]) -> Iterator[Candidate]:
    """Yield the candidates at points of the unit cube that weren't there before."""
    seen: set[str] = set()
    old = 0
    for point in points:
        candidate = space.at(dict(zip(space.axes, point.tolist(), strict=True)))
        if repr(candidate) not in seen:
            seen.add(repr(candidate))
            old = 0
            yield candidate
        old += 1
        if old > _TIRED:
            return
