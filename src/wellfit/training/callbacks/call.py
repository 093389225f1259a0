"""Any function as a callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from wellfit.core.errors import HyperparameterError
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, State


class Call(Callback, name="call"):
    """Calls ``function(record)`` after every epoch and passes its answer on, if it has one.

    Args:
        function: takes a :class:`~wellfit.training.EpochLogs`; returns an
            :class:`~wellfit.training.Decision` or None.

    Raises:
        HyperparameterError: it can't be called, or returns something else.

    >>> Call(lambda record: Decision(stop=record.metrics["loss"] < 0.1)).name
    'call'
    """

    function: Callable[[EpochLogs], Decision | None] | None = field(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.function is not None and not callable(self.function):
            raise HyperparameterError(
                f"function of call is {self.function!r}; expected one that takes an EpochLogs"
            )

    def epoch(self, record: EpochLogs, state: State) -> Decision | None:
        """Call the function."""
        answer = None if self.function is None else self.function(record)
        if answer is not None and not isinstance(answer, Decision):
            raise HyperparameterError(
                f"function of call returned {answer!r}; expected a Decision or None"
            )
        return answer
