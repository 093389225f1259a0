"""The layers of a stack, written down as the compiled library reads them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.hyper import Config
from wellfit.core.rng import Normals
from wellfit.nn import activations
from wellfit.nn.embeddings import (
    EntityEmbedding,
    NumericEmbedding,
    Periodic,
    PiecewiseLinear,
    PiecewiseWithJumps,
)
from wellfit.nn.layers import (
    Activate,
    AlphaDropout,
    BatchNorm,
    Dropout,
    GaussianNoise,
    Layer,
    Linear,
    MaskingNoise,
    RepeatRows,
    SubmodelLinear,
    SubmodelMean,
    SubmodelScale,
)
from wellfit.optim.penalties import Strength
from wellfit.training.native.structures import LayerPlan
from wellfit.training.stack import Stack
from wellfit.training.step import covers

_KINDS: Mapping[type[Layer], int] = {
    Linear: 0,
    SubmodelLinear: 0,
    Activate: 1,
    Dropout: 2,
    MaskingNoise: 2,
    AlphaDropout: 2,
    BatchNorm: 3,
    PiecewiseLinear: 4,
    PiecewiseWithJumps: 4,
    EntityEmbedding: 5,
    GaussianNoise: 6,
    RepeatRows: 7,
    SubmodelScale: 8,
    Periodic: 9,
    SubmodelMean: 10,
}
_SILENCES: Sequence[type[Layer]] = (Dropout, MaskingNoise, AlphaDropout)
_FUNCTIONS: Sequence[type[Config]] = (
    activations.Identity,
    activations.ReLU,
    activations.LeakyReLU,
    activations.PReLU,
    activations.ELU,
    activations.SELU,
    activations.Sigmoid,
    activations.HardSigmoid,
    activations.Tanh,
    activations.Softsign,
    activations.SiLU,
    activations.Mish,
    activations.GELU,
    activations.Softplus,
)
_GELU_BY_TANH = len(_FUNCTIONS)
_LINKS = ("identity", "softmax", "sigmoid", "exp")
_NUMBER_OF = {activations.LeakyReLU: "slope", activations.ELU: "alpha"}
_Numbers: TypeAlias = NDArray[Any]
_Hypers: TypeAlias = Mapping[str, Tensor]


def covered(layer: Layer, place: int) -> bool:
    """Return whether the library has a layer, at its place in the network."""
    if isinstance(layer, Activate):
        return type(layer.activation) in _FUNCTIONS
    # Below an embedding of categories nothing learns.
    return type(layer) in _KINDS and (place == 0 or type(layer) is not EntityEmbedding)


def described(layers: Iterable[Layer]) -> str:
    """Return what the first of some layers is; empty where there is none."""
    for layer in layers:
        if isinstance(layer, Activate):
            return f"activation {layer.activation.name!r}"
        return f"layer {layer.name!r}"
    return ""


class LayerWriter:
    """Writes layers down, and holds the arrays that they point to.

    Args:
        stack: the members.
        judges: whether the layers are those at work when predicting, which nobody learns.

    Attributes:
        dtype: of the weights.
        held: what has to live as long as what was written.
    """

    def __init__(self, stack: Stack, *, judges: bool) -> None:
        self._stack, self._memory, self.judges = stack, stack.memory(), judges
        self.dtype = stack.gradients.dtype
        self.held: list[Any] = []

    def array(self, values: Any, dtype: Any) -> int:
        """Return the address of a copy of some numbers, which is held."""
        copied = np.array(values, dtype=dtype, order="C")
        self.held.append(copied)
        return copied.ctypes.data

    def tensor(self, values: Tensor | None) -> int:
        """Return the address of a tensor, which may change later; 0 of none."""
        if values is None:
            return 0
        assert values.is_contiguous()
        self.held.append(values)
        return values.data_ptr()

    def numbers(self, values: Strength) -> int:
        """Return the address of the members' numbers (K,): those of a tensor, or one for all."""
        each = values.flatten() if isinstance(values, Tensor) else values
        return self.array(np.broadcast_to(each, self._stack.k), np.float64)

    def layers(self) -> ctypes.Array[LayerPlan]:
        """Return the layers that are at work, with the places of their numbers."""
        network, k = self._stack.network, self._stack.k
        at_work = [
            not (layer.training_only if self.judges else layer.predicting_only)
            for layer in network.layers
        ]
        written = (LayerPlan * sum(at_work))()
        shapes = zip(network.parameters.shapes, network.statistics.shapes, strict=True)
        parameters = statistics = weights = place = 0
        for index, (shape, tracked) in enumerate(shapes):
            if not at_work[index]:
                continue  # such layers have no parameters
            plan, place = written[place], place + 1
            plan.parameters, plan.statistics = parameters, statistics
            plan.rows, plan.columns = shape.rows, shape.columns
            plan.weight_rows, plan.matrices = shape.weight_rows, shape.matrices
            self._write(index, plan, weights)
            parameters += k * shape.rows * shape.columns
            statistics += k * tracked.rows * tracked.columns
            weights += bool(shape.weight_rows)
        return written

    def _write(self, index: int, plan: LayerPlan, weights: int) -> None:
        """Write a layer down, which is that of so many with weights, from 0."""
        stack, layer = self._stack, self._stack.network.layers[index]
        first = stack.members[0]
        plan.kind, plan.parts = _KINDS[type(layer)], 1
        plan.inputs, plan.outputs = stack.network.widths[index : index + 2]
        plan.height = stack.network.rows_per_example[index + 1]
        plan.keys = self.tensor(self._memory.keys[index])
        plan.groups = self.array(_groups(stack, None if self.judges else index), np.int64)
        plan.penalized, plan.constrained = (
            self.array([bool(plan.weight_rows) and covers(rule, weights) for rule in rules], bool)
            for rules in (first.penalties, first.constraints)
        )
        writer = _WRITERS.get(type(layer))
        if writer is not None:
            writer(self, layer, plan, self._memory.hypers[index])

    def of_members(self, owner: Config, hypers: _Hypers, key: str) -> int:
        """Return the address of a hyper-parameter of the members, (K,)."""
        if key in hypers:
            return self.tensor(hypers[key])
        return self.array([getattr(owner, key)] * self._stack.k, np.float64)


