"""Layers that disturb the units at random while training, and do nothing when predicting."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from wellfit.core.hyper import fraction, nonnegative
from wellfit.core.rng import Bits, Normals
from wellfit.nn.layers.base import Layer
from wellfit.nn.ops import BindContext, Op, collapsed

_ALPHA = -1.7580993408473766  # what selu tends to for z → -∞: -s α


class Dropout(Layer, name="dropout"):
    r"""Silences units with probability ``rate`` while training; the rest grow by 1 / (1 - rate).

    A member's masks depend on its own seed and the step alone.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to
    prevent neural networks from overfitting", 2014.

    >>> Dropout(0.2).rate
    0.2
    """

    training_only: ClassVar[bool] = True

    rate: float = fraction("share of units silenced", default=0.5, search=(0, 0.7))

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return _DropoutOp(context)


class _DropoutOp(Op):
    """Members with the same key draw bits once for all; with the same rate, they share masks."""

    def __init__(self, context: BindContext) -> None:
        super().__init__(context)
        self._rate, self._dtype = context.hypers["rate"], context.out.dtype
        self._shape, self._steps = (context.batch, context.inputs), context.steps
        self._bits = Bits(_once(context.keys), self._shape, context.steps, context.share.first)
        self._memory: dict[tuple[int, torch.dtype], Tensor] = {}
        self._masks: list[Tensor] = []
        self._mask = context.out

    def refresh(self, step: int, steps: int) -> None:
        # 16 bits a unit, so that four units share a 64-bit word.
        rate = _once(self._rate).view(1, -1, 1, 1)  # a schedule may have moved it
        threshold = Bits.threshold(rate)  # units whose bits are below it are dropped
        bits = self._bits.draw(step)
        members = max(bits.shape[1], rate.shape[1])
        # As integers: booleans in between, or memory taken anew, would take several times as long.
        kept = bits if bits.shape[1] == members else self._held(members, bits.dtype)
        torch.ge(bits[:steps], threshold, out=kept[:steps])
        masks = self._held(members, self._dtype)[:steps].copy_(kept[:steps])
        # Reversed, so that pop() hands masks out in the order of the steps.
        self._masks = list(masks.mul_(self._scale(rate).to(self._dtype)).unbind(0))[::-1]

    def _held(self, members: int, dtype: torch.dtype) -> Tensor:
        """Return memory for the masks of so many members, the same each time."""
        if (members, dtype) not in self._memory:
            shape = (self._steps, members, *self._shape)
            self._memory[members, dtype] = self.out.new_empty(shape, dtype=dtype)
        return self._memory[members, dtype]

    def _scale(self, rate: Tensor) -> Tensor:
        """Return the factor on the units that are kept."""
        return 1 / (1 - rate)

    def forward(self, x: Tensor) -> Tensor:
        self._mask = self._masks.pop()
        torch.mul(x, self._mask, out=self.out)
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        return delta.mul_(self._mask)


class MaskingNoise(Layer, name="masking_noise"):
    r"""Sets units to 0 with probability ``rate`` while training; the rest stay as they are.

    As the first layer of an autoencoder it hides a share of each row, which has to be guessed
    from what is left. Unlike dropout it doesn't scale what it leaves: rows look as they will when
    nothing is hidden, but for the gaps. A member's masks depend on its own seed and the step
    alone.

    Source: Vincent, Larochelle, Bengio and Manzagol, "Extracting and composing robust features
    with denoising autoencoders", 2008.

    >>> MaskingNoise(0.3).rate
    0.3
    """

    training_only: ClassVar[bool] = True

    rate: float = fraction("share of units set to 0", default=0.25, search=(0, 0.6))

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return _MaskingNoiseOp(context)


class _MaskingNoiseOp(_DropoutOp):
    def _scale(self, rate: Tensor) -> Tensor:
        return torch.ones_like(rate)


class AlphaDropout(Layer, name="alpha_dropout"):
    r"""Sets units to α' with probability ``rate`` while training; keeps mean and variance.

    y = a (x m + α' (1 - m)) + b, with m = 1 where a unit is kept. For q = 1 - rate,

        a = 1 / √(q (1 + α'² rate)),    b = -a rate α'

    keep mean 0 and variance 1, which selu needs; α' = -1.758 is selu's lowest value. A
    member's masks depend on its own seed and the step alone.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter, "Self-normalizing neural networks", 2017.

    >>> AlphaDropout(0.1).rate
    0.1
    """

    training_only: ClassVar[bool] = True

    rate: float = fraction(
        "share of units set to selu's lowest value", default=0.05, search=(0, 0.3)
    )

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return _AlphaDropoutOp(context)


class _AlphaDropoutOp(_DropoutOp):
    """With masks a m, y = a m (x - α') + a α' + b."""

    def __init__(self, context: BindContext) -> None:
        super().__init__(context)
        self._shift: Tensor | float = 0.0

    def refresh(self, step: int, steps: int) -> None:
        super().refresh(step, steps)
        # b = -a rate α', so a α' + b = a α' (1 - rate).
        shift = _ALPHA * (1 - self._rate) * self._scale(self._rate)  # a α' + b
        self._shift = collapsed(shift, self._dtype)

    def _scale(self, rate: Tensor) -> Tensor:
        return ((1 - rate) * (1 + _ALPHA**2 * rate)).rsqrt()

    def forward(self, x: Tensor) -> Tensor:
        self._mask = self._masks.pop()
        torch.sub(x, _ALPHA, out=self.out).mul_(self._mask).add_(self._shift)
        return self.padded_output


class GaussianNoise(Layer, name="gaussian_noise"):
    r"""y = x + ``std`` · n while training, n drawn from N(0, 1) for every unit and row.

    As the first layer it blurs inputs, which smooths what is learned much as L2 does. A member's
    noise depends on its own seed and the step alone.

    Source: Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995.

    >>> GaussianNoise(0.2).std
    0.2
    """

    training_only: ClassVar[bool] = True

    std: float = nonnegative("standard deviation of the noise", default=0.1, search=(0.01, 1))

    def bind(self, context: BindContext) -> Op:
        """Return the op, bound to ``context``."""
        return _GaussianNoiseOp(context)


class _GaussianNoiseOp(Op):
    def __init__(self, context: BindContext) -> None:
        super().__init__(context)
        self._std = context.hypers["std"]
        self._normals = Normals(
            _once(context.keys),
            (context.batch, context.inputs),
            context.steps,
            dtype=context.out.dtype,
            first_row=context.share.first,
        )
        self._noises: list[Tensor] = []

    def refresh(self, step: int, steps: int) -> None:
        noises = self._normals.draw(step)[:steps]
        std = _once(self._std).to(noises.dtype).view(1, -1, 1, 1)
        # In place unless members share their draws (1 block) but differ in std (K factors).
        noises = noises.mul_(std) if noises.shape[1] >= std.shape[1] else noises * std
        self._noises = list(noises.unbind(0))[::-1]

    def forward(self, x: Tensor) -> Tensor:
        torch.add(x, self._noises.pop(), out=self.out)
        return self.padded_output

    def backward(self, delta: Tensor) -> Tensor:
        return delta


def _once(values: Tensor) -> Tensor:
    """Return members' numbers (K,), or the one that all share as (1,)."""
    # A search mostly varies other numbers: one draw for all members saves K - 1 of them.
    return values[:1] if bool((values == values[0]).all()) else values
