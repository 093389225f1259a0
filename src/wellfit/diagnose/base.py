"""The interface of a check, and its finding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias

from wellfit.core import former
from wellfit.core.hyper import Config

if TYPE_CHECKING:
    from wellfit.diagnose.context import CheckContext

# The subject of a check: the data, the network before its first step, or short trainings.
Stage: TypeAlias = Literal["data", "start", "trial"]


class Outcome(StrEnum):
    """The outcome of a check.

    >>> Outcome.FAIL > Outcome.WARN > Outcome.PASS
    True
    """

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"

    def __gt__(self, other: object) -> bool:
        order = list(Outcome)
        return order.index(self) > order.index(Outcome(str(other)))


@dataclass(frozen=True)
class Finding:
    """The result of one check: its outcome, what was done and observed, and advice.

    Attributes:
        check: the check's name.
        outcome: pass, warn or fail.
        action: what was done.
        observed: what was observed, in words.
        advice: what to do about it; empty where there is nothing to do.
        numbers: what was observed, by name.
    """

    check: str
    outcome: Outcome
    action: str
    observed: str
    advice: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold; :meth:`from_dict` is the way back."""
        # JSON has no infinity: what is infinite or undefined is said in words.
        finite = {name: value for name, value in self.numbers.items() if isfinite(value)}
        return {**asdict(self), "outcome": str(self.outcome), "numbers": finite}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the finding that :meth:`to_dict` made plain data of."""
        given = former.renamed(data, former.FINDING)
        return cls(**{**given, "outcome": Outcome(data["outcome"])})


class Examiner(Config):
    """Looks for one kind of fault; its hyper-parameters are its limits.

    Attributes:
        action: what it does, as a clause in the past tense.
    """

    action: ClassVar[str] = ""

    def finding(
        self, outcome: Outcome, observed: str, advice: str = "", **numbers: float
    ) -> Finding:
        """Return a finding of this name; advice is for those that don't pass."""
        text = "" if outcome is Outcome.PASS else advice
        return Finding(self.name, outcome, self.action, observed, text, numbers)


class Check(Examiner, family="check"):
    """Looks for one kind of fault before training.

    Attributes:
        stage: what it examines.
        whole: whether a random sample of the rows would mislead it.
        in_verdict: whether the verdict on a training begins with what it finds.

    >>> from wellfit.diagnose import ColumnScales
    >>> ColumnScales().stage, ColumnScales().most
    ('data', 100.0)
    """

    stage: ClassVar[Stage] = "data"
    whole: ClassVar[bool] = False
    in_verdict: ClassVar[bool] = False

    @abstractmethod
    def examine(self, context: CheckContext) -> Finding | None:
        """Return what it finds, or None where it doesn't apply."""


def graded(value: float, warn: float, fail: float = float("inf")) -> Outcome:
    """Return the outcome of a number that should be small; NaN fails.

    >>> graded(1, 2, 3), graded(2.5, 2, 3), graded(float("nan"), 2)
    (<Outcome.PASS: 'pass'>, <Outcome.WARN: 'warn'>, <Outcome.FAIL: 'fail'>)
    """
    if not value <= fail:
        return Outcome.FAIL
    return Outcome.WARN if value > warn else Outcome.PASS
