"""Stacks on their way to processes or a cluster, and their results on the way back."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs
from joblib.externals.loky import BrokenProcessPool
from joblib.parallel import get_active_backend

from wellfit.fitting.runner import JobGroup, train_group
from wellfit.training import Result
from wellfit.training.precision import threads

_MOST_LOSSES = 3  # of a worker, before a search gives up


@dataclass(frozen=True)
class Trained:
    """A group's result, the precision it was trained in, and the seconds it took per member."""

    result: Result
    precision: str
    seconds: float

    def results(self) -> list[Result]:
        """Return the members' results, each as if it had been alone."""
        return [self.result.member(place) for place in range(len(self.result.members))]

    def take(self, members: Sequence[int]) -> Trained:
        """Return some of the members."""
        return replace(self, result=self.result.select(members))

    def trained(self) -> Trained:
        """Return this."""
        return self


@dataclass(frozen=True)
class Job:
    """A group to be trained until an epoch, and what to go on from."""

    group: JobGroup
    until: int | None = None
    paused: Trained | JournaledResult | MergedResults | None = None

    def take(self, members: Sequence[int]) -> Job:
        """Return the same for some of the members."""
        places = tuple(self.group.places[index] for index in members)
        jobs = tuple(self.group.jobs[index] for index in members)
        paused = None if self.paused is None else self.paused.take(members)
        return Job(JobGroup(places, jobs), self.until, paused)

    def halves(self) -> list[Job]:
        """Return the first half of the members, and the second."""
        everyone = range(len(self.group.jobs))
        middle = len(everyone) // 2
        return [self.take(everyone[:middle]), self.take(everyone[middle:])]


@dataclass(frozen=True)
class JournaledResult:
    """Some members of a job whose scores a journal knows; its weights are trained on demand."""

    job: Job
    members: Sequence[int] | None = None

    def take(self, members: Sequence[int]) -> JournaledResult:
        """Return some of the members."""
        mine = self.members
        return replace(self, members=members if mine is None else [mine[i] for i in members])

    def trained(self) -> Trained:
        """Train the job, and return what became of these members."""
        result = _timed(self.job)
        return result if self.members is None else result.take(self.members)


@dataclass(frozen=True)
class MergedResults:
    """What several stacks left, few of each, to go on as one; joined on demand."""

    parts: Sequence[Trained | JournaledResult]
    members: Sequence[int] | None = None

    def take(self, members: Sequence[int]) -> MergedResults:
        """Return some of the members."""
        mine = self.members
        return replace(self, members=members if mine is None else [mine[i] for i in members])

    def trained(self) -> Trained:
        """Return the members as one result; the seconds of each are the mean."""
        # Only here are weights trained that a journal let the search skip.
        several = [part.trained() for part in self.parts]
        counts = [len(each.result.members) for each in several]
        seconds = sum(n * each.seconds for n, each in zip(counts, several, strict=True))
        result = Result.join([each.result for each in several])
        whole = Trained(result, several[0].precision, seconds / sum(counts))
        return whole if self.members is None else whole.take(self.members)


def finished(jobs: Sequence[Job], n_jobs: int | None) -> Iterator[tuple[Job, Trained | Exception]]:
    """Yield jobs with their results as they finish, the longest begun first.

    A stack that fails is halved until those that can be trained are, and those that can't are
    alone: one that is too large for the memory as well as one with a member that is amiss. What
    a process was at when it was lost is begun again.

    Args:
        jobs: what is to be trained.
        n_jobs: processes, as joblib counts them.
    """
    left, losses = list(jobs), 0
    while left:
        # The longest first, so that no long one is left for the end, on one process alone.
        left.sort(key=lambda job: -job.group.cost)
        undone = dict(enumerate(left))
        left = []
        try:
            for number, result in _results(undone, n_jobs):
                job = undone.pop(number)
                if isinstance(result, Exception) and len(job.group.jobs) > 1:
                    # A bad member of K is alone after log₂ K rounds; the others keep their stacks.
                    left += job.halves()
                else:
                    yield job, result
        except BrokenProcessPool:
            losses += 1
            # A job that kills its process, say by memory, would otherwise begin again for ever.
            if losses > _MOST_LOSSES:
                raise
            warnings.warn(
                "a process of the search was lost; what it was at begins again", stacklevel=2
            )
            left += undone.values()


def _results(
    jobs: dict[int, Job], n_jobs: int | None
) -> Iterator[tuple[int, Trained | Exception]]:
    """Yield the results of numbered jobs, one thread for each where several are at work."""
    alone = effective_n_jobs(n_jobs) == 1
    backend, _ = get_active_backend()
    if hasattr(backend, "client"):  # of a Dask cluster
        with backend.retrieval_context():  # a search that is itself a worker's steps aside
            yield from _on_cluster(backend.client, jobs)
        return
    # Where a backend can't report results as they come, all come at the end.
    how = "generator_unordered" if backend.supports_return_generator else "list"
    parallel = Parallel(n_jobs=n_jobs, batch_size=1, return_as=how)
    yield from parallel([delayed(_numbered)(number, job, alone) for number, job in jobs.items()])


def _on_cluster(client: Any, jobs: dict[int, Job]) -> Iterator[tuple[int, Trained | Exception]]:
    """Yield results from a cluster's workers as they finish.

    joblib would wait for all of them, and forever for one that has lost too many workers. Tables
    go with their jobs: what is left with a worker is lost with it.
    """
    as_completed = import_module("distributed").as_completed  # there is a client: it's installed
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        futures = [
            client.submit(_numbered, number, job, False, pure=False)
            for number, job in jobs.items()
        ]
    try:
        for _, result in as_completed(futures, with_results=True):
            yield result
    finally:
        # After Ctrl-C too: workers would go on with fits that nobody waits for.
        client.cancel(futures)


def _numbered(number: int, job: Job, alone: bool) -> tuple[int, Trained | Exception]:
    try:
        # Processes share the cores: one thread each, unless there is one process only.
        with threads(None if alone else 1):
            return number, _timed(job)
    except Exception as error:  # returned as a value: clusters lose what is raised
        return number, error


def _timed(job: Job) -> Trained:
    # Outside of the time that is measured: an earlier rung has counted it already.
    before = None if job.paused is None else job.paused.trained()
    began = time.perf_counter()
    result, precision = train_group(
        job.group, job.until, (before.result, before.precision) if before else None
    )
    # A stack's time can't be told apart by member: each gets an equal share.
    seconds = (time.perf_counter() - began) / len(job.group.jobs)
    return Trained(result, precision, seconds + (before.seconds if before else 0.0))
