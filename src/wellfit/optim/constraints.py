r"""Constraints that weights (never biases or scales) are held to after every update.

A layer's weights come as (K, in, out), limits as (K, 1, 1), or as a number that all members share.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from wellfit.core.hyper import Config, hyper, positive
from wellfit.optim.penalties import Strength


class Constraint(Config, family="constraint"):
    """A constraint on weights.

    >>> weight = torch.tensor([[[3.0], [4.0]]])
    >>> MaxNorm(1.0).apply(weight, 1.0)
    >>> weight.flatten().tolist()
    [0.6000000238418579, 0.800000011920929]
    """

    limit: float = positive("what is not to be passed", default=3.0, search=(0.5, 8))
    only: tuple[int, ...] = hyper(
        "the layers with weights that it is for, from 0; all where empty", default=()
    )

    @abstractmethod
    def apply(self, weight: Tensor, limit: Strength) -> None:
        """Move one layer's weights in place to the nearest that fulfil it."""


class MaxNorm(Constraint, name="max_norm"):
    r"""‖w‖₂ ≤ limit for the incoming weights w of every unit; longer ones are cut to the limit.

    Source: Srebro, Rennie and Jaakkola, "Maximum-margin matrix factorization", 2005; with
    dropout, Srivastava et al., 2014.

    >>> MaxNorm(2.0)
    MaxNorm(limit=2.0)
    """

    def apply(self, weight: Tensor, limit: Strength) -> None:
        """Scale the columns that are too long."""
        # torch.linalg.vector_norm takes eight times as long along this axis.
        norm = weight.square().sum(1, keepdim=True).sqrt_()
        # A unit of zero weights has norm 0; the tiny number keeps 0 · (limit / 0) from being NaN.
        weight.mul_((limit / norm.clamp_(min=torch.finfo(norm.dtype).tiny)).clamp_(max=1))
