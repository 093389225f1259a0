"""Signals during training: the first asks the loop to end, the second ends the program."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class Interrupt:
    """Notes a signal instead of raising it, so that a step is never cut in two.

    Ctrl-C ends the training. Other signals (SIGTERM, SIGHUP) are noted where the program handles
    them, and its handler is called once the training has been saved. The second signal goes to
    the program's handler at once.

    >>> with Interrupt() as interrupt:
    ...     interrupt.asked
    False
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._put_off: int | None = None

    def __enter__(self) -> Interrupt:
        # Python allows only the main thread to set handlers.
        if threading.current_thread() is not threading.main_thread():
            return self
        for signum in _SIGNALS:
            handler = signal.getsignal(signum)
            # What is ignored (Ctrl-C in a background job) or ends the process stays as it is.
            if callable(handler):
                self._before[signum] = handler
                signal.signal(signum, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        if self._put_off is not None:
            self._before[self._put_off](self._put_off, None)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        # The second signal means that waiting for the end of the batch takes too long.
        if self.asked:
            self._put_off = None
            self._before[signum](signum, frame)
        elif signum != signal.SIGINT:
            self._put_off = signum
        self.asked = True
