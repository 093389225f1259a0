"""PacedCalls: calls of the compiled library, which take as long and as many threads as is good."""

from __future__ import annotations

import ctypes
import time

import torch

from wellfit.training.native.library import library
from wellfit.training.native.plan import NativePlan, operations
from wellfit.training.native.structures import CallPlan
from wellfit.training.native.workers import Workers
from wellfit.training.precision import available_threads
from wellfit.training.stack import Stack

_TRIES = 40  # calls from one trial of both numbers of threads to the next
_WORTH = 5e5  # operations of a step, for each thread
_SECONDS = 0.05  # that a call takes at most, so that Ctrl-C is answered


class PacedCalls:
    """Calls of the library for one plan.

    Args:
        plan: what the library carries out.
        stack: that it is of.
        batch: B, the examples of a step.
        workers: threads that share the work, where it is worth them.

    Attributes:
        call: what the next call is about.
        at_once: how many steps it takes at most.
    """

    def __init__(self, plan: NativePlan, stack: Stack, batch: int, workers: Workers) -> None:
        loaded = library()
        assert loaded is not None
        self._plan, self._train = plan, loaded.wellfit_train
        self._pool, threads = workers.pool(threads_for(stack, batch))
        self._paces = ThreadPaces(threads)
        room = loaded.wellfit_workspace(ctypes.byref(plan.structure), threads)
        self._workspace = torch.zeros(min(threads, stack.k) * room, dtype=torch.uint8)
        self.call = CallPlan(workspace=self._workspace.data_ptr(), workspace_bytes=room)
        self.at_once = 1

    def __call__(self) -> None:
        """Make the call, and choose how many steps the next one takes, from what this one did."""
        threads = self._paces.next()
        pool = self._pool if threads > 1 else None
        began = time.perf_counter()
        self._train(ctypes.byref(self._plan.structure), ctypes.byref(self.call), pool)
        seconds, steps = time.perf_counter() - began, self.call.steps
        self._paces.saw(threads, seconds / steps)
        fitting = int(steps * _SECONDS / max(seconds, 1e-9))
        # Slowly upwards: the first call also waits for memory.
        self.at_once = max(1, min(fitting, 4 * self.at_once))


def threads_for(stack: Stack, batch: int) -> int:
    """Return how many threads are worth their start, and their waiting for each other."""
    worth = int(stack.k * operations(stack, batch) / _WORTH)
    return max(1, min(available_threads(), worth))


class ThreadPaces:
    """Chooses between all threads and one, by what each took: results are the same to the bit.

    Threads that share a member wait for each other at every layer. On a machine that is busy with
    something else they may wait for longer than they compute, which no count of cores tells.

    Args:
        threads: all.

    >>> paces = ThreadPaces(2)
    >>> for seconds in (9.0, 9.0, 3.0, 1.0):  # the first two calls also wait for memory
    ...     paces.saw(paces.next(), seconds)
    >>> paces.next()
    1
    """

    def __init__(self, threads: int) -> None:
        self._choices = (threads, 1) if threads > 1 else (1,)
        self._seconds: dict[int, float] = {}
        self._calls = 0

    def next(self) -> int:
        """Return how many threads the next call takes."""
        warm, trying = self._calls - 2, self._calls % _TRIES
        if len(self._choices) == 1 or warm < len(self._choices) or trying in (0, 1):
            return self._choices[self._calls % len(self._choices)]
        return min(self._seconds, key=lambda threads: self._seconds[threads])

    def saw(self, threads: int, seconds: float) -> None:
        """Count a call that took so many seconds a step."""
        if self._calls >= len(self._choices):
            before = self._seconds.get(threads, seconds)
            self._seconds[threads] = (before + seconds) / 2
        self._calls += 1
