"""Layers of another network at the bottom of an estimator's own: which, and how they are read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from wellfit.core.errors import HyperparameterError, InputError
from wellfit.core.hyper import Config
from wellfit.estimators.sources import Source
from wellfit.nn import Dense, HiddenLayer, Layer, Linear, Network
from wellfit.optim import LayerRates
from wellfit.training import Member, Weights

Wanted = HiddenLayer | Layer


class Reusing(Config):
    """What an estimator's ``pretrained`` may be: where a training starts, and what of it learns.

    :class:`wellfit.transfer.Pretrained` is one.
    """

    @abstractmethod
    def source(self) -> Source:
        """Return the network to take layers from."""

    @abstractmethod
    def taken(self, source: Source) -> int:
        """Return how many of its hidden layers are taken, from the lowest on."""

    @abstractmethod
    def keeps_head(self) -> bool:
        """Say whether its output layer is taken too."""

    @abstractmethod
    def frozen(self, taken: int) -> int | None:
        """Return how many layers stay frozen, from the lowest on; None to find out."""

    @abstractmethod
    def folds(self) -> int:
        """Return by how many folds to find out."""

    @abstractmethod
    def unfreezes(self) -> bool:
        """Say whether frozen layers learn some day."""

    @abstractmethod
    def layer_rates(self, frozen: int, layers: int) -> LayerRates:
        """Return how fast each of so many linear layers learns, and from when on."""

    @abstractmethod
    def reading(self) -> Any:
        """Return what tells one way of reading rows from another, hashable."""

    @abstractmethod
    def start(self) -> Any:
        """Return what tells one start of a training from another: whose layers, and which."""


@dataclass(frozen=True)
class Taken:
    """The layers that an estimator takes from another network.

    Attributes:
        units: of all hidden layers of that network.
        before: what stands before its first linear layer.
        sections: of each hidden layer taken, the linear layer and what follows it.
        head: whether the output layer is taken too.
    """

    units: tuple[int, ...]
    before: tuple[Layer, ...]
    sections: tuple[tuple[Layer, ...], ...]
    head: bool

    @classmethod
    def of(cls, pretrained: Reusing, source: Source) -> Taken:
        """Return what of a network is taken."""
        before, *sections = sectioned(source.layers[place] for place in source.at_work())
        kept = tuple(map(tuple, sections[: pretrained.taken(source)]))
        return cls(source.units, tuple(before), kept, pretrained.keeps_head())

    @property
    def count(self) -> int:
        """How many hidden layers are taken."""
        return len(self.sections)

    @property
    def layers(self) -> int:
        """How many of the engine's layers are taken, those not counted that only disturb."""
        return len(self.before) + sum(map(len, self.sections)) + self.head

    def under(
        self, hidden: Sequence[Wanted], whole: Dense, inputs: int
    ) -> tuple[list[Layer | Wanted], list[Dense]]:
        """Put them in the place of an estimator's own lowest hidden layers.

        Dropout and noise stay the estimator's: they are a matter of training.

        Args:
            hidden: the estimator's own, from the input on.
            whole: what holds for those that say nothing themselves.
            inputs: the numbers that they read.

        Returns:
            The layers, and what was asked for those whose place was taken.

        Raises:
            InputError: they have other units, or there are fewer of them.
        """
        before, *sections = sectioned(hidden)
        own = [_units(section[0]) for section in sections]
        _check_shapes([inputs, *self.units[: self.count]], [inputs, *own], self.head)
        layers: list[Layer | Wanted] = [*_disturbing(before), *self.before]
        asked = []
        for borrowed, (first, *others) in zip(self.sections, sections, strict=False):
            settled = first.with_defaults(whole) if isinstance(first, Dense) else whole
            stands_for = settled.layers() if isinstance(first, Dense) else ()
            layers += [*borrowed, *_disturbing(stands_for), *_disturbing(others)]
            asked.append(settled)
        rest = [layer for section in sections[self.count :] for layer in section]
        return [*layers, *rest], asked


def sectioned(layers: Iterable[Any]) -> list[list[Any]]:
    """Return what stands before the first linear layer, then each with what follows it.

    >>> from wellfit.nn import mlp
    >>> [len(section) for section in sectioned(mlp(4, (8,), 3, input_noise=0.1).layers)]
    [1, 2, 1]
    """
    sections: list[list[Any]] = [[]]
    for layer in layers:
        if isinstance(layer, Dense | Linear):
            sections.append([])
        sections[-1].append(layer)
    return sections


def _disturbing(layers: Iterable[Wanted]) -> Iterator[Layer]:
    for layer in layers:
        if isinstance(layer, Layer) and layer.training_only:
            yield layer


