r"""Update rules, written for many members with hyper-parameters of their own.

A rule works on segments: a flat stretch of parameters that all share their coefficients, or K
rows (K, n) with coefficients (K, 1). What depends on the step but not on the gradient is computed
ahead (:meth:`Optimizer.coefficients`), so that an update is a handful of fused operations.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor

from wellfit.core.hyper import Config, hyper
from wellfit.core.members import add_scaled

Coefficients = dict[str, Any]
Slots = dict[str, Tensor]


class Optimizer(Config, family="optimizer"):
    """A rule that moves parameters against their gradients.

    >>> p, g = torch.ones(3), torch.ones(3)
    >>> SGD(learning_rate=0.1).update(p, g, {}, {"learning_rate": 0.1})
    >>> p
    tensor([0.9000, 0.9000, 0.9000])
    """

    learning_rate: float = hyper(
        "step size", default=1e-3, low=0, scale="log", search=(1e-5, 1), per_member=True
    )

    def slots(self) -> tuple[str, ...]:
        """Return the names of what is remembered of each parameter; all start at zero."""
        return ()

    def coefficients(
        self,
        steps: Tensor,
        rate: Tensor,
        hypers: Coefficients,
    ) -> Coefficients:
        """Return what :meth:`update` needs at each step, as tensors (n, K) or (K,).

        Args:
            steps: (n, 1), the number of updates done before, from 0.
            rate: (n, K), the scheduled learning rates.
            hypers: the per-member hyper-parameters, each (K,).
        """
        return {"learning_rate": rate}

    def scalars(self, steps: Tensor, rate: Tensor) -> list[Coefficients] | None:
        """Return coefficients as plain numbers, a set for each step, or None.

        Asked for where all members share their hyper-parameters, on a CPU, whose kernels are
        several times as fast with numbers as with tensors to spread over the members.
        :meth:`update` then gets these instead of :meth:`coefficients`.

        Args:
            steps: (n, 1), the number of updates done before, from 0.
            rate: (n, 1), the scheduled learning rates.
        """
        return None

    @abstractmethod
    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move ``p`` in place; ``g`` may be used up."""


