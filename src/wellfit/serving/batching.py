"""Batcher: concurrent requests predicted together, small ones at once and others in a thread.

What is waiting is predicted together, and nothing waits for more to come: where requests come one
by one each is predicted by itself, and where they come faster than that, batches grow. Small
requests of models that NumPy predicts are answered by the loop that reads them, since handing a
millisecond's work to a thread costs as much; all else is the work of one thread, so that the loop
goes on reading and answering meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from wellfit.serving.answers import ModelAnswers
from wellfit.serving.asked import AskedFor
from wellfit.serving.model import MOST_ROWS, Rows, ServedModel

SMALL_BODY = 2**18  # bytes that the loop parses: some milliseconds
SMALL_ROWS = 1024  # that the loop predicts


@dataclass(eq=False)
class PredictionJob:
    """A request's rows on their way to its answer.

    Attributes:
        size: bytes of its body.
        asked: what it asks for.
        read: returns its rows.
        render: returns the body of its answer.
        rows: its rows, once they are read.
        result: the body of its answer, or the error that it ends in.
        done: comes true with the result; cancelled where nobody waits for it any more.
    """

    size: int
    asked: AskedFor
    read: Callable[[], Rows]
    render: Callable[[ModelAnswers], bytes]
    rows: Rows | None = None
    result: bytes | Exception | None = None
    done: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def n_rows(self) -> int:
        """How many rows it has; 0 before they are read."""
        return 0 if self.rows is None else len(self.rows)

    def prepare(self) -> bool:
        """Read the rows, and return whether they could be read."""
        if self.rows is None and self.result is None:
            try:
                self.rows = self.read()
            except Exception as error:
                self.result = error
        return self.result is None


class Batcher:
    """ModelAnswers requests, those that are waiting together.

    Args:
        model: that predicts.
    """

    def __init__(self, model: ServedModel) -> None:
        self._model = model
        self._small: list[PredictionJob] = []
        self._others: list[PredictionJob] = []
        self._working: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "wellfit-predictions")
        self.batches = self.answered = 0

    async def answer(self, job: PredictionJob, *, parsed_at_once: bool) -> bytes:
        """Return the body of a request's answer.

        Args:
            job: the request.
            parsed_at_once: whether its body takes little time to read.

        Raises:
            WellfitError: the rows can't be predicted; says why.
        """
        if not self._is_small(job, parsed_at_once):
            self._others.append(job)
            if self._working is None or self._working.done():
                self._working = asyncio.create_task(self._answer_others())
        elif job.result is None:
            if not self._small:
                asyncio.get_running_loop().call_soon(self._answer_small)
            self._small.append(job)
        if job.result is None:
            await job.done  # cancelled with the task that waits: what is abandoned isn't predicted
        assert job.result is not None
        if isinstance(job.result, Exception):
            raise job.result
        return job.result

    def _is_small(self, job: PredictionJob, parsed_at_once: bool) -> bool:
        """Return whether the loop itself answers a request, whose rows are then read."""
        if not (parsed_at_once and self._model.is_quick(job.asked) and job.size <= SMALL_BODY):
            return False
        return not job.prepare() or job.n_rows <= SMALL_ROWS

    def close(self) -> None:
        """Predict nothing further."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _answer_small(self) -> None:
        """Answer the small requests that are waiting, so many that the loop stays responsive."""
        batch, self._small = _batch(self._small, SMALL_ROWS)
        if self._small:
            asyncio.get_running_loop().call_soon(self._answer_small)
        if batch:
            run(self._model, batch)
            self._settle(batch)

    async def _answer_others(self) -> None:
        """Answer the requests that are waiting for the thread, batch after batch."""
        loop = asyncio.get_running_loop()
        while self._others:
            batch, self._others = _batch(self._others, MOST_ROWS)
            if batch:
                await loop.run_in_executor(self._thread, run, self._model, batch)
                self._settle(batch)

    def _settle(self, batch: Sequence[PredictionJob]) -> None:
        self.batches += 1
        self.answered += len(batch)
        for job in batch:
            if not job.done.done():
                job.done.set_result(None)


def _batch(
    waiting: list[PredictionJob], most: int
) -> tuple[list[PredictionJob], list[PredictionJob]]:
    """Return the first requests that are predicted together, and the others.

    All of them ask for the same. Of those whose rows aren't read yet, the bytes are counted.
    """
    waiting = [job for job in waiting if not job.done.done()]
    taken: list[PredictionJob] = []
    left: list[PredictionJob] = []
    rows = size = 0
    for job in waiting:
        rows, size = rows + job.n_rows, size + (job.size if job.rows is None else 0)
        fits = not taken or (rows <= most and size <= SMALL_BODY)
        alike = job.asked == waiting[0].asked
        (taken if fits and alike else left).append(job)
    return taken, left


def run(model: ServedModel, batch: Sequence[PredictionJob]) -> None:
    """Give each request of a batch its result.

    Where rows of several can't be predicted together, each is predicted by itself, so that no
    request suffers from another's.
    """
    good = [job for job in batch if job.prepare()]
    if not good:
        return
    try:
        found = model.predict([job.rows for job in good if job.rows is not None], good[0].asked)
        for job, answers in zip(good, found, strict=True):
            job.result = job.render(answers)
    except Exception as error:
        if len(good) == 1:
            good[0].result = error
            return
        for job in good:
            run(model, [job])
