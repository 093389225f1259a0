"""The pace of redrawing: often enough to watch, and rarely enough to cost nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

_EVERY = 0.5  # seconds between two drawings
_COST = 30  # times as long as a drawing took, work goes on before the next: 3 % at most


class RedrawPace:
    """Says when to draw what goes on: first after a delay, then every half second at most.

    Args:
        delay: seconds before anything is drawn.
        clock: of seconds.

    >>> now = iter([0.0, 0.4, 1.0, 1.0, 1.2, 1.3])
    >>> pace = RedrawPace(1.0, clock=lambda: next(now))
    >>> pace.due(), pace.due()
    (False, True)
    >>> pace.drawn(), pace.due()
    (None, False)
    """

    def __init__(self, delay: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._next = clock() + delay
        self._begun = self._next

    def due(self) -> bool:
        """Return whether it is time to draw."""
        now = self._clock()
        if now < self._next:
            return False
        self._begun = now
        return True

    def drawn(self) -> None:
        """Note that a drawing, which was due, is done."""
        now = self._clock()
        self._next = now + max(_EVERY, _COST * (now - self._begun))
