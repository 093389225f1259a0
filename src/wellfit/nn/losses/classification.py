"""Losses of classes and labels; targets may be probabilities."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from wellfit.core.errors import DataError
from wellfit.core.hyper import fraction
from wellfit.core.stacking import add_scaled
from wellfit.nn.losses.base import OWN, Hypers, Loss

_BEYOND = 1e30  # more than any logit that isn't on its way to infinity


class SoftmaxCrossEntropy(Loss, name="softmax_cross_entropy", aliases=("cross_entropy",)):
    r"""loss = log Σⱼ exp zⱼ - Σⱼ pⱼ zⱼ, over C classes; delta = softmax z - p.

    p is the one-hot row of a class, or a row of probabilities. Label smoothing s replaces it by
    (1 - s) p + s / C, so that no logit is driven to infinity.

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs",
    1990; smoothing: Szegedy et al., "Rethinking the inception architecture", 2016.

    >>> SoftmaxCrossEntropy().predict(torch.zeros(2, 3))  # two classes, three rows
    tensor([[0.5000, 0.5000, 0.5000],
            [0.5000, 0.5000, 0.5000]])
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    label_smoothing: float = fraction(
        "share of the target spread evenly over the classes", default=0.0, search=(0.0, 0.2)
    )

    def encode(self, y: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Turn class numbers (…, B), or probabilities (…, B, C), into columns (…, C, B).

        Raises:
            DataError: floats of another shape.
        """
        if y.is_floating_point():
            if y.ndim < 2 or y.shape[-1] != outputs:
                raise DataError(
                    f"the target is floats of shape {tuple(y.shape)}; expected class numbers as "
                    f"integers, or {outputs} probabilities a row"
                )
            return super().encode(y, outputs, dtype)
        return _columns(y, outputs, dtype)

    def value(self, z: Tensor, target: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Return each row's cross-entropy, its negative log-likelihood where it has one class."""
        total = _log_sum_exp(z)
        smoothing = self._hyper(hypers, "label_smoothing")
        if isinstance(smoothing, Tensor):
            smoothing = smoothing.squeeze(-1)
        elif not smoothing:
            return total.sub_((z * target).sum(-2))
        fitted = (z * target).sum(-2) * (1 - smoothing)
        return total.sub_(fitted).sub_(z.mean(-2) * smoothing)

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Write softmax z - target."""
        torch.softmax(z, -2, out=out)
        smoothing = self._hyper(hypers, "label_smoothing")
        if not isinstance(smoothing, Tensor) and not smoothing:
            return out.sub_(target)
        return add_scaled(out, target, smoothing - 1).sub_(smoothing / z.shape[-2])

    def predict(self, z: Tensor) -> Tensor:
        """Return the classes' probabilities."""
        return torch.softmax(z, -2)

    def hits(self, z: Tensor, target: Tensor) -> Tensor:
        """Return where the target's most likely class has the largest logit."""
        return _likeliest_is_largest(z, target)

    def measure(
        self,
        z: Tensor,
        target: Tensor,
        hypers: Hypers = OWN,
        *,
        certain: bool = False,
        one_class: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return :meth:`value` and :meth:`hits`, in half the time where targets are certain."""
        smoothing = self._hyper(hypers, "label_smoothing")
        if not certain or isinstance(smoothing, Tensor) or smoothing:
            return super().measure(z, target, hypers)
        # With one-hot targets, the logit of the true class without an index; the others' largest
        # is found by lowering the true one out of reach.
        own = (z * target).sum(-2)
        others = torch.sub(z, target, alpha=_BEYOND).amax(-2)
        return _log_sum_exp(z).sub_(own), own > others


def _columns(y: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
    """Turn class numbers (…, B) into columns (…, C, B) of zeros with a 1."""
    # Numbers of one type are compared five times as fast as they are compared and converted.
    classes = torch.arange(outputs, dtype=dtype, device=y.device)[:, None]
    out = classes.new_empty(*y.shape[:-1], outputs, y.shape[-1])
    return torch.eq(y.to(dtype).unsqueeze(-2), classes, out=out)


def _likeliest_is_largest(z: Tensor, target: Tensor) -> Tensor:
    # Probabilities may have ties: any of the most likely classes then counts.
    likeliest = target == target.amax(-2, keepdim=True)
    return z.amax(-2) > z.masked_fill(likeliest, -torch.inf).amax(-2)


def _log_sum_exp(z: Tensor) -> Tensor:
    """Return log Σⱼ exp zⱼ over the classes."""
    # torch.logsumexp guards against infinities, at twice the time; here they mean divergence.
    largest = z.amax(-2, keepdim=True)
    return (z - largest).exp_().sum(-2).log_().add_(largest.squeeze(-2))


class _SigmoidLoss(Loss):
    """The base class of losses of independent sigmoid outputs."""

    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel")
    each_output_alone: ClassVar[bool] = True

    def encode(self, y: Tensor, outputs: int, dtype: torch.dtype) -> Tensor:
        """Turn class numbers (…, B), or 0 and 1 for each output (…, B, C), into (…, C, B)."""
        if y.dtype == torch.int64 and outputs > 1:
            return _columns(y, outputs, dtype)
        return super().encode(y, outputs, dtype)

    def measure(
        self,
        z: Tensor,
        target: Tensor,
        hypers: Hypers = OWN,
        *,
        certain: bool = False,
        one_class: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return :meth:`value` and :meth:`hits`; of classes, the one of the largest logit."""
        if one_class and z.shape[-2] > 1:
            return self.value(z, target, hypers), _likeliest_is_largest(z, target)
        return super().measure(z, target, hypers)

    def predict(self, z: Tensor) -> Tensor:
        """Return the probability of the positive class of each output."""
        return torch.sigmoid(z)

    def hits(self, z: Tensor, target: Tensor) -> Tensor:
        """Return where all outputs of a row are on the right side of 1/2."""
        return ((z > 0) == (target > 0.5)).all(-2)


class SigmoidCrossEntropy(
    _SigmoidLoss,
    name="sigmoid_cross_entropy",
    aliases=("binary_cross_entropy",),
):
    r"""loss = Σⱼ log(1 + exp zⱼ) - yⱼ zⱼ, over independent outputs; delta = sigmoid z - y.

    For two classes (one output), for several labels a row, and for classes each against the rest.
    y is 0, 1 or a probability; label smoothing s replaces it by (1 - s) y + s / 2.

    Source: Hinton, "Connectionist learning procedures", 1989.

    >>> SigmoidCrossEntropy().predict(torch.zeros(1, 3))
    tensor([[0.5000, 0.5000, 0.5000]])
    """

    label_smoothing: float = fraction(
        "how far targets are moved towards 1/2", default=0.0, search=(0.0, 0.2)
    )

    def value(self, z: Tensor, target: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Return each row's negative log-likelihood, summed over its outputs."""
        return (F.softplus(z) - z * self._smoothed(target, hypers)).sum(-2)

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Write sigmoid z - target."""
        return torch.sigmoid(z, out=out).sub_(self._smoothed(target, hypers))

    def _smoothed(self, target: Tensor, hypers: Hypers) -> Tensor:
        smoothing = self._hyper(hypers, "label_smoothing")
        if not isinstance(smoothing, Tensor) and not smoothing:
            return target
        return target * (1 - smoothing) + smoothing / 2


class SigmoidSquaredError(_SigmoidLoss, name="sigmoid_squared_error", aliases=("quadratic",)):
    r"""loss = ½ Σⱼ (aⱼ - yⱼ)², of sigmoid outputs a; delta = (a - y) a (1 - a).

    The cost function of textbooks. An output that is confidently wrong hardly learns,
    since a (1 - a) is near 0 there: cross-entropy has no such factor.

    Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
    1986; Nielsen, "Neural networks and deep learning", chapter 3, 2015.

    >>> z, y = torch.tensor([[-9.0]]), torch.ones(1, 1)  # confidently wrong
    >>> loss = SigmoidSquaredError()
    >>> round(float(loss.delta(z, y, torch.empty(1, 1))), 4)
    -0.0001
    >>> round(float(SigmoidCrossEntropy().delta(z, y, torch.empty(1, 1))), 4)
    -0.9999
    """

    def value(self, z: Tensor, target: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Return half of each row's sum of squared errors."""
        return (torch.sigmoid(z) - target).square_().sum(-2).mul_(0.5)

    def delta(self, z: Tensor, target: Tensor, out: Tensor, hypers: Hypers = OWN) -> Tensor:
        """Write (a - target) a (1 - a)."""
        torch.sigmoid(z, out=out)
        # a - a²; computed before a is overwritten by a - y.
        slope = torch.addcmul(out, out, out, value=-1)
        return out.sub_(target).mul_(slope)
