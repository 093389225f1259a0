"""Pictures with more or less contrast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from wellfit.augment.base import Augmentation, AugmentationOp, AugmentContext, Draws, Examples
from wellfit.core.hyper import hyper


class Contrast(Augmentation, name="contrast"):
    r"""new = mean + (1 + ``factor`` · u) (old - mean), one u uniform in ±1 for a row.

    The mean is that of the row's pixels, of each channel by itself. Nothing is clipped.

    Source: Howard, "Some improvements on deep convolutional neural network based image
    classification", 2013; the mean of each channel as in TensorFlow's ``adjust_contrast``.

    >>> Contrast(0.5).factor
    0.5
    """

    factor: float = hyper(
        "largest change of a pixel's distance from the mean, a share of it",
        default=0.3,
        low=0,
        high=1,
        search=(0, 0.8),
        per_member=True,
    )

    @classmethod
    def bind(cls, configs: Sequence[Self], context: AugmentContext) -> AugmentationOp:
        """Return the op, bound to ``context``."""
        return _ContrastOp(configs, context)


class _ContrastOp(AugmentationOp):
    def __init__(self, configs: Sequence[Contrast], context: AugmentContext) -> None:
        assert context.image is not None
        self._image, self._draws = context.image, Draws(context, 1)
        self._factor = context.hypers(configs)["factor"]

    def __call__(self, examples: Examples, step: int) -> None:
        (u,) = self._draws(step, examples.steps)
        pixels = self._image.of(examples.x)
        mean = pixels.mean((1, 2), keepdim=True)
        factor = (1 + u * self._factor).to(pixels.dtype).view(-1, 1, 1, 1)
        pixels.sub_(mean).mul_(factor).add_(mean)
