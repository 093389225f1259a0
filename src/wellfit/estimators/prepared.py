"""A training that is ready to begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from wellfit.estimators import settings
from wellfit.estimators.scoring import scores
from wellfit.estimators.tables import Table
from wellfit.training import Callback, Member, Rows, Stream, Weights
from wellfit.training.metric_sums import Score
from wellfit.training.precision import device_of, dtype_of

if TYPE_CHECKING:
    from wellfit.estimators.base import BaseMLP


@dataclass(frozen=True)
class Prepared:
    """What an estimator's parameters and data come to.

    Attributes:
        estimator: whose training it is; it has learned how to read data, and has no weights.
        table: all rows, as numbers.
        stream: which of them to train on, and to be judged on.
        member: the training itself.
        callbacks: who is told.
        targets: of all rows, as the user gave them; None where nobody asks for scores.
        going_on: whether it goes on from the estimator's weights.
        one_more: whether it is one more epoch, with the optimizer's memory.
        start: the weights to begin with, where they aren't drawn.
        uncut: the whole training, where this one reads what frozen layers put out.
    """

    estimator: BaseMLP
    table: Table
    stream: Stream
    member: Member
    callbacks: list[Callback]
    targets: NDArray[Any] | None = None
    going_on: bool = False
    one_more: bool = False
    start: Weights | None = None
    uncut: Prepared | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what goes to other processes: not all rows once more."""
        return {**self.__dict__, "uncut": None}

    @property
    def brightest(self) -> int:
        """The value of a pixel that becomes 1."""
        return self.estimator._inputs.brightest

    def rows(self) -> Rows:
        """Return the table on the device."""
        return Rows(
            self.table.x,
            self.table.y,
            self.table.weight,
            dtype=dtype_of(self.estimator.precision),
            device=device_of(self.estimator.device),
            brightest=self.brightest,
        )

    def scores(self) -> dict[str, Score]:
        """Return the metrics of scikit-learn that the estimator wants to see."""
        if self.targets is None:
            return {}
        return scores(self.estimator, settings.scored(self.estimator), self.targets)
