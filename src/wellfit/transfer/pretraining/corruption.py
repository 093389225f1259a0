"""Layers learned by classifying rows as original or corrupted."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import DataError, HyperparameterError
from wellfit.core.parameter import parameter
from wellfit.core.rng import random_state_of
from wellfit.estimators import MLPClassifier
from wellfit.estimators.declaration import with_parameters
from wellfit.nn import Linear
from wellfit.transfer.interop.fitted_layers import FittedLayer, at_work, layers_of
from wellfit.transfer.pretraining.base import Pretraining

Modify = Callable[[NDArray[np.floating], np.random.RandomState], NDArray[np.floating]]


@with_parameters()
class CorruptionPretraining(Pretraining):
    r"""Learns a network's hidden layers by an auxiliary task: telling rows from modified ones.

    Every row comes once as it is, labelled good, and once modified, labelled bad. The modified
    rows are drawn once, and are the same in all epochs. A classifier of the two has to find out
    how columns depend on one another, and its hidden layers are what is handed on. By default a
    modified row has a share of its numbers from other rows, each from another, so that no column
    by itself gives it away.

    Source: Collobert and Weston, "A unified architecture for natural language processing", 2008,
    with words replaced at random; numbers of other rows as in Yoon, Zhang, Jordon and van der
    Schaar, "VIME: extending the success of self- and semi-supervised learning to tabular domain",
    2020.

    Args:
        {parameters}

    Attributes:
        classifier_: the fitted :class:`~wellfit.MLPClassifier` of good (1) and bad (0) rows; its
            ``history_`` says how well it tells them apart.

    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data.astype("uint8")
    >>> pretraining = CorruptionPretraining((32, 16), epochs=5, random_state=0).fit(X)
    >>> [part.layer.name for part in pretraining.parts()]
    ['linear', 'activation', 'linear', 'activation']
    """

    modify: float | Modify = parameter(
        "share of a row's numbers that come from other rows, in (0, 1]; or a function of the rows "
        "(n_samples, n_inputs) as the network reads them and a NumPy ``RandomState``, which "
        "returns them modified.",
        default=0.5,
    )

    def _learn(self, numbers: NDArray[np.floating], sizes: tuple[int, ...]) -> list[FittedLayer]:
        draw = random_state_of(self.random_state)
        rows = np.concatenate([numbers, self._modified(numbers, draw)])
        given = self.get_params(deep=False).items()
        own = ("hidden_layer_sizes", "modify", "preprocess", "random_state")
        self.classifier_ = MLPClassifier(
            sizes,
            **{key: value for key, value in given if key not in own},
            preprocess=None,
            random_state=draw.randint(2**31 - 1),
        ).fit(rows, np.repeat([1, 0], len(numbers)))
        parts = at_work(layers_of(self.classifier_.network_.weights))
        linear = [place for place, part in enumerate(parts) if isinstance(part.layer, Linear)]
        return parts[: linear[-1]]

    def _modified(
        self, numbers: NDArray[np.floating], draw: np.random.RandomState
    ) -> NDArray[np.floating]:
        """Return each row modified."""
        modify: Any = self.modify
        if callable(modify):
            found = np.asarray(modify(numbers.copy(), draw), dtype=numbers.dtype)
            if found.shape != numbers.shape:
                raise DataError(
                    f"modify returned rows of shape {found.shape}; expected {numbers.shape}"
                )
            return found
        number = not isinstance(modify, bool) and isinstance(modify, Real)
        if not number or not 0 < float(modify) <= 1:
            raise HyperparameterError(
                f"modify is {modify!r}; expected a share in (0, 1], or a function of rows and a "
                "RandomState"
            )
        others = draw.randint(len(numbers), size=numbers.shape)
        swapped = np.take_along_axis(numbers, others, axis=0)
        return np.where(draw.random_sample(numbers.shape) < float(modify), swapped, numbers)