def _units(layer: Any) -> int:
    return int(layer.units)


def _taken(count: int) -> str:
    return "1 hidden layer is taken" if count == 1 else f"{count} hidden layers are taken"


def _check_shapes(theirs: Sequence[int], own: Sequence[int], head: bool) -> None:
    if len(own) < len(theirs) or (head and len(own) > len(theirs)):
        raise InputError(
            f"{_taken(len(theirs) - 1)}{' with the head' * head}, and the "
            f"estimator has {len(own) - 1}: {tuple(own[1:])}; expected "
            f"{'as' if head else 'at least as'} many, {tuple(theirs[1:])} the lowest"
        )
    for number in range(1, len(theirs)):
        given, wanted = ((each[number - 1], each[number]) for each in (own, theirs))
        if own[number] != theirs[number]:
            raise InputError(
                f"linear_{number} of the reused model has weights of shape {wanted}, and the "
                f"estimator's own are of shape {given}; expected the same shape, or to take "
                f"{number - 1} layers"
            )


def check_frozen(frozen: int, taken: int) -> None:
    """Check that no more layers are frozen than are taken.

    Raises:
        HyperparameterError: naming both.
    """
    if frozen > taken:
        raise HyperparameterError(
            f"freeze is {frozen!r}, and {_taken(taken)}; expected a whole number from 0 to "
            f"{taken}, or 'auto'"
        )


def first_weights(source: Source, taken: Taken, member: Member) -> Weights:
    """Return the weights that a member starts from: those taken, and for the rest its own.

    Raises:
        InputError: an output layer of another shape.
    """
    weights = Weights.initial([member], torch.float64, torch.device("cpu"))
    network = member.network
    learned = network.parameters.views(weights.parameters, 1)
    tracked = network.statistics.views(weights.statistics, 1)
    own = [place for place, layer in enumerate(network.layers) if not layer.training_only]
    for place, there in list(zip(own, source.at_work(), strict=False))[: taken.layers]:
        _check_fits(source.parameters[there], learned[place][0])
        learned[place][0].copy_(source.parameters[there])
        tracked[place][0].copy_(source.statistics[there])
    return weights


def _check_fits(theirs: Tensor, own: Tensor) -> None:
    if theirs.shape != own.shape:
        shapes = [(len(each) - 1, each.shape[1]) for each in (theirs, own)]
        raise InputError(
            f"the reused model's output layer has weights of shape {shapes[0]}, and this one "
            f"asks for {shapes[1]}; expected head='new'"
        )


def quiet(network: Network, frozen: int) -> Network:
    """Return a network whose lowest layers, so many, are without dropout and noise between them.

    They are read as when predicting. What disturbs their inputs, or their last outputs, stays.

    >>> from wellfit.nn import mlp
    >>> [layer.rate for layer in quiet(mlp(4, (8, 8), 3, dropout=0.2), 2).layers[2::3]]
    [0.0, 0.2]
    """
    if not frozen:
        return network
    linear = [place for place, each in enumerate(network.layers) if isinstance(each, Linear)]
    between = range(linear[0], top(network, frozen))
    layers = tuple(
        _still(layer) if place in between else layer for place, layer in enumerate(network.layers)
    )
    return network.replace(layers=layers)


def _still(layer: Layer) -> Layer:
    if not layer.training_only:
        return layer
    return layer.replace(**{key: 0.0 for key in layer.hypers() if key in ("rate", "std")})


def top(network: Network, frozen: int) -> int:
    """Return how many layers stand up to the last outputs of the lowest hidden ones.

    >>> from wellfit.nn import mlp
    >>> top(mlp(4, (8, 8), 3, dropout=0.2), 1)
    2
    """
    linear = [place for place, each in enumerate(network.layers) if isinstance(each, Linear)]
    end = linear[frozen]
    while network.layers[end - 1].training_only:
        end -= 1
    return end


def with_layer_rates(member: Member, pretrained: Reusing, frozen: int) -> Member:
    """Return a member some of whose layers are frozen, or learn at rates of their own."""
    network = member.network if pretrained.unfreezes() else quiet(member.network, frozen)
    layers = sum(isinstance(layer, Linear) for layer in network.layers)
    return member.replace(network=network, layer_rates=pretrained.layer_rates(frozen, layers))


def with_start(member: Member, weights: Weights) -> Weights:
    """Return weights as a member begins with them: its network's, the optimizer's memory empty."""
    return for_member(member, weights).with_empty_slots(member.slots())


def for_member(member: Member, weights: Weights) -> Weights:
    """Return weights as those of a member's network, which has layers of the same shapes."""
    return replace(weights, network=member.network, networks=(member.network,))
