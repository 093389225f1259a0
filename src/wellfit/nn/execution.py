"""A network bound to K members and a batch size: forward and backward over fixed memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from wellfit.core.stacking import stacked
from wellfit.nn.layers import BindContext, Layer, Op
from wellfit.nn.matmul_backend import is_narrow
from wellfit.nn.network import Network
from wellfit.nn.ops import BatchShare, PerRun


@dataclass(frozen=True)
class Memory:
    """The tensors of K networks of one structure, each flat in its layout's order.

    ``hypers`` and ``keys`` have one entry a layer: per-member hyper-parameters, each (K,) (see
    :func:`layer_hypers`), and the keys (K,) of the layer's randomness. ``gradients`` is None where
    nothing is learned.
    """

    members: int
    parameters: Tensor
    gradients: Tensor | None
    statistics: Tensor
    hypers: Sequence[dict[str, Tensor]]
    keys: Sequence[Tensor]


def layer_hypers(networks: Sequence[Network], device: torch.device) -> list[dict[str, Tensor]]:
    """Return every layer's per-member hyper-parameters, each (K,), in double precision.

    >>> from wellfit.nn import mlp
    >>> networks = [mlp(4, (8,), 3, dropout=rate) for rate in (0.1, 0.2)]
    >>> layer_hypers(networks, torch.device("cpu"))[2]["rate"].tolist()
    [0.1, 0.2]
    """
    return [
        stacked([layer.varying() for layer in layers], torch.float64, device)
        for layers in zip(*(network.layers for network in networks), strict=True)
    ]


class Executor:
    """Computes the logits and gradients of K networks on batches of B rows.

    Training (with ``memory.gradients``), dropout and batch norm are at work, and each submodel has
    logits of its own: ``network.logit_rows`` rows an example. Otherwise the network predicts.

    Args:
        network: the structure (rates and the like come from ``memory.hypers``).
        memory: parameters, gradients and statistics to read and write.
        batch: B, the examples of a batch: its rows, but where the network merges rows.
        steps: how many steps' randomness is drawn at once.
        learns: for each layer, which of the K members learn it; by default all do. What is below
            the lowest layer that any member learns gets no gradient.
        share: of each batch, where other processes compute the rest; by default all of it.
        to_inputs: whether the derivative goes down to the inputs, whoever learns: see
            :meth:`input_gradient`.
    """

    def __init__(
        self,
        network: Network,
        memory: Memory,
        batch: int,
        steps: int = 1,
        learns: Sequence[Sequence[bool]] | None = None,
        share: BatchShare | None = None,
        *,
        to_inputs: bool = False,
    ) -> None:
        self.batch, self.steps, self._to_inputs = batch, steps, to_inputs
        self._share = BatchShare.whole(batch) if share is None else share
        self._network, self._memory = network, memory
        training = memory.gradients is not None
        self._active = [
            index
            for index, layer in enumerate(network.layers)
            if not (layer.predicting_only if training else layer.training_only)
        ]
        self._learns = learns or [[True] * memory.members] * len(network.layers)
        self._learning = [
            bool(shape.rows) and any(learn)
            for shape, learn in zip(network.parameters.shapes, self._learns, strict=True)
        ]
        self._ops = self._bind()
        # Batches come with a column of ones, which only linear layers read as their bias.
        self._bare = not network.layers[self._active[0]].reads_ones
        self.logits = self._ops[-1].padded_output
        # Nothing below the first layer that learns needs a delta.
        lowest = next(
            (place for place, index in enumerate(self._active) if self._learning[index]),
            len(self._ops),
        )
        lowest = 0 if to_inputs else lowest
        self._downwards = self._ops[lowest:][::-1]

    def refresh(self, step: int, steps: int) -> None:
        """Draw the randomness for ``steps`` steps from global step ``step`` on."""
        for op in self._ops:
            op.refresh(step, steps)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``logits`` (K, B, C) of x (K, B, D + 1), whose last column is ones.

        They are overwritten by the next call.
        """
        if self._bare:
            x = x[..., :-1]
        for op in self._ops:
            x = op.forward(x)
        return x

    def backward(self, delta: Tensor) -> None:
        """Write all parameters' gradients from ∂loss/∂logits (K, B, C), which is used up."""
        for op in self._downwards:
            delta = op.backward(delta)

    def input_gradient(self, delta: Tensor) -> Tensor:
        """Return ∂f/∂x (K, B, D) of an executor bound ``to_inputs``.

        Args:
            delta: ∂f/∂logits (K, B, C) of the last :meth:`forward`, which is used up.

        Returns:
            The derivatives by each row of x, in memory that the next call may overwrite.
        """
        rows_above = delta.shape[1]
        for op in self._downwards:
            delta = op.backward(delta)
        # Where an example becomes several rows on its way up, ops pass down their mean.
        return delta.mul(rows_above / delta.shape[1])

    def backward_recorded(self, delta: Tensor) -> list[Tensor]:
        """Do what :meth:`backward` does; return copies of ∂loss/∂outputs of the layers passed.

        They are in the order of :meth:`outputs`, from the lowest layer that any member learns on.
        """
        recorded = []
        for op in self._downwards:
            recorded.append(delta.clone())  # a copy, since ops may reuse what they are given
            delta = op.backward(delta)
        return recorded[::-1]

    def outputs(self) -> list[tuple[str, Tensor]]:
        """Return the name and a copy of the last outputs (K, B, width) of each layer at work."""
        names = [self._network.layers[index].name for index in self._active]
        return [(name, op.out.clone()) for name, op in zip(names, self._ops, strict=True)]

    def swap(self, kind: type[Layer], make: Callable[[Tensor, Op], Op]) -> None:
        """Let layers of a kind be computed in another way, made from their weights and op."""
        weights = self._network.parameters.views(self._memory.parameters, self._memory.members)
        for position, index in enumerate(self._active):
            if isinstance(self._network.layers[index], kind):
                self._ops[position] = make(weights[index], self._ops[position])

    def _bind(self) -> list[Op]:
        """Bind the active layers, each padded_output where the next one reads."""
        network, memory, k = self._network, self._memory, self._memory.members
        weights = network.parameters.views(memory.parameters, k)
        grads = weights  # never written when predicting
        if memory.gradients is not None:
            grads = network.parameters.views(memory.gradients, k)
        stats = network.statistics.views(memory.statistics, k)
        # Each op writes where the next one reads: with room for the ones if that is linear.
        following = [network.layers[index].reads_ones for index in self._active[1:]] + [False]
        ops = []
        for index, ones in zip(self._active, following, strict=True):
            each, left = network.rows_per_example[index : index + 2]
            rows, left = self.batch * each, self.batch * left
            out, padded = self._padded_output(left, network.widths[index + 1], ones)
            if index == self._active[-1] and is_narrow(network.outputs):
                # In memory unit by unit, which is how losses read logits.
                out = padded = padded.new_empty(k, network.outputs, left).transpose(1, 2)
            context = BindContext(
                members=k,
                batch=rows,
                inputs=network.widths[index],
                out=out,
                padded_output=padded,
                weight=weights[index],
                grad=grads[index],
                stats=stats[index],
                hypers=memory.hypers[index],
                keys=memory.keys[index],
                steps=self.steps,
                training=memory.gradients is not None,
                passes_down=self._passes_down(index),
                share=self._share.times(each),
                learns=self._learning[index],
            )
            ops.append(self._bind_layer(index, context))
        return ops

    def _passes_down(self, index: int) -> bool:
        """Return whether a layer's derivative by its input is asked for."""
        below = self._to_inputs or any(self._learning[:index])
        return self._memory.gradients is not None and below

    def _bind_layer(self, index: int, context: BindContext) -> Op:
        """Bind a layer: run by run of members, where it works otherwise in some than in others."""
        layer, learns = self._network.layers[index], self._learns[index]
        tracks = self._network.statistics.shapes[index].rows
        # Only layers with running statistics (batch norm) compute differently where they are
        # frozen; for others a frozen member's gradient is computed and simply not used.
        if not tracks or all(learns) or not any(learns):
            return layer.bind(context)
        runs = []
        for learning, run in groupby(range(context.members), lambda place: learns[place]):
            places = list(run)
            members = slice(places[0], places[-1] + 1)
            runs.append((members, layer.bind(context.part(members, learns=learning))))
        return PerRun(context, runs)

    def _padded_output(self, rows: int, width: int, ones: bool) -> tuple[Tensor, Tensor]:
        """Return a buffer (K, B, width) and the one around it, with a column of ones if asked."""
        new = self._memory.parameters.new_empty
        padded_output = new(self._memory.members, rows, width + ones)
        # Written once: ops write the first `width` columns only.
        padded_output[..., width:] = 1
        return padded_output[..., :width], padded_output
