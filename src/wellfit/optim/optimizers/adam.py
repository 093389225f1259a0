"""Adam and its relatives: steps by a running mean of gradients over a running size of them."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from wellfit.core.hyper import fraction, nonnegative, positive
from wellfit.core.stacking import add_scaled
from wellfit.optim.optimizers.base import (
    Coefficients,
    DecoupledDecay,
    Optimizer,
    Slots,
    fast_sqrt,
    plain,
    subtract_ratio,
)


class Moments(Optimizer):
    """The base class of Adam and its relatives: two running means, and a guard against 0 / 0."""

    beta_1: float = fraction("memory of the mean gradient", default=0.9, search=(0.8, 0.99))
    beta_2: float = fraction("memory of the squared gradient", default=0.999, search=(0.9, 0.9999))
    epsilon: float = positive("added to the root", default=1e-8, search=(1e-10, 1e-4))

    def slots(self) -> tuple[str, ...]:
        """Return the gradient's running mean and running mean square."""
        return ("mean", "square")


class Adam(Moments, name="adam"):
    r"""m ← β₁ m + (1-β₁) g; v ← β₂ v + (1-β₂) g²; p ← p - η m̂ / (√v̂ + ε).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) undo the bias of starting at zero.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015.

    >>> p, g = torch.zeros(1), torch.tensor([5.0])
    >>> slots = {"mean": torch.zeros(1), "square": torch.zeros(1)}
    >>> hypers = {"beta_1": torch.tensor([0.9]), "beta_2": torch.tensor([0.999]),
    ...           "epsilon": torch.tensor([1e-8])}
    >>> c = Adam().coefficients(torch.zeros(1, 1), torch.full((1, 1), 0.1), hypers)
    >>> Adam().update(p, g, slots, {key: value.flatten() for key, value in c.items()})
    >>> p  # the first step is the learning rate, whatever the gradient's size
    tensor([-0.1000])
    """

    has_fused_kernel: ClassVar[bool] = True

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        r"""Return 1-β₁, 1-β₂ and the two numbers that make p ← p - m / (a √v + b) the rule."""
        t = steps + 1
        # A rate of exactly zero must not divide by zero; 1e-30 moves no parameter either.
        unbias = (1 - hypers["beta_1"] ** t) / rate.clamp(min=1e-30)
        return {
            "one_minus_beta_1": 1 - hypers["beta_1"],
            "one_minus_beta_2": 1 - hypers["beta_2"],
            "a": unbias * (1 - hypers["beta_2"] ** t).rsqrt(),
            "b": unbias * hypers["epsilon"],
        }

    def scalars(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> list[Coefficients]:
        """Return the rule's own numbers and the step's, for PyTorch's fused kernel."""
        # The fused kernel does the bias corrections itself, from the number of the step.
        kernel = {key: hypers[key] for key in ("beta_1", "beta_2", "epsilon")}
        # The kernel wants the step as a tensor; made for all steps at once.
        counts = (steps + 1).float().flatten().unbind()
        return [
            {**c, "step": count}
            for c, count in zip(plain({"rate": rate, **kernel}, len(steps)), counts, strict=True)
        ]

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move by the mean over the root mean square."""
        # Only the coefficients of scalars() have a step: members then share all numbers.
        if "step" in c:
            fused_adam(p, g, slots, c)
            return
        mean = slots["mean"].lerp_(g, c["one_minus_beta_1"])
        square = slots["square"].lerp_(g.mul_(g), c["one_minus_beta_2"])
        if "largest" in slots:
            # AMSGrad: the largest v so far takes the place of v, before the bias correction as in
            # PyTorch.
            square = torch.maximum(slots["largest"], square, out=slots["largest"])
        below = fast_sqrt(square, out=g).mul_(c["a"]).add_(c["b"])
        p.addcdiv_(mean, below, value=-1)


class AdamW(DecoupledDecay, Adam, name="adamw"):
    r"""Adam, and apart from it w ← w - η λ w on weights (not on biases).

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.

    >>> AdamW(weight_decay=0.1)
    AdamW(weight_decay=0.1)
    """

    def scalars(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> list[Coefficients]:
        """Return Adam's, and the factor that shrinks weights."""
        shrink = plain({"shrink": 1 - rate * hypers["weight_decay"]}, len(steps))
        adam = super().scalars(steps, rate, hypers)
        return [{**c, **factor} for c, factor in zip(adam, shrink, strict=True)]


class AMSGrad(Adam, name="amsgrad"):
    r"""Adam, its v̂ replaced by the largest v so far: a parameter's step size never grows back.

    Source: Reddi, Kale and Kumar, "On the convergence of Adam and beyond", 2018; with bias
    corrections, as in PyTorch.

    >>> AMSGrad().slots()
    ('mean', 'square', 'largest')
    """

    def slots(self) -> tuple[str, ...]:
        """Return Adam's, and the largest mean square so far."""
        return (*super().slots(), "largest")


class Nadam(Moments, name="nadam"):
    r"""Adam with Nesterov's look-ahead: p ← p - η (c₁ g + c₂ m) / (√v̂ + ε).

    c₁ = (1 - μₜ) / (1 - Πμ) and c₂ = μₜ₊₁ / (1 - μₜ₊₁ Πμ), where μₜ = β₁ (1 - 0.96^(tψ) / 2)
    rises from half of β₁ to β₁, and Πμ is the product of all up to step t.

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016.

    >>> Nadam().learning_rate
    0.002
    """

    learning_rate: float = nonnegative("step size η", default=0.002, search=(1e-5, 1))
    momentum_decay: float = positive(
        "ψ, how fast the momentum rises", default=0.004, search=(1e-4, 0.1)
    )

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return the shares of gradient and mean, and what makes the root of v unbiased."""
        t, beta_1 = steps + 1, hypers["beta_1"]
        log_q = hypers["momentum_decay"] * math.log(0.96)
        # In logarithms, since steps are many at once: 0.96^(tψ) = exp(tψ log 0.96).
        now, ahead = (beta_1 * (1 - torch.exp(log_q * at) / 2) for at in (t, t + 1))
        # Πμ has a closed form, so that the plan of steps needs no running product, and a resumed
        # run no state beside its step.
        product = beta_1**t * torch.exp(_log_product(log_q, t))
        return {
            "one_minus_beta_1": 1 - beta_1,
            "one_minus_beta_2": 1 - hypers["beta_2"],
            "of_gradient": rate * (1 - now) / (1 - product),
            "of_mean": rate * ahead / (1 - product * ahead),
            "unbias": (1 - hypers["beta_2"] ** t).rsqrt(),
            "epsilon": hypers["epsilon"],
        }

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move by gradient and mean over the root mean square."""
        mean = slots["mean"].lerp_(g, c["one_minus_beta_1"])
        squared = g.square()
        square = slots["square"].lerp_(squared, c["one_minus_beta_2"])
        step = add_scaled(g.mul_(c["of_gradient"]), mean, c["of_mean"])
        below = fast_sqrt(square, out=squared).mul_(c["unbias"]).add_(c["epsilon"])
        p.addcdiv_(step, below, value=-1)


class Adamax(Moments, name="adamax"):
    r"""m ← β₁ m + (1-β₁) g; u ← max(β₂ u, |g| + ε); p ← p - η m / ((1 - β₁ᵗ) u).

    Adam with the largest recent gradient in the place of the root mean square.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, section 7.

    >>> Adamax().slots()
    ('mean', 'largest')
    """

    learning_rate: float = nonnegative("step size η", default=0.002, search=(1e-5, 1))

    def slots(self) -> tuple[str, ...]:
        """Return the gradient's running mean and its fading maximum."""
        return ("mean", "largest")

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return the learning rate with the mean's bias correction, and the memories."""
        return {
            "learning_rate": rate / (1 - hypers["beta_1"] ** (steps + 1)),
            "one_minus_beta_1": 1 - hypers["beta_1"],
            "beta_2": hypers["beta_2"],
            "epsilon": hypers["epsilon"],
        }

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move by the mean over the fading maximum."""
        mean, largest = (
            slots["mean"].lerp_(g, c["one_minus_beta_1"]),
            slots["largest"].mul_(c["beta_2"]),
        )
        torch.maximum(largest, g.abs_().add_(c["epsilon"]), out=largest)
        subtract_ratio(p, mean, g.copy_(largest), c["learning_rate"])


def fused_adam(p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
    """Update in one pass over memory, by the kernel behind torch.optim.Adam(fused=True)."""
    largest = [slots["largest"]] if "largest" in slots else []
    torch._fused_adam_(
        [p],
        [g],
        [slots["mean"]],
        [slots["square"]],
        largest,
        [c["step"]],
        lr=c["rate"],
        beta1=c["beta_1"],
        beta2=c["beta_2"],
        weight_decay=0.0,
        eps=c["epsilon"],
        amsgrad=bool(largest),
        maximize=False,
    )


def _log_product(log_q: Tensor, t: Tensor) -> Tensor:
    r"""Return log Π (1 - qⁱ/2) over i = 1 … t, in terms that don't grow in number with t.

    By the series of the logarithm, -Σₖ 2⁻ᵏ/k Σᵢ qⁱᵏ; the inner sums are geometric.

    >>> q = torch.tensor(0.5).double()
    >>> float(_log_product(q.log(), torch.tensor(2.0)).exp())  # (1 - 1/4) (1 - 1/8)
    0.65625
    """
    total = torch.zeros_like(log_q * t)
    for k in range(1, 61):  # 2⁻⁶⁰ is less than rounding
        geometric = torch.exp(k * log_q) * torch.expm1(k * t * log_q) / torch.expm1(k * log_q)
        total -= geometric / (k * 2.0**k)
    return total
