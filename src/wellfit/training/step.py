"""One step of training: state and batch in, state out. Everything slow is done before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from wellfit.optim import Constraint, Penalty
from wellfit.optim.penalties import Strength
from wellfit.training.plan import Moment
from wellfit.training.stack import Stack

T = TypeVar("T")


class Step:
    """Forward, backward and update of all members of a stack on batches of B rows.

    Args:
        stack: whose weights move.
        batch: B.
        steps: how many steps' randomness is drawn at once.
    """

    def __init__(self, stack: Stack, batch: int, steps: int) -> None:
        first = stack.members[0]
        self.steps = steps
        self._loss, self._optimizer = first.loss, first.optimizer
        self._loss_hypers = stack.loss
        self._executor = stack.executor(batch, steps)
        self._segments = stack.segments()
        self._bind_weights(stack)
        self._delta = stack.gradients.new_empty(stack.k, stack.network.outputs, batch)
        # Products want deltas (K, B, C) in the order of their axes; losses want rows last.
        self._logits = self._executor.logits.transpose(1, 2)
        self._delta_rows = torch.empty_like(self._executor.logits)

    def refresh(self, step: int, steps: int) -> None:
        """Draw the randomness of ``steps`` steps from global step ``step`` on."""
        self._executor.refresh(step, steps)

    def __call__(
        self,
        logits: Tensor,
        moment: Moment,
        x: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
    ) -> None:
        """Move all members by one batch; ``logits`` (K, C, B) get those from before the move."""
        self.compute(logits, moment, x, target, weight)
        self._decay(moment)
        for p, g, slots in self._segments:
            self._optimizer.update(p, g, slots, moment.update)
        self._shrink(moment, proximal=True)
        for constraint, limit, views in self._constraints:
            for view in views:
                constraint.apply(view, limit)
        if moment.fresh is not None:
            self._mix(moment.fresh)

    def compute(
        self,
        logits: Tensor,
        moment: Moment,
        x: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
    ) -> None:
        """Compute the gradients of loss and penalties, clipped, and move nothing."""
        self._executor.forward(x)
        logits.copy_(self._logits)
        delta = self._loss.delta(logits, target, self._delta, self._loss_hypers)
        if weight is not None:
            delta.mul_(weight)
        self._executor.backward(self._delta_rows.copy_(delta.transpose(1, 2)))
        for (penalty, pairs), strength in zip(self._penalties, moment.strengths, strict=True):
            if not penalty.decoupled:
                for view, grad in pairs:
                    penalty.add_gradient(view, strength, grad)
        for clipping, limit in self._clipping:
            clipping.apply(self._grads, limit)

    def _bind_weights(self, stack: Stack) -> None:
        """Make the views that penalties, constraints, clipping and averaging work on."""
        first, k, layout = stack.members[0], stack.k, stack.network.parameters
        flat = stack.weights.parameters
        self._weights = layout.weights(flat, k)
        grads = layout.weights(stack.gradients, k)
        self._grads = [view for view in layout.views(stack.gradients, k) if view.numel()]
        pairs = list(zip(self._weights, grads, strict=True))
        self._penalties = [(each, _only(pairs, each)) for each in first.penalties]
        self._constraints = [
            (each, limit, _only(self._weights, each))
            for each, limit in zip(first.constraints, stack.limits("constraints"), strict=True)
        ]
        self._clipping = list(zip(first.clipping, stack.limits("clipping"), strict=True))
        average = stack.weights.slots.get("average", flat)
        self._flat = average, flat
        self._layers = list(zip(layout.views(average, k), layout.views(flat, k), strict=True))

    def _decay(self, moment: Moment) -> None:
        """Let decoupled penalties, and the rule's own decay, act on the weights."""
        self._shrink(moment, proximal=False)
        shrink = moment.update.get("shrink")
        if shrink is not None:
            factor = shrink.view(-1, 1, 1) if isinstance(shrink, Tensor) else shrink
            for view in self._weights:
                view.mul_(factor)

    def _shrink(self, moment: Moment, *, proximal: bool) -> None:
        """Let those decoupled penalties act that do so after the update, or before it."""
        for (penalty, pairs), strength in zip(self._penalties, moment.strengths, strict=True):
            if penalty.decoupled and penalty.proximal is proximal:
                for view, _ in pairs:
                    penalty.shrink(view, strength)

    def _mix(self, fresh: Strength) -> None:
        """Move the averaged weights towards the new ones."""
        if isinstance(fresh, float):
            self._flat[0].lerp_(self._flat[1], fresh)
            return
        for average, view in self._layers:
            average.lerp_(view, fresh)


def _only(views: Sequence[T], rule: Penalty | Constraint) -> list[T]:
    """Return the layers that a rule is for."""
    return [view for index, view in enumerate(views) if not rule.only or index in rule.only]
