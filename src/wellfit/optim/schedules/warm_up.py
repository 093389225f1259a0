"""A gentle start before any other schedule."""

from __future__ import annotations

import torch
from torch import Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper, resolve
from wellfit.optim.schedules.base import ConstantSchedule, Hypers, Schedule, steps_of


class WarmUp(Schedule, name="warm_up"):
    r"""A line from ``start`` up to the full rate, and ``then`` any other schedule.

    The other one begins when the warm-up is over, and plans with the steps that are left.

    Source: Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017.

    >>> schedule, total = WarmUp(2.0, start=0.0, then="polynomial"), torch.tensor([60.0])
    >>> steps = torch.tensor([[0.0], [10.0], [20.0], [40.0]])
    >>> hypers = {"length": torch.tensor([2.0]), "start": torch.tensor([0.0]),
    ...           "then": {"power": torch.tensor([1.0]), "end": torch.tensor([0.0])}}
    >>> schedule.factor(steps, total, per_epoch=10, hypers=hypers).flatten().tolist()
    [0.0, 0.5, 1.0, 0.5]
    """

    length: float = hyper(
        "of the warm-up, in epochs, in steps or as a share of the run",
        default=1.0,
        low=0,
        search=(0, 5),
        per_member=True,
    )
    unit: str = hyper(
        "what length is counted in", default="epochs", choices=("epochs", "steps", "run")
    )
    start: float = hyper(
        "first factor", default=0.01, low=0, high=1, search=(0, 0.5), per_member=True
    )
    then: Schedule = hyper("what follows", default=ConstantSchedule(), per_member=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "then", resolve(Schedule, self.then))
        if self.unit == "run" and self.length > 1:
            raise HyperparameterError(
                f"length of schedule 'warm_up' is {self.length!r} of the run; "
                "expected a number in [0, 1], or unit='epochs' or 'steps'"
            )

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return the line times the other schedule, which waits for the line's end."""
        unit = total if self.unit == "run" else steps_of(self.unit, per_epoch)
        length = (hypers["length"] * unit).round()
        # Without a warm-up (length 0) the line is at its end from the first step on.
        climbed = (steps / length.clamp(min=1)).clamp(max=1).where(length > 0, 1.0)
        line = torch.lerp(hypers["start"], torch.ones_like(climbed), climbed)
        # The schedule that follows sees a run of its own: it starts at step 0 when the line ends.
        waited, left = (steps - length).clamp(min=0), (total - length).clamp(min=1)
        return line * self.then.factor(waited, left, per_epoch, hypers["then"])
