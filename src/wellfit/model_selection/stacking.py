"""Many estimators' trainings as few stacks: which go together, and how they are taken apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from wellfit.core.memory import machine_memory
from wellfit.core.stacking import stack_key
from wellfit.estimators import settings
from wellfit.estimators.prepared import Prepared
from wellfit.estimators.tables import Table
from wellfit.training import Result, Rows, Stream, Weights, train
from wellfit.training.precision import device_of, threads
from wellfit.training.precision_choice import choose_precision
from wellfit.training.stack import STACK_BYTES, bytes_of
from wellfit.training.streams import pattern

_MOST_MEMBERS = 256
_ROOM = 0.25  # share of the memory that stacks may take, all processes together


@dataclass(frozen=True)
class Group:
    """Trainings that share a stack, by their places in the list they come from."""

    places: tuple[int, ...]
    work: tuple[Prepared, ...]

    @property
    def cost(self) -> float:
        """About how long it takes: parameters times rows times epochs."""
        return sum(
            one.member.network.size * len(one.stream.train) * one.member.epochs
            for one in self.work
        )


def grouped(work: Sequence[Prepared], workers: int = 1) -> list[Group]:
    """Return the stacks that trainings fall into, the longest first.

    Args:
        work: trainings of any shapes.
        workers: processes that are to have something to do.
    """
    kinds: dict[Hashable, list[int]] = {}
    for place, one in enumerate(work):
        kinds.setdefault(_kind(one), []).append(place)
    share = workers if len(kinds) < 2 * workers else 1
    groups = [
        Group(tuple(places), tuple(work[place] for place in places))
        for alike in kinds.values()
        for places in _cut(alike, work, share, room(work[alike[0]]) / workers)
    ]
    return sorted(groups, key=lambda group: -group.cost)


def trained(
    group: Group, until: int | None = None, paused: tuple[Result, str] | None = None
) -> tuple[Result, str]:
    """Train a group's members together, to their end or to a pause.

    Args:
        group: the members.
        until: pause after this epoch; schedules are those of the whole training.
        paused: where to go on from: what an earlier call returned.

    Returns:
        The result of all, and the precision they were trained in.
    """
    first = group.work[0]
    rows, streams, targets = _joined(group.work)
    resume, precision = paused or (_start(group.work, rows), first.estimator.precision)
    with threads(first.estimator.n_threads):
        precision = choose_precision(precision, first.member, rows, streams[0])
        result = train(
            [one.member for one in group.work],
            rows,
            streams,
            callbacks=first.callbacks,
            scores=replace(first, targets=targets).scores(),
            precision=precision,
            eval_every=first.estimator.eval_every,
            resume=resume,
            until=until,
        )
    return result, precision


def _start(work: Sequence[Prepared], rows: Rows) -> Result | None:
    """Return where members begin some of whose weights are given; None where all are drawn."""
    if all(one.start is None for one in work):
        return None
    members = [one.member for one in work]
    first = [
        Weights.initial([one.member], rows.dtype, rows.device)
        if one.start is None
        else one.start.to(rows.dtype, rows.device)
        for one in work
    ]
    slots = dict.fromkeys(name for member in members for name in member.slots())
    return Result.beginning(members, Weights.join(first).with_empty_slots(list(slots)))


def room(one: Prepared) -> float:
    """Return the bytes that stacks may take where a training takes place."""
    device = device_of(one.estimator.device)
    if device.type == "cuda":
        return _ROOM * torch.cuda.mem_get_info(device)[0]
    return _ROOM * machine_memory()


def _kind(one: Prepared) -> Hashable:
    """Return what trainings of one stack have in common."""
    estimator, table, stream = one.estimator, one.table, one.stream
    held = None if stream.validation is None else len(stream.validation)
    scored = settings.scored(estimator)
    return (
        stack_key(one.member),
        pattern(stream, one.member.batch_size, one.member.rows_independent),
        (held, stream.image_shape, stream.shuffle),
        tuple(stack_key(each) for each in stream.augment),
        (table.x.dtype, table.x.shape[1], sparse.issparse(table.x)),
        (table.y.dtype, table.y.shape[1:], table.weight is None),
        (one.brightest, estimator.precision, estimator.device, estimator.n_threads),
        (estimator.eval_every, repr(one.callbacks), repr(scored)),
        # Scorers speak of targets as one estimator has learned to read them.
        (id(table) if scored else None, tuple(getattr(estimator, "classes_", ()))),
    )


def _cut(
    places: Sequence[int], work: Sequence[Prepared], workers: int, most_bytes: float
) -> Iterator[list[int]]:
    """Cut trainings that are alike into stacks of a size that runs well and fits in memory.

    Those that read the same table stay together: its batches are gathered once for all.
    """
    most = _most(work[places[0]], len(places), workers)
    tables: dict[int, list[int]] = {}
    for place in places:
        tables.setdefault(id(work[place].table), []).append(place)
    pile: list[int] = []
    sizes: dict[int, int] = {}  # of the tables that the pile reads
    for table, alike in tables.items():
        size = 2 * _bytes(work[alike[0]].table)  # as it lies here, and with a column of ones
        # Small enough that piles come out even, where there is one for each process.
        pieces = min(len(alike), -(-len(alike) // most) * workers)
        for piece in np.array_split(alike, pieces):
            taken = sum((sizes | {table: size}).values())
            if pile and (len(pile) + len(piece) > most or taken > most_bytes):
                yield pile
                pile, sizes = [], {}
            pile, sizes = [*pile, *map(int, piece)], sizes | {table: size}
    yield pile


def _most(one: Prepared, count: int, workers: int) -> int:
    """Return how many of ``count`` networks like this one go into a stack at most."""
    on_card = device_of(one.estimator.device).type == "cuda"  # no caches to stay in
    wanted = room(one) / 4 if on_card else STACK_BYTES
    most = int(np.clip(wanted // bytes_of(one.member), 1, _MOST_MEMBERS))
    if workers == 1:
        return most
    turns = -(-count // (workers * most))  # of every process; the last is not to be an odd one
    return min(most, -(-count // (workers * turns)))


def _bytes(table: Table) -> int:
    x: Any = table.x.data if sparse.issparse(table.x) else table.x
    return int(x.nbytes + table.y.nbytes)


def _joined(work: Sequence[Prepared]) -> tuple[Rows, list[Stream], NDArray[Any] | None]:
    """Return one table with everybody's rows, each once, streams that read it, and its targets."""
    apart = list({id(one.table): one for one in work}.values())
    starts = np.cumsum([0, *(one.table.x.shape[0] for one in apart)])
    offset = {id(one.table): int(start) for one, start in zip(apart, starts, strict=False)}
    rows = replace(work[0], table=_concatenated([one.table for one in apart])).rows()
    told = [one.targets for one in apart if one.targets is not None]
    shared: dict[Hashable, Stream] = {}
    streams = []
    for one in work:
        key = (id(one.table), id(one.stream))
        if key not in shared:
            shared[key] = _moved(one.stream, offset[id(one.table)])
        streams.append(shared[key])
    return rows, streams, np.concatenate(told) if told else None


def _concatenated(tables: Sequence[Table]) -> Table:
    if len(tables) == 1:
        return tables[0]
    xs = [table.x for table in tables]
    x = sparse.csr_array(sparse.vstack(xs)) if sparse.issparse(xs[0]) else np.concatenate(xs)
    weights = [table.weight for table in tables if table.weight is not None]
    return Table(
        x,
        np.concatenate([table.y for table in tables]),
        np.concatenate(weights) if weights else None,
    )


def _moved(stream: Stream, offset: int) -> Stream:
    held = None if stream.validation is None else stream.validation + offset
    return Stream(
        stream.train + offset,
        held,
        stream.seed,
        stream.augment,
        stream.image_shape,
        stream.shuffle,
    )
