"""The objective that training lowers: the loss, and the penalties on weights."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.training.metric_sums import Metrics
from wellfit.training.parameter_groups import learners
from wellfit.training.stack import Stack
from wellfit.training.step import covers


def with_objectives(metrics: Metrics, stack: Stack, step: int, per_epoch: int) -> Metrics:
    """Return the metrics of an epoch with the losses that penalties are added to.

    ``objective`` is the mean loss of the epoch and the penalties of the weights at its end,
    ``val_objective`` the same of the validation rows and the weights that predict. Penalties of
    frozen layers don't count, nor do decoupled ones, which are part of no function that training
    lowers. Nothing is added where no others are left: the objective is the loss.

    Args:
        metrics: each (K,).
        stack: the members.
        step: the global number of the epoch's last step, whose strengths count.
        per_epoch: steps of an epoch.
    """
    if all(each.decoupled for each in stack.members[0].penalties):
        return metrics
    weights = stack.weights
    now = penalties(stack, weights.parameters, step, per_epoch)
    added = {"objective": metrics["loss"] + now}
    if "val_loss" in metrics:
        flat = weights.for_prediction().parameters
        # The same memory, but where averaged weights predict.
        own = now if flat is weights.parameters else penalties(stack, flat, step, per_epoch)
        added["val_objective"] = metrics["val_loss"] + own
    return metrics | added


def penalties(stack: Stack, flat: Tensor, step: int, per_epoch: int) -> NDArray[np.float64]:
    """Return the sum of each member's penalties (K,) on weights that lie in ``flat``."""
    schedule, first, device = stack.step_schedule, stack.members[0], flat.device
    total = torch.zeros(stack.k, dtype=torch.float64, device=device)
    views = stack.network.parameters.weights(flat, stack.k)
    shapes = stack.network.parameters.shapes
    learns = learners(schedule.groups, stack.network, stack.k)
    learned = [learns[layer] for layer, shape in enumerate(shapes) if shape.weight_rows]
    strengths = schedule.scheduled.penalty_strengths(step, per_epoch)
    for penalty, strength in zip(first.penalties, strengths, strict=True):
        if penalty.decoupled:
            continue
        factor = strength.to(flat.dtype).view(-1, 1, 1)
        for number, view in enumerate(views):
            if covers(penalty, number):
                counts = torch.tensor(learned[number], device=device)
                total += torch.where(counts, penalty.value(view, factor), 0)
    return total.cpu().numpy()
