"""Jobs to fitted networks: grouped, trained as stacks, and taken apart again."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from scipy import sparse

from wellfit.core.errors import DivergedError
from wellfit.core.memory import machine_memory
from wellfit.core.stacking import stack_key
from wellfit.fitting.conformalizing import conformalized
from wellfit.fitting.documents import described
from wellfit.fitting.encoded import EncodedRows
from wellfit.fitting.job import TrainingJob
from wellfit.fitting.network import FittedNetwork
from wellfit.training import Callback, Member, Result, Rows, Stream, Weights, train
from wellfit.training.cluster import run_on_cluster
from wellfit.training.initial import initial_weights
from wellfit.training.precision import threads
from wellfit.training.precision_choice import choose_precision
from wellfit.training.processes import ProcessGroup, process_group
from wellfit.training.stack import STACK_BYTES, bytes_of
from wellfit.training.streams import pattern

_MOST_MEMBERS = 256
_ROOM = 0.25  # share of the memory that stacks may take, all processes together


@dataclass(frozen=True)
class JobGroup:
    """Jobs that share a stack, and their places in the list they come from.

    ``part`` says which these are, of all that are trained for one average.
    """

    places: tuple[int, ...]
    jobs: tuple[TrainingJob, ...]
    part: str = ""

    @property
    def cost(self) -> float:
        """About how long it takes: parameters times rows times epochs."""
        return sum(
            job.member.network.size * len(job.stream.train) * job.member.epochs
            for job in self.jobs
        )


def run(jobs: Sequence[TrainingJob]) -> list[FittedNetwork | DivergedError]:
    """Train jobs as few stacks, each as if it had been alone.

    Returns:
        A fitted network for each job, in their order; the error of one whose loss became infinite
        before any epoch was worth keeping.
    """
    done: list[FittedNetwork | DivergedError | None] = [None] * len(jobs)
    for group in grouped(jobs):
        result, precision = train_group(group)
        alone = len(group.jobs) == 1
        for index, place in enumerate(group.places):
            # Taking a member out copies its weights, which a result of one has no need of.
            own = result if alone else result.member(index)
            try:
                network = FittedNetwork.of(jobs[place], own, precision)
                done[place] = conformalized(network, jobs[place])
            except DivergedError as error:
                done[place] = error
    return [each for each in done if each is not None]


def run_alone(job: TrainingJob) -> FittedNetwork:
    """Train one job.

    Raises:
        DivergedError: the loss became infinite before any epoch was worth keeping.
    """
    (network,) = run([job])
    if isinstance(network, DivergedError):
        raise network
    return network


def grouped(jobs: Sequence[TrainingJob], workers: int = 1) -> list[JobGroup]:
    """Return the stacks that jobs fall into, the longest first.

    Args:
        jobs: trainings of any shapes.
        workers: processes that are to have something to do.
    """
    kinds = [group.places for group in alike(jobs)]
    # Few kinds are cut further, so that no process waits; many kinds fill the processes.
    share = workers if len(kinds) < 2 * workers else 1
    groups = [
        JobGroup(tuple(places), tuple(jobs[place] for place in places))
        for kind in kinds
        for places in _cut(kind, jobs, share, _room(jobs[kind[0]]) / workers)
    ]
    # The longest goes first: a long stack started last would keep all other processes waiting.
    return sorted(groups, key=lambda group: -group.cost)


def alike(jobs: Sequence[TrainingJob]) -> list[JobGroup]:
    """Return groups of jobs that can share a stack, in the order of the first of each."""
    kinds: dict[Hashable, list[int]] = {}
    for place, job in enumerate(jobs):
        kinds.setdefault(_kind(job), []).append(place)
    return [
        JobGroup(tuple(places), tuple(jobs[place] for place in places))
        for places in kinds.values()
    ]


def train_group(
    group: JobGroup, until: int | None = None, paused: tuple[Result, str] | None = None
) -> tuple[Result, str]:
    """Train a group's members together, to their end or to a pause.

    Args:
        group: the members.
        until: pause after this epoch; schedules are those of the whole training.
        paused: where to go on from: what an earlier call returned.

    Returns:
        The result of all, and the precision they were trained in.
    """
    first = group.jobs[0]
    # _kind keeps other callbacks and scorers apart: the first speaks for all.
    if first.compute.processes == "dask":
        return run_on_cluster(_trained, first.callbacks, group, until, paused)
    processes = process_group(first.compute.processes)
    return _trained(processes, first.callbacks, group, until, paused)


def _trained(
    processes: ProcessGroup,
    callbacks: Sequence[Callback],
    group: JobGroup,
    until: int | None,
    paused: tuple[Result, str] | None,
) -> tuple[Result, str]:
    """Train a group's members in this process, by its share of every batch."""
    first = group.jobs[0]
    rows, streams = _shared_rows(group.jobs)
    resume, precision = paused or (_start(group.jobs, rows, streams), first.compute.precision)
    with threads(first.compute.n_threads):
        # "auto" is settled once, by the first member; a paused training keeps what it began with.
        precision = choose_precision(precision, first.member, rows, streams[0])
        precision = processes.from_first(precision)  # which each process has timed for itself
        result = train(
            [job.member for job in group.jobs],
            rows,
            streams,
            callbacks=list(callbacks),
            scores=dict(first.metrics),
            precision=precision,
            eval_every=first.eval_every,
            eval_steps=first.eval_steps,
            val_metrics=first.val_metrics,
            resume=resume,
            until=until,
            describe=partial(described, first, precision) if len(group.jobs) == 1 else None,
            group=processes,
            part=group.part,
        )
    return result, precision


