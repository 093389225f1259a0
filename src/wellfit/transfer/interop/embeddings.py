"""Embeddings of numeric features in other libraries: element-wise functions, then a product."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import block_diag
from torch import Tensor, nn

from wellfit.core.errors import InputError
from wellfit.inference.functions import periodic, piecewise_linear
from wellfit.inference.learned import bins_of, waves_of
from wellfit.nn import NumericEmbedding, Periodic, PiecewiseLinear
from wellfit.transfer.interop.cut_lines import pieces_of, pieces_with_jumps
from wellfit.transfer.interop.onnx_graph import Graph

if TYPE_CHECKING:
    from wellfit.transfer.interop.fitted_layers import FittedLayer

Array = NDArray[np.float64]
_LINES = ("start", "steepness", "low", "high")
KerasLayer = tuple[str, dict[str, Any], list[Any]]  # its class, its settings, its arrays


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
        n_bins: how many of the lines are bins; the column itself follows, then steps.
    """

    columns: list[int]
    kept: list[int]
    functions: dict[str, Array]
    weight: Array
    bias: Array
    relu: bool
    plain: bool
    n_bins: int = 0

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
            may_jump, own = layer.may_jump(inputs), (p, part.statistics, layer.size)
            pieces = pieces_with_jumps(*own, may_jump) if may_jump else pieces_of(*own)
            lines, weight, bias = pieces
            functions = dict(zip(_LINES, lines, strict=True))
            return cls(columns, kept, functions, weight, bias, relu, False, layer.n_bins)
        if isinstance(layer, Periodic):
            w, phase, weight, bias = waves_of(p, layer.n_frequencies, layer.size)
            return cls(columns, kept, {"w": w, "p": phase}, weight, bias, relu, True)
        raise InputError(f"embedding {layer.name!r} can't be exported; expected a known one")


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


def numpy_arrays(part: FittedLayer) -> dict[str, Array]:
    """Return the arrays that an embedding's function of NumPy takes, by name."""
    layer = part.layer
    if isinstance(layer, PiecewiseLinear):
        may_jump = layer.may_jump(part.inputs)
        bins = bins_of(part.parameters, part.statistics, layer.n_bins, layer.size, may_jump)
        return dict(zip(("start", "value", "slope"), bins, strict=True))
    own = EmbeddingArrays.of(part)
    return {**own.functions, "weight": own.weight, "bias": own.bias}


def numpy_lines(part: FittedLayer, names: dict[str, str]) -> list[str]:
    """Return the line of NumPy that turns rows ``h`` into their embedding.

    Args:
        part: the embedding.
        names: an expression for each of :func:`numpy_arrays`, by name.
    """
    own = EmbeddingArrays.of(part)
    name, arrays = piecewise_linear.__name__, "({start}, {value}, {slope})"
    if own.plain:
        name, arrays = periodic.__name__, "({w}, {p}), {weight}, {bias}"
    return [f"h = {name}(h, {own.columns}, {own.kept}, {arrays.format(**names)}, {own.relu})"]


def keras_layers(part: FittedLayer) -> Iterator[KerasLayer]:
    """Yield Keras layers that compute a piecewise linear embedding: the class, settings, arrays.

    Keras has no layer that cuts numbers at limits of their own. But z cut to [0, 1] is
    relu(1 - relu(1 - z)), the first bin goes on below as -relu(-z), the last above as
    relu(z - 1), and x is relu(x) - relu(-x): four rows beside the bins of every column.

    Raises:
        InputError: waves, for which Keras has no function.
    """
    own = EmbeddingArrays.of(part)
    if own.plain:
        raise InputError(
            "Keras export has no layer for embedding 'periodic' (a cosine); expected another "
            "format: 'onnx', 'torch' and 'numpy' compute it"
        )
    start, steepness, mix = _rectified(own, part.inputs)
    rows = len(start)
    ones = np.ones_like(start)
    cut = np.arange(rows)[:, None] < rows - 4
    yield "RepeatVector", {"n": rows}, []
    yield _by_cell(ones, -start)
    # 1 - z of bins and steps, -z of the first bin and z - 1 of the last; x and -x.
    shift = np.where(cut, 1.0, 0.0) + 0 * start
    shift[rows - 3] = -1
    yield _by_cell(steepness * np.where(cut, -1, 1), shift)
    yield "Activation", {"activation": "relu"}, []
    yield _by_cell(np.where(cut, -1, 1) * ones, np.where(cut, 1, 0) * ones)
    yield "Activation", {"activation": "relu"}, []
    yield "Flatten", {}, []
    bias = np.concatenate([own.bias.ravel(), np.zeros(mix.shape[1] - own.bias.size)])
    yield "Dense", {"units": mix.shape[1], "activation": "linear"}, [mix, bias]
    if own.relu:
        yield "Activation", {"activation": "relu"}, []
        if own.kept:  # each as its part above 0, and that below
            embedded, kept = np.eye(own.bias.size), np.eye(len(own.kept))
            back = block_diag(embedded, np.vstack([kept, -kept]))
            yield (
                "Dense",
                {"units": back.shape[1], "activation": "linear"},
                [back, np.zeros(back.shape[1])],
            )


def _by_cell(scale: Array, shift: Array) -> KerasLayer:
    """Return the layer x · scale + shift of (rows, columns), cell by cell."""
    settings = {
        "equation": "brc,rc->brc",
        "output_shape": list(scale.shape),
        "bias_axes": "rc",
        "activation": "linear",
    }
    return "EinsumDense", settings, [scale, shift]


def _rectified(own: EmbeddingArrays, inputs: int) -> tuple[Array, Array, Array]:
    """Return start and steepness (n + 4, inputs) of a column's rows, and how they are mixed.

    The rows are the bins and steps, what lies below the first bin and above the last, x and -x.
    """
    features, functions, size = own.weight.shape
    bins, width = own.n_bins, features * size
    cut = [*range(bins), *range(bins + 1, functions)]
    start, steepness = np.zeros((2, len(cut) + 4, inputs))
    mix = np.zeros((len(cut) + 4, inputs, width + len(own.kept) * (2 if own.relu else 1)))
    for place, column in enumerate(own.columns):
        last = int((own.functions["steepness"][place, :bins] > 0).sum()) - 1
        order = [*cut, 0, last]
        start[:-2, column] = own.functions["start"][place, order]
        steepness[:-2, column] = own.functions["steepness"][place, order]
        steepness[-4, column] *= -1
        weight = own.weight[place]
        numbers = slice(place * size, (place + 1) * size)
        mix[:, column, numbers] = np.vstack(
            [weight[cut], -weight[:1], weight[last], weight[bins], -weight[bins]]
        )
    steepness[-2], steepness[-1] = 1, -1
    for place, column in enumerate(own.kept, start=width):
        mix[-2, column, place] = 1
        mix[-1, column, place + (len(own.kept) if own.relu else 0)] = 1 if own.relu else -1
    return start, steepness, mix.reshape(-1, mix.shape[-1])
