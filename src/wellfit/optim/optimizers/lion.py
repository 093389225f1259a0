"""Steps of one size, in the direction that the momentum points."""

from __future__ import annotations

import torch
from torch import Tensor

from wellfit.core.hyper import fraction, nonnegative
from wellfit.core.stacking import add_scaled
from wellfit.optim.optimizers.base import Coefficients, DecoupledDecay, Slots


class Lion(DecoupledDecay, name="lion"):
    r"""p ← p - η sign(β₁ m + (1-β₁) g); m ← β₂ m + (1-β₂) g; w ← w - η λ w on weights.

    Every parameter moves by η at every step, so that η should be 3 to 10 times smaller, and λ as
    much larger, than AdamW's.

    Source: Chen et al., "Symbolic discovery of optimization algorithms", 2023.

    >>> Lion().learning_rate
    0.0001
    """

    learning_rate: float = nonnegative("step size η", default=1e-4, search=(1e-6, 1e-2))
    weight_decay: float = nonnegative(
        "λ, the share of a weight lost a unit of learning rate", default=0.0, search=(1e-3, 10)
    )
    beta_1: float = fraction(
        "the mean gradient's weight in the direction", default=0.9, search=(0.8, 0.99)
    )
    beta_2: float = fraction("memory of the mean gradient", default=0.99, search=(0.9, 0.999))

    def slots(self) -> tuple[str, ...]:
        """Return the gradient's running mean."""
        return ("mean",)

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return the learning rate, the factor that shrinks weights, 1-β₁ and 1-β₂."""
        shares = {
            "one_minus_beta_1": 1 - hypers["beta_1"],
            "one_minus_beta_2": 1 - hypers["beta_2"],
        }
        return {**super().coefficients(steps, rate, hypers), **shares}

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move by the sign of mean and gradient."""
        # The direction mixes with β₁ and the memory with β₂, so the slot is updated after it is
        # read.
        direction = torch.lerp(slots["mean"], g, c["one_minus_beta_1"])
        slots["mean"].lerp_(g, c["one_minus_beta_2"])
        add_scaled(p, direction.sign_(), c["learning_rate"], sign=-1)