def train_members(
    job: TrainingJob,
    members: Sequence[Member],
    streams: Sequence[Stream],
    *,
    callbacks: Sequence[Callback] = (),
    rows: Rows | None = None,
) -> Result:
    """Train other members than its own on a job's rows, from where the job starts.

    Args:
        job: whose rows, start and arithmetic count.
        members: of the job's layers.
        streams: one for all members, or one each.
        callbacks: that are called at every epoch.
        rows: the job's, where they are on the device already.
    """
    rows = job.on_device() if rows is None else rows
    resume = None
    if job.start is not None:
        weights = weights_at_start(job, members, rows, streams).to(rows.dtype, rows.device)
        resume = Result.beginning(members, weights)
    # Checks compare losses closely: bfloat16 would be too coarse for them.
    precision = "float64" if job.compute.precision == "float64" else "float32"
    with threads(job.compute.n_threads):
        return train(
            members, rows, streams, callbacks=callbacks, precision=precision, resume=resume
        )


def weights_at_start(
    job: TrainingJob, members: Sequence[Member], rows: Rows, streams: Sequence[Stream]
) -> Weights:
    """Return where members begin, in double precision: at what is borrowed, or drawn.

    Args:
        job: whose start counts, if it has one.
        members: of the job's layers.
        rows: that are read.
        streams: one for all members, or one each.
    """
    if job.start is None:
        everyone = list(streams) * (len(members) if len(streams) == 1 else 1)
        return initial_weights(members, rows, everyone, torch.float64)
    # One start serves all members: each gets a copy, and an empty memory for its optimizer.
    copies = job.start.to(torch.float64, rows.device)
    copies = copies.select(torch.zeros(len(members), dtype=torch.long, device=rows.device))
    networks = tuple(member.network for member in members)
    slots = dict.fromkeys(name for member in members for name in member.slots())
    return replace(copies, network=networks[0], networks=networks).with_empty_slots(list(slots))


def _start(jobs: Sequence[TrainingJob], rows: Rows, streams: Sequence[Stream]) -> Result | None:
    """Return where members begin some of whose weights are given; None where all are drawn."""
    if len(jobs) == 1 and jobs[0].resume is not None:
        return jobs[0].resume
    if all(job.start is None for job in jobs):
        return None
    members = [job.member for job in jobs]
    first = [
        initial_weights([job.member], rows, [stream], rows.dtype)
        if job.start is None
        else job.start.to(rows.dtype, rows.device)
        for job, stream in zip(jobs, streams, strict=True)
    ]
    slots = dict.fromkeys(name for member in members for name in member.slots())
    return Result.beginning(members, Weights.join(first).with_empty_slots(list(slots)))


def _room(job: TrainingJob) -> float:
    """Return the bytes that stacks may take where a training takes place."""
    device = job.compute.torch_device
    if device.type == "cuda":
        # What is free on the card now, since other processes may hold part of it.
        return _ROOM * torch.cuda.mem_get_info(device)[0]
    return _ROOM * machine_memory()


