"""The interface of a scorer: a score of an estimator's predictions, by name."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from wellfit.core.hyper import Config
from wellfit.core.metrics import Style


class Scorer(Config, family="scorer"):
    """Scores predictions, wherever ``scoring`` takes the name of a scorer of scikit-learn.

    It asks the estimator for nothing but predictions of the rows that it is given. Higher is
    better: a cost is negated, and its name begins with ``neg_``.

    Attributes:
        title: what to call the score; its name if empty.
        style: how it is printed.
        tasks: the targets that it can score, among those of
            :mod:`wellfit.fitting.scorer_choice`.
    """

    title: ClassVar[str] = ""
    style: ClassVar[Style] = "number"
    tasks: ClassVar[tuple[str, ...]] = ("binary", "multiclass")

    @abstractmethod
    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Return the score of an estimator on rows X (n, columns) with the targets y (n,).

        Raises:
            ValueError: targets that it can't score.
        """
