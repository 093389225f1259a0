"""Parameter groups: the members that learn the same layers in an epoch, and their rates.

Members of one stack may freeze different layers. The update rule, the penalties and the
constraints then work on rectangles of the stack: some neighbouring members, and some layers that
all of these learn. A frozen layer lies in no group, so that nothing can move it, not even a
product with 0, which would turn infinite numbers to NaN.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import NamedTuple

from wellfit.nn.network import Network
from wellfit.training.member import Member


@dataclass(frozen=True)
class ParameterGroup:
    """Neighbouring members of a stack, and the layers that all of them learn.

    Attributes:
        start, stop: the first of the m members, and the first beyond them.
        rates: (m,) factors on their learning rates.
        start_epochs: (m,) the epochs, from 1, in which they begin to learn these layers.
        layers: the positions in the network of those layers that have parameters.
        weights: the same layers, counted among the layers with weights.
    """

    start: int
    stop: int
    rates: tuple[float, ...]
    start_epochs: tuple[int, ...]
    layers: tuple[int, ...]
    weights: tuple[int, ...]

    @property
    def members(self) -> slice:
        """The members' positions in the stack."""
        return slice(self.start, self.stop)

    @property
    def same_rates(self) -> bool:
        """Whether all members have one rate, and began in one epoch."""
        return len(set(self.rates)) == len(set(self.start_epochs)) == 1

    @property
    def default_rates(self) -> bool:
        """Whether all members learn as if no layer rates had been given."""
        return set(self.rates) == {1.0} and set(self.start_epochs) == {1}

    def split(self, layers: Collection[int], network: Network) -> Iterator[ParameterGroup]:
        """Yield a group of all members for the other layers, and one a member for ``layers``."""
        rest = tuple(layer for layer in self.layers if layer not in layers)
        if rest:
            yield replace(self, layers=rest, weights=_weights(rest, network))
        own = tuple(layer for layer in self.layers if layer in layers)
        if own:
            weights = _weights(own, network)
            each = zip(self.rates, self.start_epochs, strict=True)
            for member, (rate, epoch) in enumerate(each, self.start):
                yield ParameterGroup(member, member + 1, (rate,), (epoch,), own, weights)


class ParameterGroups:
    """The groups of a stack in every epoch; a single one where no member has layer rates.

    >>> from wellfit.nn import mlp
    >>> from wellfit.optim import LayerRates
    >>> from wellfit.training import Member
    >>> both = LayerRates(), LayerRates(start_epochs=(3, 1))
    >>> groups = ParameterGroups([Member(mlp(4, (8,), 3), layer_rates=rates) for rates in both])
    >>> [(group.layers, group.start, group.stop) for group in groups.at(epoch=1)]
    [((0,), 0, 1), ((2,), 0, 2)]
    >>> [(group.layers, group.start, group.stop) for group in groups.at(epoch=3)]
    [((0,), 0, 2), ((2,), 0, 2)]
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        starts = (member.layer_rates.start_epochs for member in members)
        self._changes = sorted({epoch for epochs in starts for epoch in epochs})
        self._cache: dict[int, tuple[ParameterGroup, ...]] = {}

    def at(self, epoch: int) -> tuple[ParameterGroup, ...]:
        """Return the groups in an epoch, from 1: the same object until they change."""
        phase = bisect(self._changes, epoch)
        if phase not in self._cache:
            self._cache[phase] = self._build(epoch)
        return self._cache[phase]

    def _build(self, epoch: int) -> tuple[ParameterGroup, ...]:
        network = self._members[0].network
        owners, shapes = _owners(network), network.parameters.shapes
        # Layers that the same members learn at the same rates make one group.
        layers: dict[_Learners, list[int]] = {}
        for layer, owner in enumerate(owners):
            for learners in self._learners(layer, owner, epoch) if shapes[layer].rows else ():
                layers.setdefault(learners, []).append(layer)
        return tuple(
            ParameterGroup(*learners, tuple(own), _weights(own, network))
            for learners, own in layers.items()
        )

    def _learners(self, layer: int, owner: int, epoch: int) -> Iterator[_Learners]:
        """Yield each run of neighbouring members that learn a layer, with their rates.

        Args:
            layer: its position in the network.
            owner: the layer with weights that it belongs to, counted among those.
            epoch: from 1.
        """
        every = [member.layer_rates for member in self._members]
        factors = [each.network.layers[layer].learning_rate_factor() for each in self._members]
        rates = tuple(
            each.rate(owner, epoch) * factor for each, factor in zip(every, factors, strict=True)
        )
        epochs = tuple(each.start_epoch(owner) for each in every)
        for learns, run in groupby(range(len(every)), lambda member: rates[member] > 0):
            if learns:
                members = list(run)
                start, stop = members[0], members[-1] + 1
                yield _Learners(start, stop, rates[start:stop], epochs[start:stop])


class _Learners(NamedTuple):
    """The first four attributes of a group."""

    start: int
    stop: int
    rates: tuple[float, ...]
    start_epochs: tuple[int, ...]


def learners(groups: Sequence[ParameterGroup], network: Network, members: int) -> list[list[bool]]:
    """Return for each layer which of the members learn it.

    >>> group = ParameterGroup(1, 3, (1.0, 1.0), (1, 1), (2,), (1,))
    >>> from wellfit.nn import mlp
    >>> learners([group], mlp(4, (8,), 3), members=3)[2]
    [False, True, True]
    """
    table = [[False] * members for _ in network.layers]
    for group in groups:
        for layer in group.layers:
            table[layer][group.members] = [True] * (group.stop - group.start)
    return table


def _weights(layers: Collection[int], network: Network) -> tuple[int, ...]:
    """Return which of the layers with weights, counted from 0, are among ``layers``."""
    shapes = network.parameters.shapes
    weighted = [index for index, shape in enumerate(shapes) if shape.weight_rows]
    return tuple(number for number, layer in enumerate(weighted) if layer in layers)


def _owners(network: Network) -> list[int]:
    """Return the layer with weights, from 0, that each layer belongs to: the one before it."""
    weighted = (bool(shape.weight_rows) for shape in network.parameters.shapes)
    return [max(0, count - 1) for count in accumulate(weighted)]
