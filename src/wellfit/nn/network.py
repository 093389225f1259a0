"""A network as a sequence of layers, and how the parameters of K such networks lie in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import Config, hyper
from wellfit.core.rng import generator
from wellfit.nn.activations import Activation
from wellfit.nn.dense import Dense, Hidden, expand
from wellfit.nn.initializers import Initializer
from wellfit.nn.layers import (
    Activate,
    BatchNorm,
    ConcatRows,
    Dropout,
    GaussianNoise,
    Layer,
    Linear,
    ParameterShape,
    RepeatRows,
    SubmodelLinear,
    SubmodelMean,
    SubmodelScale,
)

# What may follow the output layer, whose numbers may be normalized, averaged and so on.
_ENDS = (BatchNorm, Activate, ConcatRows, SubmodelMean)
_OF_SUBMODELS = (RepeatRows, SubmodelScale, SubmodelLinear, SubmodelMean)


class Network(Config):
    """A feed-forward network: its inputs, and its layers from the input to the logits.

    Raises:
        HyperparameterError: no layers, or the last that isn't batch norm, an activation or a mean
            of submodels isn't linear; an example has several rows in the end.

    >>> network = mlp(784, (100,), 10)
    >>> network.widths, network.size
    ([784, 100, 100, 10], 79510)
    """

    inputs: int = hyper("number of features", default=1, low=1)
    layers: tuple[Layer, ...] = hyper("the layers, the output layer last", default=())

    def __post_init__(self) -> None:
        super().__post_init__()
        last = next((each for each in self.layers[::-1] if not isinstance(each, _ENDS)), None)
        if not isinstance(last, Linear | SubmodelLinear):
            raise HyperparameterError(
                f"a network needs a linear layer as its last; given {self.layers!r}"
            )
        if any(isinstance(layer, _OF_SUBMODELS) for layer in self.layers):
            self._check_rows()

    def _check_rows(self) -> None:
        """Refuse layers that leave several rows of an example."""
        rows = self.rows_per_example
        # Layers above a mean would read one row when predicting, and several while training.
        mean = next((each for each in self.layers[:-1] if each.predicting_only), None)
        if mean is not None and mean.rows_per_output > 1:
            raise HyperparameterError(
                f"a network ends in its {mean.name}; given layers above it: {self.layers!r}"
            )
        for layer, before, after in zip(self.layers, rows, rows[1:], strict=False):
            if getattr(layer, "submodels", 1) not in (1, before):
                raise HyperparameterError(
                    f"{layer!r} reads {before} rows of an example; expected as many submodels"
                )
            if before * layer.rows_per_input != after * layer.rows_per_output:
                raise HyperparameterError(
                    f"{layer!r} makes {layer.rows_per_input} rows of each, and the layers above "
                    f"it leave {after} of an example; expected a SubmodelMean or ConcatRows of as "
                    "many above it"
                )

    @property
    def widths(self) -> list[int]:
        """The number of inputs, then of every layer's outputs."""
        # Layers say their width from the one below, so that only the inputs are stored.
        widths = [self.inputs]
        for layer in self.layers:
            widths.append(layer.width(widths[-1]))
        return widths

    @property
    def units(self) -> list[int]:
        """The units of every linear layer, from the input on; of a submodel, where they differ."""
        return [each.units for each in self.layers if isinstance(each, Linear | SubmodelLinear)]

    @property
    def rows_per_example(self) -> list[int]:
        """The rows that an example has at the input, then after every layer: mostly one."""
        rows_per_example = [1]
        # From the output down, since only the output's count is known: one row an example.
        for layer in reversed(self.layers):
            rows = rows_per_example[-1] * layer.rows_per_output
            rows_per_example.append(max(1, rows // layer.rows_per_input))
        return rows_per_example[::-1]

    @property
    def sizes(self) -> list[int]:
        """The numbers of an example at the input, then after every layer, in all of its rows."""
        pairs = zip(self.widths, self.rows_per_example, strict=True)
        return [width * rows for width, rows in pairs]

    @property
    def logit_rows(self) -> int:
        """The rows of logits that an example has while training: one, or one a submodel."""
        return math.prod(each.rows_per_output for each in self.layers if each.predicting_only)

    @property
    def outputs(self) -> int:
        """The number of logits."""
        return self.widths[-1]

    @property
    def size(self) -> int:
        """The number of parameters that are learned by gradients."""
        return self.parameters.size

    @property
    def learned(self) -> tuple[Layer | None, ...]:
        """The layers that hold something to learn, each at its place."""
        shapes = self.parameters.shapes
        return tuple(
            layer if shape.rows else None for layer, shape in zip(self.layers, shapes, strict=True)
        )

    @property
    def parameters(self) -> Layout:
        """The memory layout of the learned parameters."""
        return Layout([layer.parameters(width) for layer, width in self._sites()])

    @property
    def statistics(self) -> Layout:
        """The memory layout of the tracked statistics."""
        return Layout([layer.statistics(width) for layer, width in self._sites()])

    def initial_parameters(self, seed: int) -> list[Tensor]:
        """Draw every layer's first parameters from ``seed`` alone, float64."""
        return [
            # A generator for each layer: adding dropout above doesn't change the weights below.
            layer.initial_parameters(width, generator(seed, "init", index))
            for index, (layer, width) in enumerate(self._sites())
        ]

    def initial_statistics(self) -> list[Tensor]:
        """Return every layer's first statistics, float64."""
        return [layer.initial_statistics(width) for layer, width in self._sites()]

    def _sites(self) -> list[tuple[Layer, int]]:
        return list(zip(self.layers, self.widths, strict=False))


class Layout:
    """K members' blocks in one flat buffer: layer after layer, each contiguous as (K, r, c).

    One buffer lets an update of everything be one operation; contiguous blocks let the matrix
    products of all members be one call.

    >>> layout = Layout([ParameterShape(3, 2), ParameterShape(0, 0), ParameterShape(1, 4)])
    >>> [tuple(view.shape) for view in layout.views(torch.zeros(20), members=2)]
    [(2, 3, 2), (2, 0, 0), (2, 1, 4)]
    """

    def __init__(self, shapes: Sequence[ParameterShape]) -> None:
        self.shapes = list(shapes)
        self.size = sum(shape.rows * shape.columns for shape in self.shapes)

    def views(self, flat: Tensor, members: int) -> list[Tensor]:
        """Return a (K, rows, columns) view of ``flat`` for every layer."""
        # Layer first, then member: all members of a layer are contiguous, as batched products
        # want.
        sizes = [members * shape.rows * shape.columns for shape in self.shapes]
        return [
            part.view(members, shape.rows, shape.columns)
            for part, shape in zip(torch.split(flat, sizes), self.shapes, strict=True)
        ]

    def weights(self, flat: Tensor, members: int) -> list[Tensor]:
        """Return the views that penalties act on: weights, not biases or scales."""
        return [
            view[:, : shape.weight_rows]
            for view, shape in zip(self.views(flat, members), self.shapes, strict=True)
            if shape.weight_rows
        ]

    def join(self, members: Sequence[Sequence[Tensor]]) -> Tensor:
        """Lay K members' lists of blocks out in one new flat buffer."""
        stacks = [torch.stack(list(blocks)).flatten() for blocks in zip(*members, strict=True)]
        return torch.cat(stacks)

    def select(self, flat: Tensor, members: int, chosen: Tensor) -> Tensor:
        """Return a new flat buffer with only the ``chosen`` members (indices), in that order."""
        # Layers without parameters have empty views, which can't be indexed by members.
        taken = [view[chosen].flatten() for view in self.views(flat, members) if view.numel()]
        return torch.cat(taken) if taken else flat.new_empty(0)

    def put(self, flat: Tensor, members: int, chosen: Tensor, source: Tensor) -> None:
        """Write the members of ``source`` over the ``chosen`` ones of ``flat``."""
        views = zip(self.views(flat, members), self.views(source, len(chosen)), strict=True)
        for view, fresh in views:
            view[chosen] = fresh


def build_network(
    inputs: int,
    before: Sequence[Layer],
    hidden: Sequence[int | Hidden],
    whole: Dense,
    outputs: int,
    end: Activation | None = None,
) -> tuple[Network, list[Dense]]:
    """Return a network, and for each of its layers with weights what was asked for it.

    Args:
        inputs: number of features.
        before: what disturbs them.
        hidden: units, or layers, from the input on.
        whole: what holds for all layers that say nothing themselves.
        outputs: units of the output layer.
        end: what its numbers run through.

    >>> network, asked = build_network(4, (), (8, Dense(6, l2=0.1)), Dense(l2=0.01), 3)
    >>> [settled.l2 for settled in asked]
    [0.01, 0.1, 0.01]
    """
    described = [layer if isinstance(layer, Config) else Dense(layer) for layer in hidden]
    layers, asked = expand(described, whole)
    last = [*whole.output_layers(outputs), *([] if end is None else [Activate(end)])]
    return Network(inputs, (*before, *layers, *last)), [*asked, whole]


def mlp(
    inputs: int,
    hidden: Sequence[int | Hidden],
    outputs: int,
    *,
    activation: Activation | None = None,
    initializer: Initializer | None = None,
    bias_initializer: Initializer | None = None,
    batch_norm: bool | str | BatchNorm = False,
    dropout: float | Layer = 0.0,
    input_dropout: float = 0.0,
    input_noise: float = 0.0,
) -> Network:
    """Return the usual multi-layer perceptron.

    Each hidden layer is linear, then (if wanted) batch norm, the activation, dropout.

    >>> [layer.name for layer in mlp(4, (8,), 3, batch_norm=True, dropout=0.2).layers]
    ['linear', 'batch_norm', 'activation', 'dropout', 'linear']
    """
    whole = Dense(
        activation=activation,
        batch_norm=batch_norm,
        dropout=dropout,
        initializer=initializer,
        bias_initializer=bias_initializer,
    )
    return build_network(inputs, disturb(input_dropout, input_noise), hidden, whole, outputs)[0]


def disturb(dropout: float, noise: float) -> tuple[Layer, ...]:
    """Return the layers that disturb the inputs while training."""
    return (
        *((Dropout(dropout),) if dropout else ()),
        *((GaussianNoise(noise),) if noise else ()),
    )
