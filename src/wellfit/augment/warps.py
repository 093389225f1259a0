"""Augmentations that move pixels: shift, rotation, scale, shear and elastic distortion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor

from wellfit.augment.base import Augmentation, AugmentationOp, AugmentContext, as_normal
from wellfit.augment.warping import AffineWarp, Hypers, Warping, matrix
from wellfit.core.hyper import hyper
from wellfit.core.rng import Bits


class Shift(AffineWarp, name="shift"):
    r"""new(x, y) = old(x - a, y - b), with a and b uniform in ±``pixels``.

    By whole pixels, unless ``whole`` is False: alone, that is a copy and no resampling.

    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", 1998.

    >>> Shift(2).pixels
    2
    """

    draws: ClassVar[int] = 2

    pixels: float = hyper("furthest move", default=2.0, low=0, search=(0, 4), per_member=True)
    whole: bool = hyper("whether by whole pixels only", default=True)

    def offsets(self, u: Sequence[Tensor], hypers: Hypers) -> tuple[Tensor, Tensor] | None:
        """Return whole numbers, all of them within ±pixels alike."""
        if not self.whole:
            return None
        most = hypers["pixels"].floor()
        right, down = (((part + 1) * (most + 0.5)).floor() - most for part in u)
        return right.long(), down.long()

    def matrix(self, u: Sequence[Tensor], hypers: Hypers) -> Tensor:
        """Return [1 0 -a; 0 1 -b]."""
        right, down = self.offsets(u, hypers) or (part * hypers["pixels"] for part in u)
        return matrix(u[0], [[1, 0, -right], [0, 1, -down]])


class Rotation(AffineWarp, name="rotation"):
    r"""Turns the image about its middle by an angle uniform in ±``degrees``.

    Source: Cireşan, Meier, Gambardella and Schmidhuber, "Deep, big, simple neural nets for
    handwritten digit recognition", 2010.

    >>> Rotation(15).degrees
    15
    """

    degrees: float = hyper(
        "largest angle", default=10.0, low=0, high=180, search=(0, 25), per_member=True
    )

    def matrix(self, u: Sequence[Tensor], hypers: Hypers) -> Tensor:
        """Return [cos -sin 0; sin cos 0]: anticlockwise for u > 0."""
        angle = (u[0] * hypers["degrees"]).deg2rad()
        sine, cosine = angle.sin(), angle.cos()
        return matrix(angle, [[cosine, -sine, 0], [sine, cosine, 0]])


class Scale(AffineWarp, name="scale"):
    r"""Enlarges about the middle by (1 + ``zoom``)ᵘ, u uniform in ±1: as often as it shrinks.

    Both directions alike, unless ``keep_aspect`` is False.

    Source: Cireşan, Meier, Gambardella and Schmidhuber, "Deep, big, simple neural nets for
    handwritten digit recognition", 2010.

    >>> Scale(0.25).zoom  # from 0.8 to 1.25 of the size
    0.25
    """

    draws: ClassVar[int] = 2

    zoom: float = hyper(
        "how much larger at most", default=0.1, low=0, search=(0, 0.3), per_member=True
    )
    keep_aspect: bool = hyper("whether width and height grow alike", default=True)

    def matrix(self, u: Sequence[Tensor], hypers: Hypers) -> Tensor:
        """Return [1/a 0 0; 0 1/b 0]."""
        across, down = u[0], u[0] if self.keep_aspect else u[1]
        base = 1 + hypers["zoom"]
        return matrix(across, [[base**-across, 0, 0], [0, base**-down, 0]])


class Shear(AffineWarp, name="shear"):
    r"""Slants upright lines by an angle uniform in ±``degrees``; rows of pixels stay rows.

    Source: Cireşan, Meier, Gambardella and Schmidhuber, "Deep, big, simple neural nets for
    handwritten digit recognition", 2010.

    >>> Shear(15).degrees
    15
    """

    degrees: float = hyper(
        "largest slant",
        default=10.0,
        low=0,
        high=90,
        open_high=True,
        search=(0, 25),
        per_member=True,
    )

    def matrix(self, u: Sequence[Tensor], hypers: Hypers) -> Tensor:
        """Return [1 tan 0; 0 1 0]: to the right, like italics, for u > 0."""
        return matrix(u[0], [[1, (u[0] * hypers["degrees"]).deg2rad().tan(), 0], [0, 1, 0]])


class Elastic(Augmentation, name="elastic"):
    r"""Moves every pixel by ``alpha`` · (Gaussian of width ``sigma`` ∗ noise uniform in ±1).

    The paper's field, computed by its waves: smoothing multiplies the one of frequency ω by
    exp(-σ²ω²/2), so that few are left, and only these are drawn (normal, of the same variance).
    At the border the noise is mirrored. The paper took 34 and 4, a standard deviation of 1.4
    pixels in each direction; the default is milder.

    Source: Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied
    to visual document analysis", 2003.

    >>> Elastic(alpha=30).sigma
    4.0
    """

    alpha: float = hyper(
        "strength of the distortion", default=20.0, low=0, search=(0, 40), per_member=True
    )
    sigma: float = hyper(
        "pixels over which neighbours move alike",
        default=4.0,
        low=0,
        search=(3, 8),
        per_member=True,
    )

    @classmethod
    def bind(cls, configs: Sequence[Self], context: AugmentContext) -> AugmentationOp:
        """Return the op, bound to ``context``."""
        return Warping(context, [], Waves(configs, context))


_WEAKEST = 1e-3  # waves that smoothing leaves weaker than this are left out


class Waves:
    """A smooth random field as a sum of cosines (the inverse of the cosine transform DCT-II)."""

    def __init__(self, configs: Sequence[Elastic], context: AugmentContext) -> None:
        assert context.image is not None
        sigmas = [float(config.sigma) for config in configs]
        self._height, height_share = _cosines(context.image.height, sigmas, context)
        self._width, width_share = _cosines(context.image.width, sigmas, context)
        # Uniform noise in ±1 has the variance 1/3.
        strength = context.hypers(configs)["alpha"] / math.sqrt(3)
        self._strength = strength[..., None] * height_share[..., None] * width_share[:, None]
        self._shape = self._strength.shape
        # A key for each wave: how many there are must not change those of another stream.
        keys = [context.keys(i, j) for i in range(self._shape[1]) for j in range(self._shape[2])]
        self._bits = Bits(torch.stack(keys, 1).view(-1), (2, context.batch), context.steps)

    def __call__(self, step: int, steps: int) -> Tensor:
        """Return the field (n, S, B, 2, height, width) of the batches from ``step`` on."""
        bits = self._bits.draw(step)[:steps]
        waves = as_normal(bits, self._strength.dtype).view(steps, *self._shape, *bits.shape[2:])
        waves *= self._strength[..., None, None]
        # (height waves, n, S, B, 2, width waves), so that both sums are one product each.
        waves = waves.permute(2, 0, 1, 5, 4, 3) @ self._width
        field = self._height.T @ waves.flatten(1)
        return field.view(-1, *waves.shape[1:]).permute(1, 2, 3, 4, 0, 5)


def _cosines(size: int, sigmas: Sequence[float], context: AugmentContext) -> tuple[Tensor, Tensor]:
    """Return cosines (waves, size) of norm 1, and what smoothing leaves of each, (S, waves)."""
    frequency = torch.arange(size, dtype=torch.float64) * math.pi / size
    smoothed = torch.tensor(sigmas, dtype=torch.float64)[:, None] * frequency
    share = smoothed.square().div(-2).exp()
    share[share < _WEAKEST] = 0
    waves = int((share > 0).any(0).sum())
    cosines = (frequency[:waves, None] * (torch.arange(size) + 0.5)).cos()
    cosines /= cosines.norm(dim=1, keepdim=True)
    return cosines.to(context.exact).to(context.device), share[:, :waves].to(context.exact).to(
        context.device
    )
