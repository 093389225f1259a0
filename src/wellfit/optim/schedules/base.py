"""The base class of schedules."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from wellfit.core.hyper import Config, hyper

Hypers = dict[str, Any]


class Schedule(Config, family="schedule"):
    """A schedule of a hyper-parameter, most often the learning rate, over the steps.

    >>> steps, total = torch.arange(3.0)[:, None], torch.tensor([100.0])
    >>> ConstantSchedule().factor(steps, total, per_epoch=10, hypers={})
    tensor([[1.],
            [1.],
            [1.]])
    """

    @abstractmethod
    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return the factors (n, K), finite and at least 0.

        Args:
            steps: (n, 1), counted from 0 over the whole run; (n, K) after a warm-up.
            total: (K,), the steps planned for each member.
            per_epoch: the steps of one epoch.
            hypers: the per-member hyper-parameters, each (K,); a nested schedule's as a
                dictionary of their own.
        """


class ConstantSchedule(Schedule, name="constant"):
    """The learning rate as it is.

    >>> steps, total = torch.arange(2.0)[:, None], torch.tensor([100.0])
    >>> ConstantSchedule().factor(steps, total, per_epoch=10, hypers={}).flatten().tolist()
    [1.0, 1.0]
    """

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return ones."""
        return torch.ones_like(steps * total)


def counted_in() -> Any:
    """Declare the unit of a schedule's numbers of epochs."""
    return hyper("what its epochs are counted in", default="epochs", choices=("epochs", "steps"))


def steps_of(unit: str, per_epoch: int) -> int:
    """Return the steps of one unit that a schedule counts in.

    >>> steps_of("epochs", per_epoch=10), steps_of("steps", per_epoch=10)
    (10, 1)
    """
    return 1 if unit == "steps" else per_epoch


def share_done(steps: Tensor, total: Tensor) -> Tensor:
    """Return which share of the run is over, (n, K), from 0 to 1.

    >>> share_done(torch.tensor([[0.0], [5.0], [12.0]]), torch.tensor([10.0])).flatten().tolist()
    [0.0, 0.5, 1.0]
    """
    return (steps / total).clamp(max=1)
