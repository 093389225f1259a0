"""Greedy selection of the members of an average, by what they predict for rows set apart.

Source: Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models",
2004.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Score = Callable[[NDArray[Any]], float]


def greedy_weights(
    predictions: NDArray[Any], score: Score, picks: int = 50, start: int = 5
) -> NDArray[np.float64]:
    """Return weights (M,) of sum 1: how often each of M members was picked.

    It begins with the average of the best members, as many of them as score best, up to
    ``start``; then each pick, repeated ones included, is the member whose average scores best. Of
    all averages on the way, the best one counts.

    Args:
        predictions: (M, N, ...), what the members say about N rows.
        score: of averaged predictions (N, ...), higher is better.
        picks: members of the average at most, repeated ones included.
        start: the best members to begin with, at most.

    >>> truth = np.array([0.0, 1.0, 2.0])
    >>> library = np.array([truth - 1, truth + 5, truth + 1])
    >>> greedy_weights(library, lambda average: -np.square(average - truth).sum())
    array([0.5, 0. , 0.5])
    """
    alone = [_number(score(each)) for each in predictions]
    best_first = np.argsort(np.negative(alone), kind="stable")
    path = _SelectionPath(predictions, score)
    for member in best_first[: min(start, picks)]:
        path.add(member)
    path.back_to_best()
    while path.counts.sum() < picks:
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