def _activation(writer: LayerWriter, layer: Activate, plan: LayerPlan, hypers: _Hypers) -> None:
    function = layer.activation
    plan.function = _FUNCTIONS.index(type(function))
    if isinstance(function, activations.GELU) and function.approximate == "tanh":
        plan.function = _GELU_BY_TANH
    key = _NUMBER_OF.get(type(function))
    if key:
        plan.first = writer.of_members(function, hypers, key)


def _silence(writer: LayerWriter, layer: Layer, plan: LayerPlan, hypers: _Hypers) -> None:
    # A schedule changes the rates where they lie.
    plan.function = _SILENCES.index(type(layer))
    plan.first = writer.of_members(layer, hypers, "rate")


def _noise(writer: LayerWriter, layer: GaussianNoise, plan: LayerPlan, hypers: _Hypers) -> None:
    plan.first = writer.of_members(layer, hypers, "std")
    plan.normals = writer.tensor(Normals.table(writer.dtype))


def _batch_norm(writer: LayerWriter, layer: BatchNorm, plan: LayerPlan, hypers: _Hypers) -> None:
    plan.first = writer.of_members(layer, hypers, "momentum")
    plan.second = writer.of_members(layer, hypers, "epsilon")


def _numeric(writer: LayerWriter, layer: NumericEmbedding, plan: LayerPlan) -> None:
    embedded, kept = layer.embedded(plan.inputs), layer.kept(plan.inputs)
    plan.size, plan.bends = layer.size, layer.activation == "relu"
    plan.embedded, plan.n_embedded = writer.array(embedded, np.int64), len(embedded)
    plan.kept, plan.n_kept = writer.array(kept, np.int64), len(kept)


def _periodic(writer: LayerWriter, layer: Periodic, plan: LayerPlan, _hypers: _Hypers) -> None:
    _numeric(writer, layer, plan)
    plan.bins = layer.n_frequencies


def _piecewise_linear(
    writer: LayerWriter, layer: PiecewiseLinear, plan: LayerPlan, _hypers: _Hypers
) -> None:
    _numeric(writer, layer, plan)
    plan.bins = layer.n_bins
    jumping = layer.may_jump(plan.inputs)
    plan.jumping, plan.n_jumping = writer.array(jumping, np.int64), len(jumping)


def _entity(writer: LayerWriter, layer: EntityEmbedding, plan: LayerPlan, hypers: _Hypers) -> None:
    # Codes count as unknown at random while training only.
    if writer.judges:
        layer, hypers = layer.replace(unknown_rate=0.0), {}
    plan.first = writer.of_members(layer, hypers, "unknown_rate")
    plan.levels, plan.n_embedded = writer.array(layer.levels, np.int64), len(layer.levels)
    plan.n_kept = layer.kept(plan.inputs)


def _repeat(_: LayerWriter, layer: RepeatRows, plan: LayerPlan, _hypers: _Hypers) -> None:
    plan.parts = layer.rows


def _mean(_: LayerWriter, layer: SubmodelMean, plan: LayerPlan, _hypers: _Hypers) -> None:
    plan.parts, plan.function = layer.submodels, _LINKS.index(layer.link)


def _submodels(_: LayerWriter, layer: SubmodelLinear, plan: LayerPlan, _hypers: _Hypers) -> None:
    plan.parts = layer.submodels


def _scale(_: LayerWriter, layer: SubmodelScale, plan: LayerPlan, _hypers: _Hypers) -> None:
    plan.parts, plan.shifts = layer.submodels, layer.shift


# What is to be said of a layer beside its shape, if anything.
_WRITERS: Mapping[type[Layer], Callable[[LayerWriter, Any, LayerPlan, _Hypers], None]] = {
    Activate: _activation,
    Dropout: _silence,
    MaskingNoise: _silence,
    AlphaDropout: _silence,
    GaussianNoise: _noise,
    BatchNorm: _batch_norm,
    Periodic: _periodic,
    PiecewiseLinear: _piecewise_linear,
    PiecewiseWithJumps: _piecewise_linear,
    EntityEmbedding: _entity,
    RepeatRows: _repeat,
    SubmodelLinear: _submodels,
    SubmodelScale: _scale,
    SubmodelMean: _mean,
}


def _groups(stack: Stack, layer: int | None) -> _Numbers:
    """Return the group (K,) by which each member learns a layer, -1 where it doesn't.

    Nobody learns None.
    """
    numbers = np.full(stack.k, -1)
    for number, group in enumerate(stack.step_schedule.groups):
        if layer in group.layers:
            numbers[group.members] = number
    return numbers
