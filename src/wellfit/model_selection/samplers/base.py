"""The interface of a sampler, and of its run in one search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


class FirstCandidates(SamplerRun):
    """Candidates that are known, and after them those that a sampler chooses.

    What the known ones score is none of the sampler's concern, as they need not lie in its space.

    Args:
        first: the known candidates.
        rest: the sampler's run.
    """

    def __init__(self, first: Iterable[Mapping[str, Any]], rest: SamplerRun) -> None:
        self._first, self._rest = [dict(each) for each in first], rest
        self.size = None if rest.size is None else rest.size + len(self._first)
        self._given: list[Candidate] = []

    def ask(self, n: int) -> list[Candidate]:
        """Return known candidates while there are any, then the sampler's."""
        known, self._first = self._first[:n], self._first[n:]
        self._given += known
        return [*known, *self._rest.ask(n - len(known))] if len(known) < n else known

    def tell(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> None:
        """Tell the sampler what its own candidates scored."""
        given = {id(each) for each in self._given}
        pairs = zip(candidates, scores, strict=True)
        own = [(each, score) for each, score in pairs if id(each) not in given]
        if own:
            self._rest.tell([each for each, _ in own], [score for _, score in own])


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

    def begin(self, space: Space, seed: int) -> SamplerRun:
        """Begin a search, with the space's first candidates where it has any."""
        run = self.start(space, seed)
        return FirstCandidates(space.first, run) if space.first else run

    def start(self, space: Space, seed: int) -> SamplerRun:
        """Begin to choose candidates."""
        raise NotImplementedError
