"""A rank: one worker of a Dask cluster among those that train the same network.

What runs here runs in a task of the worker: it meets the other ranks, does its share of the
training, and leaves the worker as it was. A task can't be killed, so that each waits only as long
as the client still wants its result.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, TypeVar

from torch import distributed
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # exported, but not so marked

from wellfit.core.errors import LostProcessError
from wellfit.training.callbacks import Callback, Decision, EpochLogs, Run
from wellfit.training.callbacks.base import State
from wellfit.training.precision import threads
from wellfit.training.processes import PATIENCE, ProcessGroup, SeveralProcesses

T = TypeVar("T")
Sent = tuple[Any, ...]
# Takes the group of processes, the callbacks and what else is sent.
Work = Callable[..., T]

_PAUSE = 0.02  # seconds from one look at the others to the next
_SHOWN = 0.2  # seconds from one move of a bar to the next
# One process has one default group of torch.distributed.
_training = threading.Lock()
_stores: dict[str, TCPStore] = {}
_ended: set[str] = set()


@dataclass(frozen=True)
class Meeting:
    """Where the ranks of a training meet.

    Attributes:
        name: of the training, which no other has.
        host: of the first rank's machine, as the others reach it.
        size: how many ranks there are.
    """

    name: str
    host: str
    size: int


def open_meeting(meeting: Meeting) -> int:
    """Open the store of keys at which ranks meet, in the first one's process; return its port."""
    store = TCPStore(meeting.host, 0, is_master=True, wait_for_workers=False)
    _stores[meeting.name] = store
    return int(store.port)


def end_training(meeting: Meeting) -> None:
    """Ask the rank of this process to end its training, and keep what it has."""
    _ended.add(meeting.name)


def run_rank(rank: int, port: int, meeting: Meeting, work: Work[T], sent: Sent) -> T | None:
    """Train as one of the ranks; return the first one's result, and nothing of the others.

    Args:
        rank: from 0.
        port: at which the ranks meet.
        meeting: the same.
        work: trains.
        sent: what it takes after the group of processes.

    Raises:
        LostProcessError: another rank has ended or doesn't come.
    """
    worker = import_module("distributed").get_worker()
    task = worker.get_current_task()

    def unwanted() -> bool:
        # Cancelled by the client, or given up because the client is gone.
        known = worker.state.tasks.get(task)
        return known is None or known.state != "executing"

    def asked() -> bool:
        return meeting.name in _ended or unwanted()

    try:
        with (
            _alone(unwanted),
            _group(rank, port, meeting, unwanted),
            threads(worker.state.nthreads),
        ):
            processes = (SeveralProcesses if meeting.size > 1 else ProcessGroup)(asked)
            result = work(processes, *sent)
    finally:
        _stores.pop(meeting.name, None)
        _ended.discard(meeting.name)
    return result if rank == 0 else None


@contextmanager
def _alone(unwanted: Callable[[], bool]) -> Iterator[None]:
    """Wait for another training of this process, and keep others waiting."""
    while not _training.acquire(timeout=_PAUSE):
        _expect_wanted(unwanted)
    try:
        yield
    finally:
        _training.release()


@contextmanager
def _group(rank: int, port: int, meeting: Meeting, unwanted: Callable[[], bool]) -> Iterator[None]:
    """Meet the other ranks as the default group of ``torch.distributed``, and part again."""
    if meeting.size == 1:
        yield
        return
    store = _stores.get(meeting.name) or TCPStore(meeting.host, port)
    store.set(f"here/{rank}", "yes")
    everyone = [f"here/{each}" for each in range(meeting.size)]
    end = time.monotonic() + PATIENCE.total_seconds()
    while not store.check(everyone):
        _expect_wanted(unwanted)
        if time.monotonic() > end:
            raise LostProcessError(
                f"not all of {meeting.size} Dask workers were free to train together; expected a "
                "cluster that does nothing else meanwhile"
            )
        time.sleep(_PAUSE)
    distributed.init_process_group(
        "gloo", store=store, rank=rank, world_size=meeting.size, timeout=PATIENCE
    )
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _expect_wanted(unwanted: Callable[[], bool]) -> None:
    if unwanted():
        raise LostProcessError("the client has given this training up")


class Relay(Callback):
    """Sends to the client what a display of progress shows there.

    Args:
        topic: of Dask's events, to which the client has subscribed.
    """

    topic: str = field(default="")

    def on_train_begin(self, run: Run, state: State) -> None:
        """Send the facts of the run."""
        state["live"] = -float("inf")  # when the bar was moved
        self._send("on_train_begin", replace(run, view=None, describe=None))

    def on_batches_end(self, epoch: int, done: int, total: int, state: State) -> None:
        """Send how far the epoch is, a few times a second."""
        now = time.monotonic()
        if now - state["live"] >= _SHOWN:
            state["live"] = now
            self._send("on_batches_end", epoch, done, total)

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision | None:
        """Send the metrics."""
        self._send("on_epoch_end", replace(logs, view=None))
        return None

    def on_train_end(self, state: State) -> None:
        """Forget the time."""
        state.pop("live", None)

    def _send(self, method: str, *given: Any) -> None:
        worker = import_module("distributed").get_worker()
        worker.log_event(self.topic, pickle.dumps((method, given)))
