r"""The base class of losses: a number for every row, its derivative, and predictions.

Shapes: logits (…, K, C, B); targets (…, S, C, B), where S is K or 1. Rows come last, since there
are many of them and few outputs: sums over outputs then run along all rows at once. A loss
returns the value of each row, and the engine takes the mean.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.core.hyper import Config

# Per-member hyper-parameters by name: a number that all members share, or a tensor (K, 1, 1).
Hypers: TypeAlias = Mapping[str, Tensor | float]
OWN: Hypers = MappingProxyType({})  # none given: the loss's own

Scaling: TypeAlias = Literal["standard", "robust", "mean"]


class Loss(Config, family="loss"):
    """A loss function, and the conversion of logits to predictions.

    Attributes:
        tasks: the tasks it suits: ``"classification"``, ``"multilabel"``, ``"regression"``.
        each_output_alone: whether each output is a binary decision by itself.
        scaling: how regression targets are best scaled for it: ``"standard"`` to mean 0 and
            standard deviation 1; ``"robust"`` the same by median and quartiles; ``"mean"``
            divided by their mean.

    >>> import torch
    >>> from wellfit.nn import SoftmaxCrossEntropy
    >>> loss, z = SoftmaxCrossEntropy(), torch.zeros(1, 10, 1)
    >>> target = loss.encode(torch.tensor([[3]]), outputs=10, dtype=z.dtype)
    >>> round(float(loss.value(z, target)), 4)  # an untrained network: log 10
    2.3026
    """

    tasks: ClassVar[tuple[str, ...]] = ()
    each_output_alone: ClassVar[bool] = False
    scaling: ClassVar[Scaling] = "standard"
    lowest_target: ClassVar[float] = -math.inf

    def outputs(self, targets: int) -> int:
        """Return how many logits a row needs for so many regression targets."""
        return targets

    def levels(self) -> tuple[float, ...]:
        """Return the quantiles that are estimated of each target, its last logits; often none."""
        return ()

    @property
    def point(self) -> slice:
        """The predictions (…, C) that are the targets' single best estimates."""
        return slice(None)

    @property
    def point_level(self) -> float | None:
        """The quantile that the single best estimate is; None if it is another value."""
        return None

    def check(self, y: NDArray[np.float64]) -> None:
        """Refuse regression targets (N, targets) that the loss isn't defined for.

        Raises:
            DataError: naming the first bad value and its row.
        """

    def encode(self, y: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Turn stored targets (…, B, C) into the form (…, C, B) that :meth:`delta` takes."""
        return y.to(dtype).transpose(-1, -2).contiguous()

    @abstractmethod
    def value(self, z: Tensor, target: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Return the loss of every row, (…, K, B).

        Args:
            z: logits (…, K, C, B).
            target: encoded targets.
            hypers: per-member hyper-parameters, where they are others than the loss's own.
        """

    @abstractmethod
    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Write the derivative of every row's loss by its logits into ``out``; return it."""

    @abstractmethod
    def predict(self, z: Tensor) -> Tensor:
        """Return probabilities or estimates of z's shape (…, C, B)."""

    def hits(self, z: Tensor, target: Tensor) -> Tensor | None:
        """Return which rows are classified correctly (booleans), or None for regression."""
        return None

    def measure(
        self,
        z: Tensor,
        target: Tensor,
        hypers: Hypers = OWN,
        *,
        certain: bool = False,
        one_class: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return :meth:`value` and :meth:`hits`.

        Each row is of ``one_class``, not of a set of them; ``certain`` targets name it, while
        others may be mixtures.
        """
        return self.value(z, target, hypers), self.hits(z, target)

    def _hyper(self, hypers: Hypers, key: str) -> Tensor | float:
        """Return a per-member hyper-parameter: as given, else the loss's own."""
        return hypers[key] if key in hypers else getattr(self, key)
