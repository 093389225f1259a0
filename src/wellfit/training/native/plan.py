"""A stack's step, written down as the compiled library reads it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.hyper import Config
from wellfit.nn import activations, losses
from wellfit.nn.embeddings import PiecewiseLinear
from wellfit.nn.execution import Memory
from wellfit.nn.layers import Activate, BatchNorm, Dropout, Layer, Linear
from wellfit.nn.matmul_backend import rounding
from wellfit.optim import optimizers, penalties
from wellfit.training.native.library import missing
from wellfit.training.native.structures import LayerPlan, PenaltyPlan, StepPlan
from wellfit.training.precision import available_threads
from wellfit.training.stack import Stack
from wellfit.training.step import covers

_LINEAR, _ACTIVATION, _DROPOUT, _BATCH_NORM, _PIECEWISE_LINEAR = range(5)
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
)
_NUMBER_OF = {activations.LeakyReLU: "slope", activations.ELU: "alpha"}
_LOSSES: Sequence[type[Config]] = (
    losses.SoftmaxCrossEntropy,
    losses.SigmoidCrossEntropy,
    losses.SigmoidSquaredError,
    losses.SquaredError,
)
_ADAM = ("one_minus_beta_1", "one_minus_beta_2", "a", "b")
# The place of a rule in ``plan.h``, and the coefficients that it takes, in order.
_RULES: Mapping[type[Config], tuple[int, Sequence[str]]] = {
    optimizers.SGD: (0, ("learning_rate", "momentum")),
    optimizers.Adam: (1, _ADAM),
    optimizers.AdamW: (1, _ADAM),
    optimizers.RMSProp: (2, ("learning_rate", "one_minus_rho", "epsilon")),
}
_LARGE = 5e7  # operations of a step from which on threads gain by sharing its products
_IDLE = 0.3  # share of the threads' time; below it, the library gains more than they lose
_SLOTS = ("momentum", "mean", "square")
_Numbers: TypeAlias = NDArray[Any]
_Hypers: TypeAlias = Mapping[str, Tensor]


def obstacle(stack: Stack, batch: int) -> str:
    """Return why PyTorch takes a stack's steps and not the library; empty where the latter does.

    Types are compared exactly: a class derived from one of them computes something else.
    """
    first, parts = stack.members[0], stack.gradients
    if missing():
        return f"the compiled step is left out: {missing()}"
    if _gains_by_sharing(stack, batch):
        return "its products are large, and PyTorch's threads share them"
    if parts.device.type != "cpu" or parts.dtype not in (torch.float32, torch.float64):
        return f"{parts.dtype} on {parts.device.type}"
    if rounding():
        return "products are rounded to bfloat16"
    if first.gradient_clipping or first.constraints:
        return "gradients are clipped" if first.gradient_clipping else "weights are constrained"
    rule = first.optimizer
    if type(rule) not in _RULES or {"largest"} & set(stack.weights.slots):
        return f"optimizer {rule.name!r}"
    if isinstance(rule, optimizers.RMSProp) and len(rule.slots()) > 1:
        return "rmsprop with momentum, or centered"
    if type(first.loss) not in _LOSSES:
        return f"loss {first.loss.name!r}"
    if not all(type(each) in (penalties.L1, penalties.L2) for each in first.penalties):
        return "a penalty of another kind"
    layers = enumerate(stack.network.layers)
    return next((_named(each) for place, each in layers if not _has(each, place)), "")


def _gains_by_sharing(stack: Stack, batch: int) -> bool:
    """Return whether threads that share each product beat those of the library.

    PyTorch's stay awake from one product to the next, while the library's are made for a call. Its
    products alone are as fast, so what counts is how many threads wait while the last members
    train.
    """
    threads = available_threads()
    idle = 1 - stack.k / (-(-stack.k // threads) * threads)
    return idle > _IDLE and operations(stack, batch) > _LARGE


def operations(stack: Stack, batch: int) -> float:
    """Return about how many operations a member's step takes: three products of each layer."""
    return 6.0 * batch * stack.network.size


def _has(layer: Layer, place: int) -> bool:
    """Return whether the library has a layer."""
    if isinstance(layer, Activate):
        function = layer.activation
        exact = isinstance(function, activations.GELU) and function.approximate == "none"
        return type(function) in _FUNCTIONS and not exact
    if type(layer) is PiecewiseLinear:
        return place == 0  # else a layer below it might learn
    return type(layer) in _WRITERS


def _named(layer: Layer) -> str:
    if isinstance(layer, Activate):
        return f"activation {layer.activation.name!r}"
    return f"layer {layer.name!r}"


