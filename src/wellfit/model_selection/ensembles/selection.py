"""Weights of the networks in an ensemble, chosen by validation scores."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.hyper import Config, hyper
from wellfit.fitting.greedy import Score, greedy_weights

__all__ = ["Average", "Greedy", "Score", "Selection"]


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
        return greedy_weights(predictions, score, self.picks, self.start)
