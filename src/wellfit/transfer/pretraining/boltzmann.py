"""Layers learned by restricted Boltzmann machines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import BernoulliRBM

from wellfit.core.parameter import parameter
from wellfit.core.rng import random_state_of
from wellfit.estimators.declaration import with_parameters
from wellfit.transfer.interop.fitted_layers import FittedLayer, simplified
from wellfit.transfer.pretraining.base import Pretraining


@with_parameters(
    without=(
        *("activation", "batch_norm", "dropout", "optimizer", "lr_schedule", "epochs"),
        *("early_stopping", "precision", "device", "n_threads", "processes"),
    )
)
class RBMPretraining(Pretraining):
    r"""Learns a network's hidden layers as restricted Boltzmann machines, one upon the other.

    A machine gives rows v of 0 and 1, and hidden units h of 0 and 1, the probability

        p(v, h) ∝ exp(vᵀ W h + aᵀ v + bᵀ h)

    so that p(hⱼ = 1 | v) = sigmoid(v W + b)ⱼ is a layer of sigmoids. W, a and b climb the
    likelihood of the rows, its gradient estimated from samples that persist from step to step
    (scikit-learn's ``BernoulliRBM``). The next machine's rows are the probabilities of this one's
    units. Numbers between 0 and 1 count as probabilities of 1; others are brought there by
    each column's lowest and highest value, which the first layer's weights then contain.

    Source: Hinton, "Training products of experts by minimizing contrastive divergence", 2002;
    Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006;
    Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood
    gradient", 2008.

    Args:
        {parameters}

    Attributes:
        rbms_: the fitted ``BernoulliRBM`` of each layer.

    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data.astype("uint8")
    >>> pretraining = RBMPretraining((32, 16), n_iter=2, random_state=0).fit(X)
    >>> [part.layer.name for part in pretraining.parts()]
    ['linear', 'activation', 'linear', 'activation']
    """

    learning_rate: float = parameter("step size, above 0.", default=0.05, low=0, open_low=True)
    n_iter: int = parameter("passes over the rows for each layer.", default=10, whole=True, low=0)
    batch_size: int = parameter("rows of a step.", default=32, whole=True, low=1)

    def _learn(self, numbers: NDArray[np.floating], sizes: tuple[int, ...]) -> list[FittedLayer]:
        low, span = self._range(numbers)
        rows: NDArray[np.floating] = ((numbers - low) / span).astype(np.float32)
        draw, self.rbms_, parts = random_state_of(self.random_state), [], list[FittedLayer]()
        for size in sizes:
            machine = BernoulliRBM(
                size,
                learning_rate=self.learning_rate,
                batch_size=min(self.batch_size, len(rows)),
                n_iter=self.n_iter,
                verbose=self.verbose or 0,
                random_state=draw.randint(2**31 - 1),
            ).fit(rows)
            self.rbms_.append(machine)
            rows = machine.transform(rows)
            linear = FittedLayer.linear(machine.components_.T, machine.intercept_hidden_)
            parts += [linear, FittedLayer.activation("sigmoid")]
        scaling = FittedLayer.scaling(1 / span, -low / span)
        return [*simplified([scaling, parts[0]]), *parts[1:]]

    def _range(self, numbers: NDArray[np.floating]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return each column's lowest value and spread; 0 and 1 where all are from 0 to 1."""
        low, high = numbers.min(0).astype(np.float64), numbers.max(0).astype(np.float64)
        within = (low >= 0) & (high <= 1)
        span = np.where(high > low, high - low, 1.0)
        return np.where(within, 0.0, low), np.where(within, 1.0, span)
