"""The stretches of a training after which members are judged and callbacks are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import HyperparameterError, InputError
from wellfit.optim.minimizers import Minimizer
from wellfit.training.bound_stack import BoundChunk, BoundStack
from wellfit.training.member import Member
from wellfit.training.result import Result
from wellfit.training.streams import Stream


@dataclass(frozen=True)
class Periods:
    """The periods of a training, each an epoch or a number of steps.

    What histories, callbacks and checkpoints call an epoch is a period: without ``length`` it is
    a pass over the rows. With it, passes go on from one period to the next; the last period, and
    an epoch that ``max_steps`` cuts, may be shorter.

    Args:
        members: of one stack.
        per_epoch: the steps of a pass.
        length: the steps of a period; None for a pass.

    Raises:
        HyperparameterError: a minimizer's steps are its epochs already.
        InputError: members that end at different steps, so that their periods would differ.

    >>> from wellfit.nn import mlp
    >>> periods = Periods([Member(mlp(4, (8,), 3), epochs=10, max_steps=71)], 20, length=30)
    >>> [periods.end(step) for step in (0, 30, 60)]
    [30, 60, 71]
    """

    members: Sequence[Member]
    per_epoch: int
    length: int | None = None

    def __post_init__(self) -> None:
        if self.length is None:
            return
        if isinstance(self.members[0].optimizer, Minimizer):
            raise HyperparameterError(
                f"{self.members[0].optimizer.name} looks at all rows before each step; expected "
                "periods in epochs, which are its steps"
            )
        ends = sorted({member.steps(self.per_epoch) for member in self.members})
        if len(ends) > 1:
            raise InputError(
                f"members that are judged every {self.length} steps need the same number of "
                f"steps; given {ends}"
            )

    @classmethod
    def of(
        cls, members: Sequence[Member], streams: Sequence[Stream], length: int | None
    ) -> Periods:
        """Return the periods of members that read streams."""
        rows, first = max(len(stream.train) for stream in streams), members[0]
        whole = isinstance(first.optimizer, Minimizer)
        return cls(members, -(-rows // (rows if whole else min(first.batch_size, rows))), length)

    @property
    def steps(self) -> int:
        """The steps planned for the member that trains longest."""
        return max(member.steps(self.per_epoch) for member in self.members)

    def planned(self, result: Result) -> list[int]:
        """Return the number of periods that each member is to have after its training.

        Args:
            result: where the training begins or goes on.

        Raises:
            InputError: its periods were of another kind.
        """
        if result.epoch and (self.length is not None) != ("step" in result.callbacks[0]):
            given = "epochs" if self.length is None else f"{self.length} steps"
            raise InputError(
                f"the training to resume was not judged in {given}; expected eval_every as it was"
            )
        if not self._counts_steps:
            return [member.epochs for member in self.members]
        return [self._planned(member.steps(self.per_epoch), result) for member in self.members]

    def _planned(self, steps: int, result: Result) -> int:
        if result.step >= steps:
            return result.epoch
        return result.epoch - (-steps // self._usual) - result.step // self._usual

    def end(self, step: int) -> int:
        """Return the step at which a period ends that begins at global step ``step``."""
        if not self._counts_steps:
            # Rows of partial_fit may be more or fewer each time: steps then don't tell the epoch.
            return step + self.per_epoch
        return min(step - step % self._usual + self._usual, self.steps)

    def stamps(self, step: int, members: int) -> dict[str, NDArray[np.float64]]:
        """Return when a period of so many members ended, as a metric, where steps are counted."""
        return {} if self.length is None else {"step": np.full(members, float(step))}

    def chunks(self, bound: BoundStack, result: Result) -> Iterator[BoundChunk]:
        """Yield the chunks of the period that a result stands in, from where it stands."""
        first, stop = result.step, self.end(result.step)
        if not self._counts_steps:
            yield from bound.chunks(result.epoch, first, result.position)
            return
        step = first + result.position
        while step < stop:
            epoch, position = divmod(step, self.per_epoch)
            begin = epoch * self.per_epoch
            yield from bound.chunks(epoch, begin, position, stop - begin)
            step = begin + self.per_epoch

    @property
    def _counts_steps(self) -> bool:
        return self.length is not None or self.members[0].max_steps is not None

    @property
    def _usual(self) -> int:
        return self.length or self.per_epoch
