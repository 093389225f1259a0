"""A clock that stands still while the test rows are scored."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter

from benchmarks.recipes.task import Run


class Clock:
    """Notes the end of each epoch, and tells it on standard error."""

    def __init__(self) -> None:
        self.run = Run([], [], complete=False)
        self.start = perf_counter()

    def tick(self, accuracy: Callable[[], float]) -> None:
        """Note that an epoch has ended, and how well the network does now."""
        now = perf_counter()
        self.run.seconds.append(now - self.start - self.run.scoring)
        self.run.accuracies.append(accuracy())
        self.run.scoring += perf_counter() - now
        told = f"{self.run.seconds[-1]:8.2f} s  {self.run.accuracies[-1]:.2%}"
        print(f"  epoch {len(self.run.seconds):3}  {told}", file=sys.stderr, flush=True)
