"""The interface of a diagnosis, and its suggestions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from wellfit.diagnose.base import Examiner, Finding
from wellfit.diagnose.verdicts.training import Training


@dataclass(frozen=True)
class Suggestion:
    """A change to try next.

    Attributes:
        name: the estimator's parameter, or what else to change.
        change: how to change it.
        why: the expected effect.
    """

    name: str
    change: str
    why: str


class Diagnosis(Examiner, family="diagnosis"):
    """Looks for one fault of a training, during or after it.

    Attributes:
        rank: the lowest comes first in a verdict: causes before their effects.
        headline: the fault, as the beginning of a sentence.
        needs: what it needs to be judged.
        at_end: whether the training has to be over.
        explained_by: the diagnoses that explain it: beside one of them it raises no alarm.
        by_baselines: whether it compares the network with baselines, which a fault of the data
            can make too good.
        by_harm: whether it warns only where the scores show harm, or aren't known.

    >>> from wellfit.diagnose import OverFitting, Training
    >>> training = Training({"loss": [1.0, 0.5], "val_loss": [1.0, 0.6]}, validation_rows=500)
    >>> OverFitting().examine(training).outcome
    <Outcome.PASS: 'pass'>
    """

    rank: ClassVar[int] = 0
    headline: ClassVar[str] = ""
    needs: ClassVar[str] = "more epochs"
    at_end: ClassVar[bool] = False
    explained_by: ClassVar[tuple[str, ...]] = ()
    by_baselines: ClassVar[bool] = False
    by_harm: ClassVar[bool] = False

    def applies(self, training: Training) -> bool:
        """Return whether it can occur in such a training."""
        return True

    @abstractmethod
    def examine(self, training: Training) -> Finding | None:
        """Return what it finds, or None where it can't be judged."""

    @abstractmethod
    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return what to try next, the most promising first."""
