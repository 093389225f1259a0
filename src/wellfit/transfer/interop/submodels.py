"""Layers of submodels in other libraries: repeated rows, batched products, a mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from wellfit.inference.learned import apart
from wellfit.nn import RepeatRows, SubmodelLinear, SubmodelMean, SubmodelScale
from wellfit.transfer.interop.onnx_graph import Graph

if TYPE_CHECKING:
    from wellfit.transfer.interop.fitted_layers import FittedLayer

Array = NDArray[np.float64]

SUBMODEL_LAYERS = (RepeatRows, SubmodelScale, SubmodelLinear, SubmodelMean)
_TINY = float(np.finfo(np.float32).tiny)  # keeps logarithms of probabilities finite


def submodel_arrays(part: FittedLayer) -> dict[str, Array]:
    """Return what a layer has learned, a row or a matrix a submodel.

    Of scales, ``scale`` and perhaps ``shift`` (n, units); of a linear layer, ``weight`` (n,
    inputs, units) and ``bias`` (n, 1, units).
    """
    match part.layer:
        case SubmodelScale(submodels=n):
            scale, shift = part.parameters[:n], part.parameters[n:]
            return {"scale": scale, **({"shift": shift} if len(shift) else {})}
        case SubmodelLinear(submodels=n):
            return dict(zip(("weight", "bias"), apart(part.parameters, n), strict=True))
    return {}


class RepeatedRows(nn.Module):
    """Each row several times, once for each submodel."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def forward(self, rows: Tensor) -> Tensor:
        """Return (rows * n, columns), copies side by side."""
        return rows.repeat_interleave(self.n, 0)

    def extra_repr(self) -> str:
        """Return the arguments, as Python writes them."""
        return f"{self.n}"


class SubmodelScales(nn.Module):
    """Each submodel's factors of every column, and what it adds."""

    def __init__(self, n: int, columns: int, shift: bool) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n, columns))
        self.shift = nn.Parameter(torch.zeros(n, columns)) if shift else None

    def forward(self, rows: Tensor) -> Tensor:
        """Return (rows, columns), of neighbouring rows the first submodel's first."""
        apart = rows.reshape(-1, *self.scale.shape) * self.scale
        apart = apart if self.shift is None else apart + self.shift
        return apart.flatten(0, 1)

    def extra_repr(self) -> str:
        """Return the arguments, as Python writes them."""
        n, columns = self.scale.shape
        return f"{n}, {columns}, {self.shift is not None}"


class LinearApart(nn.Module):
    """A linear layer of each submodel."""

    def __init__(self, n: int, columns: int, units: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n, columns, units))
        self.bias = nn.Parameter(torch.zeros(n, 1, units))

    def forward(self, rows: Tensor) -> Tensor:
        """Return (rows, units), of neighbouring rows the first submodel's first."""
        apart = rows.reshape(-1, *self.weight.shape[:2]).transpose(0, 1)
        return torch.baddbmm(self.bias, apart, self.weight).transpose(0, 1).flatten(0, 1)

    def extra_repr(self) -> str:
        """Return the arguments, as Python writes them."""
        n, columns, units = self.weight.shape
        return f"{n}, {columns}, {units}"


class MeanPrediction(nn.Module):
    """The logits of the weighted mean of predictions, of neighbouring rows of logits."""

    share: Tensor

    def __init__(self, n: int, link: str) -> None:
        super().__init__()
        self.n, self.link = n, link
        self.register_buffer("share", torch.full((n, 1), 1 / n))

    def forward(self, rows: Tensor) -> Tensor:
        """Return (rows / n, columns)."""
        z, log_share = rows.reshape(-1, self.n, rows.shape[1]), self.share.log()
        if self.link == "softmax":
            return (F.log_softmax(z, 2) + log_share).logsumexp(1)
        if self.link == "sigmoid":
            yes, no = F.logsigmoid(z) + log_share, F.logsigmoid(-z) + log_share
            return yes.logsumexp(1) - no.logsumexp(1)
        if self.link == "exp":
            return (z + log_share).logsumexp(1)
        return (z * self.share).sum(1)

    def extra_repr(self) -> str:
        """Return the arguments, as Python writes them."""
        return f"{self.n}, {self.link!r}"


