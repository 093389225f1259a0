"""The step schedule: all numbers that steps need, computed ahead for many steps at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import NamedTuple

import torch
from torch import Tensor

from wellfit.core.errors import HyperparameterError, UnknownNameError
from wellfit.core.hyper import Config
from wellfit.core.stacking import stacked
from wellfit.optim import Minimizer, Penalty
from wellfit.optim.optimizers import Coefficients
from wellfit.optim.penalties import Strength
from wellfit.training.member import Member
from wellfit.training.parameter_groups import ParameterGroup, ParameterGroups

_LOOK_AHEAD = 1024  # steps whose numbers are computed at once
_WIDE = 1 << 14  # parameters of a layer from which on a pass for each member beats one for all
_PROBES = 10_000  # steps at which schedules are checked before training starts


class StepValues(NamedTuple):
    """The numbers that one step needs beside its batch.

    Attributes:
        updates: the update rule's coefficients, for each of the plan's cuts.
        strengths: of each penalty; times the learning rate where it is decoupled.
        ema_weight: share of the new weights in the averaged ones; None where there are none.
    """

    updates: Sequence[Coefficients]
    strengths: Sequence[Strength] = ()
    ema_weight: Strength | None = None


class _Ahead(NamedTuple):
    """The numbers of steps from ``start`` on, and their learning rates (n, K)."""

    start: int
    per_epoch: int
    values: list[StepValues]
    rates: Tensor

    def holds(self, step: int, per_epoch: int) -> bool:
        """Return whether a step's numbers are among them."""
        return self.per_epoch == per_epoch and 0 <= step - self.start < len(self.values)


