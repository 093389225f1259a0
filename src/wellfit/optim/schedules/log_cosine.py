"""The schedule of cosine waves over the logarithm of time."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from wellfit.core.hyper import hyper
from wellfit.optim.schedules.base import Hypers, Schedule, share_done


class LogCosine(Schedule, name="log_cosine"):
    r"""factor = (1 - cos(2π log₂(1 + (2ⁿ - 1) t))) / 2, at the share t of the run, for n waves.

    From 0 up to the full rate and down to 0, n times, each wave twice as long as the one before.
    The rate is low at the end of each wave, so that a network that over-fits early has had its low
    rates early as well: early stopping finds good weights at more than one length of training.

    Source: "coslog₄" of Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned
    MLPs and boosted trees on tabular data", 2024.

    >>> schedule, total = LogCosine(waves=2), torch.tensor([30.0])
    >>> steps = torch.tensor([[0.0], [4.142], [10.0], [30.0]])
    >>> schedule.factor(steps, total, per_epoch=10, hypers={}).flatten().round(decimals=3).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """

    waves: int = hyper("n, of waves; each lasts twice as long as the one before", default=4, low=1)

    def factor(self, steps: Tensor, total: Tensor, per_epoch: int, hypers: Hypers) -> Tensor:
        """Return the waves' heights."""
        wave = torch.log2(1 + (2**self.waves - 1) * share_done(steps, total))
        return (1 - torch.cos(2 * math.pi * wave)) / 2