class ParallelNetworks(nn.ModuleList):
    """Several networks that read the same rows."""

    def forward(self, rows: Tensor) -> Tensor:
        """Return (rows * networks, columns), those of the same row side by side."""
        return torch.stack([network(rows) for network in self], 1).flatten(0, 1)


TORCH_MODULES = (RepeatedRows, SubmodelScales, LinearApart, MeanPrediction, ParallelNetworks)


def submodel_module(part: FittedLayer) -> tuple[nn.Module, dict[str, Array]]:
    """Return a layer as a module, and the values of its parameters."""
    values, units = submodel_arrays(part), part.parameters.shape[1]
    match part.layer:
        case SubmodelScale(submodels=n, shift=shift):
            return SubmodelScales(n, units, shift), values
        case SubmodelLinear(submodels=n):
            return LinearApart(n, *values["weight"].shape[1:]), values
        case SubmodelMean(submodels=n, link=link):
            return mean_prediction([1 / n] * n, link)
        case layer:
            assert isinstance(layer, RepeatRows)
            return RepeatedRows(layer.rows), values


def mean_prediction(shares: list[float], link: str) -> tuple[nn.Module, dict[str, Array]]:
    """Return the module of a weighted mean, and its shares, whose sum is 1."""
    return MeanPrediction(len(shares), link), {"share": np.array(shares)[:, None]}


def numpy_submodel_lines(part: FittedLayer, names: dict[str, str]) -> list[str]:
    """Return the lines of NumPy that take rows ``h`` through a layer.

    Args:
        part: the layer.
        names: an expression for each of its arrays, by name.
    """
    match part.layer:
        case RepeatRows(rows=n):
            return [f"h = repeated(h, {n})"]
        case SubmodelScale(submodels=n):
            return [f"h = submodel_scaled(h, {n}, {names['scale']}, {names.get('shift', 0)})"]
        case SubmodelLinear(submodels=n):
            return [f"h = submodel_linear(h, {n}, {names['weight']}, {names['bias']})"]
        case layer:
            assert isinstance(layer, SubmodelMean)
            return [f"h = submodel_mean(h, {layer.submodels}, {layer.link!r})"]


def onnx_submodel_nodes(graph: Graph, part: FittedLayer, x: str) -> str:
    """Add a layer's operators; return the name of their output."""
    arrays, layer, width = submodel_arrays(part), part.layer, part.inputs

    def shaped(value: str, *shape: int) -> str:
        return graph.add("Reshape", value, graph.whole(shape))

    match layer:
        case RepeatRows(rows=n):
            return shaped(graph.add("Tile", x, graph.whole([1, n])), -1, width)
        case SubmodelScale(submodels=n):
            apart = graph.add("Mul", shaped(x, -1, n, width), graph.floats(arrays["scale"]))
            if "shift" in arrays:
                apart = graph.add("Add", apart, graph.floats(arrays["shift"]))
            return shaped(apart, -1, width)
        case SubmodelLinear(submodels=n, units=units):
            apart = graph.add("Transpose", shaped(x, -1, n, width), perm=[1, 0, 2])
            product = graph.add("MatMul", apart, graph.floats(arrays["weight"]))
            biased = graph.add("Add", product, graph.floats(arrays["bias"]))
            return shaped(graph.add("Transpose", biased, perm=[1, 0, 2]), -1, units)
    assert isinstance(layer, SubmodelMean)
    return _onnx_mean(graph, layer, shaped(x, -1, layer.submodels, width))


def _onnx_mean(graph: Graph, layer: SubmodelMean, z: str) -> str:
    """Add the mean over submodels of z (rows, submodels, columns)."""

    def mean(value: str) -> str:
        return graph.add("ReduceMean", value, graph.whole([1]), keepdims=0)

    def log(value: str) -> str:
        return graph.add("Log", graph.add("Add", value, graph.floats(_TINY)))

    match layer.link:
        case "softmax":
            return log(mean(graph.add("Softmax", z, axis=2)))
        case "sigmoid":
            yes, no = graph.add("Sigmoid", z), graph.add("Sigmoid", graph.add("Neg", z))
            return graph.add("Sub", log(mean(yes)), log(mean(no)))
        case "exp":
            return graph.add("Log", mean(graph.add("Exp", z)))
    return mean(z)
