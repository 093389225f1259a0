"""Gradient descent, plain or with momentum."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from wellfit.core.hyper import fraction, hyper, nonnegative
from wellfit.core.stacking import add_scaled
from wellfit.optim.optimizers.base import Coefficients, Optimizer, Slots


class SGD(Optimizer, name="sgd"):
    r"""b ← μ b + g; p ← p - η b, or with Nesterov's look-ahead p ← p - η (g + μ b).

    Source: Robbins and Monro, 1951; momentum, Polyak, 1964; Nesterov, 1983, in the form of
    Sutskever, Martens, Dahl and Hinton, 2013.

    >>> SGD(learning_rate=0.1, momentum=0.9).slots()
    ('momentum',)
    """

    has_fused_kernel: ClassVar[bool] = True

    learning_rate: float = nonnegative("step size η", default=0.01, search=(1e-4, 1))
    momentum: float = fraction("share μ of the last step kept", default=0.0, search=(0, 0.99))
    nesterov: bool = hyper("look ahead along the momentum", default=False)

    def slots(self) -> tuple[str, ...]:
        """Return the momentum's buffer, if there is momentum."""
        return ("momentum",) if self.momentum or self.nesterov else ()

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return the learning rate and the momentum."""
        return {"learning_rate": rate, "momentum": hypers["momentum"]}

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move along the momentum, or the gradient where there is none."""
        # A float means that all members share the coefficients, which the fused kernel requires.
        if isinstance(c["learning_rate"], float) and (c["momentum"] or "momentum" not in slots):
            self._fused_update(p, g, slots, c)
            return
        if "momentum" in slots:
            velocity = _kept(slots["momentum"], c["momentum"], g)
            g = add_scaled(g, velocity, c["momentum"]) if self.nesterov else velocity
        add_scaled(p, g, c["learning_rate"], sign=-1)

    def _fused_update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Do the same in one pass over memory, by the kernel behind torch.optim.SGD(fused).

        It refuses a momentum of 0, to which a schedule may come, beside a buffer.
        """
        torch._fused_sgd_(
            [p],
            [g],
            [slots["momentum"]] if "momentum" in slots else [],
            weight_decay=0.0,
            momentum=c["momentum"],
            lr=c["learning_rate"],
            dampening=0.0,
            nesterov=self.nesterov,
            maximize=False,
            # The buffer starts at zero, which makes the first step b = g without a special case.
            is_first_step=False,
        )


def _kept(velocity: Tensor, share: Tensor | float, g: Tensor) -> Tensor:
    """Let ``velocity`` become share · velocity + g, and return it."""
    if isinstance(share, Tensor):
        return torch.addcmul(g, velocity, share, out=velocity)
    return velocity.mul_(share).add_(g)
