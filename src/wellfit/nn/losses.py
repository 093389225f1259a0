r"""Losses of the last layer's logits z, with the output delta ∂loss/∂z written out.

Shapes: logits (…, K, B, C); targets (…, S, B, C), where S is K or 1. A loss is a mean over rows;
here stands the loss of one row, and the engine averages.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from wellfit.core.hyper import Config


class Loss(Config, family="loss"):
    """What training lowers, and how logits become predictions.

    >>> import torch
    >>> loss, z = SoftmaxCrossEntropy(), torch.zeros(1, 1, 10)
    >>> target = loss.encode(torch.tensor([[3]]), outputs=10, dtype=z.dtype)
    >>> round(float(loss.value(z, target)), 4)  # an untrained network: log 10
    2.3026
    """

    tasks: ClassVar[tuple[str, ...]] = ()

    def encode(self, y: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Turn stored targets (…, B, C) into the form that :meth:`delta` takes."""
        return y.to(dtype)

    @abstractmethod
    def value(self, z: Tensor, target: Tensor) -> Tensor:
        """Return the loss of every row, without the last axis."""

    @abstractmethod
    def delta(self, z: Tensor, target: Tensor, out: Tensor) -> Tensor:
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

    >>> SoftmaxCrossEntropy().predict(torch.zeros(1, 1, 2))
    tensor([[[0.5000, 0.5000]]])
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    def encode(self, y: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Turn class numbers (…, B) into one-hot rows (…, B, C)."""
        return F.one_hot(y.long(), outputs).to(dtype)

    def value(self, z: Tensor, target: Tensor) -> Tensor:
        """Return the negative log-likelihood of each row."""
        return torch.logsumexp(z, -1) - (z * target).sum(-1)

    def delta(self, z: Tensor, target: Tensor, out: Tensor) -> Tensor:
        """Write softmax z - target."""
        return torch.softmax(z, -1, out=out).sub_(target)

    def predict(self, z: Tensor) -> Tensor:
        """Return the classes' probabilities."""
        return torch.softmax(z, -1)

    def hits(self, z: Tensor, target: Tensor) -> Tensor:
        """Return where the most likely class is the true one."""
        return z.argmax(-1) == target.argmax(-1)


class SigmoidCrossEntropy(Loss, name="sigmoid_cross_entropy"):
    r"""loss = Σⱼ log(1 + exp zⱼ) - yⱼ zⱼ, over independent yes/no outputs; delta = sigmoid z - y.

    For two classes (one output) and for several labels a row.

    Source: Hinton, "Connectionist learning procedures", 1989.

    >>> SigmoidCrossEntropy().predict(torch.zeros(1, 1, 1))
    tensor([[[0.5000]]])
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel")

    def value(self, z: Tensor, target: Tensor) -> Tensor:
        """Return the negative log-likelihood of each row, summed over its outputs."""
        return (F.softplus(z) - z * target).sum(-1)

    def delta(self, z: Tensor, target: Tensor, out: Tensor) -> Tensor:
        """Write sigmoid z - target."""
        return torch.sigmoid(z, out=out).sub_(target)

    def predict(self, z: Tensor) -> Tensor:
        """Return each output's probability of yes."""
        return torch.sigmoid(z)

    def hits(self, z: Tensor, target: Tensor) -> Tensor:
        """Return where all outputs of a row are on the right side of 1/2."""
        return ((z > 0) == (target > 0.5)).all(-1)


class SquaredError(Loss, name="squared_error"):
    r"""loss = Σⱼ (zⱼ - yⱼ)² / C, the mean over C outputs; delta = 2 (z - y) / C.

    Source: Legendre, 1805; Gauss, 1809.

    >>> SquaredError().value(torch.tensor([[[3.0]]]), torch.tensor([[[1.0]]]))
    tensor([[4.]])
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def value(self, z: Tensor, target: Tensor) -> Tensor:
        """Return each row's mean squared error."""
        return (z - target).square_().mean(-1)

    def delta(self, z: Tensor, target: Tensor, out: Tensor) -> Tensor:
        """Write 2 (z - target) / C."""
        return torch.sub(z, target, out=out).mul_(2 / z.shape[-1])

    def predict(self, z: Tensor) -> Tensor:
        """Return z."""
        return z.clone()
