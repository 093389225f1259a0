"""Autoencoders: networks that learn to reconstruct their inputs from a code."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from wellfit.core._sklearn_compat import num_samples
from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.core.parameter import parameter
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.declaration import with_parameters
from wellfit.fitting import Compute, FittedNetwork, ReconstructionTargets
from wellfit.fitting.features import dense_numbers
from wellfit.fitting.history import History
from wellfit.fitting.validation import validate_features
from wellfit.nn import (
    Dense,
    HiddenLayer,
    Layer,
    Linear,
    Loss,
    MaskingNoise,
)
from wellfit.transfer.interop.fitted_layers import FittedLayer, at_work, layers_of
from wellfit.transfer.pretraining.encoding import checked_codes, computed, in_units, units_of

_WITHOUT = (
    *("layers", "input_dropout", "input_noise", "l1", "ema_decay", "learning_rate", "max_norm"),
    *("schedules", "scoring", "image_shape", "pretrained", "augment", "shuffle", "subsample"),
    *("eval_every", "numeric_embedding", "categorical_embedding", "n_submodels", "submodels"),
    *("preset", "bagging", "architectures", "validation_folds"),
    *("conformal", "conformal_fraction"),
)


@with_parameters(without=_WITHOUT, defaults={"dropout": 0.0})
class MLPAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseMLP):  # type: ignore[misc]
    """A network that learns codes of rows, from which the rows can be reconstructed.

    The encoder's layers make the code, the decoder's mirror them. With fewer units than columns a
    code is a summary; with ``noise`` (a denoising autoencoder) rows are reconstructed from what is
    left of them, so that even a wide code has to hold how the columns depend on one another.

    Source: Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks",
    2006; Vincent, Larochelle, Lajoie, Bengio and Manzagol, "Stacked denoising autoencoders",
    2010.

    Args:
        {parameters}

    Attributes:
        history_: lists by name (``loss``, ``val_loss``, ``learning_rate``, ``seconds``), a value
            for each epoch; losses of held-out rows are without noise.
        batch_size_: rows of a step, where ``"auto"`` chose.
        best_epoch_: the epoch, from 1, whose weights are in use.
        n_epochs_: epochs trained.
        n_parameters_: numbers that were learned.
        status_: ``"finished"``, ``"early_stopped"`` or ``"interrupted"`` (Ctrl-C).
        coefs_, intercepts_: the linear layers' weights and biases, the decoder's last.

    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data.astype("uint8")
    >>> coder = MLPAutoencoder((64, 16), random_state=0).fit(X)
    >>> coder.transform(X).shape, coder.reconstruct(X).shape
    ((1797, 16), (1797, 64))
    >>> bool(coder.reconstruction_error(X).mean() < 0.02)
    True
    """

    target_encoder = ReconstructionTargets
    categorical_embedding = None  # codes aren't numbers that can be reconstructed
    numeric_embedding = None  # what is reconstructed are the columns as the network reads them
    ema_decay = 0.0

    hidden_layer_sizes: Sequence[int] | int = parameter(
        "units of the encoder's layers, the code last.", default=(64,), kw_only=False
    )
    noise: float | str | Layer = parameter(
        "share of inputs hidden at a step of training, in [0, 1); or a layer that disturbs them, "
        "such as ``GaussianNoise(0.3)``.",
        default=0.0,
    )
    loss: str | Loss = parameter(
        'by name or as an object; ``"auto"`` is ``"sigmoid_cross_entropy"`` for pixels, each '
        "being taken for a probability of light, and the squared error for all else.",
        default="auto",
        choices=("auto",),
        family=Loss,
    )

    # Fitting.

    def fit(  # type: ignore[override]
        self,
        X: Any,
        y: Any = None,
        *,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        resume_from: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Learn to reconstruct rows from their codes, from fresh weights unless ``warm_start``.

        Args:
            X: (n_samples, n_features): a DataFrame (pandas, polars), an array or a sparse matrix.
            y: not used.
            sample_weight: (n_samples,), at least 0; a row of weight 0 counts as absent.
            X_val: rows to judge every epoch by, like X; else some of X's may be held out.
            resume_from: checkpoints of an earlier fit to go on from; see
                :class:`~wellfit.training.Checkpoint`.

        Returns:
            The autoencoder itself.

        Raises:
            InputError: data or parameters that cannot be used, saying what was expected.
            DivergedError: the loss became infinite before any epoch was worth keeping.
        """
        return super().fit(
            X,
            _nothing(X),
            sample_weight=sample_weight,
            X_val=X_val,
            y_val=None if X_val is None else _nothing(X_val),
            resume_from=resume_from,
        )

    def partial_fit(
        self, X: Any, y: Any = None, *, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train one epoch on more rows, keeping the optimizer's memory; no early stopping."""
        nothing = _nothing(X)
        return self._partial_fit(X, nothing, sample_weight, nothing)

    # Coding.

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Return the rows' codes, (n_samples, units of the code).

        Raises:
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "network_")
        features, compute = self.network_.features, Compute.of(self)
        x = features.encode(validate_features(self, X, features), compute.numpy_dtype)
        return computed(self.parts(), x, compute, pixel_max=features.pixel_max)

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.floating]:
        """Return the rows that codes stand for, (n_samples, n_inputs).

        They are in the units that rows came in: pixels from 0 to the brightest. Of a table with
        text or gaps they are the columns that its preprocessing makes; of numbers in their own
        units, of categories as shares from 0 to 1.

        Args:
            X: (n_samples, units of the code) as :meth:`transform` returns them.

        Raises:
            DataError: codes of another width, or that aren't finite numbers.
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "network_")
        codes, network = checked_codes(X, self._n_features_out), self.network_
        link = network.targets.loss.predict
        rows = computed(self._halves()[1], codes, Compute.of(self), link=link)
        return in_units(rows, network.features)

    def reconstruct(self, X: Any) -> NDArray[np.floating]:
        """Return what the network makes of rows: ``inverse_transform(transform(X))``.

        Raises:
            NotFittedError: before ``fit``.
        """
        return in_units(self.outputs(X), self.network_.features)

    def reconstruction_error(self, X: Any) -> NDArray[np.floating]:
        """Return how far each row is from what the network makes of it, (n_samples,).

        The mean of the squared differences, of numbers as the network reads them: scaled, pixels
        from 0 to 1. Rows unlike those of training have large ones.

        Raises:
            NotFittedError: before ``fit``.
        """
        outputs, features = self.outputs(X), self.network_.features
        x = features.encode(validate_features(self, X, features), Compute.of(self).numpy_dtype)
        wanted = dense_numbers(x, features.pixel_max)
        return np.square(outputs - wanted).mean(axis=1)

    def parts(self) -> list[FittedLayer]:
        """Return the encoder's layers with what they have learned, the first first.

        Raises:
            NotFittedError: before ``fit``.
        """
        return self._halves()[0]

    # What the base asks.

    @property  # type: ignore[misc]
    def layers(self) -> list[HiddenLayer | Layer]:  # type: ignore[override]
        """The noise, the encoder's layers and the decoder's but for its last."""
        sizes = units_of(self.hidden_layer_sizes)
        pairs = list(zip(sizes, each_activation(self.activation, len(sizes)), strict=True))
        mirrored = [*pairs, *pairs[-2::-1]]
        return [*noises(self.noise), *(Dense(size, function) for size, function in mirrored)]

    def _halves(self) -> tuple[list[FittedLayer], list[FittedLayer]]:
        """Return the encoder's layers and the decoder's, of those that are at work."""
        check_is_fitted(self, "network_")
        parts = at_work(layers_of(self.network_.weights))
        linear = [place for place, part in enumerate(parts) if isinstance(part.layer, Linear)]
        middle = linear[len(linear) // 2]
        return parts[:middle], parts[middle:]

    def keep(self, network: FittedNetwork) -> Self:
        """Become what a training has led to; see :meth:`wellfit.MLPClassifier.keep`."""
        # Accuracy would count rows of which all pixels are on the right side of 1/2.
        record, useless = network.record, ("accuracy", "val_accuracy")
        history = {name: each for name, each in record.history.items() if name not in useless}
        record = replace(record, history=History(history))
        return super().keep(replace(network, record=record))

    @property
    def _n_features_out(self) -> int:
        return units_of(self.hidden_layer_sizes)[-1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # ``precision`` says the type
        return tags


def noises(given: float | str | Layer) -> list[Layer]:
    """Return the layer behind ``noise=``: a share of inputs hidden, or a layer itself.

    Raises:
        HyperparameterError: a layer that isn't for training alone.

    >>> noises(0.3), noises(0), noises("gaussian_noise")
    ([MaskingNoise(rate=0.3)], [], [GaussianNoise()])
    """
    if isinstance(given, (int, float)):
        return [MaskingNoise(given)] if given else []
    layer = resolve(Layer, given)
    if not layer.training_only:
        raise HyperparameterError(
            f"noise is {layer!r}, which also works when predicting; expected a share in [0, 1), "
            "GaussianNoise(0.3) or the like"
        )
    return [layer]


def each_activation(given: Any, count: int) -> list[Any]:
    """Return an activation for each of so many layers.

    Raises:
        HyperparameterError: a list of another length.

    >>> each_activation("relu", 2), each_activation(["relu", "identity"], 2)
    (['relu', 'relu'], ['relu', 'identity'])
    """
    if not isinstance(given, (list, tuple)):
        return [given] * count
    if len(given) != count:
        raise HyperparameterError(
            f"activation names {len(given)} functions; expected one, or one for each of the "
            f"{count} layers of hidden_layer_sizes"
        )
    return list(given)


def _nothing(X: Any) -> NDArray[np.float64]:
    """Return targets that nobody looks at, one a row."""
    return np.zeros(num_samples(X))
