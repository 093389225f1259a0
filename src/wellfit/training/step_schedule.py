"""The step schedule: all numbers that steps need, computed ahead for many steps at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from wellfit.optim.optimizers import Coefficients
from wellfit.optim.penalties import Strength
from wellfit.training.member import Member
from wellfit.training.parameter_groups import ParameterGroup, ParameterGroups
from wellfit.training.scheduled import ScheduledNumbers

_LOOK_AHEAD = 1024  # steps whose numbers are computed at once
_TABLE = 256  # steps of a table
_WIDE = 1 << 14  # parameters of a layer from which on a pass for each member beats one for all


class StepValues(NamedTuple):
    """The numbers that one step needs beside its batch.

    Attributes:
        updates: the update rule's coefficients, for each of the update groups.
        strengths: of each penalty; times the learning rate where it is decoupled.
        ema_weight: share of the new weights in the averaged ones; None where there are none.
    """

    updates: Sequence[Coefficients]
    strengths: Sequence[Strength] = ()
    ema_weight: Strength | None = None


class StepTable(NamedTuple):
    """The numbers of n steps as tensors in double precision, for a step that takes many at once.

    Attributes:
        updates: the update rule's coefficients, each (n, m), for each group of m members.
        strengths: (n, K, penalties), without the learning rate's factors of groups.
        ema_weights: (n, K); None where there are no averaged weights.
    """

    updates: Sequence[Coefficients]
    strengths: Tensor
    ema_weights: Tensor | None


@dataclass
class _Ahead:
    """Steps (n, 1) from ``start`` on and their learning rates (n, K); other numbers when asked."""

    start: int
    per_epoch: int
    ts: Tensor
    rates: Tensor
    values: list[StepValues] | None = None
    table: StepTable | None = None

    def holds(self, step: int, per_epoch: int) -> bool:
        """Return whether a step's numbers are among them."""
        return self.per_epoch == per_epoch and 0 <= step - self.start < self.ts.shape[0]


