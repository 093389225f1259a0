"""The submodels that an estimator asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.core.parameter import is_auto
from wellfit.fitting import Compute, FittedNetwork, TargetEncoder
from wellfit.fitting.validation import validate_features
from wellfit.nn import Network, Submodels


def with_submodels(estimator: Any, network: Network, targets: TargetEncoder) -> Network:
    """Return an estimator's network with as many submodels as it asks for.

    Args:
        estimator: whose ``n_submodels`` and ``submodels`` count.
        network: that each submodel is like.
        targets: whose loss says what the mean of predictions is.

    Raises:
        HyperparameterError: several of them, where layers are another model's.
    """
    n = 1 if is_auto(estimator.n_submodels) else estimator.n_submodels
    if n > 1 and estimator.pretrained is not None:
        raise HyperparameterError(
            f"n_submodels is {n}, and the layers of a pretrained model are of one network; "
            "expected n_submodels=1, or pretrained=None"
        )
    return resolve(Submodels, estimator.submodels).applied(network, n, targets.loss)


def mean_and_spread(
    model: Any, X: Any, decode: Callable[[NDArray[Any]], NDArray[Any]]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return mean and standard deviation (n_samples, …) of networks that an estimator averages.

    Args:
        model: the fitted estimator.
        X: (n_samples, n_features) rows.
        decode: from outputs (n_samples, n_outputs) to predictions.

    Raises:
        HyperparameterError: a single network.
    """
    network: FittedNetwork = model.network_
    if network.n_submodels * network.n_networks == 1:
        raise HyperparameterError(
            "n_submodels is 1, and one network has nothing to differ from; expected a model "
            "trained with n_submodels of 2 or more or with bagging, or an ensemble"
        )
    x = validate_features(model, X, network.features)
    outputs, shares = network.separate_outputs(x, Compute.of(model)), network.separate_shares
    each = np.stack([decode(one) for one in outputs])
    mean = np.average(each, axis=0, weights=shares)
    return mean, np.sqrt(np.average(np.square(each - mean), axis=0, weights=shares))
