"""Augmentations that mix rows with one another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, Self

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor

from wellfit.augment.base import Augmentation, AugmentationOp, AugmentContext, Examples
from wellfit.core.hyper import hyper
from wellfit.core.rng import Bits


class Mixup(Augmentation, name="mixup"):
    r"""x = λ xᵢ + (1 - λ) xⱼ and y = λ yᵢ + (1 - λ) yⱼ, with λ from Beta(``alpha``, ``alpha``).

    Row j is another of the batch; every row has a λ of its own, 1/2 at least (where it would be
    less, i and j change names). Where rows are weighted, targets
    are mixed by λ wᵢ and (1 - λ) wⱼ, and the weights themselves by λ. No image shape is needed.

    Source: Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: beyond empirical risk minimization", 2018.

    >>> Mixup(0.4).alpha
    0.4
    """

    needs_image: ClassVar[bool] = False

    alpha: float = hyper(
        "how evenly rows are mixed; 0 leaves them as they are",
        default=0.2,
        low=0,
        search=(0, 1),
        per_member=True,
    )

    @classmethod
    def bind(cls, configs: Sequence[Self], context: AugmentContext) -> AugmentationOp:
        """Return the op, bound to ``context``."""
        return _MixupOp([float(config.alpha) for config in configs], context)


_QUANTILES = 4096


@lru_cache(maxsize=64)
def _shares(alpha: float) -> Tensor:
    """Return quantiles (4096,) of 1 - λ, evenly spaced, float64."""
    if alpha == 0:
        return torch.zeros(_QUANTILES, dtype=torch.float64)
    places = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    # Beta(α, α) is symmetric: its lower half is how the smaller of λ and 1 - λ is distributed.
    return torch.as_tensor(betaincinv(alpha, alpha, places / 2))


class _MixupOp(AugmentationOp):
    def __init__(self, alphas: Sequence[float], context: AugmentContext) -> None:
        tables = torch.stack([_shares(alpha) for alpha in alphas])
        self._shares = tables.to(context.dtype).to(context.device).view(-1)
        self._bits = Bits(context.keys(), (2, context.batch), context.steps)
        streams = torch.arange(len(alphas), device=context.device)[:, None]
        self._table = streams * _QUANTILES

    def __call__(self, examples: Examples, step: int) -> None:
        order, size = self._bits.draw(step)[: examples.steps].unbind(2)
        # Sorting random keys gives a permutation a batch, for all streams and steps in one call.
        partner = order.argsort(dim=-1, stable=True)
        # The upper 12 of 16 random bits choose one of 4,096 quantiles.
        share = self._shares[self._table + ((size.int() + 32768) >> 4)]
        _mix_features(examples.x, partner, share)
        _mix_targets(examples, partner, share)


def _mix_features(x: Tensor, partner: Tensor, share: Tensor) -> None:
    """Move the rows x (n, S, B, D + 1) a share (n, S, B) of the way to their partners."""
    first = torch.arange(partner[..., 0].numel(), device=x.device) * x.shape[2]
    index = (partner + first.view(*partner.shape[:2], 1)).view(-1)
    # The partners are copied before x is overwritten: a row may be partner to another one.
    others = x.view(-1, x.shape[-1]).index_select(0, index)
    x.lerp_(others.view(x.shape), share.unsqueeze(-1))


def _mix_targets(examples: Examples, partner: Tensor, share: Tensor) -> None:
    target, weight = examples.target, examples.weight
    index, share = partner.unsqueeze(-2), share.unsqueeze(-2)
    if weight is not None:
        theirs = weight.gather(-1, index) * share
        examples.weight = weight * (1 - share) + theirs
        share = theirs / examples.weight.clamp(min=torch.finfo(weight.dtype).tiny)
    others = target.gather(-1, index.expand_as(target))
    examples.target = torch.lerp(target, others, share)
