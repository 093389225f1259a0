"""A stack's step, written down as the compiled library reads it."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from wellfit.core.hyper import Config
from wellfit.nn import Loss, losses
from wellfit.nn.matmul_backend import rounding
from wellfit.optim import Penalty, clipping, constraints, optimizers, penalties
from wellfit.optim.penalties import Strength
from wellfit.training.member import Member
from wellfit.training.native.layers import LayerWriter, covered, described
from wellfit.training.native.library import instructions, missing
from wellfit.training.native.structures import (
    ClippingPlan,
    ConstraintPlan,
    PenaltyPlan,
    StepPlan,
)
from wellfit.training.precision import available_threads
from wellfit.training.stack import Stack

_LOSSES: Sequence[type[Config]] = (
    losses.SoftmaxCrossEntropy,
    losses.SigmoidCrossEntropy,
    losses.SigmoidSquaredError,
    losses.SquaredError,
    losses.AbsoluteError,
    losses.Huber,
    losses.Quantile,
    losses.Poisson,
    losses.MeanAndQuantiles,
)
_CLIPPINGS: Sequence[type[Config]] = (
    clipping.ClipByValue,
    clipping.ClipByNorm,
    clipping.ClipByLayerNorm,
)
_MOMENTS = ("mean", "square", "largest")
_ADAM = ("one_minus_beta_1", "one_minus_beta_2", "a", "b")
_NADAM = ("of_gradient", "of_mean", "unbias", "epsilon")


class _Rule(NamedTuple):
    """An update rule: its place in ``plan.h``, and what it takes, in order."""

    place: int
    coefficients: Sequence[str]
    slots: Sequence[str]


_RULES: Mapping[type[Config], _Rule] = {
    optimizers.SGD: _Rule(0, ("learning_rate", "momentum"), ("momentum",)),
    optimizers.Adam: _Rule(1, _ADAM, _MOMENTS),
    optimizers.AdamW: _Rule(1, _ADAM, _MOMENTS),
    optimizers.AMSGrad: _Rule(1, _ADAM, _MOMENTS),
    optimizers.RMSProp: _Rule(
        2,
        ("learning_rate", "one_minus_rho", "epsilon", "momentum"),
        ("square", "mean", "momentum"),
    ),
    optimizers.AdaGrad: _Rule(3, ("learning_rate", "initial", "epsilon"), ("sum",)),
    optimizers.AdaDelta: _Rule(
        4, ("learning_rate", "one_minus_rho", "epsilon"), ("square", "step")
    ),
    optimizers.Lion: _Rule(
        5, ("learning_rate", "one_minus_beta_1", "one_minus_beta_2"), ("mean",)
    ),
    optimizers.Nadam: _Rule(6, (*_ADAM[:2], *_NADAM), ("mean", "square")),
    optimizers.Adamax: _Rule(
        7, ("learning_rate", "one_minus_beta_1", "beta_2", "epsilon"), ("mean", "largest")
    ),
    optimizers.FTRL: _Rule(8, ("a", "b", "l1", "l2", "power"), ("force", "square")),
    optimizers.Muon: _Rule(
        9, (*_ADAM, "rate", "momentum", "one_minus_momentum"), ("mean", "square")
    ),
}
# Where the library's products are known to be as fast as PyTorch's, however large they are.
# Others, such as Apple's processors, have units for products that only PyTorch's libraries use.
_FAST_PRODUCTS = ("AVX-512", "AVX2")
_LARGE = 5e7  # operations of a step from which on threads gain by sharing its products elsewhere
_IDLE = 0.3  # share of the threads' time; below it, the library gains more than they lose


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
    if type(first.optimizer) not in _RULES:
        return f"optimizer {first.optimizer.name!r}"
    if type(first.loss) not in _LOSSES:
        return f"loss {first.loss.name!r}"
    return _unknown_rule(first) or described(
        layer for place, layer in enumerate(stack.network.layers) if not covered(layer, place)
    )


def _unknown_rule(member: Member) -> str:
    """Return what acts on weights or gradients that the library lacks; empty where it has all."""
    for what, given, has in (
        ("penalty", member.penalties, (penalties.L1, penalties.L2)),
        ("clipping", member.gradient_clipping, _CLIPPINGS),
        ("constraint", member.constraints, (constraints.MaxNorm,)),
    ):
        for each in given:
            if type(each) not in has:
                return f"{what} {each.name!r}"
    return ""


def _gains_by_sharing(stack: Stack, batch: int) -> bool:
    """Return whether PyTorch's threads, which share each product, beat those of the library.

    What counts is how many threads wait while the last members train, and that those which share a
    member meet at every step.
    """
    if instructions() in _FAST_PRODUCTS:
        return False
    threads = available_threads()
    idle = 1 - stack.k / (-(-stack.k // threads) * threads)
    return idle > _IDLE and operations(stack, batch) > _LARGE


def operations(stack: Stack, batch: int) -> float:
    """Return about how many operations a member's step takes: three products of each layer."""
    network = stack.network
    sizes = [shape.rows * shape.columns for shape in network.parameters.shapes]
    rows = network.rows_per_example
    return 6.0 * batch * sum(map(operator.mul, sizes, rows))


