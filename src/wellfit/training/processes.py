"""The process group: the processes that train one network together, and what they exchange.

A process that trains alone is a :class:`ProcessGroup` of one, whose exchanges do nothing. Several
are a :class:`SeveralProcesses`, by ``torch.distributed``: each computes its share of every batch,
gradients are summed as one flat buffer at each step, and all take the same step.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import torch
from torch import Tensor, distributed
from torch.distributed.rendezvous import rendezvous

from wellfit.core.errors import InputError, LostProcessError
from wellfit.core.launch import Launch, is_child_of_launched, launched
from wellfit.nn.ops import BatchShare
from wellfit.training.rendezvous import fresh_store

if TYPE_CHECKING:
    from wellfit.training.interrupt import Interrupt
    from wellfit.training.stack import Weights

T = TypeVar("T")
S = TypeVar("S", bound="_Sums")

# One process may have to encode a large table that others find encoded already.
PATIENCE = timedelta(minutes=30)


class _Sums(Protocol):
    """Sums over rows, of which each process counts its own."""

    def empty(self) -> Self:
        """Return sums of nothing."""

    def exchanged(self) -> Tensor:
        """Return the sums as numbers to be added up."""

    def merge(self, others: Tensor) -> None:
        """Add such numbers."""


class ProcessGroup:
    """The processes that train one network: this one alone.

    Args:
        ended: says whether somebody who isn't in the processes wants the training to end.

    Attributes:
        rank: the number of this process, from 0.
        size: how many there are.
        obstacle: why the compiled step can't train in them; empty where it can.

    >>> ProcessGroup().share(32).weight
    1.0
    """

    rank, size = 0, 1
    obstacle = ""

    def __init__(self, ended: Callable[[], bool] = bool) -> None:
        self._ended = ended  # by default never: bool() is False

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and calls callbacks."""
        return self.rank == 0

    def of_first(self, values: Sequence[T]) -> Sequence[T]:
        """Return what only the first process has, such as callbacks: nothing in the others."""
        return values if self.is_first else ()

    def share(self, batch: int) -> BatchShare:
        """Return the part of a batch of so many examples that this process computes."""
        return BatchShare.whole(batch)

    def part(self, count: int) -> slice:
        """Return which of so many rows this process looks at, where all together look at all.

        Fewer rows than processes are looked at by each.
        """
        return self._part(count) if count >= self.size else slice(0, count)

    def _part(self, count: int) -> slice:
        return slice(-(-count * self.rank // self.size), -(-count * (self.rank + 1) // self.size))

    def from_first(self, value: T) -> T:
        """Return what the first process gives, in all of them."""
        return value

    def begin(self, weights: Weights, what: Callable[[], dict[str, str]]) -> None:
        """Let all processes begin with the numbers of the first.

        Args:
            weights: where the training begins.
            what: what has to be the same in all processes, as digests by what they are of.

        Raises:
            InputError: something differs.
        """

    def asked(self, interrupt: Interrupt) -> bool:
        """Return whether the training is to end, for any of the processes."""
        if self._ended():
            interrupt.asked = True
        return interrupt.asked

    def stopped(self, interrupt: Interrupt) -> Callable[[], bool]:
        """Return what says before each step of a chunk whether the training is to end there."""
        return partial(self.asked, interrupt)

    @contextmanager
    def counted(self, sums: S) -> Iterator[S]:
        """Yield what a process adds its own rows to; those of all are in ``sums`` afterwards."""
        yield sums

    def gathered(self, parts: Tensor, count: int) -> Tensor:
        """Return all rows (K, N, C) of which this process has its :meth:`part`.

        Args:
            parts: (K, n, C).
            count: N.
        """
        return parts


class SeveralProcesses(ProcessGroup):
    """The processes of ``torch.distributed``'s default group.

    All of them call the same methods in the same order.

    Raises:
        LostProcessError: from all methods, where another process has ended.
    """

    def __init__(self, ended: Callable[[], bool] = bool) -> None:
        super().__init__(ended)
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()
        self.obstacle = f"gradients are summed over {self.size} processes"

    def share(self, batch: int) -> BatchShare:
        """Return this process's part of a batch."""
        part = self._part(batch)
        return _SharedBatch(part.start, part.stop - part.start, batch)

    def from_first(self, value: T) -> T:
        """Send a value, which pickle knows, from the first process to all others."""
        # What others give is replaced, and needn't be sent anywhere.
        box: list[Any] = [value if self.is_first else None]
        with _connected():
            distributed.broadcast_object_list(box, src=0)
        sent: T = box[0]
        return sent

    def begin(self, weights: Weights, what: Callable[[], dict[str, str]]) -> None:
        """Compare what the processes are to train, and send the first one's weights to all."""
        own = what()
        first = self.from_first(own)
        wrong = [name for name, digest in own.items() if first.get(name) != digest]
        # All have to know, or some would wait for one that has given up.
        every: list[Any] = [None] * self.size
        with _connected():
            distributed.all_gather_object(every, wrong)
        for rank, names in enumerate(every):
            if names:
                raise InputError(
                    f"processes that train one network need the same data and settings; "
                    f"{' and '.join(names)} of process {rank} differ from those of process 0. "
                    "Expected the same call in all, on the same rows"
                )
        # By name: slots that were read from a file come in any order.
        slots = [weights.slots[name] for name in sorted(weights.slots)]
        for tensor in (weights.parameters, weights.statistics, *slots):
            with _connected():
                distributed.broadcast(tensor, src=0)

    def asked(self, interrupt: Interrupt) -> bool:
        """Return whether any process was asked to end, which all then know."""
        flag = torch.tensor([float(super().asked(interrupt))])
        _sum(flag)
        interrupt.asked = bool(flag.item())
        return interrupt.asked

    def stopped(self, interrupt: Interrupt) -> Callable[[], bool]:
        """Return the same answer before each step of a chunk, or processes would part there."""
        asked = self.asked(interrupt)
        return lambda: asked

    @contextmanager
    def counted(self, sums: S) -> Iterator[S]:
        """Sum up what all processes have counted meanwhile."""
        own = sums.empty()
        yield own
        sums.merge(_sum(own.exchanged()))

    def gathered(self, parts: Tensor, count: int) -> Tensor:
        """Return the rows of all processes."""
        if parts.shape[1] == count:
            return parts
        every = parts.new_zeros(len(parts), count, parts.shape[2])
        every[:, self.part(count)] = parts
        return _sum(every)


class _SharedBatch(BatchShare):
    """A batch of which other processes compute the rest."""

    def add_up(self, values: Tensor) -> Tensor:
        """Sum numbers over the processes."""
        return _sum(values)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over all rows of the batch."""
        return values.copy_(_sum(values * self.weight))

    def weighted_sum(self, values: Tensor) -> Tensor:
        """Return sums times the share."""
        return _sum(values.clone(memory_format=torch.contiguous_format)).mul_(self.weight)


def _sum(values: Tensor) -> Tensor:
    """Sum contiguous numbers over the processes, in place."""
    with _connected():
        distributed.all_reduce(values)
    return values


@contextmanager
def _connected() -> Iterator[None]:
    """Report a process that has ended in words.

    Raises:
        LostProcessError: another process can't be reached.
    """
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(
            "another process of this training has ended or can't be reached: "
            f"{str(error).splitlines()[0]}"
        ) from error


def process_group(processes: str | None = "auto") -> ProcessGroup:
    """Return the processes that this one trains with.

    Args:
        processes: ``"auto"`` for those that ``torchrun`` has started together, or that have called
            ``torch.distributed.init_process_group``; None for this one alone, and ``"dask"`` for
            one that lets a cluster train.

    Raises:
        InputError: one of these has started this process for work of its own.
    """
    if processes != "auto" or not distributed.is_available():
        return ProcessGroup()
    if not distributed.is_initialized():
        launch = launched()
        if launch is None:
            return ProcessGroup()
        _join(launch)
    return SeveralProcesses() if distributed.get_world_size() > 1 else ProcessGroup()


def _join(launch: Launch) -> None:
    """Meet the other processes that torchrun has started; each takes a GPU, if there are some."""
    if is_child_of_launched():
        raise InputError(
            f"{launch.name}, which torchrun started, has started this process for work of its "
            "own, and it would wait for the others forever; expected a fit in torchrun's own "
            "processes (n_jobs=1), or processes=None"
        )
    backend = "gloo"
    if torch.cuda.is_available():
        # Two processes can't share a GPU by nccl, which gloo lets them do.
        count = torch.cuda.device_count()
        torch.cuda.set_device(launch.local_rank % count)
        backend = "cpu:gloo,cuda:nccl" if launch.local_size <= count else "gloo"
    with _connected():
        store, rank, size = next(rendezvous("env://", timeout=PATIENCE))
        store = fresh_store(store, rank, size, PATIENCE.total_seconds())
        distributed.init_process_group(
            backend, store=store, rank=rank, world_size=size, timeout=PATIENCE
        )
    atexit.register(_leave)


def _leave() -> None:
    """End the exchange before the interpreter takes its threads apart."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
