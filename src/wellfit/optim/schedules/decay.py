"""Schedules that go one way: by epochs gone by, or by the share of the run that is over."""

from __future__ import annotations

import itertools
import math
from typing import Any, NoReturn

import torch
from torch import Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper, nonnegative, positive
from wellfit.optim.schedules.base import Hypers, Schedule, counted_in, share_done, steps_of


class TimeBased(Schedule, name="time_based"):
    r"""factor = 1 / (1 + decay · epoch / every), epoch counted in fractions, or in whole periods.

    Keras's former ``decay`` is counted in steps: ``TimeBased(decay, unit="steps")``.

    Source: Robbins and Monro, "A stochastic approximation method", 1951.

    >>> steps, total = torch.tensor([[0.0], [20.0]]), torch.tensor([100.0])
    >>> hypers = {"decay": torch.tensor([0.5]), "every": torch.tensor([1.0])}
    >>> TimeBased(decay=0.5).factor(steps, total, per_epoch=10, hypers=hypers).flatten().tolist()
    [1.0, 0.5]
    """

    decay: float = nonnegative(
        "added to the divisor per ``every`` epochs", default=0.1, search=(1e-3, 1)
    )
    every: float = hyper(
        "epochs of a period", default=1.0, low=0, open_low=True, scale="log", per_member=True
    )
    staircase: bool = hyper("decay in jumps, not smoothly", default=False)
    unit: str = counted_in()

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return one over what has been added up."""
        periods = steps / steps_of(self.unit, per_epoch) / hypers["every"]
        return 1 / (1 + hypers["decay"] * (periods.floor() if self.staircase else periods))


class Exponential(Schedule, name="exponential"):
    r"""factor = decay^(epoch / every), epoch counted in fractions, or in whole periods.

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
    unit: str = counted_in()

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return decay to the power of the epochs gone by."""
        periods = steps / steps_of(self.unit, per_epoch) / hypers["every"]
        return hypers["decay"] ** (periods.floor() if self.staircase else periods)


class Power(Schedule, name="power"):
    r"""factor = 1 / (1 + epoch / every)^power: falls fast at first, then ever more slowly.

    Source: Senior, Heigold, Ranzato and Yang, "An empirical study of learning rates in deep
    neural networks for speech recognition", 2013.

    >>> steps, total = torch.tensor([[0.0], [30.0]]), torch.tensor([100.0])
    >>> hypers = {"every": torch.tensor([1.0]), "power": torch.tensor([0.5])}
    >>> Power(1.0, 0.5).factor(steps, total, per_epoch=10, hypers=hypers).flatten().tolist()
    [1.0, 0.5]
    """

    every: float = positive(
        "epochs after which the factor is 2^-power", default=10.0, search=(1, 100)
    )
    power: float = hyper("exponent", default=1.0, low=0, search=(0.5, 2), per_member=True)
    unit: str = counted_in()

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return the power of the epochs gone by."""
        return (1 + steps / steps_of(self.unit, per_epoch) / hypers["every"]) ** -hypers["power"]