class _PlanWriter:
    """Writes a plan down, and holds the arrays that it points to.

    Args:
        stack: the members.
        memory: where their parameters lie.
    """

    def __init__(self, stack: Stack, memory: Memory) -> None:
        self.stack, self.memory = stack, memory
        self.held: list[Any] = []

    def array(self, values: Any, dtype: Any) -> int:
        """Return the address of a copy of some numbers, which is held."""
        copied = np.array(values, dtype=dtype, order="C")
        self.held.append(copied)
        return copied.ctypes.data

    def tensor(self, values: Tensor) -> int:
        """Return the address of a tensor, which may change later."""
        assert values.is_contiguous()
        self.held.append(values)
        return values.data_ptr()

    def member_numbers(self, owner: Config, hypers: _Hypers, key: str) -> int:
        """Return the address of a hyper-parameter of the members, (K,)."""
        if key in hypers:
            return self.tensor(hypers[key])
        return self.array([getattr(owner, key)] * self.stack.k, np.float64)

    def layers(self) -> ctypes.Array[LayerPlan]:
        """Return the layers, each with the places of its parameters."""
        network, k, rules = self.stack.network, self.stack.k, self.stack.members[0].penalties
        written, widths = (LayerPlan * len(network.layers))(), network.widths
        shapes = zip(network.parameters.shapes, network.statistics.shapes, strict=True)
        parameters = statistics = weights = 0
        for index, (shape, tracked) in enumerate(shapes):
            layer, plan = network.layers[index], written[index]
            plan.inputs, plan.outputs = widths[index : index + 2]
            plan.parameters, plan.statistics = parameters, statistics
            plan.rows, plan.columns = shape.rows, shape.columns
            plan.weight_rows = shape.weight_rows
            plan.keys = self.tensor(self.memory.keys[index])
            plan.groups = self.array(_groups(self.stack, index), np.int64)
            plan.penalized = self.array(
                [bool(shape.weight_rows) and covers(each, weights) for each in rules], np.uint8
            )
            _WRITERS[type(layer)](self, layer, plan, self.memory.hypers[index])
            parameters += k * shape.rows * shape.columns
            statistics += k * tracked.rows * tracked.columns
            weights += bool(shape.weight_rows)
        return written

    def linear(self, layer: Linear, plan: LayerPlan, hypers: _Hypers) -> None:
        """Write a linear layer down."""
        plan.kind = _LINEAR

    def activation(self, layer: Activate, plan: LayerPlan, hypers: _Hypers) -> None:
        """Write an activation down, and the number that some have."""
        function = layer.activation
        plan.kind, plan.function = _ACTIVATION, _FUNCTIONS.index(type(function))
        key = _NUMBER_OF.get(type(function))
        if key:
            plan.first = self.member_numbers(function, hypers, key)

    def dropout(self, layer: Dropout, plan: LayerPlan, hypers: _Hypers) -> None:
        """Write dropout down; a schedule changes its rates where they lie."""
        plan.kind, plan.first = _DROPOUT, self.member_numbers(layer, hypers, "rate")

    def batch_norm(self, layer: BatchNorm, plan: LayerPlan, hypers: _Hypers) -> None:
        """Write batch norm down."""
        plan.kind = _BATCH_NORM
        plan.first = self.member_numbers(layer, hypers, "momentum")
        plan.second = self.member_numbers(layer, hypers, "epsilon")

    def piecewise_linear(self, layer: PiecewiseLinear, plan: LayerPlan, hypers: _Hypers) -> None:
        """Write an embedding down."""
        embedded, kept = layer.embedded(plan.inputs), layer.kept(plan.inputs)
        plan.kind, plan.size, plan.bins = _PIECEWISE_LINEAR, layer.size, layer.n_bins
        plan.bends = layer.activation == "relu"
        plan.embedded, plan.n_embedded = self.array(embedded, np.int64), len(embedded)
        plan.kept, plan.n_kept = self.array(kept, np.int64), len(kept)


_WRITERS: Mapping[type[Layer], Callable[[_PlanWriter, Any, LayerPlan, _Hypers], None]] = {
    Linear: _PlanWriter.linear,
    Activate: _PlanWriter.activation,
    Dropout: _PlanWriter.dropout,
    BatchNorm: _PlanWriter.batch_norm,
    PiecewiseLinear: _PlanWriter.piecewise_linear,
}


def _groups(stack: Stack, layer: int) -> _Numbers:
    """Return the group (K,) by which each member learns a layer, -1 where it doesn't."""
    numbers = np.full(stack.k, -1)
    for number, group in enumerate(stack.step_schedule.groups):
        if layer in group.layers:
            numbers[group.members] = number
    return numbers


class NativePlan:
    """A stack's plan for batches of B rows.

    Args:
        stack: that the library is to train.
        batch: B.

    Attributes:
        structure: what the library reads.
        coefficients: the names of the update rule's coefficients, in the library's order.
    """

    def __init__(self, stack: Stack, batch: int) -> None:
        writer = _PlanWriter(stack, stack.memory())
        first, weights = stack.members[0], stack.weights
        rule, self.coefficients = _RULES[type(first.optimizer)]
        kinds = [(isinstance(each, penalties.L1), each.decoupled) for each in first.penalties]
        slots = [weights.slots[name] for name in _SLOTS if name in weights.slots]
        smoothing = stack.loss.get("label_smoothing", 0.0)
        numbers = smoothing.flatten() if isinstance(smoothing, Tensor) else smoothing
        layers = writer.layers()
        self.structure = StepPlan(
            doubles=stack.gradients.dtype == torch.float64,
            members=stack.k,
            batch=batch,
            outputs=stack.network.outputs,
            n_layers=len(layers),
            n_penalties=len(kinds),
            loss=_LOSSES.index(type(first.loss)),
            rule=rule,
            nesterov=getattr(first.optimizer, "nesterov", False),
            smoothing=writer.array(np.broadcast_to(numbers, stack.k), np.float64),
            layers=ctypes.cast(layers, ctypes.c_void_p),
            penalties=ctypes.cast(
                (PenaltyPlan * len(kinds))(*(PenaltyPlan(*kind) for kind in kinds)),
                ctypes.c_void_p,
            ),
            parameters=writer.tensor(weights.parameters),
            statistics=writer.tensor(weights.statistics),
            average=writer.tensor(weights.slots["average"]) if "average" in weights.slots else 0,
            slots=(ctypes.c_void_p * 2)(*(writer.tensor(slot) for slot in slots)),
        )
        # Everything that the structure points to lives as long as the plan.
        self._held = writer.held, layers
