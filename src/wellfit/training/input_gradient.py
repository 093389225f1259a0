"""Derivatives of networks' logits by what they read, in double precision."""

from __future__ import annotations

from itertools import takewhile

import torch
from torch import Tensor

from wellfit.core.errors import InputError
from wellfit.nn import Layer, Network
from wellfit.nn.embeddings import CategoricalEmbedding, PiecewiseWithJumps
from wellfit.nn.execution import Executor, Memory, layer_hypers
from wellfit.training.prediction import Predictor
from wellfit.training.stack import Weights

_BLOCK_BYTES = 1 << 21  # of the widest layer: what a block needs stays in the caches


class InputGradient:
    """K networks bound for predictions and their derivatives by the inputs.

    They compute as when predicting: no dropout, running batch statistics. Codes of categories have
    no derivative, nor has a number at the edge of bins where its embedding jumps. So the inputs
    here are what the lowest layers make of rows, as far as they are such embeddings:
    :meth:`lifted`.

    Args:
        weights: of K networks whose examples are single rows.

    Attributes:
        k: the networks.
        sources: for each input, the position in a row of what it was made of.
        logit_rows: rows of logits that an example has: one, or one a submodel.

    Raises:
        InputError: networks that merge several rows to an example.

    >>> from wellfit.nn import mlp
    >>> from wellfit.training import Member
    >>> start = Weights.initial([Member(mlp(2, (4,), 3))], torch.float32, torch.device("cpu"))
    >>> network = InputGradient(start)
    >>> x = network.lifted(torch.ones(5, 2))
    >>> logits = network.logits(x)
    >>> network.gradient(torch.ones_like(logits)).shape
    torch.Size([1, 5, 2])
    """

    def __init__(self, weights: Weights) -> None:
        own = weights.to(torch.float64, torch.device("cpu"))
        if own.network.rows_per_example[0] > 1:
            raise InputError(
                f"an example of this network has {own.network.rows_per_example[0]} rows; expected "
                "a network that reads one row at a time"
            )
        self.k, self.logit_rows = own.members, own.network.logit_rows
        self._whole = own
        at_work = [at for at, each in enumerate(own.network.layers) if not each.training_only]
        lowest = (own.network.layers[at] for at in at_work)
        self._lifting = list(takewhile(_has_no_derivative, lowest))
        at_work = at_work[len(self._lifting) :]
        networks = [self._above(each, at_work) for each in own.networks]
        self._network = networks[0]
        parameters, statistics = (
            torch.cat([layout.views(flat, own.members)[at].flatten() for at in at_work])
            for layout, flat in (
                (own.network.parameters, own.parameters),
                (own.network.statistics, own.statistics),
            )
        )
        self._memory = Memory(
            self.k,
            parameters,
            torch.zeros_like(parameters),  # some layers write what nobody reads
            statistics,
            layer_hypers(networks, parameters.device),
            [torch.empty(0) for _ in at_work],
        )
        widest = 8 * self.k * max(self._network.sizes)
        self.most = max(1, _BLOCK_BYTES // widest)
        self._bound: dict[int, Executor] = {}

    @property
    def sources(self) -> list[int]:
        """For each input, the position in a row of what it was made of."""
        sources = list(range(self._whole.network.inputs))
        for layer in self._lifting:
            sources = _sources_above(layer, sources)
        return sources

    def lifted(self, rows: Tensor) -> Tensor:
        """Return the inputs (K, B, width), or (1, B, width) where all networks share them.

        Args:
            rows: (B, D) encoded rows.
        """
        rows = rows.double()
        if not self._lifting:
            return rows[None]
        ones = torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
        outputs = Predictor(self._whole).outputs(ones.expand(self.k, -1, -1))
        return outputs[len(self._lifting) - 1][1]

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits (K, B · logit_rows, C) of inputs x (K or 1, B, width).

        They are overwritten by the next call.
        """
        executor = self._executor(x.shape[1])
        ones = torch.cat([x, x.new_ones(*x.shape[:2], 1)], dim=2)
        return executor.forward(ones.expand(self.k, -1, -1))

    def gradient(self, delta: Tensor) -> Tensor:
        """Return ∂f/∂x (K, B, width) of the last :meth:`logits`, overwritten by the next call.

        Args:
            delta: ∂f/∂logits, of their shape.
        """
        executor = self._executor(delta.shape[1] // self.logit_rows)
        return executor.input_gradient(delta.clone(memory_format=torch.contiguous_format))

    def _above(self, network: Network, at_work: list[int]) -> Network:
        """Return a network from the lowest layer at work on, without what disturbs training."""
        layers = tuple(network.layers[at] for at in at_work)
        return Network(len(self.sources), layers)

    def _executor(self, batch: int) -> Executor:
        if batch not in self._bound:
            still = [[False] * self.k] * len(self._network.layers)
            self._bound[batch] = Executor(
                self._network, self._memory, batch, learns=still, to_inputs=True
            )
        return self._bound[batch]


def _has_no_derivative(layer: Layer) -> bool:
    return isinstance(layer, (CategoricalEmbedding, PiecewiseWithJumps))


def _sources_above(layer: Layer, below: list[int]) -> list[int]:
    """Return where each of an embedding's numbers comes from, of where its inputs do."""
    width = len(below)
    if isinstance(layer, CategoricalEmbedding):
        kept = layer.kept(width)
        return [*below[:kept], *(at for at in below[kept:] for _ in range(layer.size))]
    assert isinstance(layer, PiecewiseWithJumps)
    embedded = [below[at] for at in layer.embedded(width) for _ in range(layer.size)]
    return embedded + [below[at] for at in layer.kept(width)]
