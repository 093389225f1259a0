"""What a diagnosis is, and a suggestion."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from wellfit.diagnose.base import Examiner, Finding
from wellfit.diagnose.verdicts.training import Training


@dataclass(frozen=True)
class Suggestion:
    """Something to try next.

    Attributes:
        name: the estimator's parameter, or what else to turn.
        change: how to turn it.
        why: what it is expected to do.
    """

    name: str
    change: str
    why: str


class Diagnosis(Examiner, family="diagnosis"):
    """Looks for one illness of a training, after it or while it goes on.

    Attributes:
        rank: the lowest speaks first: causes before what follows from them.
        headline: the illness, as a sentence begins.
        needs: what it can't be judged without.
        at_end: whether a training has to be over.
        explained_by: the diagnoses that explain it: beside them a warning is none.
        by_baselines: whether it compares the network with simple models: it says nothing where
            a fault of the data makes these good.
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
        """Say whether it can occur in such a training at all."""
        return True

    @abstractmethod
    def examine(self, training: Training) -> Finding | None:
        """Return what it finds, or None where it can't be judged."""

    @abstractmethod
    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return what to try against it, the most promising first."""
