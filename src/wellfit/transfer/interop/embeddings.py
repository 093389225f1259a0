"""Embeddings of numeric features as other libraries compute them: functions, and one product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wellfit.core.arrays import LARGEST
from wellfit.core.errors import InputError
from wellfit.nn import NumericEmbedding, Periodic, PiecewiseLinear
from wellfit.transfer.interop.onnx_graph import Graph

if TYPE_CHECKING:
    from wellfit.transfer.interop.fitted_layers import FittedLayer

Array = NDArray[np.float64]


@dataclass(frozen=True)
class EmbeddingArrays:
    """An embedding as F columns' functions φ(x), which a product makes into their numbers.

    Attributes:
        columns: the F inputs that are embedded.
        kept: the other inputs, which follow as they are.
        functions: (F, n) numbers by name: of cut lines, ``start``, ``steepness``, ``low`` and
            ``high``: φ(x) = (x - start) · steepness, cut to [low, high]; of waves, ``w`` and
            ``p``: φ(x) = cos(x w + p).
        weight: (F, n, size) from functions to numbers.
        bias: (F, size).
        relu: whether the numbers below 0 become 0.
        plain: whether the column itself follows its numbers.
    """

    columns: list[int]
    kept: list[int]
    functions: dict[str, Array]
    weight: Array
    bias: Array
    relu: bool
    plain: bool

    @classmethod
    def of(cls, part: FittedLayer) -> Self:
        """Return what a layer has learned.

        Raises:
            InputError: a kind of embedding that has no other form.
        """
        layer, inputs = part.layer, part.inputs
        assert isinstance(layer, NumericEmbedding)
        columns, kept = list(layer.embedded(inputs)), list(layer.kept(inputs))
        relu, p = layer.activation == "relu", part.parameters
        if isinstance(layer, PiecewiseLinear):
            weight = p.reshape(len(p), -1, layer.size).swapaxes(0, 1)
            functions = _cut_lines(part.statistics)
            return cls(columns, kept, functions, weight[:, :-1], weight[:, -1], relu, False)
        if isinstance(layer, Periodic):
            n, made = layer.n_frequencies, layer.size - 1
            w, phase, a, b = np.split(p, [n, 2 * n, len(p) - made])
            functions = {"w": 2 * np.pi * w.T, "p": phase.T}
            weight = a.reshape(n, made, -1).transpose(2, 0, 1)
            return cls(columns, kept, functions, weight, b.T, relu, True)
        raise InputError(f"embedding {layer.name!r} can't be exported; expected a known one")


def _cut_lines(edges: Array) -> dict[str, Array]:
    """Return the functions of bins, and the column itself as the last one, (F, T + 1) each."""
    below, above = edges[:-1].T, edges[1:].T
    real = above > below
    steepness = np.divide(1, above - below, out=np.zeros_like(below), where=real)
    low, high = np.zeros_like(below), np.ones_like(below)
    low[:, 0], high[real & (above == above[:, -1:])] = -LARGEST, LARGEST
    whole = {"start": (below, 0.0), "steepness": (steepness, 1.0)}
    whole |= {"low": (low, -LARGEST), "high": (high, LARGEST)}
    return {
        name: np.hstack([part, np.full((len(part), 1), end)])
        for name, (part, end) in whole.items()
    }


class ColumnEmbedding(nn.Module):
    """Some columns, each as several numbers that it makes of functions; then the others."""

    w: Tensor
    p: Tensor
    start: Tensor
    steepness: Tensor
    low: Tensor
    high: Tensor

    def __init__(
        self, columns: list[int], kept: list[int], n: int, size: int, relu: bool, waves: bool
    ) -> None:
        super().__init__()
        self.columns, self.kept, self.relu, self.waves = columns, kept, relu, waves
        self.shape = n, size
        for name in ("w", "p") if waves else ("start", "steepness", "low", "high"):
            self.register_buffer(name, torch.zeros(len(columns), n))
        self.weight = nn.Parameter(torch.zeros(len(columns), n, size))
        self.bias = nn.Parameter(torch.zeros(len(columns), size))

    def forward(self, rows: Tensor) -> Tensor:
        """Return (rows, columns * size + kept)."""
        x = rows[:, self.columns].unsqueeze(2)
        if self.waves:
            functions = torch.cos(x * self.w + self.p)
        else:
            functions = torch.clamp((x - self.start) * self.steepness, self.low, self.high)
        made = torch.einsum("rfn,fns->rfs", functions, self.weight) + self.bias
        made = made.relu() if self.relu else made
        made = torch.cat([made, x], 2) if self.waves else made
        return torch.cat([made.flatten(1), rows[:, self.kept]], 1)

    def extra_repr(self) -> str:
        """Return the arguments, as Python writes them."""
        n, size = self.shape
        return f"{self.columns}, {self.kept}, {n}, {size}, {self.relu}, {self.waves}"


def torch_module(part: FittedLayer) -> tuple[nn.Module, dict[str, Array]]:
    """Return an embedding as a module, and the values of its parameters and buffers."""
    own = EmbeddingArrays.of(part)
    n, size = own.weight.shape[1:]
    module = ColumnEmbedding(own.columns, own.kept, n, size, own.relu, own.plain)
    return module, {**own.functions, "weight": own.weight, "bias": own.bias}


def onnx_nodes(graph: Graph, part: FittedLayer, rows: str) -> str:
    """Add an embedding's operators; return the name of their output."""
    own = EmbeddingArrays.of(part)
    features, _, size = own.weight.shape
    values = {name: graph.floats(each) for name, each in own.functions.items()}
    picked = graph.add("Gather", rows, graph.whole(own.columns), axis=1)
    x = graph.add("Unsqueeze", picked, graph.whole([2]))
    if own.plain:
        waves = graph.add("Add", graph.add("Mul", x, values["w"]), values["p"])
        functions = graph.add("Cos", waves)
    else:
        lines = graph.add("Mul", graph.add("Sub", x, values["start"]), values["steepness"])
        functions = graph.add("Min", graph.add("Max", lines, values["low"]), values["high"])
    # Features are the batches of the product.
    apart = graph.add("Transpose", functions, perm=[1, 0, 2])
    product = graph.add("MatMul", apart, graph.floats(own.weight))
    together = graph.add("Transpose", product, perm=[1, 0, 2])
    made = graph.add("Add", together, graph.floats(own.bias))
    made = graph.add("Relu", made) if own.relu else made
    made = graph.add("Concat", made, x, axis=2) if own.plain else made
    flat = graph.add("Reshape", made, graph.whole([-1, features * (size + own.plain)]))
    if not own.kept:
        return flat
    return graph.add(
        "Concat", flat, graph.add("Gather", rows, graph.whole(own.kept), axis=1), axis=1
    )


def numpy_lines(own: EmbeddingArrays, names: dict[str, str]) -> list[str]:
    """Return the lines of NumPy that turn rows ``h`` into their embedding.

    Args:
        own: the embedding.
        names: an expression for each of its arrays, by name.
    """
    lines = [f"x = h[:, {own.columns}][:, :, None]"]
    if own.plain:
        lines.append(f"e = np.cos(x * {names['w']} + {names['p']})")
    else:
        scaled = f"(x - {names['start']}) * {names['steepness']}"
        lines.append(f"e = np.clip({scaled}, {names['low']}, {names['high']})")
    lines.append(f"e = np.einsum('rfn,fns->rfs', e, {names['weight']}) + {names['bias']}")
    lines += ["e = np.maximum(e, 0)"] * own.relu
    lines += ["e = np.concatenate([e, x], axis=2)"] * own.plain
    return [*lines, f"h = np.hstack([e.reshape(len(h), -1), h[:, {own.kept}]])"]
