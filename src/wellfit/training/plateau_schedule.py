"""The schedule that reduces the learning rate on a plateau."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wellfit.optim import Schedule
from wellfit.optim.schedules.base import Hypers
from wellfit.training.callbacks.plateau import (
    PlateauCallback,
    plateau_cooldown,
    plateau_factor,
    plateau_min_delta,
    plateau_mode,
    plateau_monitor,
    plateau_patience,
    plateau_smallest,
)


class ReduceLROnPlateau(Schedule, name="reduce_lr_on_plateau", aliases=("reduce_on_plateau",)):
    """Multiplies the learning rate by ``by`` whenever a metric no longer improves.

    After ``patience`` epochs in which the monitored metric did not improve by more than
    ``min_delta``; then for ``cooldown`` epochs nothing is counted. Each member is judged on its
    own. The work is done by a callback, :class:`~wellfit.training.PlateauCallback`.

    Source: Senior, Heigold, Ranzato and Yang, "An empirical study of learning rates in deep
    neural networks for speech recognition", 2013 (performance scheduling).

    >>> ReduceLROnPlateau(0.1, patience=3)
    ReduceLROnPlateau(by=0.1, patience=3)
    """

    by: float = plateau_factor()
    patience: int = plateau_patience()
    monitor: str = plateau_monitor()
    min_delta: float = plateau_min_delta()
    cooldown: int = plateau_cooldown()
    smallest: float = plateau_smallest()
    mode: str = plateau_mode()

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return ones: nothing depends on the step alone."""
        # A schedule is a function of the step; this one depends on metrics, so a callback scales
        # the rates instead.
        return torch.ones_like(steps * total)


def plateau_callbacks(schedules: Sequence[Schedule]) -> list[PlateauCallback]:
    """Return the callback that does the work for the members' schedules, if they need one."""
    performing = [each for each in schedules if isinstance(each, ReduceLROnPlateau)]
    if not performing:
        return []
    first = performing[0]
    return [
        PlateauCallback(
            [each.by for each in performing],
            [each.patience for each in performing],
            first.monitor,
            [each.min_delta for each in performing],
            [each.cooldown for each in performing],
            [each.smallest for each in performing],
            first.mode,
        )
    ]
