"""Segments: the parts of a stack's parameters that the update rule moves in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from wellfit.nn.ops import ParameterShape
from wellfit.optim.optimizers import Coefficients, LayerwiseOptimizer, Optimizer, Slots
from wellfit.training.parameter_groups import ParameterGroup
from wellfit.training.stack import Stack

# Elements of a segment: its parameters, gradients and moments then stay in the cores' caches
# from one operation of the update rule to the next.
_SEGMENT = 1 << 18

_Update = Callable[[Tensor, Tensor, Slots, Coefficients], None]


class Segment(NamedTuple):
    """Parameters that are updated together, and how.

    Attributes:
        update: called with the parameters, gradients and slots, and one step's coefficients.
        p, g: parameters and gradients, views of the stack's buffers.
        slots: what the rule remembers of them.
        cut: the place of their coefficients among those of the plan's cuts.
    """

    update: _Update
    p: Tensor
    g: Tensor
    slots: Slots
    cut: int


def segments(stack: Stack) -> list[Segment]:
    """Return the segments of a stack in the present epoch.

    Where all members of one of the plan's cuts share coefficients these are plain parts of the
    flat buffers; otherwise a layer's (m, n) rows, so that coefficients (m, 1) meet them. Rules
    that work layer by layer get each layer's weights as matrices (m, inputs, units).
    """
    rule = stack.members[0].optimizer
    found: list[Segment] = []
    for number, group in enumerate(stack.step_schedule.update_groups):
        if isinstance(rule, LayerwiseOptimizer):
            update = partial(_update_matrices, rule)
            found += _segments(stack, number, update, partial(_matrices, stack, group))
            found += _segments(stack, number, rule.update, partial(_vectors, stack, group))
        elif isinstance(rule, Optimizer):
            found += _segments(stack, number, rule.update, partial(_flat, stack, group))
    return found


def _segments(
    stack: Stack,
    cut: int,
    update: Callable[..., None],
    parts: Callable[[Tensor], Iterator[Tensor]],
) -> Iterator[Segment]:
    """Yield the segments into which ``parts`` divides each of a stack's flat buffers."""
    weights = stack.weights
    flats = [weights.parameters, stack.gradients, *weights.slots.values()]
    for p, g, *slots in zip(*map(parts, flats), strict=True):
        yield Segment(update, p, g, dict(zip(weights.slots, slots, strict=True)), cut)


def _flat(stack: Stack, group: ParameterGroup, flat: Tensor) -> Iterator[Tensor]:
    """Yield parts of everything that a group's members learn."""
    if stack.step_schedule.share_coefficients(group):
        for start, stop in _stretches(stack, group):
            yield from torch.split(flat[start:stop], _SEGMENT)
        return
    views = stack.network.parameters.views(flat, stack.k)
    # A segment holds so many elements of all its members together.
    most = max(1, _SEGMENT // (group.stop - group.start))
    for layer in group.layers:
        yield from torch.split(views[layer][group.members].flatten(1), most, dim=1)


def _stretches(stack: Stack, group: ParameterGroup) -> list[tuple[int, int]]:
    """Return where a group's parameters begin and end in a flat buffer, neighbours as one."""
    stretches: list[tuple[int, int]] = []
    begin = 0
    for layer, shape in enumerate(stack.network.parameters.shapes):
        size = shape.rows * shape.columns
        if layer in group.layers:
            start, stop = begin + group.start * size, begin + group.stop * size
            # Neighbouring layers join, so that an update is as few calls as possible.
            if stretches and stretches[-1][1] == start:
                start = stretches.pop()[0]
            stretches.append((start, stop))
        begin += stack.k * size
    return stretches


def _matrices(stack: Stack, group: ParameterGroup, flat: Tensor) -> Iterator[Tensor]:
    """Yield the weight matrices (m, inputs, units) of a group's layers."""
    for shape, layer in _layers(stack, group, flat):
        if shape.weight_rows:
            yield from layer[:, : shape.weight_rows].chunk(shape.matrices, dim=-1)


def _vectors(stack: Stack, group: ParameterGroup, flat: Tensor) -> Iterator[Tensor]:
    """Yield what is no weight, such as biases and scales, as rows (m, n) or vectors (n,)."""
    for shape, layer in _layers(stack, group, flat):
        rows = layer[:, shape.weight_rows :]
        # Fused kernels, which update members that agree, take contiguous memory only.
        yield from (
            rows.flatten(0, 1).unbind(0)
            if stack.step_schedule.share_coefficients(group)
            else rows.unbind(1)
        )


def _layers(
    stack: Stack, group: ParameterGroup, flat: Tensor
) -> Iterator[tuple[ParameterShape, Tensor]]:
    views = stack.network.parameters.views(flat, stack.k)
    for layer in group.layers:
        yield stack.network.parameters.shapes[layer], views[layer][group.members]


def _update_matrices(
    rule: LayerwiseOptimizer, w: Tensor, g: Tensor, slots: Slots, c: Coefficients
) -> None:
    """Call the rule with coefficients that meet matrices."""
    rule.update_matrices(w, g, slots, {key: _per_matrix(value) for key, value in c.items()})


def _per_matrix(value: Tensor | float) -> Tensor | float:
    return value.view(-1, 1, 1) if isinstance(value, Tensor) else value
