"""NumpyNetwork: a network's layers as NumPy functions, read from a model's document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.inference import functions, learned

Array = NDArray[Any]
Function = Callable[..., Array]

_BLOCK = 2**18  # numbers of the widest layer at a time: what a block needs stays in the caches
_OFF = 1e-6  # that shares of architectures may sum to beside 1
# Layers that only disturb training.
_TRAINING_ONLY = {"dropout", "masking_noise", "alpha_dropout", "gaussian_noise"}


class UnsupportedModelError(Exception):
    """A model that isn't read here, and that PyTorch's form of it is needed for."""


@dataclass(frozen=True)
class NumpyNetwork:
    """Networks whose mean predicts: of folds, and of architectures that count by their shares.

    Attributes:
        stacks: of each architecture, the functions of each network, from its input to the logits.
        widest: numbers that a row needs at most, of one network.
        outputs: the logits of a row.
        shares: how much each architecture counts.
    """

    stacks: Sequence[Sequence[Sequence[Function]]]
    widest: int
    outputs: int
    shares: Sequence[float] = (1.0,)

    @classmethod
    def of(
        cls, document: Mapping[str, Any], tensors: Mapping[str, Array], count: int
    ) -> NumpyNetwork:
        """Return the networks that a document describes.

        Args:
            document: a network's, with its inputs and layers.
            tensors: ``parameters`` and ``statistics`` of all of them, each flat.
            count: how many networks there are.

        Raises:
            UnsupportedModelError: a layer that isn't known here, or numbers that don't fit.
        """
        reader = _LayerReader(document["inputs"], tensors, count)
        for layer in document["layers"]:
            reader.read(layer)
        return reader.finished()

    @classmethod
    def average(cls, several: Sequence[NumpyNetwork], shares: Sequence[float]) -> NumpyNetwork:
        """Return the networks of several architectures, which count by their shares.

        Raises:
            UnsupportedModelError: shares that aren't positive or don't sum to 1, or other outputs
                of one architecture than of another.
        """
        alike = len({each.outputs for each in several}) == 1
        if not alike or min(shares) <= 0 or abs(sum(shares) - 1) > _OFF:
            raise UnsupportedModelError("architectures of another form")
        stacks = [stack for each in several for stack in each.stacks]
        widest = max(each.widest for each in several)
        return cls(stacks, widest, several[0].outputs, shares)

    def predict(self, x: Array, link: Function) -> Array:
        """Return ``link`` of the logits (rows, outputs) of encoded rows, the networks' mean."""
        size = max(1, _BLOCK // self.widest)
        blocks = [self._block(x[at : at + size], link) for at in range(0, len(x), size)]
        return np.concatenate(blocks) if blocks else np.empty((0, self.outputs), x.dtype)

    def _block(self, x: Array, link: Function) -> Array:
        means = []
        for members, share in zip(self.stacks, self.shares, strict=True):
            each = [link(_computed(member, x)) for member in members]
            # As of PyTorch's networks: a mean of one is the network itself, without rounding.
            mean: Array = each[0] if len(each) == 1 else np.stack(each).mean(axis=0)
            means.append(mean if len(self.stacks) == 1 else mean * share)
        total: Array = means[0] if len(means) == 1 else np.sum(means, axis=0)
        return total


def _computed(functions: Sequence[Function], x: Array) -> Array:
    for function in functions:
        x = function(x)
    return x


class _LayerReader:
    """Reads layer after layer, and takes what each has learned from the flat tensors."""

    def __init__(self, inputs: int, tensors: Mapping[str, Array], count: int) -> None:
        self.width = self.widest = inputs
        self._rows = 1  # of an example
        self._members: list[list[Function]] = [[] for _ in range(count)]
        self._left = {name: tensors[name] for name in ("parameters", "statistics")}
        if not all(np.isfinite(flat).all() for flat in self._left.values()):
            raise UnsupportedModelError("numbers that aren't finite")

    def read(self, layer: Mapping[str, Any]) -> None:
        """Add a layer."""
        name = layer["name"]
        if name in _TRAINING_ONLY:
            return
        if name not in _LAYERS:
            raise UnsupportedModelError(f"layer {name!r}")
        _LAYERS[name](self, layer)
        self._reach(self.width)

    def finished(self) -> NumpyNetwork:
        """Return the networks of all layers that were read."""
        if self._rows != 1 or any(len(flat) for flat in self._left.values()):
            raise UnsupportedModelError("other rows or more numbers than the layers have")
        return NumpyNetwork([self._members], self.widest, self.width)

    def linear(self, layer: Mapping[str, Any]) -> None:
        blocks = self._take("parameters", self.width + 1, layer["units"])
        self._add(functions.linear, [{"weights": p[:-1], "bias": p[-1]} for p in blocks])
        self.width = layer["units"]

    def batch_norm(self, layer: Mapping[str, Any]) -> None:
        blocks = self._take("parameters", 2, self.width)
        tracked = self._take("statistics", 2, self.width)
        arguments = []
        for own, known in zip(blocks, tracked, strict=True):
            scale, shift = learned.scale_and_shift(own, known, layer["epsilon"])
            arguments.append({"scale": scale, "shift": shift})
        self._add(functions.normalized, arguments)

    def activation(self, layer: Mapping[str, Any]) -> None:
        given = layer["activation"]
        name = given["name"]
        if name == "identity":
            return
        if name == "prelu":
            blocks = self._take("parameters", 1, self.width)
            self._add(functions.prelu, [{"slopes": p[0]} for p in blocks])
            return
        if name == "gelu" and given["approximate"] == "tanh":
            name = "gelu_by_tanh"
        # NumPy has no error function: the exact GELU of a large file would take an hour.
        if name not in functions.ACTIVATIONS or name == "gelu":
            raise UnsupportedModelError(f"activation {name!r}")
        function, hypers = functions.ACTIVATIONS[name]
        self._add(function, [{key: given[key] for key in hypers}] * len(self._members))

    def piecewise_linear(self, layer: Mapping[str, Any]) -> None:
        self._bins(layer, layer["n_bins"] + 2, layer["n_bins"] + 1)

    def piecewise_with_jumps(self, layer: Mapping[str, Any]) -> None:
        columns, n = self._embedded(layer)[0], layer["n_bins"]
        # Older files don't say which columns may jump: all may.
        jumping = layer.get("jumping") or columns
        may_jump = [place for place, at in enumerate(columns) if at in jumping]
        self._bins(layer, n + 2 - (-n * len(may_jump) // len(columns)), n + 2, may_jump)

    def _bins(
        self, layer: Mapping[str, Any], rows: int, tracked: int, may_jump: Sequence[int] = ()
    ) -> None:
        columns, own = self._embedded(layer)
        n_bins, size = layer["n_bins"], layer["size"]
        blocks = self._take("parameters", rows, len(columns) * size)
        statistics = self._take("statistics", tracked, len(columns))
        if (statistics[:, 1 : n_bins + 1] < statistics[:, :n_bins]).any():
            raise UnsupportedModelError("edges that descend")
        arguments = []
        for block, known in zip(blocks, statistics, strict=True):
            bins = learned.bins_of(block, known, n_bins, size, may_jump)
            arguments.append({**own, "bins": tuple(part.astype(block.dtype) for part in bins)})
        self._add(functions.piecewise_linear, arguments)
        self.width = len(columns) * size + len(own["kept"])

    def periodic(self, layer: Mapping[str, Any]) -> None:
        columns, own = self._embedded(layer)
        n, size = layer["n_frequencies"], layer["size"]
        arguments = []
        for block in self._take("parameters", 2 * n + (n + 1) * (size - 1), len(columns)):
            w, phase, weight, bias = learned.waves_of(block, n, size)
            arguments.append({**own, "waves": (w, phase), "weight": weight, "bias": bias})
        self._add(functions.periodic, arguments)
        self._reach(len(columns) * n)
        self.width = len(columns) * size + len(own["kept"])

    def entity(self, layer: Mapping[str, Any]) -> None:
        levels = layer["levels"]
        kept = self.width - len(levels)
        blocks = self._take("parameters", sum(levels), layer["size"])
        tables = [learned.tables_of(block, levels) for block in blocks]
        self._add(functions.entity, [{"kept": kept, "tables": each} for each in tables])
        self.width = kept + len(levels) * layer["size"]

    def repeat_rows(self, layer: Mapping[str, Any]) -> None:
        n = layer["rows"]
        self._rows *= n
        self._add(functions.repeated, [{"n": n}] * len(self._members))

    def submodel_scale(self, layer: Mapping[str, Any]) -> None:
        n = self._submodels(layer)
        blocks = self._take("parameters", n * (1 + layer["shift"]), self.width)
        zero = blocks.dtype.type(0)
        arguments = [
            {"n": n, "scale": p[:n], "shift": p[n:] if layer["shift"] else zero} for p in blocks
        ]
        self._add(functions.submodel_scaled, arguments)

    def submodel_linear(self, layer: Mapping[str, Any]) -> None:
        n, units = self._submodels(layer), layer["units"]
        pairs = [learned.apart(p, n) for p in self._take("parameters", self.width + 1, n * units)]
        self._add(functions.submodel_linear, [{"n": n, "weight": w, "bias": b} for w, b in pairs])
        self.width = units

    def submodel_mean(self, layer: Mapping[str, Any]) -> None:
        n = self._submodels(layer)
        self._rows = 1
        arguments = {"n": n, "link": layer["link"]}
        self._add(functions.submodel_mean, [arguments] * len(self._members))

    def _submodels(self, layer: Mapping[str, Any]) -> int:
        """Return how many submodels a layer has, one for each row of an example."""
        n: int = layer["submodels"]
        if n != self._rows:
            raise UnsupportedModelError("another number of rows than of submodels")
        return n

    def _embedded(self, layer: Mapping[str, Any]) -> tuple[list[int], dict[str, Any]]:
        """Return the columns that an embedding takes, and the arguments that all have."""
        columns = list(layer["columns"]) or list(range(self.width))
        kept = sorted(set(range(self.width)) - set(columns))
        rectified = layer["activation"] == "relu"
        return columns, {"columns": columns, "kept": kept, "rectified": rectified}

    def _reach(self, width: int) -> None:
        self.widest = max(self.widest, width * self._rows)

    def _add(self, function: Function, arguments: Sequence[Mapping[str, Any]]) -> None:
        for member, own in zip(self._members, arguments, strict=True):
            member.append(partial(function, **own))

    def _take(self, name: str, rows: int, columns: int) -> Array:
        """Return the blocks (networks, rows, columns) that a layer has of a flat tensor."""
        size = len(self._members) * rows * columns
        flat = self._left[name]
        if size < 0 or len(flat) < size:
            raise UnsupportedModelError("fewer numbers than the layers have")
        self._left[name] = flat[size:]
        return flat[:size].reshape(len(self._members), rows, columns)


_LAYERS: Mapping[str, Callable[[_LayerReader, Mapping[str, Any]], None]] = MappingProxyType(
    {
        "linear": _LayerReader.linear,
        "activation": _LayerReader.activation,
        "batch_norm": _LayerReader.batch_norm,
        "piecewise_linear": _LayerReader.piecewise_linear,
        "piecewise_with_jumps": _LayerReader.piecewise_with_jumps,
        "periodic": _LayerReader.periodic,
        "entity": _LayerReader.entity,
        "repeat_rows": _LayerReader.repeat_rows,
        "submodel_scale": _LayerReader.submodel_scale,
        "submodel_linear": _LayerReader.submodel_linear,
        "submodel_mean": _LayerReader.submodel_mean,
    }
)
