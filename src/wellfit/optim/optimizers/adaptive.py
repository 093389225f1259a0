"""Step sizes of each parameter's own, by the size of the gradients it has seen."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from wellfit.core.hyper import fraction, hyper, nonnegative, positive
from wellfit.core.stacking import add_scaled
from wellfit.optim.optimizers.adam import fused_adam
from wellfit.optim.optimizers.base import Coefficients, Optimizer, Slots, fast_sqrt, subtract_ratio

_ANY_STEP = torch.ones(())  # PyTorch's kernel wants to know the step, and doesn't use it here
_LATE = torch.tensor(1e9)  # a step at which Adam has no bias left to undo


class AdaGrad(Optimizer, name="adagrad"):
    r"""s ← s + g²; p ← p - η g / (√(s₀ + s) + ε).

    Steps only shrink: good for sparse inputs, whose weights see few gradients each.

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and
    stochastic optimization", 2011.

    >>> AdaGrad(initial=0.1)
    AdaGrad(initial=0.1)
    """

    has_fused_kernel: ClassVar[bool] = True

    learning_rate: float = nonnegative("step size η", default=0.01, search=(1e-4, 1))
    initial: float = hyper(
        "s₀, squares taken as seen before the first", default=0.0, low=0, per_member=True
    )
    epsilon: float = positive("added to the root", default=1e-10, search=(1e-10, 1e-4))

    def slots(self) -> tuple[str, ...]:
        """Return the sum of squared gradients."""
        return ("sum",)

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return the learning rate, s₀ and ε."""
        return {
            "learning_rate": rate,
            "initial": hypers["initial"],
            "epsilon": hypers["epsilon"],
        }

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move by the gradient over the root of the sum of squares."""
        # The fused kernel has no s₀; its state would have to start there, and slots start at zero.
        if isinstance(c["learning_rate"], float) and c["initial"] == 0:
            _fused_adagrad(p, g, slots["sum"], c)
            return
        seen = slots["sum"].addcmul_(g, g)
        # s₀ is added at each step and not stored: the slots of every rule start at zero.
        total = torch.add(seen, c["initial"])
        below = fast_sqrt(total, out=torch.empty_like(total)).add_(c["epsilon"])
        subtract_ratio(p, g, below, c["learning_rate"])


class AdaDelta(Optimizer, name="adadelta"):
    r"""v ← ρ v + (1-ρ) g²; d = g √(u + ε) / √(v + ε); u ← ρ u + (1-ρ) d²; p ← p - η d.

    The size of past steps (u) gives that of the next, so that there is hardly a learning rate to
    choose: η = 1 is the paper's.

    Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012.

    >>> AdaDelta().slots()
    ('square', 'step')
    """

    learning_rate: float = nonnegative("step size η", default=1.0, search=(1e-2, 10))
    rho: float = fraction(
        "memory ρ of squared gradients and steps", default=0.9, search=(0.8, 0.99)
    )
    epsilon: float = positive(
        "added under both roots; sets the first steps", default=1e-6, search=(1e-8, 1e-4)
    )

    def slots(self) -> tuple[str, ...]:
        """Return the running mean squares of gradients and of steps."""
        return ("square", "step")

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return the learning rate, 1-ρ and ε."""
        return {
            "learning_rate": rate,
            "one_minus_rho": 1 - hypers["rho"],
            "epsilon": hypers["epsilon"],
        }

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move by the gradient in units of the steps before."""
        squared = g.square()
        square = slots["square"].lerp_(squared, c["one_minus_rho"])
        # One root of the quotient in place of two roots.
        ratio = torch.add(slots["step"], c["epsilon"], out=squared).div_(square + c["epsilon"])
        delta = g.mul_(ratio.sqrt_())
        slots["step"].lerp_(torch.mul(delta, delta, out=squared), c["one_minus_rho"])
        add_scaled(p, delta, c["learning_rate"], sign=-1)


class RMSProp(Optimizer, name="rmsprop"):
    r"""v ← ρ v + (1-ρ) g²; b ← μ b + g / (√v + ε); p ← p - η b.

    ``centered`` takes the running mean's square from v, which leaves the gradients' variance.

    Source: Tieleman and Hinton, lecture 6.5 of "Neural networks for machine learning", 2012;
    centered, Graves, "Generating sequences with recurrent neural networks", 2013.

    >>> RMSProp(momentum=0.9, centered=True).slots()
    ('square', 'mean', 'momentum')
    """

    has_fused_kernel: ClassVar[bool] = True

    rho: float = fraction("memory ρ of squared gradients", default=0.9, search=(0.8, 0.999))
    momentum: float = fraction("share μ of the last step kept", default=0.0, search=(0, 0.99))
    epsilon: float = positive("added to the root", default=1e-8, search=(1e-10, 1e-4))
    centered: bool = hyper("divide by the standard deviation", default=False)

    def slots(self) -> tuple[str, ...]:
        """Return the running mean square, and what mean and momentum need."""
        mean = ("mean",) if self.centered else ()
        return ("square", *mean, *(("momentum",) if self.momentum else ()))

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return the learning rate, 1-ρ, μ and ε."""
        return {
            "learning_rate": rate,
            "one_minus_rho": 1 - hypers["rho"],
            "momentum": hypers["momentum"],
            "epsilon": hypers["epsilon"],
        }

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move by the gradient over its root mean square, or over its standard deviation."""
        if isinstance(c["learning_rate"], float) and len(slots) == 1:
            _fused_rmsprop(p, g, slots["square"], c)
            return
        # Reused twice below: as g², then as the root under which g is divided.
        scratch = g.square()
        square = slots["square"].lerp_(scratch, c["one_minus_rho"])
        if self.centered:
            mean = slots["mean"].lerp_(g, c["one_minus_rho"])
            # Rounding could leave less than nothing of gradients that don't vary.
            square = torch.addcmul(square, mean, mean, value=-1).clamp_(min=0)
        below = fast_sqrt(square, out=scratch).add_(c["epsilon"])
        # The slot exists if any member had momentum when training began.
        if "momentum" in slots:
            velocity = slots["momentum"].mul_(c["momentum"]).addcdiv_(g, below)
            add_scaled(p, velocity, c["learning_rate"], sign=-1)
        else:
            subtract_ratio(p, g, below, c["learning_rate"])


def _fused_adagrad(p: Tensor, g: Tensor, seen: Tensor, c: Coefficients) -> None:
    """Update in one pass over memory, by the kernel behind torch.optim.Adagrad(fused=True)."""
    torch._fused_adagrad_(
        [p],
        [g],
        [seen],
        [_ANY_STEP],
        lr=c["learning_rate"],
        lr_decay=0.0,
        weight_decay=0.0,
        eps=c["epsilon"],
        maximize=False,
    )


def _fused_rmsprop(p: Tensor, g: Tensor, square: Tensor, c: Coefficients) -> None:
    """Update in one pass over memory, as an Adam whose mean gradient is the last one.

    The kernel writes that mean where it finds it: in ``g``, which stays what it is.
    """
    slots = {"mean": g, "square": square}
    numbers = {"rate": c["learning_rate"], "epsilon": c["epsilon"], "step": _LATE}
    fused_adam(p, g, slots, {**numbers, "beta_1": 0.0, "beta_2": 1 - c["one_minus_rho"]})
