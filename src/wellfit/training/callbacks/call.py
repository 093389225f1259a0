"""Any function as a callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from wellfit.core.errors import HyperparameterError
from wellfit.training.callbacks.base import Callback, Decision, EpochLogs, State


class Call(Callback, name="call"):
    """Calls ``function(logs)`` after every epoch and passes its decision on, if it has one.

    Args:
        function: takes a :class:`~wellfit.training.EpochLogs`; returns an
            :class:`~wellfit.training.Decision` or None.

    Raises:
        HyperparameterError: it can't be called, or returns something else.

    >>> Call(lambda logs: Decision(stop=logs.metrics["loss"] < 0.1)).name
    'call'
    """

    function: Callable[[EpochLogs], Decision | None] | None = field(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.function is not None and not callable(self.function):
            raise HyperparameterError(
                f"function of call is {self.function!r}; expected one that takes an EpochLogs"
            )

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Call the function."""
        decision = None if self.function is None else self.function(logs)
        if decision is not None and not isinstance(decision, Decision):
            raise HyperparameterError(
                f"function of call returned {decision!r}; expected a Decision or None"
            )
        return decision
