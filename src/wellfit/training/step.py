"""One training step of a stack: forward, backward, update. Slow work is done before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from wellfit.nn.network import Layout
from wellfit.nn.ops import collapsed
from wellfit.optim import Constraint, Minimizer, Penalty
from wellfit.optim.penalties import Strength
from wellfit.training.chunk_part import ChunkPart
from wellfit.training.metric_sums import MetricSums
from wellfit.training.parameter_groups import ParameterGroup, learners
from wellfit.training.processes import ProcessGroup
from wellfit.training.segments import segments
from wellfit.training.stack import Stack
from wellfit.training.step_schedule import StepValues


class _Shrink(NamedTuple):
    """A decoupled penalty on a layer's weights of a group's members.

    Attributes:
        penalty: what acts.
        number: its place among the members' penalties.
        view: the weights (m, in, out).
        members: the group's, and ``factor`` theirs on the strength; None where that is as it is.
    """

    penalty: Penalty
    number: int
    view: Tensor
    members: slice | None
    factor: Strength

    def __call__(self, strength: Strength) -> None:
        if self.members is not None:
            if isinstance(strength, Tensor):
                strength = strength[self.members]
            strength = strength * self.factor
        self.penalty.shrink(self.view, strength)


class Step:
    """Forward pass, backward pass and update of all members of a stack on batches of B rows.

    Args:
        stack: whose weights move.
        batch: B; logits, targets and weights have ``network.logit_rows`` times as many rows as
            there are examples in it, or in a process's share of it.
        steps: how many steps' randomness is drawn at once.
        group: the processes that move the same stack, each by its share of the batch; by default
            this one alone.
    """

    def __init__(
        self, stack: Stack, batch: int, steps: int, group: ProcessGroup | None = None
    ) -> None:
        first = stack.members[0]
        self.steps, self._group = steps, group or ProcessGroup()
        self._share = self._group.share(batch)
        self._loss, self._loss_hypers = first.loss, stack.loss
        self._executor = stack.executor(self._share.rows, steps, self._share)
        self._segments = segments(stack)
        self._bind_weights(stack)
        rows = self._share.rows * stack.network.logit_rows
        self._gradients = stack.gradients
        self._delta = stack.gradients.new_empty(stack.k, stack.network.outputs, rows)
        # Losses want rows last. Matrix products want deltas (K, B, C) in the memory layout of the
        # logits that they wrote: rows first, or rows last where there are few outputs.
        self._logits = self._executor.logits.transpose(1, 2)
        self._delta_rows: Tensor | None = None
        if not self._logits.is_contiguous():
            self._delta_rows = torch.empty_like(self._executor.logits)

    def refresh(self, step: int, steps: int) -> None:
        """Draw the randomness of ``steps`` steps from global step ``step`` on."""
        self._executor.refresh(step, steps)

    def run(self, part: ChunkPart, stopped: Callable[[], bool]) -> int:
        """Move the members by the batches of a chunk that are left; return which are done.

        Args:
            part: batches, some of which may be done already.
            stopped: asked before each: whether to end here.
        """
        done = part.done
        for args in part.batches():
            if stopped():
                break
            self(*args)
            done += 1
        return done

    def count(self, sums: MetricSums, part: ChunkPart, done: int) -> None:
        """Add the losses of the steps of a chunk that :meth:`run` has taken, as far as it came."""
        with self._group.counted(sums) as own:
            own.add(part.logits, part.chunk, slice(part.done, done))

    def __call__(
        self,
        logits: Tensor,
        values: StepValues,
        x: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
    ) -> None:
        """Move all members by one batch; ``logits`` (K, C, B) get those from before the move."""
        self.compute(logits, values, x, target, weight)
        # Decoupled L2 and the rule's own decay act on the weights before the update, as in AdamW.
        self._decay(values)
        # Segment by segment, so that parameters, gradients and slots stay in the cache.
        for update, p, g, slots, cut in self._segments:
            update(p, g, slots, values.updates[cut])
        # Decoupled L1 comes last, or the update would move weights off their exact zeros.
        for shrink in self._after:
            shrink(values.strengths[shrink.number])
        for constraint, limit, view in self._constraints:
            constraint.apply(view, limit)
        if values.ema_weight is not None:
            self._mix(values.ema_weight)

    def compute(
        self,
        logits: Tensor,
        values: StepValues,
        x: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
    ) -> None:
        """Compute the gradients of loss and penalties, clipped, and move nothing."""
        self._executor.forward(x)
        # The executor's own logits are overwritten by the next step; these wait for the metrics of
        # a whole chunk.
        logits.copy_(self._logits)
        delta = self._loss.delta(logits, target, self._delta, self._loss_hypers)
        if weight is not None:
            delta.mul_(weight)
        delta = delta.transpose(1, 2)
        if self._delta_rows is not None:
            # One copy, or both products of the output layer would read a transposed matrix.
            delta = self._delta_rows.copy_(delta)
        self._executor.backward(delta)
        self._share.add_up(self._gradients)
        for (penalty, pairs), strength in zip(self._penalties, values.strengths, strict=True):
            if not penalty.decoupled:
                for view, grad in pairs:
                    penalty.add_gradient(view, strength, grad)
        for grad, frozen in self._idle:
            # Filled and not multiplied: 0 · NaN would be NaN.
            grad.masked_fill_(frozen, 0)
        for clipping, limit in self._clipping:
            clipping.apply(self._grads, limit)

    def _bind_weights(self, stack: Stack) -> None:
        """Make the views that penalties, constraints, clipping and averaging work on."""
        first, k, layout = stack.members[0], stack.k, stack.network.parameters
        flat, groups = stack.weights.parameters, stack.step_schedule.groups
        weights, grads = layout.weights(flat, k), layout.weights(stack.gradients, k)
        taught = {number for group in groups for number in group.weights}
        self._penalties = [
            (each, [(weights[n], grads[n]) for n in sorted(taught) if covers(each, n)])
            for each in first.penalties
        ]
        shares = [(group, n, weights[n][group.members]) for group in groups for n in group.weights]
        self._constraints = [
            (each, limit[group.members] if isinstance(limit, Tensor) else limit, view)
            for each, limit in zip(first.constraints, stack.limits("constraints"), strict=True)
            for group, n, view in shares
            if covers(each, n)
        ]
        self._cut_weights = [
            [weights[n][cut.members] for n in cut.weights]
            for cut in stack.step_schedule.update_groups
        ]
        self._bind_decay(stack, shares)
        self._bind_gradients(stack, layout)
        # Averaged weights lie in a slot like the optimizer's, so that they are selected and saved
        # with them; without averaging the views below are never used.
        average = stack.weights.slots.get("average", flat)
        self._flat = average, flat
        self._layers = list(zip(layout.views(average, k), layout.views(flat, k), strict=True))

    def _bind_decay(
        self, stack: Stack, shares: Sequence[tuple[ParameterGroup, int, Tensor]]
    ) -> None:
        """Find what decoupled penalties do before each update, and after it."""
        shrinks = []
        for group, n, view in shares:
            factors = torch.tensor(group.rates, dtype=torch.float64, device=view.device)
            members = None if group.default_rates and len(view) == stack.k else group.members
            shrinks += [
                _Shrink(each, number, view, members, collapsed(factors, view.dtype))
                for number, each in enumerate(stack.members[0].penalties)
                if each.decoupled and covers(each, n)
            ]
        self._before = [shrink for shrink in shrinks if not shrink.penalty.proximal]
        self._after = [shrink for shrink in shrinks if shrink.penalty.proximal]

    def _bind_gradients(self, stack: Stack, layout: Layout) -> None:
        """Find the gradients that are clipped, and those of frozen layers, which mustn't count.

        An update rule never sees the latter; a norm of all gradients and a minimizer would.
        """
        first, groups = stack.members[0], stack.step_schedule.groups
        views = layout.views(stack.gradients, stack.k)
        taught = sorted({layer for group in groups for layer in group.layers})
        self._grads = [views[layer] for layer in taught]
        clipping = zip(first.gradient_clipping, stack.limits("gradient_clipping"), strict=True)
        self._clipping = list(clipping) if taught else []
        counted: Sequence[int] = taught if first.gradient_clipping else ()
        if isinstance(first.optimizer, Minimizer):
            counted = range(len(views))
        learns = learners(groups, stack.network, stack.k)
        self._idle = [
            (views[layer], ~torch.tensor(learns[layer], device=views[layer].device)[:, None, None])
            for layer in counted
            if not all(learns[layer])
        ]

    def _decay(self, values: StepValues) -> None:
        """Let decoupled penalties, and the rule's own decay, act on the weights."""
        for shrink in self._before:
            shrink(values.strengths[shrink.number])
        for coefficients, views in zip(values.updates, self._cut_weights, strict=True):
            factor = coefficients.get("shrink")
            if factor is not None:
                factor = factor.view(-1, 1, 1) if isinstance(factor, Tensor) else factor
                for view in views:
                    view.mul_(factor)

    def _mix(self, ema_weight: Strength) -> None:
        """Move the averaged weights towards the new ones."""
        if isinstance(ema_weight, float):
            # All members share the weight: one call on the whole buffer.
            self._flat[0].lerp_(self._flat[1], ema_weight)
            return
        for average, view in self._layers:
            average.lerp_(view, ema_weight)


def covers(rule: Penalty | Constraint, weights: int) -> bool:
    """Return whether a rule is for a layer with weights."""
    return not rule.only or weights in rule.only