class Polynomial(Schedule, name="polynomial"):
    r"""factor = end + (1 - end) (1 - t/T)^power, at step t of T: down to ``end`` over the run.

    Source: common practice, e.g. Caffe's ``poly`` in Chen et al., "DeepLab", 2017.

    >>> steps, total = torch.tensor([[0.0], [50.0]]), torch.tensor([100.0])
    >>> hypers = {"end": torch.tensor([0.0]), "power": torch.tensor([2.0])}
    >>> Polynomial(power=2.0).factor(steps, total, per_epoch=10, hypers=hypers).flatten().tolist()
    [1.0, 0.25]
    """

    power: float = hyper("exponent", default=1.0, low=0, search=(0.5, 3), per_member=True)
    end: float = hyper(
        "factor at the end", default=0.0, low=0, high=1, search=(0, 0.1), per_member=True
    )

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return the polynomial of the share of steps to come."""
        left = 1 - share_done(steps, total)
        return hypers["end"] + (1 - hypers["end"]) * left ** hypers["power"]


class Ramp(Schedule, name="ramp"):
    r"""From ``start`` to ``end`` along a line in the first ``share`` of the steps, then ``end``.

    Source: Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum
    in deep learning", 2013, let momentum rise in such a way.

    >>> steps, total = torch.tensor([[0.0], [25.0], [80.0]]), torch.tensor([100.0])
    >>> schedule = Ramp(start=0.0, end=1.0, share=0.5)
    >>> hypers = {key: torch.tensor([value]) for key, value in schedule.values()}
    >>> schedule.factor(steps, total, per_epoch=10, hypers=hypers).flatten().tolist()
    [0.0, 0.5, 1.0]
    """

    start: float = hyper("first factor", default=1.0, low=0, search=(0, 1), per_member=True)
    end: float = hyper("last factor", default=0.0, low=0, search=(0, 1), per_member=True)
    share: float = hyper(
        "of the steps, in which it changes",
        default=1.0,
        low=0,
        high=1,
        open_low=True,
        search=(0.1, 1),
        per_member=True,
    )

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return the points of the line."""
        return torch.lerp(
            hypers["start"], hypers["end"], share_done(steps, total * hypers["share"])
        )


class PiecewiseConstant(Schedule, name="piecewise_constant"):
    r"""factor = factors[i] from epoch boundaries[i-1] on: down in steps that are chosen by hand.

    Source: common practice, e.g. He, Zhang, Ren and Sun, "Deep residual learning for image
    recognition", 2016: a tenth after half, and again after three quarters, of the epochs.

    >>> steps, total = torch.tensor([[0.0], [15.0], [20.0]]), torch.tensor([100.0])
    >>> schedule = PiecewiseConstant(boundaries=(1, 2), factors=(1, 0.5, 0.25))
    >>> schedule.factor(steps, total, per_epoch=10, hypers={}).flatten().tolist()
    [1.0, 0.5, 0.25]
    """

    boundaries: tuple[float, ...] = hyper(
        "epochs from which the next factor holds, ascending", default=(10.0, 15.0)
    )
    factors: tuple[float, ...] = hyper(
        "what holds before, between and after them", default=(1.0, 0.1, 0.01)
    )
    unit: str = counted_in()

    def __post_init__(self) -> None:
        super().__post_init__()
        boundaries = self._numbers("boundaries", self.boundaries)
        factors = self._numbers("factors", self.factors)
        if any(later <= earlier for earlier, later in itertools.pairwise(boundaries)):
            self._refuse("boundaries", self.boundaries, "each larger than the one before")
        if len(factors) != len(boundaries) + 1:
            expected = f"{len(boundaries) + 1} numbers, one more than boundaries"
            self._refuse("factors", self.factors, expected)

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return the factor of the piece that each step is in."""
        gone = steps / steps_of(self.unit, per_epoch)
        gone = gone.expand(len(steps), len(total)).contiguous()
        # right=True: at a boundary itself the next factor holds already.
        pieces = torch.bucketize(gone, gone.new_tensor(self.boundaries), right=True)
        return gone.new_tensor(self.factors)[pieces]

    def _numbers(self, key: str, given: Any) -> tuple[float, ...]:
        """Check numbers that are not hyper-parameters one by one, and keep them as a tuple."""
        try:
            numbers = tuple(float(value) for value in given)
        except (TypeError, ValueError):
            self._refuse(key, given, "a sequence of numbers")
        if not all(math.isfinite(value) and value >= 0 for value in numbers):
            self._refuse(key, given, "numbers in [0, inf)")
        object.__setattr__(self, key, numbers)
        return numbers

    def _refuse(self, key: str, given: object, expected: str) -> NoReturn:
        raise HyperparameterError(
            f"{key} of schedule {self.name!r} are {given!r}; expected {expected}"
        )
