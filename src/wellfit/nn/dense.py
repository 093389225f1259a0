"""Hidden layers as people write them, and the engine's layers that they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import Config, hyper, resolve
from wellfit.nn.activations import Activation
from wellfit.nn.initializers import Initializer
from wellfit.nn.layers import Activate, BatchNorm, Dropout, Layer, Linear


class HiddenLayer(Config, family="hidden_layer"):
    """A hidden layer as people describe it, which stands for several of the engine's layers."""


class Dense(HiddenLayer, name="dense"):
    """A layer of units that read all units below: linear, batch norm, activation, dropout.

    What is None is as for the whole network.

    Args:
        units: how many.
        activation: by name or as an object.
        batch_norm: False, True or ``"before"`` (the activation), ``"after"``, or a
            :class:`~wellfit.nn.BatchNorm` with settings of its own.
        dropout: share of its units silenced at a step; or a layer such as ``AlphaDropout(0.1)``.
        l1, l2: strengths of penalties on its weights.
        max_norm: longest norm of a unit's incoming weights.
        initializer, bias_initializer: by name or as an object.

    Raises:
        HyperparameterError: a value out of its range or of the wrong kind.

    >>> Dense(300, "elu", dropout=0.2)
    Dense(units=300, activation=ELU(), dropout=0.2)
    """

    units: int = hyper("number of units", default=100, low=1, scale="log", search=(16, 1024))
    activation: Any = None
    batch_norm: Any = None
    dropout: Any = None
    l1: float | None = hyper("penalty λ Σ|w|", default=None, low=0, scale="log", optional=True)
    l2: float | None = hyper("penalty λ/2 Σw²", default=None, low=0, scale="log", optional=True)
    max_norm: float | None = hyper(
        "longest norm of incoming weights", default=None, low=0, open_low=True, optional=True
    )
    initializer: Any = None
    bias_initializer: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle("activation", Activation)
        self._settle("initializer", Initializer)
        self._settle("bias_initializer", Initializer)
        self._norm()  # made once to be checked
        # Made once to be checked: a wrong rate is refused here and not when training starts.
        for _ in _noise_layers(self.dropout):
            pass

    def _settle(self, key: str, base: type[Config]) -> None:
        if getattr(self, key) is not None:
            object.__setattr__(self, key, resolve(base, getattr(self, key)))

    def with_defaults(self, whole: Dense) -> Dense:
        """Return this layer with what is None taken from another."""
        # None means unset; False or 0 are a layer's own choice against the network's.
        missing = {key: getattr(whole, key) for key, value in self.values() if value is None}
        return self.replace(**missing)

    def layers(self) -> Iterator[Layer]:
        """Yield the engine's layers."""
        yield Linear(self.units, **self._starts())
        norm = self._norm()
        if norm is not None and norm.place == "before":
            yield norm.placed()
        yield Activate() if self.activation is None else Activate(self.activation)
        if norm is not None and norm.place == "after":
            yield norm.placed()
        yield from _noise_layers(self.dropout)

    def output_layers(self, units: int) -> Iterator[Layer]:
        """Yield the engine's layers of a network's outputs: linear, and batch norm if asked."""
        yield Linear(units, **self._starts())
        norm = self._norm()
        if norm is not None and norm.output:
            yield norm.placed()

    def _norm(self) -> BatchNorm | None:
        given = self.batch_norm
        if isinstance(given, np.bool_):
            given = bool(given)
        return None if given is None or given is False else BatchNorm.from_value(given)

    def _starts(self) -> dict[str, Initializer]:
        starts = {"initializer": self.initializer, "bias_initializer": self.bias_initializer}
        return {key: value for key, value in starts.items() if value is not None}


Hidden: TypeAlias = HiddenLayer | Layer


def expand(layers: Sequence[Hidden], whole: Dense) -> tuple[list[Layer], list[Dense]]:
    """Return the engine's layers, and for each that has weights what was asked for it.

    Args:
        layers: from the input on, ``Dense`` and the engine's own mixed.
        whole: what holds where a layer says nothing.

    Raises:
        HyperparameterError: something that is no layer.

    >>> layers, asked = expand([Dense(30, l2=0.1), Dropout(0.5)], Dense(activation="elu"))
    >>> [layer.name for layer in layers], asked[0].l2
    (['linear', 'activation', 'dropout'], 0.1)
    """
    expanded: list[Layer] = []
    asked: list[Dense] = []
    for layer in layers:
        if isinstance(layer, Dense):
            settled = layer.with_defaults(whole)
            expanded += settled.layers()
            asked.append(settled)
        elif isinstance(layer, Layer):
            expanded.append(layer)
            asked += [whole] if isinstance(layer, Linear) else []
        else:
            raise HyperparameterError(
                f"layers hold {layer!r}; expected Dense(…), or a layer of wellfit.nn such as "
                "Dropout(0.5) or GaussianNoise(0.1)"
            )
    return expanded, asked


def _noise_layers(dropout: Any) -> Iterator[Layer]:
    """Yield the layer behind ``dropout=``: a rate, or a layer itself."""
    if isinstance(dropout, Layer):
        yield dropout
    elif dropout:
        yield Dropout(dropout)
