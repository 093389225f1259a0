"""Ctrl-C during training: the first asks the loop to end, the second ends the program."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interrupt:
    """Notes Ctrl-C instead of raising it, so that a step is never cut in two.

    >>> with Interrupt() as interrupt:
    ...     interrupt.asked
    False
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: object = None
        self._mine = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Interrupt:
        if self._mine:
            self._before = signal.getsignal(signal.SIGINT)
            # Whoever ignores Ctrl-C (a background job) goes on ignoring it.
            self._mine = callable(self._before)
        if self._mine:
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._mine:
            signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
