r"""Schedules: the factor on the learning rate at every step of training.

Steps are counted from 0 over the whole run; ``total`` is the number of steps planned for each
member, ``per_epoch`` those of one epoch.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from wellfit.core.hyper import Config, hyper


class Schedule(Config, family="schedule"):
    """How the learning rate changes over the steps.

    >>> steps, total = torch.arange(3.0)[:, None], torch.tensor([100.0])
    >>> Constant().factor(steps, total, per_epoch=10, hypers={})
    tensor([[1.],
            [1.],
            [1.]])
    """

    @abstractmethod
    def factor(
        self, steps: Tensor, total: Tensor, per_epoch: int, hypers: dict[str, Tensor]
    ) -> Tensor:
        """Return the factors (n, K) for steps (n, 1), total (K,) and hyper-parameters (K,)."""


class Constant(Schedule, name="constant"):
    """The learning rate as it is.

    >>> steps, total = torch.arange(2.0)[:, None], torch.tensor([100.0])
    >>> Constant().factor(steps, total, per_epoch=10, hypers={}).flatten().tolist()
    [1.0, 1.0]
    """

    def factor(
        self,
        steps: Tensor,
        total: Tensor,
        per_epoch: int,
        hypers: dict[str, Tensor],
    ) -> Tensor:
        """Return ones."""
        return torch.ones_like(steps * total)


class Exponential(Schedule, name="exponential"):
    r"""factor = decay^(epoch / every), epoch counted in fractions, or whole ones (staircase).

    Source: Robbins and Monro's decreasing gains, 1951; the form of Bottou, "Large-scale machine
    learning with stochastic gradient descent", 2010, and of common practice.

    >>> steps, total = torch.tensor([[0.0], [20.0]]), torch.tensor([100.0])
    >>> schedule = Exponential(decay=0.5)
    >>> half = {"decay": torch.tensor([0.5]), "every": torch.tensor([1.0])}
    >>> schedule.factor(steps, total, per_epoch=10, hypers=half).flatten().tolist()
    [1.0, 0.25]
    """

    decay: float = hyper(
        "factor per ``every`` epochs",
        default=0.95,
        low=0,
        high=1,
        open_low=True,
        search=(0.8, 1),
        per_member=True,
    )
    every: float = hyper(
        "epochs between decays", default=1.0, low=0, open_low=True, scale="log", per_member=True
    )
    staircase: bool = hyper("decay in jumps, not smoothly", default=False)

    def factor(
        self,
        steps: Tensor,
        total: Tensor,
        per_epoch: int,
        hypers: dict[str, Tensor],
    ) -> Tensor:
        """Return decay to the power of the epochs gone by."""
        periods = steps / per_epoch / hypers["every"]
        return hypers["decay"] ** (periods.floor() if self.staircase else periods)


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

    def factor(
        self,
        steps: Tensor,
        total: Tensor,
        per_epoch: int,
        hypers: dict[str, Tensor],
    ) -> Tensor:
        """Return the two half cosines."""
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
