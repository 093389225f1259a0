"""Losses of quantiles: of nothing else, and of the mean as well."""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import hyper
from wellfit.nn.losses.base import OWN, Hypers, Loss, Scaling


class Quantile(Loss, name="quantile", aliases=("pinball",)):
    r"""loss = mean of max(q r, (q - 1) r), r = y - z, over targets and quantiles q.

    Its delta is 1 - q above the target and -q below, over C. A row has a logit for each quantile
    of each target, those of the first target first. A share q of the rows comes to lie below the
    estimate for q: (0.1, 0.9) bound a band that holds 80 % of them.

    Source: Koenker and Bassett, "Regression quantiles", 1978.

    >>> loss, z = Quantile(quantiles=(0.1, 0.5)), torch.zeros(2, 1)
    >>> target = loss.encode(torch.tensor([[10.0]]), outputs=2, dtype=z.dtype)
    >>> loss.value(z, target)  # the mean of 1 and 5
    tensor([3.])
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    scaling: ClassVar[Scaling] = "robust"

    quantiles: tuple[float, ...] = hyper(
        "shares of rows below the estimates, rising, each in (0, 1)", default=(0.1, 0.5, 0.9)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "quantiles", _checked(self.quantiles, self.name))

    def outputs(self, targets: int) -> int:
        """Return a logit for each quantile of each target."""
        return targets * len(self.quantiles)

    def levels(self) -> tuple[float, ...]:
        """Return the quantiles."""
        return self.quantiles

    @property
    def point(self) -> slice:
        """The quantile nearest to the median, of each target."""
        nearest = self.quantiles.index(self.point_level)
        return slice(nearest, None, len(self.quantiles))

    @property
    def point_level(self) -> float:
        """The quantile nearest to the median."""
        return min(self.quantiles, key=lambda level: abs(level - 0.5))

    def encode(self, y: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Turn targets (…, B, T) into (…, T Q, B): each is there for each of its Q quantiles."""
        columns = super().encode(y, outputs, dtype)
        # A target's quantiles are neighbours: logit t Q + q belongs to target t.
        return columns.repeat_interleave(len(self.quantiles), dim=-2)

    def value(self, z: Tensor, target: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Return each row's mean over targets and quantiles."""
        error = target - z
        # q r where r ≥ 0 and (q - 1) r = q r - r below: the larger of the two in both cases.
        below = error * self._column(z)
        return torch.maximum(below, below - error).mean(-2)

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Write (1 - q) / C where z is above the target, else -q / C."""
        return torch.gt(z, target, out=out).sub_(self._column(z)).mul_(1 / z.shape[-2])

    def predict(self, z: Tensor) -> Tensor:
        """Return each target's quantiles, sorted: nothing keeps logits from crossing."""
        per_target = z.reshape(*z.shape[:-2], -1, len(self.quantiles), z.shape[-1])
        return per_target.sort(dim=-2).values.flatten(-3, -2)

    def _column(self, z: Tensor) -> Tensor:
        """Return every output's quantile (C, 1)."""
        return _tiled(self.quantiles, z.shape[-2], z.dtype, z.device)


class MeanAndQuantiles(Loss, name="mean_and_quantiles"):
    r"""loss = mean over T targets of (m - y)² + 2 / Q Σ_q max(q r, (q - 1) r), r = y - z_q.

    One network estimates the mean m of each target and Q of its quantiles: ``predict`` returns the
    mean, as for the squared error, and the quantiles show how wide the target spreads in each
    row. Twice the loss of a quantile is the absolute error for the median, so that both parts are
    about 1 where a target of standard deviation 1 is always said to be its mean. A row has 1 + Q
    logits for each target: the mean's, then the quantiles'.

    Source: Koenker and Bassett, "Regression quantiles", 1978; of several losses that share hidden
    layers: Caruana, "Multitask learning", 1997.

    >>> loss, z = MeanAndQuantiles(quantiles=(0.1, 0.5)), torch.zeros(3, 1)
    >>> target = loss.encode(torch.tensor([[10.0]]), outputs=3, dtype=z.dtype)
    >>> loss.value(z, target)  # 100, and twice the mean of 1 and 5
    tensor([106.])
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    quantiles: tuple[float, ...] = hyper(
        "shares of rows below the estimates, rising, each in (0, 1)", default=(0.05, 0.95)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "quantiles", _checked(self.quantiles, self.name))

    def outputs(self, targets: int) -> int:
        """Return a logit for the mean and for each quantile of each target."""
        return targets * self._width

    def levels(self) -> tuple[float, ...]:
        """Return the quantiles."""
        return self.quantiles

    @property
    def point(self) -> slice:
        """The mean of each target."""
        return slice(0, None, self._width)

    def encode(self, y: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Turn targets (…, B, T) into (…, T (1 + Q), B): each is there for all its estimates."""
        return super().encode(y, outputs, dtype).repeat_interleave(self._width, dim=-2)

    def value(self, z: Tensor, target: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Return each row's squared error and twice its mean loss of quantiles."""
        error = self._each(target - z)
        mean, rest = error[..., 0, :], error[..., 1:, :]
        below = rest * _tiled(self.quantiles, len(self.quantiles), z.dtype, z.device)
        pinball = torch.maximum(below, below - rest).mean(-2)
        return mean.square().add(pinball, alpha=2).mean(-2)

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Write 2 (z - y) / T for means, and twice the derivatives of quantiles."""
        targets = z.shape[-2] // self._width
        column = _tiled((0.0, *self.quantiles), z.shape[-2], z.dtype, z.device)
        means = torch.sub(z[..., self.point, :], target[..., self.point, :])
        torch.gt(z, target, out=out).sub_(column).mul_(2 / (len(self.quantiles) * targets))
        out[..., self.point, :] = means.mul_(2 / targets)
        return out

    def predict(self, z: Tensor) -> Tensor:
        """Return each target's mean and its quantiles, these sorted."""
        each = self._each(z)
        quantiles = each[..., 1:, :].sort(dim=-2).values
        return torch.cat([each[..., :1, :], quantiles], dim=-2).flatten(-3, -2)

    def _each(self, z: Tensor) -> Tensor:
        """Return logits (…, T (1 + Q), B) by target, (…, T, 1 + Q, B)."""
        return z.reshape(*z.shape[:-2], -1, self._width, z.shape[-1])

    @property
    def _width(self) -> int:
        """The logits of a target."""
        return 1 + len(self.quantiles)


def _checked(given: object, loss: str) -> tuple[float, ...]:
    """Return quantiles as numbers.

    Raises:
        HyperparameterError: they don't rise, or aren't all in (0, 1).
    """
    if not _rises_within_0_and_1(given):
        raise HyperparameterError(
            f"quantiles of loss {loss!r} is {given!r}; expected one or more rising numbers "
            "in (0, 1), like (0.1, 0.5, 0.9)"
        )
    return tuple(map(float, given))  # type: ignore[call-overload]


def _rises_within_0_and_1(given: object) -> bool:
    if not isinstance(given, Sequence) or not given:
        return False
    if not all(isinstance(q, numbers.Real) and 0 < float(q) < 1 for q in given):
        return False
    return all(low < high for low, high in itertools.pairwise(given))


@lru_cache(maxsize=64)
def _tiled(
    quantiles: tuple[float, ...], outputs: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return the quantiles, again and again, as a column (outputs, 1); made once, not per step."""
    once = torch.tensor(quantiles, dtype=dtype, device=device)
    return once.repeat(outputs // len(quantiles)).unsqueeze(-1)
