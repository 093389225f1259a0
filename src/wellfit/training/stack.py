"""Stacks: K networks of one structure as tensors with a leading member axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from wellfit.core.errors import InputError
from wellfit.core.rng import derive
from wellfit.core.stacking import stack_key
from wellfit.nn.execution import Executor, Memory, layer_hypers
from wellfit.nn.network import Layout, Network
from wellfit.nn.ops import BatchShare
from wellfit.optim.penalties import Strength
from wellfit.training.member import Member
from wellfit.training.parameter_groups import ParameterGroup, learners
from wellfit.training.step_schedule import StepSchedule

# Bytes of parameters, gradients and moments from which on a stack on a processor outgrows the
# cores' caches: about 75 networks of 110 inputs and 64-64-2 units, 16 of 784 inputs. One of the
# former costs 140 µs a step alone and 30 in stacks of 30 to 50; of the latter, 320 alone and 140
# in a stack of 8.
STACK_BYTES = 10 << 20


@dataclass
class Weights:
    """The weights and other tensors of K networks, flat in the order of their layouts.

    ``parameters`` are learned by gradients, ``statistics`` tracked without, ``slots`` remembered
    by the optimizer. ``networks`` are the members' own, which differ from ``network`` in slopes
    and the like; without them, all have ``network``'s.
    """

    network: Network
    members: int
    parameters: Tensor
    statistics: Tensor
    slots: dict[str, Tensor]
    networks: tuple[Network, ...] = ()

    @classmethod
    def initial(
        cls, members: Sequence[Member], dtype: torch.dtype, device: torch.device
    ) -> Weights:
        """Draw the initial weights, each member's from its own seed."""
        network, k = members[0].network, len(members)
        # Candidates of a search mostly begin alike: with the same weights, drawn once.
        beginnings = [(member.seed, member.network.learned) for member in members]
        drawn = {
            beginning: member.network.initial_parameters(member.seed)
            for beginning, member in dict(zip(beginnings, members, strict=True)).items()
        }
        parameters = network.parameters.join([drawn[each] for each in beginnings])
        parameters = parameters.to(device, dtype)
        statistics = network.statistics.join([network.initial_statistics()] * k)
        # Members may differ in momentum or averaging; a slot exists if any of them needs it.
        names = dict.fromkeys(name for member in members for name in member.slots())
        slots = {name: torch.zeros_like(parameters) for name in names}
        networks = tuple(member.network for member in members)
        return cls(network, k, parameters, statistics.to(device, dtype), slots, networks)

    @classmethod
    def join(cls, several: Sequence[Weights], slots: bool = False) -> Weights:
        """Return the members of several weights as one: to predict with, or with their slots."""
        first = several[0].network
        names = dict.fromkeys(name for each in several for name in each.slots) if slots else ()
        networks = tuple(network for each in several for network in each.networks)
        return cls(
            first,
            sum(each.members for each in several),
            _joined(first.parameters, [(each.parameters, each.members) for each in several]),
            _joined(first.statistics, [(each.statistics, each.members) for each in several]),
            {
                name: _joined(
                    first.parameters, [(each.slot(name), each.members) for each in several]
                )
                for name in names
            },
            networks,
        )

    def select(self, chosen: Tensor) -> Weights:
        """Return a copy of the ``chosen`` members (indices), in that order."""
        parameters, statistics = self.network.parameters, self.network.statistics
        k, networks = self.members, tuple(self.networks[index] for index in chosen.tolist())
        return Weights(
            networks[0] if networks else self.network,
            len(chosen),
            parameters.select(self.parameters, k, chosen),
            statistics.select(self.statistics, k, chosen),
            {name: parameters.select(slot, k, chosen) for name, slot in self.slots.items()},
            networks,
        )

    def slot(self, name: str) -> Tensor:
        """Return the optimizer's slot of that name, or what it holds before the first step."""
        if name in self.slots:
            return self.slots[name]
        # An average of nothing but the present weights is these weights; other slots start at
        # zero.
        return self.parameters if name == "average" else torch.zeros_like(self.parameters)

    def put(self, chosen: Tensor, source: Weights) -> None:
        """Write all members of ``source`` over the ``chosen`` ones of these."""
        parameters, k = self.network.parameters, self.members
        parameters.put(self.parameters, k, chosen, source.parameters)
        self.network.statistics.put(self.statistics, k, chosen, source.statistics)
        for name, slot in self.slots.items():
            parameters.put(slot, k, chosen, source.slot(name))
        fresh = dict(zip(chosen.tolist(), source.networks, strict=True))
        self.networks = tuple(fresh.get(index, own) for index, own in enumerate(self.networks))

    def to(self, dtype: torch.dtype, device: torch.device) -> Weights:
        """Return a copy of another type, or on another device."""
        return Weights(
            self.network,
            self.members,
            self.parameters.to(device, dtype, copy=True),
            self.statistics.to(device, dtype, copy=True),
            {name: slot.to(device, dtype, copy=True) for name, slot in self.slots.items()},
            self.networks,
        )

    def __post_init__(self) -> None:
        wanted = self.members * self.network.parameters.size
        if self.parameters.numel() != wanted:
            raise InputError(f"the weights are {self.parameters.numel()}; expected {wanted}")
        self.networks = self.networks or (self.network,) * self.members

    def for_prediction(self) -> Weights:
        """Return the weights to predict with, in the same memory: averaged ones if there are."""
        if "average" not in self.slots:
            return self
        # In the same memory: validation during training always reads the present average.
        return replace(self, parameters=self.slots["average"])

    def with_empty_slots(self, slots: Sequence[str]) -> Weights:
        """Return these weights with slots of zeros, as before the first step."""
        return replace(self, slots={name: torch.zeros_like(self.parameters) for name in slots})

    def blocks(self, member: int) -> list[Tensor]:
        """Return one member's parameters, a (rows, columns) view a layer."""
        return [
            view[member] for view in self.network.parameters.views(self.parameters, self.members)
        ]


