"""Validation of members after an epoch: on their validation rows, or by metrics known before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wellfit.training.metric_sums import Metrics, ScoreFunction

if TYPE_CHECKING:
    from wellfit.training.bound_stack import BoundStack


@dataclass(frozen=True)
class Judge:
    """How members are judged after an epoch.

    Attributes:
        scores: more metrics of validation rows, by name.
        every: epochs from one judgement to the next; the last one of a member is always judged.
        known: metrics by name, a value for each epoch, that take the place of validation rows:
            those of like networks on rows that these haven't seen.
    """

    scores: Mapping[str, ScoreFunction] = field(default_factory=dict)
    every: int = 1
    known: Mapping[str, Sequence[float]] | None = None

    def can_judge(self, bound: BoundStack) -> bool:
        """Say whether there is anything to judge members by."""
        return self.known is not None or bound.batches.has_validation

    def metrics(
        self, bound: BoundStack, trained: Metrics, epoch: int, ends: NDArray[np.integer]
    ) -> Metrics:
        """Return the validation metrics, each (K,), NaN for members not judged in this epoch.

        Args:
            bound: the members that train.
            trained: their metrics of training rows.
            epoch: the one that has ended, from 1.
            ends: (K,) each one's last epoch.
        """
        # A member's last epoch is judged in any case, whatever the interval.
        due = (ends <= epoch) | (epoch % self.every == 0)
        if self.known is not None:
            return {
                name: np.full(len(due), _at(values, epoch)) for name, values in self.known.items()
            }
        if not due.any():
            return {f"val_{name}": np.full(len(due), np.nan) for name in (*trained, *self.scores)}
        judged = bound.judge(self.scores)
        return {f"val_{name}": np.where(due, value, np.nan) for name, value in judged.items()}


def _at(values: Sequence[float], epoch: int) -> float:
    """Return the value of an epoch, from 1; NaN after the last."""
    return float(values[epoch - 1]) if epoch <= len(values) else np.nan