def _kind(job: TrainingJob) -> Hashable:
    """Return what trainings of one stack have in common."""
    if job.resume is not None:  # a training of its own epoch, with memories of its own
        return id(job)
    rows, stream = job.rows, job.stream
    held = None if stream.validation is None else len(stream.validation)
    classes = job.targets.classes
    return (
        stack_key(job.member),
        pattern(stream, job.member.batch_size, job.member.rows_independent),
        (held, stream.image_shape, stream.shuffle, stream.pairs),
        tuple(stack_key(each) for each in stream.augment),
        (rows.x.dtype, rows.x.shape[1], sparse.issparse(rows.x)),
        (rows.y.dtype, rows.y.shape[1:], rows.weight is None),
        (job.features.pixel_max, job.compute, repr(job.callbacks)),
        # Members that are judged in steps end together: an end cuts a period.
        (job.eval_every, job.eval_steps and (job.eval_steps, job.member.epochs)),
        None if job.val_metrics is None else id(job.val_metrics),
        tuple((name, repr(metric.scorer)) for name, metric in job.metrics.items()),
        # Scorers look up their rows' targets by position.
        id(rows) if job.metrics else None,
        None if classes is None else tuple(classes.tolist()),
    )


def _cut(
    places: Sequence[int], jobs: Sequence[TrainingJob], workers: int, most_bytes: float
) -> Iterator[list[int]]:
    """Cut trainings that are alike into stacks of a size that runs well and fits in memory.

    Those that read the same rows stay together: batches are gathered once for all.
    """
    # Jobs of one kind have networks of one size: the first stands for all.
    most = _most(jobs[places[0]], len(places), workers)
    tables: dict[int, list[int]] = {}
    for place in places:
        tables.setdefault(id(jobs[place].rows), []).append(place)
    pile: list[int] = []
    sizes: dict[int, int] = {}  # of the rows that the pile reads
    for table, alike in tables.items():
        size = 2 * jobs[alike[0]].rows.nbytes  # as they lie here, and with a column of ones
        # Small enough that piles come out even, where there is one for each process.
        pieces = min(len(alike), -(-len(alike) // most) * workers)
        for piece in np.array_split(alike, pieces):
            taken = sum((sizes | {table: size}).values())
            if pile and (len(pile) + len(piece) > most or taken > most_bytes):
                yield pile
                pile, sizes = [], {}
            pile, sizes = [*pile, *map(int, piece)], sizes | {table: size}
    yield pile


def _most(job: TrainingJob, count: int, workers: int) -> int:
    """Return how many of ``count`` networks like this one go into a stack at most."""
    on_card = job.compute.torch_device.type == "cuda"  # no caches to stay in
    wanted = _room(job) / 4 if on_card else STACK_BYTES
    most = int(np.clip(wanted // bytes_of(job.member), 1, _MOST_MEMBERS))
    if workers == 1:
        return most
    # Every process gets the same number of stacks of about the same size.
    turns = -(-count // (workers * most))  # of every process; the last is not to be an odd one
    return min(most, -(-count // (workers * turns)))


def _shared_rows(jobs: Sequence[TrainingJob]) -> tuple[Rows, list[Stream]]:
    """Return everybody's rows, each once, on the device, and the streams that read them."""
    # Folds and restarts share a table: it goes to the device once, whatever the number of jobs.
    tables = list({id(job.rows): job.rows for job in jobs}.values())
    starts = np.cumsum([0, *map(len, tables)])
    offset = {id(rows): int(start) for rows, start in zip(tables, starts, strict=False)}
    rows = replace(jobs[0], rows=EncodedRows.concatenate(tables)).on_device()
    shared: dict[Hashable, Stream] = {}
    streams = []
    for job in jobs:
        # Members that read one stream object share its batches, which are gathered once.
        key = (id(job.rows), id(job.stream))
        if key not in shared:
            shared[key] = _moved(job.stream, offset[id(job.rows)])
        streams.append(shared[key])
    return rows, streams


def _moved(stream: Stream, offset: int) -> Stream:
    if not offset:
        return stream
    held = None if stream.validation is None else stream.validation + offset
    return replace(stream, train=stream.train + offset, validation=held)