class NativePlan:
    """A stack's plan for batches of B rows.

    Args:
        stack: that the library is to train.
        batch: B.
        one_class: whether each row is of one class, and not of a set of them.
        judges: whether rows are only judged, by the network and the weights that predict.

    Attributes:
        structure: what the library reads.
        coefficients: the names of the update rule's coefficients, in the library's order.
        classifies: whether rows are classified correctly or not.
    """

    def __init__(self, stack: Stack, batch: int, one_class: bool, *, judges: bool = False) -> None:
        writer = LayerWriter(stack, judges=judges)
        first, network = stack.members[0], stack.network
        rule, layers = _RULES[type(first.optimizer)], writer.layers()
        self.coefficients = rule.coefficients
        self.classifies = "classification" in first.loss.tasks
        kinds = _penalties(first.penalties)
        clippings, limits = _clippings(stack, writer), _constraints(stack, writer)
        self.structure = StepPlan(
            doubles=stack.gradients.dtype == torch.float64,
            members=stack.k,
            batch=batch,
            outputs=network.outputs,
            judges=judges,
            logit_rows=1 if judges else network.logit_rows,
            n_layers=len(layers),
            n_penalties=len(kinds),
            n_clippings=len(clippings),
            n_constraints=len(limits),
            loss=_LOSSES.index(type(first.loss)),
            rule=rule.place,
            nesterov=getattr(first.optimizer, "nesterov", False),
            iterations=getattr(first.optimizer, "iterations", 0),
            number=writer.numbers(next(iter(stack.loss.values()), 0.0)),
            quantiles=writer.array(_quantiles(first.loss, network.outputs), np.float64),
            one_class=one_class,
            layers=_address(layers),
            penalties=_address(kinds),
            clippings=_address(clippings),
            constraints=_address(limits),
        )
        self._point_at(stack, writer, rule.slots)
        # Everything that the structure points to lives as long as the plan.
        self._held = writer.held, layers, kinds, clippings, limits

    def _point_at(self, stack: Stack, writer: LayerWriter, names: Sequence[str]) -> None:
        """Write down where the members' numbers lie, with the slots of these names."""
        plan, weights = self.structure, stack.weights
        slots = [writer.tensor(weights.slots.get(name)) for name in names]
        used = weights.for_prediction() if plan.judges else weights
        plan.parameters = writer.tensor(used.parameters)
        plan.gradients = writer.tensor(stack.gradients)
        plan.statistics = writer.tensor(weights.statistics)
        plan.average = writer.tensor(weights.slots.get("average"))
        plan.slots = (ctypes.c_void_p * 3)(*slots)


def _quantiles(loss: Loss, outputs: int) -> Sequence[float]:
    """Return the quantile that each output estimates, if any does; 0 for means beside them."""
    levels, width = loss.levels(), loss.outputs(1)
    means = (0.0,) * (width - len(levels))
    return (*means, *levels) * (outputs // width) if levels else ()


def _penalties(rules: Sequence[Penalty]) -> ctypes.Array[PenaltyPlan]:
    each = [PenaltyPlan(isinstance(rule, penalties.L1), rule.decoupled) for rule in rules]
    return (PenaltyPlan * len(each))(*each)


def _clippings(stack: Stack, writer: LayerWriter) -> ctypes.Array[ClippingPlan]:
    rules, limits = stack.members[0].gradient_clipping, _limits(stack, "gradient_clipping")
    each = [
        ClippingPlan(_CLIPPINGS.index(type(rule)), writer.numbers(limit))
        for rule, limit in zip(rules, limits, strict=True)
    ]
    return (ClippingPlan * len(each))(*each)


def _constraints(stack: Stack, writer: LayerWriter) -> ctypes.Array[ConstraintPlan]:
    each = [ConstraintPlan(writer.numbers(limit)) for limit in _limits(stack, "constraints")]
    return (ConstraintPlan * len(each))(*each)


def _limits(stack: Stack, kind: str) -> list[Strength]:
    """Return the limits of ``"gradient_clipping"`` or ``"constraints"``.

    Raises:
        OverflowError: the type of the weights can't hold one, which PyTorch refuses as well.
    """
    limits, largest = stack.limits(kind), torch.finfo(stack.gradients.dtype).max
    for limit in limits:
        numbers = torch.as_tensor(limit, dtype=torch.float64)
        if (numbers.isfinite() & (numbers > largest)).any():
            raise OverflowError(f"a limit is larger than {largest:.2g}")
    return limits


def _address(array: Any) -> ctypes.c_void_p:
    return ctypes.cast(array, ctypes.c_void_p)
