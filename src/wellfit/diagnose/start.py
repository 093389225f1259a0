"""A network before its first step, in double precision: losses, outputs and gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from wellfit.fitting import TrainingJob
from wellfit.fitting.runner import weights_at_start
from wellfit.nn import Activate, Linear, Loss, SubmodelLinear
from wellfit.optim import LayerRates
from wellfit.training import Member, Rows, Stack, Stream, Weights
from wellfit.training.step import Step


class Signal(NamedTuple):
    """What an activation layer passes on: shares of its units, and the spread over the rows.

    ``spread`` is the usual standard deviation of a unit's output over the rows. ``dead`` is the
    share of units whose slope is 0 in all rows; ``flat`` that of outputs with a slope below
    0.01.
    """

    spread: float
    dead: float
    flat: float


class Start:
    """Members at their first weights, on all of some rows as one batch.

    Args:
        prepared: the estimator's training, which holds where they begin.
        members: of one structure; layers that are to stay frozen have gradients here too.
        rows: in double precision.
    """

    def __init__(self, prepared: TrainingJob, members: Sequence[Member], rows: Rows) -> None:
        first, batch = members[0], len(rows)
        ids = torch.arange(batch)
        self.stack = Stack(
            [member.replace(layer_rates=LayerRates()) for member in members],
            weights_at_start(prepared, members, rows, [Stream(np.arange(batch))]),
        )
        self.x = rows.features(ids).expand(len(members), -1, -1)
        target = rows.targets(ids[None], first.loss, first.network.outputs)
        # Submodels have logits of their own, each of which is compared with the target.
        self.target = target.repeat_interleave(first.network.logit_rows, dim=-1)
        self.loss, self.batch = first.loss, batch

    def losses(self) -> Tensor:
        """Return the mean loss of each member (K,), penalties left out."""
        executor = self.stack.executor(self.batch, 1)
        executor.refresh(0, 1)
        logits = executor.forward(self.x).transpose(1, 2)
        return self.loss.value(logits, self.target, self.stack.loss).mean(-1)

    def penalties(self) -> Tensor:
        """Return what the penalties in the loss add to it, (K,)."""
        stack, total = self.stack, torch.zeros(self.stack.k, dtype=torch.float64)
        weights = stack.network.parameters.weights(stack.weights.parameters, stack.k)
        for penalty in stack.members[0].penalties:
            for index, view in enumerate(weights):
                if not penalty.decoupled and (not penalty.only or index in penalty.only):
                    total += penalty.value(view, penalty.strength)
        return total

    def gradients(self) -> list[Tensor]:
        """Return the gradient of loss and penalties by each layer's parameters, (K, r, c)."""
        stack = self.stack
        step = Step(stack, self.batch, 1)
        step.refresh(0, 1)
        target = self.target.expand(stack.k, -1, -1)
        shape = stack.k, stack.network.outputs, target.shape[-1]
        logits = torch.empty(shape, dtype=torch.float64)
        step.compute(logits, next(stack.step_schedule.values(0, 1)), self.x, target)
        return stack.network.parameters.views(stack.gradients, stack.k)

    def signals(self) -> list[Signal]:
        """Return what the first member's activation layers pass on, from the input upwards."""
        executor = self.stack.executor(self.batch, 1)
        executor.forward(self.x)
        outputs = [tensor[0] for _, tensor in executor.outputs()]
        before = [self.x[0, :, :-1], *outputs]
        layers = self.stack.network.layers
        return [
            signal_of(layer, z, out)
            for layer, z, out in zip(layers, before, outputs, strict=False)
            if isinstance(layer, Activate)
        ]


def signal_of(layer: Activate, z: Tensor, out: Tensor) -> Signal:
    """Return what an activation layer passes on: outputs (rows, units) of its inputs z."""
    spread = float(out.std(0, correction=min(1, len(out) - 1)).median())
    if layer.activation.parameters(1).rows:  # its slope is a matter of what it has learned
        return Signal(spread, 0.0, 0.0)
    slope = layer.activation.backward(torch.ones_like(z), z.clone(), out.clone()).abs()
    return Signal(
        spread, float((slope < 1e-9).all(0).double().mean()), float((slope < 0.01).double().mean())
    )


def best_losses(
    loss: Loss,
    outputs: int,
    target: Tensor,
    judged: Tensor | None = None,
    *,
    each: bool = False,
    doubt: float = 0.0,
) -> NDArray[np.float64]:
    """Return every row's loss (N,) where all rows get the same outputs, the best for ``target``.

    Args:
        loss: any loss.
        outputs: how many a row has.
        target: encoded targets (…, N) to choose the outputs by.
        judged: encoded targets to compute the losses of; else ``target``.
        each: let every row of ``target`` have the best outputs for itself: what can't be beaten.
        doubt: of half the square of the outputs this much is added to the summed loss, so that
            they stay moderate: a class that isn't among ``target`` may be among ``judged``.

    >>> from wellfit.nn import SoftmaxCrossEntropy
    >>> one_hot = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]], dtype=torch.float64)
    >>> losses = best_losses(SoftmaxCrossEntropy(), 2, one_hot)
    >>> losses.mean().round(4)  # the entropy of 1/4 and 3/4
    np.float64(0.5623)
    """
    wanted = target.double()
    shape = (outputs, wanted.shape[-1] if each else 1)

    def spread(flat: NDArray[np.float64], rows: int) -> Tensor:
        return torch.from_numpy(flat).view(shape).expand(outputs, rows).contiguous()[None]

    def lowered(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = spread(flat, wanted.shape[-1])
        delta = loss.delta(z, wanted[None], torch.empty_like(z))[0]
        slope = delta if each else delta.sum(1, keepdim=True)
        value = float(loss.value(z, wanted[None]).sum()) + doubt * float(flat @ flat) / 2
        return value, slope.numpy().ravel() + doubt * flat

    found = minimize(lowered, np.zeros(int(np.prod(shape))), jac=True, method="L-BFGS-B")
    known = wanted if judged is None else judged.double()
    z = spread(found.x, known.shape[-1])
    return loss.value(z, known[None])[0].numpy()


def hidden_weights(prepared: TrainingJob) -> list[Tensor]:
    """Return the first weights (inputs + 1, units) of the hidden linear layers."""
    network = prepared.member.network
    cpu = torch.device("cpu")
    if prepared.start is None:
        weights = Weights.initial([prepared.member], torch.float64, cpu)
    else:
        weights = prepared.start.to(torch.float64, cpu)
    views = network.parameters.views(weights.parameters, 1)
    linear = [
        view[0]
        for layer, view in zip(network.layers, views, strict=True)
        if isinstance(layer, Linear | SubmodelLinear)
    ]
    return linear[:-1]
