"""Loss functions of the last layer's logits."""

from wellfit.core.registry import discover
from wellfit.nn.losses.base import Hypers, Loss
from wellfit.nn.losses.classification import (
    SigmoidCrossEntropy,
    SigmoidSquaredError,
    SoftmaxCrossEntropy,
)
from wellfit.nn.losses.quantiles import MeanAndQuantiles, Quantile
from wellfit.nn.losses.regression import AbsoluteError, Huber, Poisson, SquaredError

__all__ = [
    "AbsoluteError",
    "Huber",
    "Hypers",
    "Loss",
    "MeanAndQuantiles",
    "Poisson",
    "Quantile",
    "SigmoidCrossEntropy",
    "SigmoidSquaredError",
    "SoftmaxCrossEntropy",
    "SquaredError",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
