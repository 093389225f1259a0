"""Any function as an observer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from wellfit.core.errors import HyperparameterError
from wellfit.training.observers.base import Answer, Observer, Record, State


class Call(Observer, name="call"):
    """Calls ``function(record)`` after every epoch and passes its answer on, if it has one.

    Args:
        function: takes a :class:`~wellfit.training.Record`; returns an
            :class:`~wellfit.training.Answer` or None.

    Raises:
        HyperparameterError: it can't be called, or returns something else.

    >>> Call(lambda record: Answer(stop=record.metrics["loss"] < 0.1)).name
    'call'
    """

    function: Callable[[Record], Answer | None] | None = field(default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.function is not None and not callable(self.function):
            raise HyperparameterError(
                f"function of call is {self.function!r}; expected one that takes a Record"
            )

    def epoch(self, record: Record, state: State) -> Answer | None:
        """Call the function."""
        answer = None if self.function is None else self.function(record)
        if answer is not None and not isinstance(answer, Answer):
            raise HyperparameterError(
                f"function of call returned {answer!r}; expected an Answer or None"
            )
        return answer