class StepSchedule:
    """The hyper-parameters of K members and their schedules, as numbers for every step.

    ``groups`` are those of the present epoch: which members learn which layers, and how fast.
    ``cuts`` are the same for the update rule, which takes some members one by one.

    Args:
        members: K members of one structure.
        scale: (K,) factors on their learning rates.
        dtype, device: of what meets the weights.

    Raises:
        UnknownNameError: a schedule of something that isn't there.
    """

    def __init__(
        self, members: Sequence[Member], scale: Tensor, dtype: torch.dtype, device: torch.device
    ) -> None:
        first = members[0]
        self._all, self._first, self._k = list(members), first, len(members)
        self._dtype, self._device = dtype, device
        self._scale = scale.to(device)
        self._optimizer = self._stacked([member.optimizer for member in members])
        self._epochs = self._column([member.epochs for member in members])
        self._average = self._column([member.ema_decay for member in members])
        self._strengths = [
            self._stacked([member.penalties[index] for member in members])["strength"]
            for index in range(len(first.penalties))
        ]
        self._schedule = self._stacked([member.lr_schedule for member in members])
        self._others = {
            item.of: (item.schedule, self._stacked([m.schedules[i].schedule for m in members]))
            for i, item in enumerate(first.schedules)
        }
        self._check_names()
        self.uniform = self._is_uniform()
        self._groups = ParameterGroups(members)
        self.groups = self._groups.at(1)
        self.update_groups = self._split_for_update()
        self._ahead: _Ahead | None = None
        self._looked = 0  # steps ahead, in all

    @property
    def averages(self) -> bool:
        """Whether averaged weights are kept."""
        return bool((self._average > 0).any())

    def advance(self, epoch: int) -> bool:
        """Go to an epoch, from 1; return whether its parameter groups have changed."""
        before, self.groups = self.groups, self._groups.at(epoch)
        changed = self.groups is not before
        if changed:
            self.update_groups, self._ahead = self._split_for_update(), None
        return changed

    def share_coefficients(self, group: ParameterGroup) -> bool:
        """Return whether the members of a group share all their coefficients."""
        return group.same_rates and (self.uniform or group.stop - group.start == 1)

    def values(self, step: int, per_epoch: int) -> Iterator[StepValues]:
        """Yield the numbers of each step of the epoch that starts at global step ``step``."""
        end = step + per_epoch
        while step < end:
            ahead = self._looking_ahead(step, per_epoch)
            these = ahead.values[step - ahead.start : end - ahead.start]
            yield from these
            step += len(these)

    def learning_rates(self, step: int, per_epoch: int) -> Tensor:
        """Return each member's scheduled learning rate (K,) at one step."""
        ahead = self._looking_ahead(step, per_epoch)
        return ahead.rates[step - ahead.start]

    def penalty_strengths(self, step: int, per_epoch: int) -> list[Tensor]:
        """Return every penalty's strength at one step, each (K,)."""
        ts = torch.full((1, 1), float(step), dtype=torch.float64, device=self._device)
        penalties = zip(self._first.penalties, self._strengths, strict=True)
        scheduled = (self._scheduled(p.name, value, ts, per_epoch) for p, value in penalties)
        return [value.expand(1, self._k)[0] for value in scheduled]

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

    def _looking_ahead(self, step: int, per_epoch: int) -> _Ahead:
        """Return the numbers of a step and of many that follow, of later epochs too."""
        ahead = self._ahead
        if ahead is None or not ahead.holds(step, per_epoch):
            left = int(self._epochs.max()) * per_epoch - step
            # Twice as far each time: training may pause after an epoch.
            steps = min(max(per_epoch, self._looked), _LOOK_AHEAD, max(left, 1))
            self._looked += steps
            ts = torch.arange(step, step + steps, device=self._device).double()[:, None]
            rates = self._rates(ts, per_epoch)
            values = list(self._values(ts, rates, per_epoch))
            self._ahead = ahead = _Ahead(step, per_epoch, values, rates)
        return ahead

    def factor(self, of: str, step: int, per_epoch: int) -> Tensor | None:
        """Return the scheduled factors (K,) on a hyper-parameter at one step, if it has any."""
        if of not in self._others:
            return None
        ts = torch.full((1, 1), float(step), dtype=torch.float64, device=self._device)
        return self._scheduled(of, torch.ones_like(self._epochs), ts, per_epoch)[0]

    def check(self, per_epoch: int) -> None:
        """Try the schedules along the whole run.

        Raises:
            HyperparameterError: one leaves the range of what it schedules, or is no number.
        """
        if isinstance(self._first.optimizer, Minimizer):
            return  # finds its own steps
        last = float(self._epochs.max()) * per_epoch - 1
        steps = int(min(last + 1, _PROBES))
        # At most 10,000 of the steps, evenly spread, since a custom function may be slow.
        ts = torch.linspace(0, max(last, 0), steps, dtype=torch.float64).round()[:, None]
        ts = ts.to(self._device)
        _check("learning_rate", self._rates(ts, per_epoch), self._first.optimizer)
        for key, value in self._optimizer.items():
            if key in self._others:
                _check(key, self._scheduled(key, value, ts, per_epoch), self._first.optimizer)
        for index, layer in enumerate(self._first.network.layers):
            if "dropout" in self._others and "rate" in layer.hypers():
                rates = self._column(
                    [dict(member.network.layers[index].values())["rate"] for member in self._all]
                )
                _check("rate", self._scheduled("dropout", rates, ts, per_epoch), layer)
        for penalty, value in zip(self._first.penalties, self._strengths, strict=True):
            if penalty.name in self._others:
                _check("strength", self._scheduled(penalty.name, value, ts, per_epoch), penalty)

    def _values(self, ts: Tensor, rate: Tensor, per_epoch: int) -> Iterator[StepValues]:
        hypers = {
            key: self._scheduled(key, value, ts, per_epoch)
            for key, value in self._optimizer.items()
        }
        groups = [
            self._updates(group, ts, rate, hypers, per_epoch) for group in self.update_groups
        ]
        parts = (
            zip(*groups, strict=True) if groups else [()] * len(ts),
            self._all_strengths(ts, rate, per_epoch),
            self._ema_weights(ts),
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
        members = slice(group.start, group.start + 1) if agree else group.members
        # Where members agree, the first one's numbers stand for all of the group.
        own = {key: value[..., members] for key, value in hypers.items()}
        rate = rate[:, members]
        if not group.default_rates:
            ts, rate = self._with_rates(group, members, ts, rate, per_epoch)
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

    def _with_rates(
        self, group: ParameterGroup, members: slice, ts: Tensor, rate: Tensor, per_epoch: int
    ) -> tuple[Tensor, Tensor]:
        """Return the steps since the group's layers began to learn, and their learning rates."""
        count = members.stop - members.start
        factors, firsts = (
            self._column(values[:count]) for values in (group.rates, group.start_epochs)
        )
        return (ts - (firsts - 1) * per_epoch).clamp(min=0), rate * factors

    def _all_strengths(
        self, ts: Tensor, rate: Tensor, per_epoch: int
    ) -> Iterable[Sequence[Strength]]:
        """Return every penalty's strength, step by step."""
        penalties = zip(self._first.penalties, self._strengths, strict=True)
        each = [self._strength(p, value, ts, rate, per_epoch) for p, value in penalties]
        return zip(*each, strict=False) if each else repeat(())

    def _strength(
        self, penalty: Penalty, strength: Tensor, ts: Tensor, rate: Tensor, per_epoch: int
    ) -> Iterable[Strength]:
        if not penalty.decoupled and penalty.name not in self._others:
            return repeat(self.number(strength))
        scheduled = self._scheduled(penalty.name, strength, ts, per_epoch)
        return self._step_by_step(scheduled * rate if penalty.decoupled else scheduled, len(ts))

    def _ema_weights(self, ts: Tensor) -> Iterable[Strength | None]:
        """Return 1 - decay, where the first steps' decay t / (t + 1) gives a plain mean."""
        if not self.averages:
            return repeat(None)
        # Early on, t / (t + 1) is smaller than the decay: the average is then the plain mean of
        # all weights so far, and doesn't drag the initial weights along.
        return self._step_by_step(1 - torch.minimum(self._average, ts / (ts + 1)), len(ts))

    def _rates(self, ts: Tensor, per_epoch: int) -> Tensor:
        """Return the learning rates (n, K) at steps (n, 1)."""
        factor = self._first.lr_schedule.factor(
            ts, self._total(per_epoch), per_epoch, self._schedule
        )
        return (self._optimizer["learning_rate"] * self._scale * factor).expand(len(ts), self._k)

    def _scheduled(self, of: str, value: Tensor, ts: Tensor, per_epoch: int) -> Tensor:
        """Return a hyper-parameter as it is, (K,), or at each step, (n, K)."""
        if of not in self._others:
            return value
        schedule, hypers = self._others[of]
        factor = schedule.factor(ts, self._total(per_epoch), per_epoch, hypers)
        return (value * factor).expand(len(ts), self._k)

    def _total(self, per_epoch: int) -> Tensor:
        return (self._epochs * per_epoch).clamp(min=1)

    def _step_by_step(self, values: Tensor, steps: int) -> Sequence[Strength]:
        """Return a number a step where members agree, else tensors (K, 1, 1)."""
        values = values.expand(steps, self._k)
        # Members mostly agree, and kernels take numbers several times as fast as tensors (K, 1,
        # 1).
        if bool((values == values[:, :1]).all()):
            return values[:, 0].tolist()
        return values.to(self._dtype)[..., None, None].unbind(0)

    def number(self, values: Tensor) -> Strength:
        """Return per-member numbers (K,) as (K, 1, 1), or as the one that all members share."""
        return self._step_by_step(values, 1)[0]

    def numbers(self, configs: Sequence[Config]) -> dict[str, Strength]:
        """Return the per-member hyper-parameters of K configs, each by :meth:`number`."""
        return {key: self.number(value) for key, value in self._stacked(configs).items()}

    def _is_uniform(self) -> bool:
        nested = [
            self._optimizer,
            self._schedule,
            *(hypers for _, hypers in self._others.values()),
        ]
        flat = [self._epochs, self._scale, *(value for one in nested for value in _leaves(one))]
        return all(bool((value == value[0]).all()) for value in flat)

    def _check_names(self) -> None:
        penalties = [penalty.name for penalty in self._first.penalties]
        known = [*self._optimizer, *penalties, "dropout"]
        # The learning rate has a schedule of its own, lr_schedule.
        known.remove("learning_rate")
        for of in self._others:
            if of not in known:
                raise UnknownNameError("hyper-parameter with a schedule", of, known)

    def _column(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=self._device)

    def _stacked(self, configs: Sequence[Config]) -> dict[str, Tensor]:
        return stacked(configs, torch.float64, self._device)


def _leaves(hypers: Mapping[str, Tensor | Mapping]) -> Iterator[Tensor]:  # type: ignore[type-arg]
    for value in hypers.values():
        if isinstance(value, Mapping):
            yield from _leaves(value)
        else:
            yield value


def _check(what: str, values: Tensor, owner: Config) -> None:
    """Raise an error where scheduled ``values`` leave the range that the config declares."""
    declared = type(owner).hypers()[what]
    for value in (float(values.min()), float(values.max())):
        if not declared.holds(value):
            raise HyperparameterError(
                f"the schedule takes {what} of {owner.name!r} to {value:g}; "
                f"expected numbers in {declared.interval}"
            )
