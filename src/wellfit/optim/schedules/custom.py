"""Schedules that a function gives."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import field
from typing import Any

import torch
from torch import Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.optim.schedules.base import Hypers, Schedule


class Custom(Schedule, name="custom"):
    r"""factor = function(epoch), or function(step, steps planned), by how many it asks for.

    The function gets plain numbers: epochs in fractions from 0.0, steps from 0. What it returns
    is checked: a finite number, at least 0. Without a function the factor is 1.

    Files name the function and don't hold it, so that reading them runs no code: a schedule read
    from a file is refused, and has to be given again.

    Raises:
        HyperparameterError: the function cannot be called like that.

    Source: in the manner of Keras's ``LearningRateScheduler`` and PyTorch's ``LambdaLR``.

    >>> schedule = Custom(lambda epoch: 0.5 if epoch >= 1 else 1)
    >>> steps, total = torch.tensor([[0.0], [9.0], [10.0]]), torch.tensor([100.0])
    >>> schedule.factor(steps, total, per_epoch=10, hypers={}).flatten().tolist()
    [1.0, 1.0, 0.5]
    >>> Custom(lambda step, total: 1 - step / total).factor(steps, total, 10, {})[1].item()
    0.9100...
    """

    # Text is a function's name, as files have it, which is refused with a word on what to do.
    function: Callable[..., Any] | str | None = field(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.function is not None:
            _arguments(self.function)

    def __repr__(self) -> str:
        return f"Custom({_name(self.function) if self.function else ''})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that names the function, for a reader; there is no way back."""
        return {**super().to_dict(), "function": self.function and _name(self.function)}

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return what the function gives at each step, for each member."""
        steps = steps.expand(len(steps), len(total))
        if self.function is None:
            return torch.ones_like(steps)
        points: list[tuple[float, ...]]
        if _arguments(self.function) == 1:
            points = [(step / per_epoch,) for step in steps.flatten().tolist()]
        else:
            # Whole numbers, as the function's author expects of a step; after a warm-up they may
            # be off by rounding.
            flat = torch.stack([steps, total.expand_as(steps)], -1).round().long()
            points = [(step, planned) for step, planned in flat.flatten(0, 1).tolist()]
        # Members mostly share steps: a slow function is called once for each distinct point.
        known = {point: self._value(point) for point in dict.fromkeys(points)}
        return steps.new_tensor([known[point] for point in points]).view(steps.shape)

    def _value(self, point: tuple[float, ...]) -> float:
        assert callable(self.function)
        given = self.function(*point)
        try:
            value = float(given)
        # RuntimeError: a tensor of several elements, which float() refuses in its own way.
        except (TypeError, ValueError, RuntimeError):
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            listed = ", ".join(f"{number:g}" for number in point)
            raise HyperparameterError(
                f"function of schedule 'custom' returns {given!r}: {_name(self.function)}"
                f"({listed}); expected a finite number, at least 0"
            )
        return value


def _arguments(function: Any) -> int:
    """Return how many numbers a function asks for, 1 or 2."""
    if not callable(function):
        raise HyperparameterError(
            f"function of schedule 'custom' is {function!r}; expected a function of the epoch, "
            "or of step and total. One that was read from a file has to be given again"
        )
    try:
        signature = inspect.signature(function)
    except ValueError:  # some built-ins have none
        return 1
    for count in (1, 2):
        try:
            signature.bind(*[0.0] * count)
        except TypeError:
            continue
        return count
    raise HyperparameterError(
        f"function of schedule 'custom' is {_name(function)}{signature}; "
        "expected a function of the epoch, or of step and total"
    )


def _name(function: Any) -> str:
    """Return where a function was defined; a callable object is named by its class."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"
