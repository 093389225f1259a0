"""Layer rates: a factor on each layer's learning rate, and the epoch in which it unfreezes."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import Config, hyper


class LayerRates(Config):
    """A factor on each layer's learning rate, and the epoch from which the layer learns.

    Layers are counted from the input, those with weights alone: what a batch norm or an
    activation learns belongs to the layer before it. Where a layer is frozen, nothing moves it by
    a single bit (no update, penalty or constraint), its batch norm works by the running statistics
    and leaves them as they are, and the update rule remembers nothing of it, so that it starts
    afresh when the layer unfreezes. Dropout and noise stay at work.

    Raises:
        HyperparameterError: a factor below 0, an epoch below 1, rates of 0 for all layers, or
            rates and epochs for different numbers of layers.

    Source: discriminative rates and gradual unfreezing, Howard and Ruder, "Universal language
    model fine-tuning for text classification", 2018.

    >>> layer_rates = LayerRates(rates=(0, 0.1, 1), start_epochs=(1, 5, 1))
    >>> [layer_rates.rate(layer, epoch=1) for layer in range(3)]
    [0.0, 0.0, 1.0]
    >>> [layer_rates.rate(layer, epoch=5) for layer in range(3)]
    [0.0, 0.1, 1.0]
    """

    # Declared per member, they are no part of the structure that a stack's members share.
    rates: tuple[float, ...] = hyper(
        "factor on each layer's learning rate, from the input on; 0 freezes; 1 where empty",
        default=(),
        per_member=True,
    )
    start_epochs: tuple[int, ...] = hyper(
        "the epoch, from 1, from which each layer learns; the first where empty",
        default=(),
        per_member=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle("rates", _is_rate, "a finite number of 0 or more", float)
        self._settle("start_epochs", _is_epoch, "a whole number of 1 or more", int)
        if self.rates and self.start_epochs and len(self.rates) != len(self.start_epochs):
            raise HyperparameterError(
                f"rates and start_epochs of LayerRates are for the same layers; given "
                f"{len(self.rates)} rates and {len(self.start_epochs)} epochs"
            )
        if self.rates and not any(self.rates):
            raise HyperparameterError(
                f"LayerRates need a layer that learns; given rates={self.rates}, which freeze all"
            )

    @property
    def layers(self) -> int:
        """The number of layers it is for; 0 where it is for any number."""
        return max(len(self.rates), len(self.start_epochs))

    def rate(self, layer: int, epoch: int) -> float:
        """Return the factor on a layer's learning rate in an epoch; 0 where it is frozen.

        Args:
            layer: among those with weights, from 0.
            epoch: from 1.
        """
        rate = self.rates[layer] if self.rates else 1.0
        return rate if epoch >= self.start_epoch(layer) else 0.0

    def start_epoch(self, layer: int) -> int:
        """Return the epoch, from 1, from which a layer learns if it ever does."""
        return self.start_epochs[layer] if self.start_epochs else 1

    def _settle(
        self, key: str, fits: Callable[[Any], bool], wanted: str, kind: Callable[[Any], Any]
    ) -> None:
        """Check each entry, and keep them as a tuple of plain numbers."""
        given = getattr(self, key)
        values = tuple(given) if isinstance(given, (tuple, list)) else (given,)
        for layer, value in enumerate(values):
            if not fits(value):
                raise HyperparameterError(
                    f"{key} of LayerRates is {given!r}; expected {wanted} for each layer, which "
                    f"{value!r} for layer {layer} isn't"
                )
        object.__setattr__(self, key, tuple(kind(value) for value in values))


def _is_rate(value: Any) -> bool:
    real = type(value) is not bool and isinstance(value, Real)
    return real and math.isfinite(value) and value >= 0


def _is_epoch(value: Any) -> bool:
    return type(value) is not bool and isinstance(value, Integral) and int(value) >= 1
