"""Losses of numbers. Each is a mean over a row's outputs, so that their count doesn't matter."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.errors import DataError
from wellfit.core.hyper import positive
from wellfit.nn.losses.base import OWN, Hypers, Loss, Scaling


class _RegressionLoss(Loss):
    """The base class of losses of numbers."""

    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def predict(self, z: Tensor) -> Tensor:
        """Return z."""
        # A copy, since the caller's logits are overwritten by the next batch.
        return z.clone()


class SquaredError(_RegressionLoss, name="squared_error", aliases=("mse",)):
    r"""loss = Σⱼ (zⱼ - yⱼ)² / C, the mean over C outputs; delta = 2 (z - y) / C.

    Estimates the mean.

    Source: Legendre, 1805; Gauss, 1809.

    >>> SquaredError().value(torch.tensor([[3.0]]), torch.tensor([[1.0]]))
    tensor([4.])
    """

    def value(self, z: Tensor, target: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Return each row's mean squared error."""
        return (z - target).square_().mean(-2)

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Write 2 (z - target) / C."""
        return torch.sub(z, target, out=out).mul_(2 / z.shape[-2])


class AbsoluteError(_RegressionLoss, name="absolute_error", aliases=("mae",)):
    r"""loss = Σⱼ |zⱼ - yⱼ| / C, the mean over C outputs; delta = sign(z - y) / C.

    Estimates the median, which outliers don't move.

    Source: Boscovich, 1757; Laplace, 1793.

    >>> AbsoluteError().value(torch.tensor([[3.0]]), torch.tensor([[1.0]]))
    tensor([2.])
    """

    scaling: ClassVar[Scaling] = "robust"

    def value(self, z: Tensor, target: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Return each row's mean absolute error."""
        return (z - target).abs_().mean(-2)

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Write sign(z - target) / C."""
        return torch.sub(z, target, out=out).sign_().mul_(1 / z.shape[-2])


class Huber(_RegressionLoss, name="huber"):
    r"""loss = Σⱼ h(rⱼ) / C, r = z - y, h(r) = ½ r² where |r| ≤ t, else t (|r| - ½ t).

    Its delta is the error cut off at ±t, over C: squared error for most rows, absolute error for
    outliers. t is in units of the targets as the engine gets them. Estimators scale them by
    median and quartiles, so that 1 is the standard deviation that they'd have without outliers.

    Source: Huber, "Robust estimation of a location parameter", 1964.

    >>> Huber(threshold=1.0).value(torch.tensor([[0.5, 9.0]]), torch.zeros(1, 2))
    tensor([0.1250, 8.5000])
    """

    scaling: ClassVar[Scaling] = "robust"

    threshold: float = positive(
        "error from which on the loss is linear", default=1.0, search=(0.1, 3.0)
    )

    def value(self, z: Tensor, target: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Return each row's mean loss."""
        error = z - target
        cut = self._cut(error, hypers)
        # (r - c/2) c is ½ r² where c = r, and t |r| - ½ t² where c = ±t.
        return torch.sub(error, cut, alpha=0.5).mul(cut).mean(-2)

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Write the cut-off error / C."""
        error = torch.sub(z, target, out=out)
        return self._cut(error, hypers, out=out).mul_(1 / z.shape[-2])

    def _cut(self, error: Tensor, hypers: Hypers, out: Tensor | None = None) -> Tensor:
        threshold = self._hyper(hypers, "threshold")
        return torch.clamp(error, -threshold, threshold, out=out)  # type: ignore[arg-type]


class Poisson(_RegressionLoss, name="poisson"):
    r"""loss = 2 Σⱼ (μⱼ - yⱼ zⱼ - yⱼ + yⱼ log yⱼ) / C, μ = exp z; delta = 2 (μ - y) / C.

    For counts and rates: the Poisson deviance, which is 0 where μ = y, and twice the negative
    log-likelihood but for a constant. Predictions are μ, never negative.

    Source: Nelder and Wedderburn, "Generalized linear models", 1972.

    >>> loss, y = Poisson(), torch.tensor([[3.0]])
    >>> loss.predict(torch.tensor([[0.0]])), loss.value(y.log(), y).abs().round(decimals=4)
    (tensor([[1.]]), tensor([0.]))
    """

    scaling: ClassVar[Scaling] = "mean"
    lowest_target: ClassVar[float] = 0.0

    def check(self, y: NDArray[np.float64]) -> None:
        """Refuse negative targets."""
        wrong = np.argwhere(y < self.lowest_target)
        if len(wrong):
            row, column = wrong[0]
            raise DataError(
                f"the target is {y[row, column]:g} in row {row}; expected counts or rates, at "
                "least 0, for loss 'poisson'"
            )

    def value(self, z: Tensor, target: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Return each row's mean deviance."""
        # xlogy is 0 for a count of 0, where y log y alone would be NaN.
        least = torch.special.xlogy(target, target).sub_(target)
        return torch.addcmul(z.exp(), z, target, value=-1).add_(least).mean(-2).mul_(2)

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Write 2 (exp z - target) / C."""
        return torch.exp(z, out=out).sub_(target).mul_(2 / z.shape[-2])

    def predict(self, z: Tensor) -> Tensor:
        """Return exp z."""
        return z.exp()
