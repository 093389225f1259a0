"""Statistics of a fitted network's layers: dead and saturated units, batch norm, weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from wellfit.diagnose.start import signal_of
from wellfit.diagnose.verdicts.training import LayerStatistics, Norm
from wellfit.nn import Activate, BatchNorm
from wellfit.training import Result, Weights
from wellfit.training.prediction import Predictor

_FLAT = 0.01  # a slope at which hardly anything gets through
_SATURATED = 0.95  # share of the rows in which a saturated unit's slope is flat

Passed: TypeAlias = tuple[Any, Tensor, Tensor]  # a layer, its inputs and outputs (rows, units)


def passed_through(weights: Weights, x: Tensor) -> list[Passed]:
    """Return each layer at work with its inputs and outputs, of rows x (rows, columns + 1)."""
    outputs = [tensor[0] for _, tensor in Predictor(weights).outputs(x[None])]
    layers = [layer for layer in weights.network.layers if not layer.training_only]
    return list(zip(layers, [x[:, :-1], *outputs], outputs, strict=False))


def layer_statistics(passed: Sequence[Passed]) -> list[LayerStatistics]:
    """Return the shares of dead and saturated units of each hidden layer."""
    active = [part for part in passed if isinstance(part[0], Activate)]
    return [
        LayerStatistics(number, signal_of(layer, z, out).dead, _saturated(layer, z, out))
        for number, (layer, z, out) in enumerate(active, start=1)
    ]


def norms_of(weights: Weights, passed: Sequence[Passed]) -> list[Norm]:
    """Return how far batch norms' running statistics are from those of the rows."""
    network = weights.network
    views = network.statistics.views(weights.statistics, 1)
    running = [
        view[0]
        for layer, view in zip(network.layers, views, strict=True)
        if isinstance(layer, BatchNorm)
    ]
    normed = [part for part in passed if isinstance(part[0], BatchNorm)]
    return [
        _distance(number, stats, z)
        for number, (stats, (_, z, _)) in enumerate(zip(running, normed, strict=True), start=1)
    ]


def weight_changes(result: Result | None) -> tuple[float, float] | None:
    """Return the distance from the initial weights, and the final norm, over the initial norm."""
    if result is None:
        return None
    member = result.members[0]
    first = member.network.initial_parameters(member.seed)
    last = result.last  # those in use may be of an early epoch
    now = last.network.parameters.views(last.parameters, last.members)
    pairs = [(a.float(), b[0].float().cpu()) for a, b in zip(first, now, strict=True) if a.numel()]
    length = sum(float(before.square().sum()) for before, _ in pairs)
    gone = sum(float((after - before).square().sum()) for before, after in pairs)
    left = sum(float(after.square().sum()) for _, after in pairs)
    return (float(np.sqrt(gone / length)), float(np.sqrt(left / length))) if length else None


def _saturated(layer: Activate, z: Tensor, out: Tensor) -> float:
    """Return the share of units whose slope is flat in nearly all rows, on one side or both."""
    if layer.activation.parameters(1).rows:
        return 0.0
    slope = layer.activation.backward(torch.ones_like(z), z.clone(), out.clone()).abs()
    return float(((slope < _FLAT).double().mean(0) > _SATURATED).double().mean())


def _distance(number: int, running: Tensor, z: Tensor) -> Norm:
    """Return the usual unit's distance between running statistics (2, units) and the data's."""
    spread = z.std(0).clamp_min(1e-6)
    shift = ((running[0] - z.mean(0)).abs() / spread).median()
    factor = (running[1].clamp_min(1e-12).sqrt() / spread).log().abs().median().exp()
    return Norm(number, float(shift), float(factor))
