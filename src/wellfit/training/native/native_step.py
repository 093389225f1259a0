"""NativeStep: the compiled step, behind the same waist as PyTorch's."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from wellfit.training.chunk_part import ChunkPart
from wellfit.training.metric_sums import MetricSums, Numbers
from wellfit.training.native.paced_calls import PacedCalls
from wellfit.training.native.plan import NativePlan
from wellfit.training.native.structures import CallPlan, GroupPlan
from wellfit.training.native.table_rows import Located, TableRows
from wellfit.training.native.workers import Workers
from wellfit.training.stack import Stack
from wellfit.training.step_schedule import StepTable


class NativeStep:
    """Moves all members of a stack by many batches of B rows in one call.

    It is called as :class:`~wellfit.training.step.Step` is, chunk by chunk.

    Args:
        stack: whose weights move; the library must be able to (:func:`obstacle`).
        batch: B.
        per_epoch: steps of an epoch, for schedules.
        steps: of a chunk, at most.
        table_rows: the table, from which rows may be picked.
        workers: threads that share the work, where it is worth them.
    """

    def __init__(
        self,
        stack: Stack,
        batch: int,
        per_epoch: int,
        steps: int,
        table_rows: TableRows,
        workers: Workers,
    ) -> None:
        self._stack, self._per_epoch = stack, per_epoch
        self._plan = NativePlan(stack, batch, table_rows.one_class)
        self._table_rows = table_rows
        self._sums = np.zeros((3, steps, stack.k))  # losses, hits, weights
        self._summed = [Located(each) for each in self._sums]
        self.calls = PacedCalls(self._plan, stack, batch, workers)
        self._call = self.calls.call
        groups = stack.step_schedule.groups
        self._rates = [np.array(group.rates, dtype=np.float64) for group in groups]
        self._groups = (GroupPlan * len(groups))(
            *(
                GroupPlan(start=group.start, members=len(group.rates), rates=rates.ctypes.data)
                for group, rates in zip(groups, self._rates, strict=True)
            )
        )
        self._call.groups = ctypes.cast(self._groups, ctypes.c_void_p)
        self._table: _Table | None = None
        self._x = self._target = stack.gradients
        self._pull: Tensor | None = None
        self._ids: Tensor | None = None
        self._step = 0

    def refresh(self, step: int, steps: int) -> None:
        """Go on from global step ``step``."""
        self._step = step

    def run(self, part: ChunkPart, stopped: Callable[[], bool]) -> int:
        """Move the members by the batches of a chunk that are left; return which were done.

        Args:
            part: batches, some of which may be done already.
            stopped: asked every so many steps: whether to end here.
        """
        self._point_at(part)
        done = part.done
        while done < part.stop and not stopped():
            done += self.move(part, done)
        return done

    def count(self, sums: MetricSums, part: ChunkPart, done: int) -> None:
        """Add the losses of the steps of a chunk that :meth:`run` has taken, as far as it came."""
        taken = self._sums[:, : done - part.done]
        if part.chunk.filled is not None:
            # What weights were multiplied with, so that a mean over B is one over fewer.
            taken = taken / part.chunk.filled[part.done : done, :, 0, 0].numpy()
        sums.add_sums(taken, classifies=self._plan.classifies)

    def move(self, part: ChunkPart, done: int) -> int:
        """Move the members by some batches after those that are done; return how many."""
        steps = self._steps_at(self._step, min(part.stop - done, self.calls.at_once))
        self._place(part, done, steps)
        self.calls()
        self._step += steps
        return steps

    def _point_at(self, part: ChunkPart) -> None:
        """Write down how a chunk's tensors lie in memory, and hold those made for it."""
        call, rows = self._call, part.chunk
        self._x, self._target, self._pull = rows.x, rows.target, rows.pull
        self._ids = rows.ids
        call.streams = 0 if rows.shared is None else rows.shared.data_ptr()
        if self._pull is not None:
            self._pull = self._pull.expand(-1, self._stack.k, -1, -1)
            call.weight_step, call.weight_member = self._pull.stride()[:2]
        if self._ids is not None:
            self._table_rows.point_at(call, self._ids)
            return
        if self._target.stride()[2:] != (self._target.shape[3], 1):
            # Only where they lie otherwise: of targets that all share, it is a copy a member.
            self._target = self._target.contiguous()
        call.x_step, call.x_member, call.x_row, unit = self._x.stride()
        assert unit == 1
        call.target_step, call.target_member = self._target.stride()[:2]

    def _place(self, part: ChunkPart, done: int, steps: int) -> None:
        """Write down which batches come now, and where the numbers of their steps lie."""
        call, size = self._call, self._stack.gradients.element_size()
        assert self._table is not None
        call.steps, call.first = steps, self._step
        if self._ids is None:
            call.x = self._x.data_ptr() + done * call.x_step * size
            call.target = self._target.data_ptr() + done * call.target_step * size
        else:
            call.x, call.ids = 0, self._ids.data_ptr() + done * call.ids_step * 8
        call.weight = 0
        if self._pull is not None:
            call.weight = self._pull.data_ptr() + done * call.weight_step * size
        taken = done - part.done
        call.losses, call.hits, call.weights = (each.after(taken) for each in self._summed)
        self._table.place(call, self._groups, self._step)

    def _steps_at(self, step: int, most: int) -> int:
        """Look the numbers of the coming steps up; return for how many, up to ``most``."""
        schedule = self._stack.step_schedule
        start, table = schedule.table(step, self._per_epoch)
        if self._table is None or self._table.of is not table:
            self._table = _Table(table, start, self._plan.coefficients)
            self._table.check(torch.finfo(self._stack.gradients.dtype).max)
        return min(most, start + len(table.strengths) - step)