class SGD(Optimizer, name="sgd"):
    r"""b ← μ b + g; p ← p - η b, or with Nesterov's look-ahead p ← p - η (g + μ b).

    Source: Robbins and Monro, 1951; momentum, Polyak, 1964; Nesterov, 1983, in the form of
    Sutskever, Martens, Dahl and Hinton, 2013.

    >>> SGD(learning_rate=0.1, momentum=0.9).slots()
    ('momentum',)
    """

    learning_rate: float = hyper(
        "step size η", default=0.01, low=0, scale="log", search=(1e-4, 1), per_member=True
    )
    momentum: float = hyper(
        "share μ of the last step kept",
        default=0.0,
        low=0,
        high=1,
        open_high=True,
        search=(0, 0.99),
        per_member=True,
    )
    nesterov: bool = hyper("look ahead along the momentum", default=False)

    def slots(self) -> tuple[str, ...]:
        """Return the momentum's buffer, if there is momentum."""
        return ("momentum",) if self.momentum or self.nesterov else ()

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return the learning rate and the momentum."""
        return {**super().coefficients(steps, rate, hypers), "momentum": hypers["momentum"]}

    def scalars(self, steps: Tensor, rate: Tensor) -> list[Coefficients] | None:
        """Return the learning rates for PyTorch's fused kernel."""
        return [{"rate": value} for value in rate.flatten().tolist()]

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move along the momentum, or the gradient where there is none."""
        if "rate" in c:
            self._fused_update(p, g, slots, c["rate"])
            return
        if "momentum" in slots:
            velocity = slots["momentum"].mul_(c["momentum"]).add_(g)
            g = add_scaled(g, velocity, c["momentum"]) if self.nesterov else velocity
        add_scaled(p, g, -c["learning_rate"])

    def _fused_update(self, p: Tensor, g: Tensor, slots: Slots, rate: float) -> None:
        """Do the same in one pass over memory, by the kernel behind torch.optim.SGD(fused)."""
        torch._fused_sgd_(
            [p],
            [g],
            [slots["momentum"]] if "momentum" in slots else [],
            weight_decay=0.0,
            momentum=self.momentum,
            lr=rate,
            dampening=0.0,
            nesterov=self.nesterov,
            maximize=False,
            is_first_step=False,
        )


class Adam(Optimizer, name="adam"):
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

    beta_1: float = hyper(
        "memory of the mean gradient",
        default=0.9,
        low=0,
        high=1,
        open_high=True,
        search=(0.8, 0.99),
        per_member=True,
    )
    beta_2: float = hyper(
        "memory of the squared gradient",
        default=0.999,
        low=0,
        high=1,
        open_high=True,
        search=(0.9, 0.9999),
        per_member=True,
    )
    epsilon: float = hyper(
        "added to the root",
        default=1e-8,
        low=0,
        open_low=True,
        scale="log",
        search=(1e-10, 1e-4),
        per_member=True,
    )

    def slots(self) -> tuple[str, ...]:
        """Return the gradient's running mean and running mean square."""
        return ("mean", "square")

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        r"""Return 1-β₁, 1-β₂ and the two numbers that make p ← p - m / (a √v + b) the rule."""
        t = steps + 1
        # A rate of exactly zero must not divide by zero; 1e-30 moves no parameter either.
        unbias = (1 - hypers["beta_1"] ** t) / rate.clamp(min=1e-30)
        return {
            "fresh_1": 1 - hypers["beta_1"],
            "fresh_2": 1 - hypers["beta_2"],
            "a": unbias * (1 - hypers["beta_2"] ** t).rsqrt(),
            "b": unbias * hypers["epsilon"],
        }

    def scalars(self, steps: Tensor, rate: Tensor) -> list[Coefficients] | None:
        """Return the learning rates and step numbers for PyTorch's fused kernel."""
        counts = (steps + 1).float().flatten().unbind()
        return [
            {"rate": value, "step": count}
            for value, count in zip(rate.flatten().tolist(), counts, strict=True)
        ]

    def update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move by the mean over the root mean square."""
        if "step" in c:
            self._fused_update(p, g, slots, c)
            return
        mean = slots["mean"].lerp_(g, c["fresh_1"])
        square = slots["square"].lerp_(g.mul_(g), c["fresh_2"])
        # √v as v / √v, since this reciprocal root is several times as fast as the root.
        root = torch.add(square, torch.finfo(g.dtype).tiny, out=g).rsqrt_().mul_(square)
        p.addcdiv_(mean, root.mul_(c["a"]).add_(c["b"]), value=-1)

    def _fused_update(self, p: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Do the same in one pass over memory, by the kernel behind torch.optim.Adam(fused)."""
        torch._fused_adam_(
            [p],
            [g],
            [slots["mean"]],
            [slots["square"]],
            [],
            [c["step"]],
            lr=c["rate"],
            beta1=self.beta_1,
            beta2=self.beta_2,
            weight_decay=0.0,
            eps=self.epsilon,
            amsgrad=False,
            maximize=False,
        )


class AdamW(Adam, name="adamw"):
    r"""Adam, and apart from it w ← w - η λ w on weights (not on biases).

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.

    >>> AdamW(weight_decay=0.1)
    AdamW(weight_decay=0.1)
    """

    weight_decay: float = hyper(
        "λ, the share of a weight lost a unit of learning rate",
        default=0.01,
        low=0,
        scale="log",
        search=(1e-4, 1),
        per_member=True,
    )

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return Adam's, and the factor that shrinks weights."""
        shrink = 1 - rate * hypers["weight_decay"]
        return {**super().coefficients(steps, rate, hypers), "shrink": shrink}

    def scalars(self, steps: Tensor, rate: Tensor) -> list[Coefficients] | None:
        """Return Adam's, and the factor that shrinks weights."""
        return [
            {**c, "shrink": 1 - c["rate"] * self.weight_decay}
            for c in super().scalars(steps, rate) or ()
        ]
