"""BorrowedLayers: layers taken from another network, and the new layers that they replace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wellfit.core.errors import HyperparameterError, InputError
from wellfit.nn import CategoricalEmbedding, Dense, HiddenLayer, Layer, Linear

Wanted = HiddenLayer | Layer


@dataclass(frozen=True)
class BorrowedLayers:
    """The layers that an estimator takes from another network.

    Attributes:
        units: of all hidden layers of that network.
        before: what stands before its first linear layer.
        sections: of each hidden layer taken, the linear layer and what follows it.
        head: the output layer and what follows it, where it is taken too.
    """

    units: tuple[int, ...]
    before: tuple[Layer, ...]
    sections: tuple[tuple[Layer, ...], ...]
    head: tuple[Layer, ...] = ()

    @property
    def categorical(self) -> tuple[CategoricalEmbedding, ...]:
        """The embedding of categories, which stands below all else; or nothing."""
        return tuple(each for each in self.before if isinstance(each, CategoricalEmbedding))

    @property
    def count(self) -> int:
        """How many hidden layers are taken."""
        return len(self.sections)

    @property
    def layers(self) -> int:
        """How many of the engine's layers are taken, those not counted that only disturb."""
        return len(self.before) + sum(map(len, self.sections)) + len(self.head)

    def under(
        self, hidden: Sequence[Wanted], whole: Dense, inputs: int
    ) -> tuple[list[Layer | Wanted], list[Dense]]:
        """Put them in the place of an estimator's own lowest hidden layers.

        Dropout and noise stay the estimator's: they are a matter of training. An embedding of
        categories is left out: what disturbs the inputs stands above it, and these layers above
        that.

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
        own = [int(section[0].units) for section in sections]
        _check_shapes([inputs, *self.units[: self.count]], [inputs, *own], bool(self.head))
        taken = [layer for layer in self.before if layer not in self.categorical]
        layers: list[Layer | Wanted] = [*_noise_layers(before), *taken]
        asked = []
        for borrowed, (first, *others) in zip(self.sections, sections, strict=False):
            settled = first.with_defaults(whole) if isinstance(first, Dense) else whole
            stands_for = settled.layers() if isinstance(first, Dense) else ()
            layers += [*borrowed, *_noise_layers(stands_for), *_noise_layers(others)]
            asked.append(settled)
        rest = [layer for section in sections[self.count :] for layer in section]
        return [*layers, *rest], asked

    def check_frozen(self, frozen: int) -> None:
        """Check that no more layers are frozen than are taken.

        Raises:
            HyperparameterError: naming both.
        """
        if frozen > self.count:
            raise HyperparameterError(
                f"freeze is {frozen!r}, and {_taken(self.count)}; expected a whole number from 0 "
                f"to {self.count}, or 'auto'"
            )


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


def _noise_layers(layers: Iterable[Wanted]) -> Iterator[Layer]:
    for layer in layers:
        if isinstance(layer, Layer) and layer.training_only:
            yield layer


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
                f"linear_{number} of the pretrained model has weights of shape {wanted}, and the "
                f"estimator's own are of shape {given}; expected the same shape, or to take "
                f"{number - 1} layers"
            )
