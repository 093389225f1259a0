"""Layers learned by telling rows from modified ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import DataError, HyperparameterError
from wellfit.core.hyper import Config
from wellfit.core.rng import random_state_of
from wellfit.estimators import MLPClassifier
from wellfit.nn import Activation, BatchNorm, Layer, Linear
from wellfit.optim import Optimizer, Schedule
from wellfit.preprocessing.choice import Preprocess
from wellfit.training import EarlyStopping
from wellfit.transfer.interop.fitted_layers import FittedLayer, at_work, layers_of
from wellfit.transfer.pretraining.base import Pretraining

Modify = Callable[[NDArray[np.floating], np.random.RandomState], NDArray[np.floating]]


class CorruptionPretraining(Pretraining):
    r"""Learns a network's hidden layers by an auxiliary task: telling rows from modified ones.

    Every row comes once as it is, labelled good, and once modified, labelled bad; a classifier of
    the two has to find out how columns depend on one another, and its hidden layers are what is
    handed on. By default a modified row has a share of its numbers from other rows, each from
    another, so that no column by itself gives it away.

    Source: Collobert and Weston, "A unified architecture for natural language processing", 2008,
    with words replaced at random; numbers of other rows as in Yoon, Zhang, Jordon and van der
    Schaar, "VIME: extending the success of self- and semi-supervised learning to tabular domain",
    2020.

    Args:
        hidden_layer_sizes: units of each layer.
        modify: share of a row's numbers that come from other rows, in (0, 1]; or a function of the
            rows (n_samples, n_inputs) as the network reads them and a NumPy ``RandomState``, which
            returns them modified.
        activation: of the layers, by name or as an object, or one for each.
        batch_norm: normalize every layer's batch; see :class:`~wellfit.MLPClassifier`.
        dropout: share of hidden units silenced at a step, in [0, 1), or a layer.
        optimizer: the update rule, by name or as an object.
        lr_schedule: of the learning rate, by name or as an object.
        batch_size: rows of a step; ``"auto"`` goes by their number.
        epochs: passes over the rows, at most.
        early_stopping: True or an :class:`~wellfit.training.EarlyStopping`: judge every epoch on
            a tenth of the rows, held out, and keep the best weights.
        preprocess: ``"auto"`` scales, imputes and encodes, a ``TablePreprocessor`` by settings of
            its own; None takes numbers as they are.
        precision: ``"float32"``, ``"float64"``, ``"bfloat16"`` or ``"auto"``.
        device: ``"auto"`` is the GPU where there is one; ``"cpu"``, ``"cuda"``, ``"cuda:1"``…
        n_threads: of the processor, from 1 to 1024; None for as many as PyTorch would take.
        random_state: a whole number makes fits repeatable.
        verbose: 0, or a number from 1 to show progress in a terminal.

    Attributes:
        classifier_: the fitted :class:`~wellfit.MLPClassifier` of good (1) and bad (0) rows; its
            ``history_`` says how well it tells them apart.

    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data.astype("uint8")
    >>> pretraining = CorruptionPretraining((32, 16), epochs=5, random_state=0).fit(X)
    >>> [part.layer.name for part in pretraining.parts()]
    ['linear', 'activation', 'linear', 'activation']
    """

    nested_configs: ClassVar[Mapping[str, type[Config]]] = {
        "activation": Activation,
        "batch_norm": BatchNorm,
        "optimizer": Optimizer,
        "lr_schedule": Schedule,
        "early_stopping": EarlyStopping,
    }

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (256, 256),
        *,
        modify: float | Modify = 0.5,
        activation: str | Activation | Sequence[str | Activation] = "relu",
        batch_norm: bool | Literal["before", "after"] | BatchNorm = False,
        dropout: float | Layer | Literal["auto"] = "auto",
        optimizer: str | Optimizer = "adam",
        lr_schedule: str | Schedule = "one_cycle",
        batch_size: int | Literal["auto"] = "auto",
        epochs: int = 20,
        early_stopping: bool | EarlyStopping = False,
        preprocess: Preprocess = "auto",
        precision: str = "float32",
        device: str = "auto",
        n_threads: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes, self.modify = hidden_layer_sizes, modify
        self.activation, self.batch_norm, self.dropout = activation, batch_norm, dropout
        self.optimizer, self.lr_schedule = optimizer, lr_schedule
        self.batch_size, self.epochs = batch_size, epochs
        self.early_stopping, self.preprocess = early_stopping, preprocess
        self.precision, self.device, self.n_threads = precision, device, n_threads
        self.random_state, self.verbose = random_state, verbose

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
