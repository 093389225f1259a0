"""The networks of a fitted model, with what each counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from torch import Tensor

from wellfit.core.errors import InputError
from wellfit.fitting import ClassTargets, Compute, FittedNetwork, NumberTargets
from wellfit.fitting.features import dense_numbers
from wellfit.fitting.validation import validate_features
from wellfit.nn import SubmodelMean
from wellfit.nn.links import mean_logits
from wellfit.training import Weights

_TINY = float(np.finfo(np.float32).tiny)
_EXACT = Compute(device="cpu", precision="float64")


@dataclass(frozen=True, eq=False)
class AveragedNetwork:
    """One of the fitted networks that a model averages; folds and architectures are one.

    Attributes:
        estimator: that has it.
        network: the network.
        share: how much it counts, of a sum of 1.
    """

    estimator: Any
    network: FittedNetwork
    share: float

    def encoded(self, X: Any) -> Tensor:
        """Return rows (n_rows, n_encoded) as the network reads them, in double precision."""
        features = self.network.features
        table = validate_features(self.estimator, X, features)
        numbers = features.encode(table, _EXACT.numpy_dtype)
        return torch.from_numpy(dense_numbers(numbers, features.pixel_max).astype(np.float64))

    def predictions(self, logits: Sequence[Tensor]) -> Tensor:
        """Return probabilities (B, n_classes), or numbers in the target's units (B, n_outputs).

        Args:
            logits: (K, B · submodels, C) of each architecture.
        """
        network, targets = self.network, self.network.targets
        several = zip(network.stacks, logits, network.shares, strict=True)
        outputs = torch.stack([share * self._outputs(w, z) for w, z, share in several]).sum(0)
        if isinstance(targets, ClassTargets):
            return _probabilities(targets, outputs)
        assert isinstance(targets, NumberTargets)
        return _numbers(targets, outputs)

    def _outputs(self, weights: Weights, logits: Tensor) -> Tensor:
        """Return an architecture's mean outputs (B, n_outputs)."""
        last = weights.network.layers[-1]
        if isinstance(last, SubmodelMean):
            k, rows, count = logits.shape
            n = weights.network.logit_rows
            logits = mean_logits(logits.view(k, rows // n, n, count), last.link)
        outputs = self.network.targets.loss.predict(logits.transpose(1, 2))
        return outputs.transpose(1, 2).mean(0)


def networks_of(model: Any) -> list[AveragedNetwork]:
    """Return the networks of a fitted estimator, ensemble or search.

    Raises:
        InputError: another kind of model, which has no networks that could be looked into.
    """
    model = getattr(model, "best_estimator_", model)
    estimators = getattr(model, "estimators_", [model])
    shares = getattr(model, "weights_", np.full(len(estimators), 1 / len(estimators)))
    for each in estimators:
        targets = getattr(getattr(each, "network_", None), "targets", None)
        if not isinstance(targets, ClassTargets | NumberTargets):
            raise InputError(f"attributions are of networks' predictions{_instead(model)}")
    pairs = zip(estimators, np.asarray(shares).tolist(), strict=True)
    return [AveragedNetwork(each, each.network_, share) for each, share in pairs]


def _instead(model: Any) -> str:
    if isinstance(model, Pipeline):
        return (
            "; expected the last step of this Pipeline, and its inputs: "
            "pipe[-1] and pipe[:-1].transform(X)"
        )
    return (
        f", and this is a {type(model).__name__}; expected an MLPClassifier, an MLPRegressor, an "
        "ensemble or a search of these"
    )


def _probabilities(targets: ClassTargets, outputs: Tensor) -> Tensor:
    """Return what :meth:`wellfit.preprocessing.ClassLabels.probabilities` does, to derive by."""
    if targets.multilabel:
        return outputs
    if outputs.shape[1] == 1:
        return torch.cat([1 - outputs, outputs], dim=1)
    outputs = outputs + _TINY
    return outputs / outputs.sum(dim=1, keepdim=True)


def _numbers(targets: NumberTargets, outputs: Tensor) -> Tensor:
    """Return what :meth:`wellfit.fitting.NumberTargets.decode` does, to derive by."""
    scale, mean = (torch.from_numpy(part) for part in (targets.scale.scale_, targets.scale.mean_))
    numbers = outputs[:, targets.loss.point] * scale + mean
    if targets.range is None:
        return numbers
    low, high = map(torch.from_numpy, targets.range)
    return numbers.clamp(low, high)


def spread_of(model: Any) -> NDArray[np.float64]:
    """Return how much each output varies (n_outputs,): 1 of a class, else the targets' scale."""
    targets = networks_of(model)[0].network.targets
    if isinstance(targets, NumberTargets):
        return np.abs(np.asarray(targets.scale.scale_, dtype=np.float64))
    return np.ones(len(targets.classes if targets.classes is not None else [0]))
