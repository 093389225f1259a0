"""Which members learn which layers in an epoch, and how fast."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, NamedTuple

from wellfit.nn.network import Network

if TYPE_CHECKING:
    from wellfit.training.stack import Member


@dataclass(frozen=True)
class Lane:
    """Neighbours in a stack, and the layers that all of them learn, each at its own pace.

    Attributes:
        start, stop: the first of the m members, and the first beyond them.
        factors: (m,) on their learning rates.
        firsts: (m,) the epochs, from 1, from which they learn.
        layers: of the network, those that hold something to learn.
        weights: the same, counted among the layers with weights.
    """

    start: int
    stop: int
    factors: tuple[float, ...]
    firsts: tuple[int, ...]
    layers: tuple[int, ...]
    weights: tuple[int, ...]

    @property
    def members(self) -> slice:
        """The members' places in the stack."""
        return slice(self.start, self.stop)

    @property
    def even(self) -> bool:
        """Whether all its members learn at one pace."""
        return len(set(self.factors)) == len(set(self.firsts)) == 1

    @property
    def plain(self) -> bool:
        """Whether its members learn as if they had no pace."""
        return set(self.factors) == {1.0} and set(self.firsts) == {1}

    def cut(self, layers: Collection[int], network: Network) -> Iterator[Lane]:
        """Yield lanes in which every member has ``layers`` to itself, and shares the rest."""
        rest = tuple(layer for layer in self.layers if layer not in layers)
        if rest:
            yield replace(self, layers=rest, weights=_weights(rest, network))
        own = tuple(layer for layer in self.layers if layer in layers)
        if own:
            weights = _weights(own, network)
            for place, pace in enumerate(zip(self.factors, self.firsts, strict=True), self.start):
                factor, first = pace
                yield Lane(place, place + 1, (factor,), (first,), own, weights)


class Lanes:
    """The lanes of a stack, epoch by epoch. Where no member has a pace there is one, of all.

    >>> from wellfit.nn import mlp
    >>> from wellfit.optim import Pace
    >>> from wellfit.training import Member
    >>> paces = Pace(), Pace(since=(3, 1))
    >>> lanes = Lanes([Member(mlp(4, (8,), 3), pace=pace) for pace in paces])
    >>> [(lane.layers, lane.start, lane.stop) for lane in lanes.at(epoch=1)]
    [((0,), 0, 1), ((2,), 0, 2)]
    >>> [(lane.layers, lane.start, lane.stop) for lane in lanes.at(epoch=3)]
    [((0,), 0, 2), ((2,), 0, 2)]
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._changes = sorted({first for member in members for first in member.pace.since})
        self._known: dict[int, tuple[Lane, ...]] = {}

    def at(self, epoch: int) -> tuple[Lane, ...]:
        """Return the lanes in an epoch, from 1: the same object until they change."""
        phase = bisect(self._changes, epoch)
        if phase not in self._known:
            self._known[phase] = self._found(epoch)
        return self._known[phase]

    def _found(self, epoch: int) -> tuple[Lane, ...]:
        network = self._members[0].network
        owners, shapes = _owners(network), network.parameters.shapes
        layers: dict[_Run, list[int]] = {}
        for layer, owner in enumerate(owners):
            for run in self._runs(owner, epoch) if shapes[layer].rows else ():
                layers.setdefault(run, []).append(layer)
        return tuple(
            Lane(*run, tuple(found), _weights(found, network)) for run, found in layers.items()
        )

    def _runs(self, owner: int, epoch: int) -> Iterator[_Run]:
        """Yield the members in a row who learn a layer with weights, and how."""
        paces = [member.pace for member in self._members]
        factors = tuple(pace.factor(owner, epoch) for pace in paces)
        firsts = tuple(pace.first(owner) for pace in paces)
        for learns, run in groupby(range(len(paces)), lambda place: factors[place] > 0):
            if learns:
                places = list(run)
                start, stop = places[0], places[-1] + 1
                yield _Run(start, stop, factors[start:stop], firsts[start:stop])


class _Run(NamedTuple):
    """The first four attributes of a lane."""

    start: int
    stop: int
    factors: tuple[float, ...]
    firsts: tuple[int, ...]


def learners(lanes: Sequence[Lane], network: Network, members: int) -> list[list[bool]]:
    """Return for each layer which of the members learn it.

    >>> lane = Lane(1, 3, (1.0, 1.0), (1, 1), (2,), (1,))
    >>> from wellfit.nn import mlp
    >>> learners([lane], mlp(4, (8,), 3), members=3)[2]
    [False, True, True]
    """
    table = [[False] * members for _ in network.layers]
    for lane in lanes:
        for layer in lane.layers:
            table[layer][lane.members] = [True] * (lane.stop - lane.start)
    return table


def _weights(layers: Collection[int], network: Network) -> tuple[int, ...]:
    """Return which of the layers with weights, counted from 0, are among ``layers``."""
    weighted = [
        index for index, shape in enumerate(network.parameters.shapes) if shape.weight_rows
    ]
    return tuple(number for number, layer in enumerate(weighted) if layer in layers)


def _owners(network: Network) -> list[int]:
    """Return the layer with weights, from 0, that each layer belongs to: the one before it."""
    weighted = (bool(shape.weight_rows) for shape in network.parameters.shapes)
    return [max(0, count - 1) for count in accumulate(weighted)]
