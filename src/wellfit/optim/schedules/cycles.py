"""Schedules along cosines: down and, with restarts, up again; or up and then down."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from wellfit.core.hyper import hyper
from wellfit.optim.schedules.base import Hypers, Schedule, counted_in, steps_of


class Cosine(Schedule, name="cosine"):
    r"""factor = end + (1 - end) peak (1 + cos πp) / 2, at the share p of a cycle.

    One cycle over the whole run, or restarts: the first cycle takes ``period`` epochs, each
    next one ``multiplier`` times as many, from a peak of ``decay`` times the one before. A run
    ends at its lowest rate if its epochs are those of whole cycles: 10 + 20 + 40, say.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.

    >>> schedule, total = Cosine(period=1.0, multiplier=2.0), torch.tensor([30.0])
    >>> numbers = {key: value for key, value in schedule.values() if key != "unit"}
    >>> hypers = {key: torch.tensor([value]) for key, value in numbers.items()}
    >>> steps = torch.tensor([[0.0], [5.0], [10.0], [20.0]])
    >>> schedule.factor(steps, total, per_epoch=10, hypers=hypers).flatten()
    tensor([1.0000, 0.5000, 1.0000, 0.5000])
    """

    period: float = hyper(
        "epochs of the first cycle; 0: all of the run", default=0.0, low=0, per_member=True
    )
    multiplier: float = hyper(
        "length of a cycle over the last one's",
        default=1.0,
        low=1,
        search=(1, 3),
        per_member=True,
    )
    decay: float = hyper(
        "peak of a cycle over the last one's",
        default=1.0,
        low=0,
        high=1,
        search=(0.5, 1),
        per_member=True,
    )
    end: float = hyper(
        "factor at the end of a cycle",
        default=0.0,
        low=0,
        high=1,
        search=(0, 0.1),
        per_member=True,
    )
    unit: str = counted_in()

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return half cosines, one a cycle."""
        period = hypers["period"] * steps_of(self.unit, per_epoch)
        # A period of 0 means the whole run: members may mix both, so the choice is by element.
        first = torch.where(period > 0, period, total)
        cycle, share = _cycles(steps / first, hypers["multiplier"])
        height = (1 - hypers["end"]) * hypers["decay"] ** cycle
        return hypers["end"] + height * (1 + torch.cos(math.pi * share)) / 2


class OneCycle(Schedule, name="one_cycle"):
    r"""Up to the full learning rate along half a cosine, then down to almost nothing.

    From 1/``start`` of the learning rate up to it in the first ``warm_up`` share of the steps,
    then down to 1/``end`` of where it started.

    Source: Smith and Topin, "Super-convergence", 2018; cosine form as in fastai and PyTorch.

    >>> schedule, total = OneCycle(), torch.tensor([11.0])
    >>> names = ("warm_up", "start", "end")
    >>> hypers = {name: torch.tensor([getattr(schedule, name)]) for name in names}
    >>> factors = schedule.factor(torch.arange(11.0)[:, None], total, 1, hypers).flatten()
    >>> int(factors.argmax()), round(float(factors[0]), 3)
    (3, 0.04)
    """

    warm_up: float = hyper(
        "share of steps going up",
        default=0.3,
        low=0,
        high=1,
        open_low=True,
        open_high=True,
        search=(0.05, 0.5),
        per_member=True,
    )
    start: float = hyper(
        "full rate over first rate",
        default=25.0,
        low=1,
        scale="log",
        search=(5, 100),
        per_member=True,
    )
    end: float = hyper(
        "first rate over last rate",
        default=1e4,
        low=1,
        scale="log",
        search=(10, 1e5),
        per_member=True,
    )

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return the two half cosines."""
        # Steps count from 0: the last one of T is T - 1, and it should get the lowest rate.
        last = (total - 1).clamp(min=1)
        peak = (hypers["warm_up"] * total - 1).clamp(min=0)
        up = (steps / peak.clamp(min=1)).clamp(0, 1)
        down = ((steps - peak) / (last - peak).clamp(min=1)).clamp(0, 1)
        low = 1 / hypers["start"]
        rising = _half_cosine(low, torch.ones_like(low), up)
        falling = _half_cosine(torch.ones_like(low), low / hypers["end"], down)
        return torch.where(steps < peak, rising, falling)


def _half_cosine(begin: Tensor, end: Tensor, progress: Tensor) -> Tensor:
    return end + (begin - end) * (1 + torch.cos(math.pi * progress)) / 2


def _cycles(gone: Tensor, growth: Tensor) -> tuple[Tensor, Tensor]:
    """Return the number of whole cycles before, and the share of the present one.

    Args:
        gone: time, in lengths of the first cycle.
        growth: what each cycle's length is multiplied by.
    """
    # Cycle i starts at (growthⁱ - 1) / (growth - 1); for equal lengths, the limit of that is i.
    more = (growth - 1).clamp(min=1e-15)
    # The small number lifts a step at the very start of a cycle over rounding errors.
    cycle = (torch.log1p(gone * more) / torch.log1p(more) + 1e-7).floor()
    start = torch.expm1(cycle * torch.log1p(more)) / more
    return cycle, ((gone - start) / (1 + more) ** cycle).clamp(0, 1)
