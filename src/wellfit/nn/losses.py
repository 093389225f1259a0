r"""Losses of the last layer's logits z, with the output delta ∂loss/∂z written out.

Shapes: logits (…, K, C, B); targets (…, S, C, B), where S is K or 1. Rows come last, since there
are many of them and few outputs: sums over outputs then run along all rows at once. A loss is a
mean over rows; here stands the loss of one row, and the engine averages. Per-member
hyper-parameters come by name, as numbers that all members share or as (K, 1, 1).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from wellfit.core.hyper import Config

Hypers: TypeAlias = Mapping[str, Tensor | float]


class Loss(Config, family="loss"):
    """What training lowers, and how logits become predictions.

    >>> import torch
    >>> loss, z = SoftmaxCrossEntropy(), torch.zeros(1, 10, 1)
    >>> target = loss.encode(torch.tensor([[3]]), outputs=10, dtype=z.dtype)
    >>> round(float(loss.value(z, target, {})), 4)  # an untrained network: log 10
    2.3026
    """

    tasks: ClassVar[tuple[str, ...]] = ()
    each_output_alone: ClassVar[bool] = False  # whether an output says yes or no by itself

    def encode(self, y: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Turn stored targets (…, B, C) into the form (…, C, B) that :meth:`delta` takes."""
        return y.to(dtype).transpose(-1, -2).contiguous()

    @abstractmethod
    def value(self, z: Tensor, target: Tensor, hypers: Hypers) -> Tensor:
        """Return the loss of every row, (…, K, B)."""

    @abstractmethod
    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers) -> Tensor:
        """Write the derivative of every row's loss by its logits into ``out``; return it."""

    @abstractmethod
    def predict(self, z: Tensor) -> Tensor:
        """Return probabilities or expected values of z's shape."""

    def hits(self, z: Tensor, target: Tensor) -> Tensor | None:
        """Return which rows are classified rightly (booleans), or None where nothing is."""
        return None


class SoftmaxCrossEntropy(Loss, name="softmax_cross_entropy"):
    r"""loss = log Σⱼ exp zⱼ - z_y, for one class y of C; delta = softmax z - onehot y.

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990.

    >>> SoftmaxCrossEntropy().predict(torch.zeros(2, 3))  # two classes, three rows
    tensor([[0.5000, 0.5000, 0.5000],
            [0.5000, 0.5000, 0.5000]])
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    def encode(self, y: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Turn class numbers (…, B) into one-hot columns (…, C, B)."""
        classes = torch.arange(outputs, device=y.device)[:, None]
        return (y.unsqueeze(-2) == classes).to(dtype)

    def value(self, z: Tensor, target: Tensor, hypers: Hypers) -> Tensor:
        """Return the negative log-likelihood of each row."""
        # torch.logsumexp guards against infinities, at twice the time; here they mean divergence.
        largest = z.amax(-2, keepdim=True)
        total = (z - largest).exp_().sum(-2).log_()
        return total.add_(largest.squeeze(-2)).sub_((z * target).sum(-2))

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers) -> Tensor:
        """Write softmax z - target."""
        return torch.softmax(z, -2, out=out).sub_(target)

    def predict(self, z: Tensor) -> Tensor:
        """Return the classes' probabilities."""
        return torch.softmax(z, -2)

    def hits(self, z: Tensor, target: Tensor) -> Tensor:
        """Return where the true class is more likely than every other."""
        others = torch.where(target > 0, -torch.inf, z).amax(-2)
        return (z * target).sum(-2) > others


class SigmoidCrossEntropy(Loss, name="sigmoid_cross_entropy"):
    r"""loss = Σⱼ log(1 + exp zⱼ) - yⱼ zⱼ, over independent yes/no outputs; delta = sigmoid z - y.

    For two classes (one output) and for several labels a row.

    Source: Hinton, "Connectionist learning procedures", 1989.

    >>> SigmoidCrossEntropy().predict(torch.zeros(1, 3))
    tensor([[0.5000, 0.5000, 0.5000]])
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel")
    each_output_alone: ClassVar[bool] = True

    def value(self, z: Tensor, target: Tensor, hypers: Hypers) -> Tensor:
        """Return the negative log-likelihood of each row, summed over its outputs."""
        return (F.softplus(z) - z * target).sum(-2)

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers) -> Tensor:
        """Write sigmoid z - target."""
        return torch.sigmoid(z, out=out).sub_(target)

    def predict(self, z: Tensor) -> Tensor:
        """Return each output's probability of yes."""
        return torch.sigmoid(z)

    def hits(self, z: Tensor, target: Tensor) -> Tensor:
        """Return where all outputs of a row are on the right side of 1/2."""
        return ((z > 0) == (target > 0.5)).all(-2)


class SquaredError(Loss, name="squared_error"):
    r"""loss = Σⱼ (zⱼ - yⱼ)² / C, the mean over C outputs; delta = 2 (z - y) / C.

    Source: Legendre, 1805; Gauss, 1809.

    >>> SquaredError().value(torch.tensor([[3.0]]), torch.tensor([[1.0]]), {})
    tensor([4.])
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def value(self, z: Tensor, target: Tensor, hypers: Hypers) -> Tensor:
        """Return each row's mean squared error."""
        return (z - target).square_().mean(-2)

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers) -> Tensor:
        """Write 2 (z - target) / C."""
        return torch.sub(z, target, out=out).mul_(2 / z.shape[-2])

    def predict(self, z: Tensor) -> Tensor:
        """Return z."""
        return z.clone()
