"""The interface of a sampler, and of its run in one search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from wellfit.core.hyper import Config
from wellfit.model_selection.spaces import Space

Candidate = dict[str, Any]


class SamplerRun:
    """Candidates as one search gets them: asked for some at a time, given their scores.

    ``size`` is how many there are, where that is the sampler's matter.
    """

    size: int | None = None

    def ask(self, n: int) -> list[Candidate]:
        """Return up to ``n`` candidates; none where there are no more."""
        raise NotImplementedError

    def tell(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> None:
        """Hear what candidates scored; higher is better, NaN is a failure."""


class Sampler(Config, family="sampler"):
    """Chooses candidates from a space.

    The same space and seed, and the same scores where it listens to these, make the same
    candidates.

    >>> from wellfit.model_selection import Random
    >>> space = Space.of({"l2": {"low": 1e-6, "high": 0.1, "scale": "log"}})
    >>> Random().start(space, seed=0).ask(2) == Random().start(space, seed=0).ask(2)
    True
    """

    learns: ClassVar[bool] = False  # from scores

    def batch_of(self, count: int) -> int:
        """Return how many of ``count`` candidates are asked for before any is scored."""
        return count

    def start(self, space: Space, seed: int) -> SamplerRun:
        """Begin a search."""
        raise NotImplementedError