class StepSchedule:
    """The hyper-parameters of K members and their schedules, as numbers for every step.

    ``groups`` are those of the present epoch: which members learn which layers, and how fast.
    ``update_groups`` are the same for the update rule, which takes some members one by one.

    Args:
        members: K members of one structure.
        scale: (K,) factors on their learning rates.
        dtype, device: of what meets the weights.

    Attributes:
        scheduled: the hyper-parameters, at any step.

    Raises:
        UnknownNameError: a schedule of something that isn't there.
    """

    def __init__(
        self, members: Sequence[Member], scale: Tensor, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._first, self._dtype, self._device = members[0], dtype, device
        self.scheduled = ScheduledNumbers(members, scale, dtype, device)
        self._groups = ParameterGroups(members)
        self.groups = self._groups.at(1)
        self.update_groups = self._split_for_update()
        self._ahead: _Ahead | None = None
        self._tabled: _Ahead | None = None
        self._looked = 0  # steps ahead, in all

    def advance(self, epoch: int) -> bool:
        """Go to an epoch, from 1; return whether its parameter groups have changed."""
        before, self.groups = self.groups, self._groups.at(epoch)
        changed = self.groups is not before
        if changed:
            self.update_groups, self._ahead = self._split_for_update(), None
            self._tabled = None
        return changed

    def share_coefficients(self, group: ParameterGroup) -> bool:
        """Return whether the members of a group share all their coefficients."""
        return group.same_rates and (self.scheduled.uniform or group.stop - group.start == 1)

    def values(self, step: int, per_epoch: int) -> Iterator[StepValues]:
        """Yield the numbers of each step of the epoch that starts at global step ``step``."""
        end = step + per_epoch
        while step < end:
            ahead = self._computed_ahead(step, per_epoch)
            if ahead.values is None:
                ahead.values = list(self._values(ahead.ts, ahead.rates, per_epoch))
            these = ahead.values[step - ahead.start : end - ahead.start]
            yield from these
            step += len(these)

    def table(self, step: int, per_epoch: int) -> tuple[int, StepTable]:
        """Return a table that holds a step's numbers, and the step that it starts from."""
        if self._tabled is None or not self._tabled.holds(step, per_epoch):
            # Tables begin at the same steps and are as long however training was divided into
            # runs: PyTorch's powers round by their place in a tensor.
            start = step - step % _TABLE
            last = max(self.scheduled.steps(per_epoch) - 1, step)
            ts = torch.arange(start, start + _TABLE).double()[:, None].clamp(max=last)
            rates = self.scheduled.learning_rates(ts, per_epoch)
            table = self._table(ts, rates, per_epoch)
            self._tabled = _Ahead(start, per_epoch, ts, rates, table=table)
        assert self._tabled.table is not None
        return self._tabled.start, self._tabled.table

    def learning_rates(self, step: int, per_epoch: int) -> Tensor:
        """Return each member's scheduled learning rate (K,) at one step."""
        ahead = self._computed_ahead(step, per_epoch)
        return ahead.rates[step - ahead.start]

    def _split_for_update(self) -> tuple[ParameterGroup, ...]:
        """Return the groups, and where members disagree, one for each member's wide layers.

        A kernel that takes plain numbers then updates them in one pass over memory.
        """
        network = self._first.network
        if not self._first.optimizer.has_fused_kernel or self._device.type != "cpu":
            return self.groups
        sizes = [shape.rows * shape.columns for shape in network.parameters.shapes]
        wide = {layer for layer, size in enumerate(sizes) if size >= _WIDE}
        parts = (
            [group] if self.share_coefficients(group) else group.split(wide, network)
            for group in self.groups
        )
        return tuple(chain.from_iterable(parts))

    def _computed_ahead(self, step: int, per_epoch: int) -> _Ahead:
        """Return the numbers of a step and of many that follow, of later epochs too."""
        ahead = self._ahead
        if ahead is None or not ahead.holds(step, per_epoch):
            left = self.scheduled.steps(per_epoch) - step
            # Twice as far each time: training may pause after an epoch.
            steps = min(max(per_epoch, self._looked), _LOOK_AHEAD, max(left, 1))
            self._looked += steps
            ts = torch.arange(step, step + steps, device=self._device).double()[:, None]
            rates = self.scheduled.learning_rates(ts, per_epoch)
            self._ahead = ahead = _Ahead(step, per_epoch, ts, rates)
        return ahead

    def _hypers(self, ts: Tensor, per_epoch: int) -> dict[str, Tensor]:
        """Return the update rule's hyper-parameters, (K,) or (n, K)."""
        return {
            key: self.scheduled.at(key, value, ts, per_epoch)
            for key, value in self.scheduled.optimizer.items()
        }

    def _table(self, ts: Tensor, rate: Tensor, per_epoch: int) -> StepTable:
        hypers, updates = self._hypers(ts, per_epoch), []
        for group in self.groups:
            shape = len(ts), group.stop - group.start
            own = self._of_group(group, ts, rate, hypers, per_epoch)
            table = self._first.optimizer.coefficients(*own)
            updates.append({key: value.expand(shape) for key, value in table.items()})
        strengths = self.scheduled.strength_table(ts, rate, per_epoch)
        return StepTable(updates, strengths, self.scheduled.ema_table(ts))

    def _values(self, ts: Tensor, rate: Tensor, per_epoch: int) -> Iterator[StepValues]:
        hypers = self._hypers(ts, per_epoch)
        groups = [
            self._updates(group, ts, rate, hypers, per_epoch) for group in self.update_groups
        ]
        parts = (
            zip(*groups, strict=True) if groups else [()] * len(ts),
            self.scheduled.strengths(ts, rate, per_epoch),
            self.scheduled.ema_weights(ts),
        )
        return (StepValues(*part) for part in zip(*parts, strict=False))

    def _updates(
        self,
        group: ParameterGroup,
        ts: Tensor,
        rate: Tensor,
        hypers: Mapping[str, Tensor],
        per_epoch: int,
    ) -> list[Coefficients]:
        """Return the update rule's coefficients: plain numbers where the group's members agree."""
        rule, steps, agree = self._first.optimizer, len(ts), self.share_coefficients(group)
        ts, rate, own = self._of_group(group, ts, rate, hypers, per_epoch)
        if agree and self._device.type == "cpu":
            scalars = rule.scalars(ts, rate, own)
            if scalars is not None:
                return scalars
        table = rule.coefficients(ts, rate, own)
        columns = rate.shape[1]
        shape = (steps, columns) if agree else (steps, columns, 1)
        rows = [
            value.expand(steps, columns).to(self._dtype).reshape(shape).unbind(0)
            for value in table.values()
        ]
        return [dict(zip(table, row, strict=True)) for row in zip(*rows, strict=True)]

    def _of_group(
        self,
        group: ParameterGroup,
        ts: Tensor,
        rate: Tensor,
        hypers: Mapping[str, Tensor],
        per_epoch: int,
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return a group's steps, learning rates and hyper-parameters, as the rule takes them.

        Where members agree, the first one's numbers stand for all of the group.
        """
        agree = self.share_coefficients(group)
        members = slice(group.start, group.start + 1) if agree else group.members
        own = {key: value[..., members] for key, value in hypers.items()}
        rate = rate[:, members]
        if not group.default_rates:
            ts, rate = self._with_rates(group, members, ts, rate, per_epoch)
        return ts, rate, own

    def _with_rates(
        self, group: ParameterGroup, members: slice, ts: Tensor, rate: Tensor, per_epoch: int
    ) -> tuple[Tensor, Tensor]:
        """Return the steps since the group's layers began to learn, and their learning rates."""
        count = members.stop - members.start
        factors, firsts = (
            self.scheduled.column(values[:count]) for values in (group.rates, group.start_epochs)
        )
        return (ts - (firsts - 1) * per_epoch).clamp(min=0), rate * factors
