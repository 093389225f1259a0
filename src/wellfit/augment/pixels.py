"""Augmentations that change pixels where they are: noise and erasing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor

from wellfit.augment.base import (
    Augmentation,
    AugmentationOp,
    AugmentContext,
    Draws,
    Examples,
    as_normal,
)
from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper
from wellfit.core.rng import Bits


class Noise(Augmentation, name="noise"):
    r"""new = old + ``std`` · ε, with ε normal, anew for every feature of every row.

    Nothing is clipped: that would brighten a dark background on average, and features that were
    standardized have no range to be clipped to. No image shape is needed.

    Source: Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995.

    >>> Noise(0.2).std
    0.2
    """

    needs_image: ClassVar[bool] = False

    std: float = hyper(
        "standard deviation, in units of the features",
        default=0.1,
        low=0,
        search=(0, 0.5),
        per_member=True,
    )

    @classmethod
    def bind(cls, configs: Sequence[Self], context: AugmentContext) -> AugmentationOp:
        """Return the op, bound to ``context``."""
        return _NoiseOp(context.hypers(configs)["std"].to(context.dtype), context)


class _NoiseOp(AugmentationOp):
    def __init__(self, std: Tensor, context: AugmentContext) -> None:
        self._std = std.unsqueeze(-1)
        self._bits = Bits(context.keys(), (context.batch, context.features), context.steps)

    def __call__(self, examples: Examples, step: int) -> None:
        x = examples.x
        noise = as_normal(self._bits.draw(step)[: examples.steps], x.dtype)
        x[..., :-1].addcmul_(noise, self._std)


class Erasing(Augmentation, name="erasing"):
    r"""With ``probability``, sets a rectangle at a random place to 0.

    Its area is uniform between ``smallest`` and ``largest`` (shares of the image); its height is
    (1/``aspect``)ᵘ times its width, u uniform in ±1. Where that is larger than the image, it is
    cut; the paper draws again.

    Source: Zhong, Zheng, Kang, Li and Yang, "Random erasing data augmentation", 2020.

    >>> Erasing(0.3).largest
    0.2
    """

    probability: float = hyper(
        "share of the rows that lose a rectangle",
        default=0.5,
        low=0,
        high=1,
        search=(0, 1),
        per_member=True,
    )
    smallest: float = hyper(
        "least area, a share of the image", default=0.02, low=0, high=1, per_member=True
    )
    largest: float = hyper(
        "most area, a share of the image",
        default=0.2,
        low=0,
        high=1,
        search=(0.05, 0.4),
        per_member=True,
    )
    aspect: float = hyper(
        "narrowest shape: the shorter side to the longer",
        default=0.3,
        low=0,
        high=1,
        open_low=True,
        per_member=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.smallest > self.largest:
            raise HyperparameterError(
                f"smallest of augmentation 'erasing' is {self.smallest:g}; expected at most "
                f"largest, {self.largest:g}"
            )

    @classmethod
    def bind(cls, configs: Sequence[Self], context: AugmentContext) -> AugmentationOp:
        """Return the op, bound to ``context``."""
        return _ErasingOp(configs, context)


class _ErasingOp(AugmentationOp):
    def __init__(self, configs: Sequence[Erasing], context: AugmentContext) -> None:
        assert context.image is not None
        self._image, self._hypers, self._draws = (
            context.image,
            context.hypers(configs),
            Draws(context, 5),
        )

    def __call__(self, examples: Examples, step: int) -> None:
        u, h = self._draws(step, examples.steps), self._hypers
        # Five numbers a row, each for one purpose, so that a change of one setting leaves the
        # others.
        chance, size, shape, top, left = u
        area = h["smallest"] + (size + 1) / 2 * (h["largest"] - h["smallest"])
        area = area * self._image.height * self._image.width
        ratio = h["aspect"] ** shape
        rows = _stretch(self._image.height, (area * ratio).sqrt(), top)
        columns = _stretch(self._image.width, (area / ratio).sqrt(), left)
        chosen = (chance + 1) / 2 < h["probability"]
        # An outer product of row and column masks is the rectangle.
        gone = (rows & chosen[..., None]).unsqueeze(-1) & columns.unsqueeze(-2)
        self._image.of(examples.x).masked_fill_(gone.flatten(0, 2).unsqueeze(-1), 0)


def _stretch(size: int, length: Tensor, u: Tensor) -> Tensor:
    """Return which of ``size`` pixels lie in a stretch (...) of a length at a random place.

    >>> _stretch(4, torch.tensor([2.0]), torch.tensor([0.99]))
    tensor([[False, False,  True,  True]])
    """
    length = length.round().clamp(max=size)
    start = ((u + 1) / 2 * (size - length + 1)).floor().unsqueeze(-1)
    place = torch.arange(size, device=u.device)
    return (place >= start) & (place < start + length.unsqueeze(-1))