def _joined(layout: Layout, several: Sequence[tuple[Tensor, int]]) -> Tensor:
    """Return the flat buffer of all members of several buffers."""
    views = [layout.views(flat, members) for flat, members in several]
    blocks = [torch.cat(blocks).flatten() for blocks in zip(*views, strict=True)]
    return torch.cat(blocks)


class Stack:
    """K members of one structure: weights, gradients, and hyper-parameters as tensors.

    Raises:
        InputError: the members differ in more than per-member hyper-parameters.

    >>> from wellfit.nn import mlp
    >>> members = [Member(mlp(4, (8,), 3), seed=seed) for seed in range(5)]
    >>> Stack(members, Weights.initial(members, torch.float32, torch.device("cpu"))).k
    5
    """

    def __init__(
        self, members: Sequence[Member], weights: Weights, scale: Tensor | None = None
    ) -> None:
        _check_alike(members)
        networks = tuple(member.network for member in members)
        slots = dict(weights.slots)
        if not any(member.ema_decay for member in members):
            slots.pop("average", None)  # of members that left; nobody would update it
        self.members = list(members)
        self.weights = replace(weights, networks=networks, slots=slots)
        self.network, self.k = members[0].network, len(members)
        self.gradients = torch.zeros_like(weights.parameters)
        self.scale = torch.ones(self.k, dtype=torch.float64) if scale is None else scale
        self.step_schedule = StepSchedule(
            members, self.scale, self.gradients.dtype, self.gradients.device
        )
        # Hyper-parameters are kept in double precision until they meet a weight.
        self._layers = layer_hypers(networks, self.gradients.device)
        self._first_rates = [
            layer["rate"].clone() if "rate" in layer else None for layer in self._layers
        ]
        self.loss = self.step_schedule.scheduled.numbers([member.loss for member in members])

    def select(self, chosen: Tensor) -> Stack:
        """Return a smaller stack with copies of the ``chosen`` members."""
        return Stack(
            [self.members[index] for index in chosen.tolist()],
            self.weights.select(chosen),
            self.scale[chosen.cpu()],
        )

    def advance(self, epoch: int, *, begins: bool) -> bool:
        """Go to an epoch, from 1; return whether other layers learn than before.

        Args:
            epoch: the epoch that comes now.
            begins: whether its first step comes now: the optimizer's slots of layers that are
                unfrozen in this epoch are then set to zero.
        """
        changed = self.step_schedule.advance(epoch)
        if begins and changed:
            for group in self.step_schedule.groups:
                self._forget(
                    group,
                    [group.start + i for i, f in enumerate(group.start_epochs) if f == epoch],
                )
        return changed

    def _forget(self, group: ParameterGroup, members: list[int]) -> None:
        """Empty the update rule's memory of a group's layers, for some members."""
        for name, slot in self.weights.slots.items():
            views = self.network.parameters.views(slot, self.k)
            for layer in group.layers if name != "average" else ():
                views[layer][members] = 0

    def schedule_layers(self, step: int, per_epoch: int) -> None:
        """Set the dropout rates of the epoch that starts at global step ``step``."""
        factor = self.step_schedule.scheduled.factor("dropout", step, per_epoch)
        if factor is not None:
            for layer, rates in zip(self._layers, self._first_rates, strict=True):
                if rates is not None:
                    # In place: the ops hold these tensors, and read them when they draw the next
                    # masks.
                    layer["rate"].copy_(rates * factor)

    def executor(self, batch: int, steps: int, share: BatchShare | None = None) -> Executor:
        """Return the network bound for training on batches of ``batch`` rows, or on a share."""
        learns = learners(self.step_schedule.groups, self.network, self.k)
        return Executor(self.network, self.memory(), batch, steps, learns, share)

    def memory(self) -> Memory:
        """Return the tensors that training works on."""
        weights = self.weights
        return Memory(
            self.k,
            weights.parameters,
            self.gradients,
            weights.statistics,
            self._layers,
            [self._keys(index) for index in range(len(self.network.layers))],
        )

    def limits(self, kind: str) -> list[Strength]:
        """Return the limits of the members' ``"constraints"`` or ``"gradient_clipping"``."""
        rules = zip(*(getattr(member, kind) for member in self.members), strict=True)
        return [self.step_schedule.scheduled.numbers(members)["limit"] for members in rules]

    def _keys(self, layer: int) -> Tensor:
        # `below` counts the frozen layers that are computed once: dropout then draws the same
        # masks as in the whole network.
        keys = [derive(member.seed, "noise", member.below + layer) for member in self.members]
        return torch.tensor(keys, device=self.gradients.device)


def bytes_of(member: Member) -> int:
    """Return the bytes of a member's parameters, gradients and moments, in single precision.

    >>> from wellfit.nn import mlp
    >>> bytes_of(Member(mlp(4, (8,), 3)))  # 67 parameters, and Adam's two moments of each
    1072
    """
    return member.network.size * (2 + len(member.slots())) * 4


def _check_alike(members: Sequence[Member]) -> None:
    if not members:
        raise InputError("a stack needs at least one member; given none")
    first = stack_key(members[0])
    for index, member in enumerate(members):
        if stack_key(member) != first:
            raise InputError(
                f"member {index} cannot share a stack with member 0: they may differ "
                f"in per-member hyper-parameters only; given {member!r} and {members[0]!r}"
            )
