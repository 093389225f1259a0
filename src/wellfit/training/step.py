"""One step of training: state and batch in, state out. Everything slow is done before it."""

from __future__ import annotations

import torch
from torch import Tensor

from wellfit.optim.optimizers import Coefficients
from wellfit.training.stack import Stack


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
        layout, k = stack.network.parameters, stack.k
        self._weights = layout.weights(stack.weights.parameters, k)
        self._weight_grads = layout.weights(stack.gradients, k)
        self._penalties = list(zip(first.penalties, stack.strengths, strict=True))
        self._delta = stack.gradients.new_empty(k, stack.network.outputs, batch)
        # Products want deltas (K, B, C) in the order of their axes; losses want rows last.
        self._logits = self._executor.logits.transpose(1, 2)
        self._delta_rows = torch.empty_like(self._executor.logits)

    def refresh(self, step: int, steps: int) -> None:
        """Draw the randomness of ``steps`` steps from global step ``step`` on."""
        self._executor.refresh(step, steps)

    def __call__(
        self,
        logits: Tensor,
        c: Coefficients,
        x: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
    ) -> None:
        """Move all members by one batch; ``logits`` (K, C, B) get those from before the move."""
        self._executor.forward(x)
        logits.copy_(self._logits)
        delta = self._loss.delta(logits, target, self._delta, self._loss_hypers)
        if weight is not None:
            delta.mul_(weight)
        self._executor.backward(self._delta_rows.copy_(delta.transpose(1, 2)))
        self._penalize()
        if "shrink" in c:
            self._shrink(c["shrink"])
        for p, g, slots in self._segments:
            self._optimizer.update(p, g, slots, c)

    def _penalize(self) -> None:
        for penalty, strength in self._penalties:
            for weight, grad in zip(self._weights, self._weight_grads, strict=True):
                penalty.add_gradient(weight, strength, grad)

    def _shrink(self, factor: Tensor | float) -> None:
        if isinstance(factor, Tensor):
            factor = factor.view(-1, 1, 1)
        for weight in self._weights:
            weight.mul_(factor)