class _Table:
    """The numbers of many steps from ``start`` on, as arrays that the library reads."""

    def __init__(self, table: StepTable, start: int, names: Sequence[str]) -> None:
        self.of, self._start = table, start
        self._strengths = Located(_array(table.strengths))
        ema = table.ema_weights
        self._averaging = None if ema is None else Located(_array(ema))
        self._values = [
            Located(_array(torch.stack([*_chosen(c, names), _own_decay(c)], dim=-1)))
            for c in table.updates
        ]

    def check(self, largest: float) -> None:
        """Refuse numbers that the type of the weights can't hold.

        Raises:
            OverflowError: there are some.
        """
        tables = (self._strengths.array, *(each.array for each in self._values))
        if any(np.abs(each).max(initial=0) > largest for each in tables):
            raise OverflowError(f"a number of a step is larger than {largest:.2g}")

    def place(self, call: CallPlan, groups: ctypes.Array[GroupPlan], step: int) -> None:
        """Point at the numbers of a step and of those that follow."""
        at = step - self._start
        call.strengths = self._strengths.after(at)
        call.averaging = 0 if self._averaging is None else self._averaging.after(at)
        for group, values in zip(groups, self._values, strict=True):
            group.count, group.values = values.array.shape[2], values.after(at)


def _chosen(coefficients: dict[str, Tensor], names: Sequence[str]) -> Iterator[Tensor]:
    """Yield the coefficients of these names."""
    for name in names:
        found = coefficients.get(name)
        # FTRL leaves out the power where it is a root, for all members.
        yield torch.full_like(coefficients["a"], 0.5) if found is None else found


def _own_decay(coefficients: dict[str, Tensor]) -> Tensor:
    """Return the factor on weights of a rule's own decay: 1 where it has none."""
    if "shrink" in coefficients:
        return coefficients["shrink"]
    return torch.ones_like(next(iter(coefficients.values())))


def _array(values: Tensor) -> Numbers:
    return np.ascontiguousarray(values.numpy(), dtype=np.float64)
