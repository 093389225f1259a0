"""Weights of the networks in an ensemble, chosen by validation scores."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.hyper import Config, hyper

Score = Callable[[NDArray[Any]], float]


class Selection(Config, family="selection"):
    """Gives weights to the members of a library, by what they predict for rows set apart.

    >>> Average().weights(np.zeros((4, 10)), score=np.sum)
    array([0.25, 0.25, 0.25, 0.25])
    """

    @property
    def held_out_share(self) -> float:
        """The share of the rows that is set apart to select by, where none are given."""
        return 0.0

    @abstractmethod
    def weights(self, predictions: NDArray[Any], score: Score) -> NDArray[np.float64]:
        """Return the members' weights (M,), at least 0, of sum 1.

        Args:
            predictions: (M, N, ...), what M members say about N rows.
            score: of averaged predictions (N, ...), higher is better.
        """


class Average(Selection, name="average"):
    """wᵢ = 1/M: all members count alike, and no rows are set apart.

    Source: Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", 2017.

    >>> Average()
    Average()
    """

    def weights(self, predictions: NDArray[Any], score: Score) -> NDArray[np.float64]:
        """Return 1/M for each."""
        return np.full(len(predictions), 1 / len(predictions))


class Greedy(Selection, name="greedy"):
    """wᵢ = times i was picked / all picks; each pick is the one whose average scores best.

    It begins with the average of the best members, as many of them as score best, up to
    ``start``. The same member may be picked again. Of all averages on the way, the best one
    counts, so that on these rows the ensemble is never worse than its best member.

    Source: Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of
    models", 2004.

    >>> truth = np.array([0.0, 1.0, 2.0])
    >>> library = np.array([truth - 1, truth + 5, truth + 1])
    >>> Greedy().weights(library, lambda average: -np.square(average - truth).sum())
    array([0.5, 0. , 0.5])
    """

    picks: int = hyper("members of the average at most, repeated ones included", default=50, low=1)
    start: int = hyper("the best members to begin with, at most", default=5, low=1)
    fraction: float = hyper(
        "share of the rows set apart to select by, where none are given",
        default=0.2,
        low=0,
        high=1,
        open_low=True,
        open_high=True,
    )

    @property
    def held_out_share(self) -> float:
        """The fraction."""
        return self.fraction

    def weights(self, predictions: NDArray[Any], score: Score) -> NDArray[np.float64]:
        """Return each member's share of the picks."""
        alone = [_number(score(each)) for each in predictions]
        best_first = np.argsort(np.negative(alone), kind="stable")
        path = _SelectionPath(predictions, score)
        for member in best_first[: min(self.start, self.picks)]:
            path.add(member)
        path.back_to_best()
        while path.counts.sum() < self.picks:
            path.add(int(np.argmax([path.with_one_more(each) for each in predictions])))
        path.back_to_best()
        return path.counts / path.counts.sum()


class _SelectionPath:
    """An average that members join one by one, and the best that it has been."""

    def __init__(self, predictions: NDArray[Any], score: Score) -> None:
        self._predictions, self._score = predictions, score
        self.counts = np.zeros(len(predictions))
        self._sum = np.zeros(predictions.shape[1:])
        self._best, self._best_counts = -np.inf, self.counts

    def with_one_more(self, prediction: NDArray[Any]) -> float:
        """Return the average's score if this prediction joined."""
        return _number(self._score((self._sum + prediction) / (self.counts.sum() + 1)))

    def add(self, member: int) -> None:
        """Let a member join."""
        score = self.with_one_more(self._predictions[member])
        self._sum = self._sum + self._predictions[member]
        self.counts = self.counts + (np.arange(len(self.counts)) == member)
        if score > self._best or not self._best_counts.any():
            self._best, self._best_counts = score, self.counts

    def back_to_best(self) -> None:
        """Let those leave that joined after the average was best."""
        self.counts = self._best_counts
        self._sum = np.tensordot(self.counts, self._predictions, axes=1)


def _number(score: float) -> float:
    """Return a score that can be compared: what is undefined is worse than anything."""
    return float(score) if np.isfinite(score) else -np.inf
