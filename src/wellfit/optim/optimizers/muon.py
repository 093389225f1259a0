"""Muon: momentum made orthogonal, one weight matrix at a time."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from wellfit.core.hyper import fraction, hyper, nonnegative
from wellfit.core.stacking import add_scaled
from wellfit.optim.optimizers.adam import AdamW
from wellfit.optim.optimizers.base import Coefficients, LayerwiseOptimizer, Slots, plain

# The quintic of Jordan's reference: steep at 0, so that small singular values grow within few
# iterations; they end near 1, between 0.7 and 1.2, and not at it.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_TINY = 1e-7  # the smallest norm that a matrix is divided by
_RMS = 0.2  # root mean square of an AdamW step, as a share of the learning rate


class Muon(LayerwiseOptimizer, AdamW, name="muon"):
    r"""m ← μ m + (1-μ) g; W ← W - 0.2 η √max(inputs, units) U Vᵀ, where U S Vᵀ = (1-μ) g + μ m.

    All directions of a layer's weights move equally far, whatever their gradients' size. The
    factor gives a step the size of AdamW's, so that AdamW's learning rates and decays fit. Biases
    and all else that is no matrix are moved by AdamW. U Vᵀ is found by Newton-Schulz iterations,
    three products of square matrices each: on a CPU a step takes 4 to 30 times as long as Adam's.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; the
    factor, Liu et al., "Muon is scalable for LLM training", 2025.

    >>> w, g = torch.zeros(1, 2, 2), torch.tensor([[[3.0, 0.0], [0.0, 0.01]]])
    >>> c = {"rate": 1.0, "one_minus_momentum": 0.05, "momentum": 0.95}
    >>> Muon(iterations=30).update_matrices(w, g, {"mean": torch.zeros(1, 2, 2)}, c)
    >>> bool(w[0, 0, 0] < -0.15 and w[0, 1, 1] < -0.15)  # both directions, equally far
    True
    """

    has_fused_kernel: ClassVar[bool] = False  # members' matrices are multiplied together

    learning_rate: float = nonnegative("step size η", default=2e-3, search=(1e-4, 1e-1))
    momentum: float = fraction(
        "share μ of the mean gradient kept at a step", default=0.95, search=(0.8, 0.99)
    )
    nesterov: bool = hyper("look ahead along the momentum", default=True)
    iterations: int = hyper("Newton-Schulz iterations", default=5, low=1, high=99)

    def coefficients(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> Coefficients:
        """Return AdamW's, and the learning rate, μ and 1-μ."""
        return {**super().coefficients(steps, rate, hypers), **_of_matrices(rate, hypers)}

    def scalars(self, steps: Tensor, rate: Tensor, hypers: Coefficients) -> list[Coefficients]:
        """Return the same as plain numbers."""
        # AdamW's own scalars lack these: its kernel takes other numbers than coefficients() gives.
        own = plain(_of_matrices(rate, hypers), len(steps))
        adamw = super().scalars(steps, rate, hypers)
        return [{**c, **numbers} for c, numbers in zip(adamw, own, strict=True)]

    def update_matrices(self, w: Tensor, g: Tensor, slots: Slots, c: Coefficients) -> None:
        """Move along the orthogonal matrix that is nearest to the momentum."""
        mean = slots["mean"].lerp_(g, c["one_minus_momentum"])
        direction = torch.lerp(g, mean, c["momentum"]) if self.nesterov else mean
        # An orthogonal matrix has entries of root mean square 1/√max(rows, columns).
        factor = _RMS * math.sqrt(max(w.shape[1:]))
        add_scaled(w, orthogonalize(direction, self.iterations), factor * c["rate"], sign=-1)


def _of_matrices(rate: Tensor, hypers: Coefficients) -> dict[str, Any]:
    return {
        "rate": rate,
        "momentum": hypers["momentum"],
        "one_minus_momentum": 1 - hypers["momentum"],
    }


def orthogonalize(matrices: Tensor, iterations: int) -> Tensor:
    """Return U Vᵀ of matrices (K, rows, columns) = U S Vᵀ, nearly, in new memory.

    X ← a X + (b G + c G²) X with G = X Xᵀ, from X divided by its norm.

    >>> found = orthogonalize(torch.diag(torch.tensor([3.0, 0.5]))[None], iterations=10)
    >>> bool((found[0].diagonal() - 1).abs().max() < 0.35)
    True
    """
    a, b, c = _QUINTIC
    # X Xᵀ is smallest for wide matrices; the orthogonal factor of the transpose is the transpose.
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    # The Frobenius norm bounds the largest singular value, below which the iteration converges.
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=_TINY)
    for _ in range(iterations):
        gram = x @ x.transpose(1, 2)
        # b G + c G², then a X + (…) X: two fused calls.
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x
