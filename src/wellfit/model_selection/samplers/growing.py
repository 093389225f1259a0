"""Grow: the smallest candidate first, then larger ones, until scores no longer improve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from wellfit.core.hyper import hyper
from wellfit.model_selection.samplers.base import Sampler, SamplerRun
from wellfit.model_selection.spaces import Space


class Grow(Sampler, name="grow"):
    """Tries the smallest network first, then larger ones, until a larger one over-fits.

    The candidates are those of :class:`Grid`, in the order of their hidden units, fewer layers
    first where these are equal; where the space has no ``hidden_layer_sizes``, in the order of the
    space. The search ends when ``patience`` candidates in a row score no better than the best one
    before, by at least ``min_delta``: more capacity no longer helps on unseen rows.

    Source: "gradually build up the capacity of your model", Gouws, Bhoopchand and Paquet, "Deep
    Learning Indaba, practical 2", 2017.

    >>> run = Grow().start(Space.of({"hidden_layer_sizes": [(64,), (8,), (16, 16)]}), seed=0)
    >>> run.ask(10)
    [{'hidden_layer_sizes': (8,)}]
    """

    learns: ClassVar[bool] = True

    patience: int = hyper("larger candidates without improvement", default=2, low=1)
    min_delta: float = hyper("the least that counts as better", default=0.0, low=0)

    def batch_of(self, count: int) -> int:
        """Return 1: each candidate waits for the score of the one before."""
        return 1

    def start(self, space: Space, seed: int) -> SamplerRun:
        """List the candidates by size."""
        return _Growing(self, sorted(space.combinations(), key=_size))


class _Growing(SamplerRun):
    def __init__(self, sampler: Grow, candidates: list[dict[str, Any]]) -> None:
        self.size = len(candidates)
        self._sampler, self._left = sampler, candidates
        self._best, self._waited = -np.inf, 0

    def ask(self, n: int) -> list[dict[str, Any]]:
        if not n or not self._left or self._waited >= self._sampler.patience:
            return []
        return [self._left.pop(0)]

    def tell(self, candidates: Sequence[dict[str, Any]], scores: Sequence[float]) -> None:
        for score in scores:
            # A failure (NaN) is no improvement.
            if score > self._best and score - self._best >= self._sampler.min_delta:
                self._best, self._waited = score, 0
            else:
                self._waited += 1


def _size(candidate: dict[str, Any]) -> tuple[int, int]:
    sizes = candidate.get("hidden_layer_sizes", ())
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    return sum(sizes), len(sizes)
