"""ScheduledNumbers: the hyper-parameters of K members and their schedules at any step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat

import torch
from torch import Tensor

from wellfit.core.errors import HyperparameterError, UnknownNameError
from wellfit.core.hyper import Config
from wellfit.core.stacking import stacked
from wellfit.optim import Minimizer, Penalty
from wellfit.optim.penalties import Strength
from wellfit.training.member import Member

_PROBES = 10_000  # steps at which schedules are checked before training starts


class ScheduledNumbers:
    """The hyper-parameters of K members, as they are scheduled.

    Args:
        members: K members of one structure.
        scale: (K,) factors on their learning rates.
        dtype, device: of what meets the weights.

    Attributes:
        optimizer: the update rule's hyper-parameters (K,), unscheduled.
        uniform: whether members agree in all of them, and in their schedules.

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
        self.optimizer = self._stacked([member.optimizer for member in members])
        self._epochs = self.column([member.epochs for member in members])
        self._most = members[0].max_steps
        self._average = self.column([member.ema_decay for member in members])
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

    def steps(self, per_epoch: int) -> int:
        """Return how many steps the longest training takes."""
        return int(self._total(per_epoch).max())

    @property
    def averages(self) -> bool:
        """Whether averaged weights are kept."""
        return bool((self._average > 0).any())

    def check(self, per_epoch: int) -> None:
        """Try the schedules along the whole run.

        Raises:
            HyperparameterError: one leaves the range of what it schedules, or is no number.
        """
        if isinstance(self._first.optimizer, Minimizer):
            return  # finds its own steps
        last = float(self.steps(per_epoch) - 1)
        steps = int(min(last + 1, _PROBES))
        # At most 10,000 of the steps, evenly spread, since a custom function may be slow.
        ts = torch.linspace(0, max(last, 0), steps, dtype=torch.float64).round()[:, None]
        ts = ts.to(self._device)
        _check("learning_rate", self.learning_rates(ts, per_epoch), self._first.optimizer)
        for key, value in self.optimizer.items():
            if key in self._others:
                _check(key, self.at(key, value, ts, per_epoch), self._first.optimizer)
        for index, layer in enumerate(self._first.network.layers):
            if "dropout" in self._others and "rate" in layer.hypers():
                rates = self.column(
                    [dict(member.network.layers[index].values())["rate"] for member in self._all]
                )
                _check("rate", self.at("dropout", rates, ts, per_epoch), layer)
        for penalty, value in zip(self._first.penalties, self._strengths, strict=True):
            if penalty.name in self._others:
                _check("strength", self.at(penalty.name, value, ts, per_epoch), penalty)

    def factor(self, of: str, step: int, per_epoch: int) -> Tensor | None:
        """Return the scheduled factors (K,) on a hyper-parameter at one step, if it has any."""
        if of not in self._others:
            return None
        ts = torch.full((1, 1), float(step), dtype=torch.float64, device=self._device)
        return self.at(of, torch.ones_like(self._epochs), ts, per_epoch)[0]

    def penalty_strengths(self, step: int, per_epoch: int) -> list[Tensor]:
        """Return every penalty's strength at one step, each (K,)."""
        ts = torch.full((1, 1), float(step), dtype=torch.float64, device=self._device)
        penalties = zip(self._first.penalties, self._strengths, strict=True)
        scheduled = (self.at(p.name, value, ts, per_epoch) for p, value in penalties)
        return [value.expand(1, self._k)[0] for value in scheduled]

    def strengths(self, ts: Tensor, rate: Tensor, per_epoch: int) -> Iterable[Sequence[Strength]]:
        """Return every penalty's strength, step by step."""
        penalties = zip(self._first.penalties, self._strengths, strict=True)
        each = [self._strength(p, value, ts, rate, per_epoch) for p, value in penalties]
        return zip(*each, strict=False) if each else repeat(())

    def _strength(
        self, penalty: Penalty, strength: Tensor, ts: Tensor, rate: Tensor, per_epoch: int
    ) -> Iterable[Strength]:
        if not penalty.decoupled and penalty.name not in self._others:
            return repeat(self.number(strength))
        return self._step_by_step(self._acting(penalty, strength, ts, rate, per_epoch), len(ts))

    def _acting(
        self, penalty: Penalty, strength: Tensor, ts: Tensor, rate: Tensor, per_epoch: int
    ) -> Tensor:
        """Return a penalty's strength, times the learning rate where it is decoupled."""
        scheduled = self.at(penalty.name, strength, ts, per_epoch)
        return scheduled * rate if penalty.decoupled else scheduled

    def strength_table(self, ts: Tensor, rate: Tensor, per_epoch: int) -> Tensor:
        """Return every penalty's strength, (n, K, penalties)."""
        penalties = zip(self._first.penalties, self._strengths, strict=True)
        each = [self._acting(p, value, ts, rate, per_epoch) for p, value in penalties]
        shape = len(ts), self._k
        return torch.stack([own.expand(shape) for own in each] or [ts.expand(shape)], dim=-1)

    def ema_weights(self, ts: Tensor) -> Iterable[Strength | None]:
        """Return 1 - decay, step by step."""
        table = self.ema_table(ts)
        return repeat(None) if table is None else self._step_by_step(table, len(ts))

    def ema_table(self, ts: Tensor) -> Tensor | None:
        """Return 1 - decay, (n, K), the first steps' decay being t / (t + 9)."""
        if not self.averages:
            return None
        # Early on, the average is over about a tenth of the steps so far, much as in TensorFlow
        # with ``num_updates``: of a short training it would else be far behind the weights. The
        # first step's decay is 0, so that nothing is left of what the slot held before.
        return (1 - torch.minimum(self._average, ts / (ts + 9))).expand(len(ts), self._k)

    def learning_rates(self, ts: Tensor, per_epoch: int) -> Tensor:
        """Return the learning rates (n, K) at steps (n, 1)."""
        factor = self._first.lr_schedule.factor(
            ts, self._total(per_epoch), per_epoch, self._schedule
        )
        return (self.optimizer["learning_rate"] * self._scale * factor).expand(len(ts), self._k)

    def at(self, of: str, value: Tensor, ts: Tensor, per_epoch: int) -> Tensor:
        """Return a hyper-parameter as it is, (K,), or at each step, (n, K)."""
        if of not in self._others:
            return value
        schedule, hypers = self._others[of]
        factor = schedule.factor(ts, self._total(per_epoch), per_epoch, hypers)
        return (value * factor).expand(len(ts), self._k)

    def _total(self, per_epoch: int) -> Tensor:
        return (self._epochs * per_epoch).clamp(min=1, max=self._most)

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
            self.optimizer,
            self._schedule,
            *(hypers for _, hypers in self._others.values()),
        ]
        flat = [self._epochs, self._scale, *(value for one in nested for value in _leaves(one))]
        return all(bool((value == value[0]).all()) for value in flat)

    def _check_names(self) -> None:
        penalties = [penalty.name for penalty in self._first.penalties]
        known = [*self.optimizer, *penalties, "dropout"]
        # The learning rate has a schedule of its own, lr_schedule.
        known.remove("learning_rate")
        for of in self._others:
            if of not in known:
                raise UnknownNameError("hyper-parameter with a schedule", of, known)

    def column(self, values: Sequence[float]) -> Tensor:
        """Return a number for each member as (K,)."""
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
