"""Sparse weights: follow the regularized leader."""

from __future__ import annotations

import torch
from torch import Tensor

from wellfit.core.hyper import hyper, nonnegative, positive
from wellfit.core.stacking import add_scaled
from wellfit.optim.optimizers.base import Coefficients, Optimizer, Slots, fast_sqrt


class FTRL(Optimizer, name="ftrl"):
    r"""w = argmin over w of Σ gₛ w + Σ σₛ (w - wₛ)² / 2 + λ₁ |w| + λ₂ w² / 2, after every step.

    "FTRL-Proximal". The sums run over all steps s so far, and σ₁ + … + σₜ = 1/ηₜ, where
    ηₜ = α / (β + √Σ gₛ²) is each parameter's own step size and α the learning rate. The minimum
    has a closed form, which is exactly zero where λ₁ outweighs the rest. Without λ₁ and λ₂ this is
    p ← p - ηₜ g, a form of AdaGrad.

    λ₁ meets the gradients' sum and not each gradient: it counts once, however many the steps. It
    acts on all parameters alike, biases too. Where α λ₁ / β is above the largest first weight, all
    become zero in the first step; a schedule that lets λ₁ rise avoids that.

    Source: McMahan et al., "Ad click prediction: a view from the trenches", 2013, algorithm 1,
    which this is where weights start at zero; others stay near their start, as (w - w₁)² asks.

    >>> FTRL(l1=0.5).slots()
    ('force', 'square')
    """

    learning_rate: float = nonnegative(
        "α, the step size before gradients add up", default=0.1, search=(1e-3, 10)
    )
    l1: float = nonnegative("λ₁: the larger, the more zeros", default=0.0, search=(1e-2, 10))
    l2: float = nonnegative(
        "λ₂: the larger, the smaller the weights", default=0.0, search=(1e-4, 1)
    )
    beta: float = positive("β, keeps the first steps small", default=1.0, search=(1e-2, 10))
    power: float = hyper(
        "of Σ g² in the step size; 0.5 is the root",
        default=0.5,
        low=0,
        high=1,
        search=(0.25, 0.75),
        per_member=True,
    )

    def slots(self) -> tuple[str, ...]:
        r"""Return what pulls at each parameter, and the sum of its squared gradients.

        The paper's z is "force" - w/η. Without w/η in it, what is remembered stays true when the
        learning rate changes from step to step.
        """
        return ("force", "square")

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        r"""Return the two numbers that make 1/η = a √Σg² + b, and the rest as it is."""
        rate = rate.clamp(min=1e-30)  # moves nothing, and can be divided by
        rooted = bool((hypers["power"] == 0.5).all())  # several times as fast as a power
        kept = {key: hypers[key] for key in ("l1", "l2", *(() if rooted else ("power",)))}
        return {"a": 1 / rate, "b": hypers["beta"] / rate, **kept}

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move to the minimum."""
        force, square = slots["force"], slots["square"].addcmul_(g, g)
        stiffness = (
            square.pow(c["power"]) if "power" in c else fast_sqrt(square, torch.empty_like(square))
        )
        stiffness.mul_(c["a"]).add_(c["b"])
        # The minimum is at (±λ₁ - z) / (stiffness + λ₂) where |z| > λ₁, with the sign of z, else
        # at 0.
        z = force.add_(g).addcmul_(stiffness, p, value=-1)
        borne = torch.clamp(z, -c["l1"], c["l1"], out=g)  # all of z where the minimum is zero
        # clamp(z) - z is -z shrunk towards zero by λ₁, and exactly 0 within it: no comparison
        # needed.
        torch.sub(borne, z, out=p).div_(stiffness.add_(c["l2"]))
        add_scaled(force.copy_(borne), p, c["l2"], sign=-1)
