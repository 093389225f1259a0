"""Many estimators' trainings as few stacks: which go together, and how they are taken apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from wellfit.core.members import structure
from wellfit.estimators import settings
from wellfit.estimators.prepared import Prepared
from wellfit.estimators.tables import Table
from wellfit.training import Result, Rows, Stream, train
from wellfit.training.precision import threads
from wellfit.training.trial import chosen

# Bytes of parameters, gradients and moments of a stack: more outgrow the cores' caches, and
# members no longer cost less together.
_STACK_BYTES = 1 << 23
_MOST_MEMBERS = 256


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


def grouped(work: Sequence[Prepared]) -> list[Group]:
    """Return the stacks that trainings fall into, the longest first."""
    kinds: dict[Hashable, list[int]] = {}
    for place, one in enumerate(work):
        kinds.setdefault(_kind(one), []).append(place)
    groups = [
        Group(tuple(places), tuple(work[place] for place in places))
        for alike in kinds.values()
        for places in _cut(alike, work[alike[0]])
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
    resume, precision = paused or (None, first.estimator.precision)
    with threads(first.estimator.threads):
        precision = chosen(precision, first.member, rows, streams[0])
        result = train(
            [one.member for one in group.work],
            rows,
            streams,
            observers=first.observers,
            scores=replace(first, targets=targets).scores(),
            precision=precision,
            eval_every=first.estimator.eval_every,
            resume=resume,
            until=until,
        )
    return result, precision


def _kind(one: Prepared) -> Hashable:
    """Return what trainings of one stack have in common."""
    estimator, table, stream = one.estimator, one.table, one.stream
    held = None if stream.validation is None else len(stream.validation)
    return (
        structure(one.member),
        (len(stream.train), held, stream.image_shape, stream.shuffle),
        tuple(structure(each) for each in stream.augment),
        (table.x.dtype, table.x.shape[1], sparse.issparse(table.x)),
        (table.y.dtype, table.y.shape[1:], table.weight is None),
        (one.brightest, estimator.precision, estimator.device, estimator.threads),
        (estimator.eval_every, repr(one.observers), repr(settings.scored(estimator))),
        tuple(getattr(estimator, "classes_", ())),
    )


def _cut(places: Sequence[int], one: Prepared) -> Iterator[list[int]]:
    """Cut trainings that are alike into stacks of a size that runs well."""
    member = one.member
    size = member.network.size * (2 + len(member.slots())) * 4
    most = int(np.clip(_STACK_BYTES // size, 1, _MOST_MEMBERS))
    for start in range(0, len(places), most):
        yield list(places[start : start + most])


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
