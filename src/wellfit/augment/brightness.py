"""Pictures made lighter or darker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from wellfit.augment.base import Augmentation, AugmentationOp, AugmentContext, Draws, Examples
from wellfit.core.hyper import hyper


class Brightness(Augmentation, name="brightness"):
    r"""new = old + ``delta`` · u, one u uniform in ±1 for all features of a row.

    Nothing is clipped, as with noise: features that were standardized have no range to be clipped
    to. No image shape is needed.

    Source: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional
    neural networks", 2012, change intensities; the form is that of Howard, "Some improvements on
    deep convolutional neural network based image classification", 2013.

    >>> Brightness(0.2).delta
    0.2
    """

    needs_image: ClassVar[bool] = False

    delta: float = hyper(
        "largest change, in units of the features; pixels are from 0 to 1",
        default=0.2,
        low=0,
        search=(0, 0.5),
        per_member=True,
    )

    @classmethod
    def bind(cls, configs: Sequence[Self], context: AugmentContext) -> AugmentationOp:
        """Return the op, bound to ``context``."""
        return _BrightnessOp(configs, context)


class _BrightnessOp(AugmentationOp):
    def __init__(self, configs: Sequence[Brightness], context: AugmentContext) -> None:
        self._delta, self._draws = context.hypers(configs)["delta"], Draws(context, 1)

    def __call__(self, examples: Examples, step: int) -> None:
        x = examples.x
        (u,) = self._draws(step, examples.steps)
        x[..., :-1].add_((u * self._delta).to(x.dtype).unsqueeze(-1))
