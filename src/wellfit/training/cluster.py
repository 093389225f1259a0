"""One network on the workers of a running Dask cluster, each of which is a rank.

The client sends the data and the training once to every worker. There the ranks meet and train
as processes of torchrun would (:mod:`wellfit.training.cluster_rank`), and the first one's result
comes back. Callbacks are called in the first worker; only the display of progress is the client's.
"""

from __future__ import annotations

import pickle
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, TypeVar
from urllib.parse import urlsplit

from wellfit.core.errors import InputError, LostProcessError
from wellfit.core.extras import import_extra
from wellfit.training.callbacks import Callback, Progress
from wellfit.training.callbacks.base import State
from wellfit.training.cluster_rank import (
    Meeting,
    Relay,
    Work,
    end_training,
    open_meeting,
    run_rank,
)
from wellfit.training.interrupt import Interrupt

T = TypeVar("T")

_LOOK = 1.0  # seconds from one look at the workers to the next
_GRACE = 10.0  # seconds in which ranks say why they ended, once one of them has


def run_on_cluster(work: Work[T], callbacks: Sequence[Callback], *given: Any) -> T:
    """Call a function in all workers of the current Dask client, as ranks that train together.

    Args:
        work: called with the group of processes, the callbacks and what else is given; what it
            returns in the first rank is returned.
        callbacks: of the training.
        given: is sent to each worker once.

    Raises:
        InputError: no client, no workers, or workers that are threads of one process.
        LostProcessError: a worker has ended.
    """
    return _ClusterRun(_client()).result(work, callbacks, given)


class _ClusterRun:
    """A training on a cluster, as the client sees it.

    Args:
        client: of Dask.
    """

    def __init__(self, client: Any) -> None:
        self._client, self._workers = client, _workers(client)
        host = urlsplit(self._workers[0]).hostname or ""
        self._meeting = Meeting(uuid.uuid4().hex, host, len(self._workers))
        self._topic = f"wellfit-{self._meeting.name}"
        # Futures that are done and events of the first rank, in the order in which they come.
        self._news: SimpleQueue[Any] = SimpleQueue()

    def result(self, work: Work[T], callbacks: Sequence[Callback], given: Sequence[Any]) -> T:
        """Train, and return the first rank's result."""
        relayed = [
            Relay(self._topic) if isinstance(callback, Progress) else callback
            for callback in callbacks
        ]
        shown = [(callback, State()) for callback in callbacks if isinstance(callback, Progress)]
        with Interrupt() as interrupt, self._heard(shown):
            futures = self._begun(work, relayed, given)
            try:
                self._wait(futures, shown, interrupt)
                result: T = futures[0].result()
            finally:
                # Ranks see it before their next step: nothing else ends a task of Dask's.
                self._client.cancel(futures)
        return result

    @contextmanager
    def _heard(self, shown: Sequence[tuple[Callback, State]]) -> Iterator[None]:
        """Listen to the first rank where something shows its progress."""
        if not shown:
            yield
            return
        self._client.subscribe_topic(self._topic, lambda event: self._news.put(event[1]))
        try:
            yield
        finally:
            self._client.unsubscribe_topic(self._topic)
            for callback, state in shown:
                callback.on_train_end(state)

    def _begun(
        self, work: Work[Any], callbacks: Sequence[Callback], given: Sequence[Any]
    ) -> list[Any]:
        """Send the training to the workers; return their tasks."""
        client, workers, meeting = self._client, self._workers, self._meeting
        sent = client.scatter((callbacks, *given), workers=workers, broadcast=True, hash=False)
        port = client.submit(open_meeting, meeting, workers=workers[:1], pure=False)
        futures = [
            client.submit(run_rank, rank, port, meeting, work, sent, workers=[worker], pure=False)
            for rank, worker in enumerate(workers)
        ]
        for future in futures:
            future.add_done_callback(self._news.put)
        return futures

    def _wait(
        self,
        futures: Sequence[Any],
        shown: Sequence[tuple[Callback, State]],
        interrupt: Interrupt,
    ) -> None:
        """Wait for all ranks, show what the first one reports, and pass Ctrl-C on.

        Raises:
            LostProcessError: a worker has ended.
            Exception: what a rank has raised.
        """
        running, told, looked = set(futures), False, time.monotonic()
        while running:
            if interrupt.asked and not told:
                self._client.run(end_training, self._meeting, workers=self._workers)
                told = True
            news = self._next()
            if isinstance(news, bytes):
                method, arguments = pickle.loads(news)
                for callback, state in shown:
                    getattr(callback, method)(*arguments, state)
            elif news is not None:
                running.discard(news)
                if news.status != "finished":
                    raise self._trouble(news, running)
            if time.monotonic() - looked > _LOOK:
                self._expect_workers()
                looked = time.monotonic()

    def _next(self) -> Any:
        try:
            return self._news.get(timeout=_LOOK)
        except Empty:
            return None

    def _expect_workers(self) -> None:
        """Look whether all workers are there.

        Raises:
            LostProcessError: one isn't. Dask would wait for it to come back.
        """
        lost = [worker for worker in self._workers if worker not in self._client.nthreads()]
        if lost:
            raise LostProcessError(f"Dask worker {lost[0]} {_ENDED}")

    def _trouble(self, first: Any, running: set[Any]) -> BaseException:
        """Return why the training ended: what began it, and not that others lost sight of it."""
        errors, end = [_error_of(first)], time.monotonic() + _GRACE
        while _is_loss(errors[-1]) and running and time.monotonic() < end:
            self._expect_workers()
            news = self._next()
            if news is not None and not isinstance(news, bytes):
                running.discard(news)
                errors.append(_error_of(news))
        return errors[-1]


_ENDED = (
    "has ended or can't be reached, and with it the training of this network; expected a cluster "
    "that keeps its workers. With resume_from=, another call of fit goes on from a checkpoint"
)


def _error_of(future: Any) -> BaseException:
    """Return why a task failed; a task that didn't is none of the reasons."""
    if future.status == "error":
        error: BaseException = future.exception()
        return error
    return LostProcessError(f"the Dask scheduler has dropped a task of this training, or {_ENDED}")


def _is_loss(error: BaseException) -> bool:
    return isinstance(error, LostProcessError)


def _client() -> Any:
    """Return the Dask client of this process.

    Raises:
        InputError: there is none, or this is a task of a worker.
    """
    dask = import_extra("distributed", "cluster")
    expected = (
        "expected an open client: `with distributed.Client('tcp://scheduler:8786'): clf.fit(X, y)`"
    )
    try:
        dask.get_worker()
    except ValueError:
        pass
    else:
        raise InputError(
            "processes is 'dask' in a task of a Dask worker, which would wait for itself; "
            "expected processes=None there"
        )
    try:
        return dask.get_client()
    except ValueError as error:
        raise InputError(
            f"processes is 'dask', and this process has no Dask client; {expected}"
        ) from error


def _workers(client: Any) -> list[str]:
    """Return the addresses of a cluster's workers.

    Raises:
        InputError: there are none, or they are threads of this process.
    """
    workers = sorted(client.nthreads())
    if not workers:
        raise InputError(f"the Dask cluster of {client} has no workers; expected at least one")
    if workers[0].startswith("inproc:"):
        raise InputError(
            "the Dask workers are threads of this process, which can't train together; expected "
            "processes: LocalCluster(processes=True), or n_threads= without a cluster"
        )
    return workers
