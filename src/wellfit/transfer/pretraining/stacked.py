"""Layers learned by autoencoders, one upon the other or all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from wellfit.core.hyper import Config, resolve
from wellfit.core.parameter import is_auto
from wellfit.core.rng import random_state_of
from wellfit.nn import Activation, BatchNorm, Layer, Loss, Sigmoid
from wellfit.optim import Optimizer, Schedule
from wellfit.preprocessing.choice import Preprocess
from wellfit.training import EarlyStopping
from wellfit.transfer.interop.fitted_layers import FittedLayer
from wellfit.transfer.pretraining.autoencoder import MLPAutoencoder, each_activation
from wellfit.transfer.pretraining.base import Pretraining


class AutoencoderPretraining(Pretraining):
    r"""Learns a network's hidden layers as the encoders of autoencoders.

    Layer by layer, the first is the encoder of the rows, the next the encoder of what the first
    puts out, and so on: h₀ = x, and layer l is the f of the autoencoder

        hₗ₋₁ ≈ g(f(hₗ₋₁ disturbed by the noise)),  hₗ = f(hₗ₋₁)

    What a layer puts out is computed once, not at every step of the next. ``layerwise=False``
    trains one autoencoder with all layers, and their mirror image, at once.

    Source: Bengio, Lamblin, Popovici and Larochelle, "Greedy layer-wise training of deep
    networks", 2007; Vincent, Larochelle, Lajoie, Bengio and Manzagol, "Stacked denoising
    autoencoders", 2010.

    Args:
        hidden_layer_sizes: units of each layer.
        layerwise: learn one layer after the other; False learns all at once.
        noise: share of each autoencoder's inputs hidden at a step of training, in [0, 1); or a
            layer that disturbs them, such as ``GaussianNoise(0.3)``.
        activation: of the layers, by name or as an object, or one for each.
        batch_norm: normalize every layer's batch; True or ``"before"`` its activation,
            ``"after"``, or a :class:`~wellfit.nn.BatchNorm`.
        loss: by name or as an object; ``"auto"`` is ``"sigmoid_cross_entropy"`` for pixels and
            for what sigmoids put out, and the squared error for all else.
        optimizer: the update rule, by name or as an object.
        lr_schedule: of the learning rate, by name or as an object.
        batch_size: rows of a step; ``"auto"`` is a power of 2, about a hundredth of the rows,
            from 16 to 256.
        epochs: passes over the rows for each autoencoder, at most.
        early_stopping: True or an :class:`~wellfit.training.EarlyStopping`: judge every epoch on
            a tenth of the rows, held out, and keep the best weights.
        preprocess: ``"auto"`` scales, imputes and encodes, a ``TablePreprocessor`` by settings of
            its own; None takes numbers as they are.
        precision: ``"float32"``, ``"float64"``, ``"bfloat16"`` for rounded matrix products, or
            ``"auto"``.
        device: ``"auto"`` is the GPU where there is one; ``"cpu"``, ``"cuda"``, ``"cuda:1"``…
        n_threads: of the processor, from 1 to 1024; None for as many as PyTorch would take.
        random_state: a whole number makes fits repeatable.
        verbose: 0, or a number from 1 to show progress in a terminal.

    Attributes:
        autoencoders_: the fitted :class:`MLPAutoencoder` of each layer, or the one of all.

    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data.astype("uint8")
    >>> pretraining = AutoencoderPretraining((32, 16), epochs=5, random_state=0).fit(X)
    >>> [part.layer.name for part in pretraining.parts()]
    ['linear', 'activation', 'linear', 'activation']
    >>> pretraining.transform(X).shape
    (1797, 16)
    """

    nested_configs: ClassVar[Mapping[str, type[Config]]] = {
        "activation": Activation,
        "batch_norm": BatchNorm,
        "loss": Loss,
        "optimizer": Optimizer,
        "lr_schedule": Schedule,
        "early_stopping": EarlyStopping,
    }

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (256, 256),
        *,
        layerwise: bool = True,
        noise: float | str | Layer = 0.3,
        activation: str | Activation | Sequence[str | Activation] = "relu",
        batch_norm: bool | Literal["before", "after"] | BatchNorm = False,
        loss: str | Loss = "auto",
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
        self.hidden_layer_sizes, self.layerwise = hidden_layer_sizes, layerwise
        self.noise, self.activation, self.batch_norm = noise, activation, batch_norm
        self.loss, self.optimizer, self.lr_schedule = loss, optimizer, lr_schedule
        self.batch_size, self.epochs = batch_size, epochs
        self.early_stopping, self.preprocess = early_stopping, preprocess
        self.precision, self.device, self.n_threads = precision, device, n_threads
        self.random_state, self.verbose = random_state, verbose

    def _learn(self, numbers: NDArray[np.floating], sizes: tuple[int, ...]) -> list[FittedLayer]:
        draw, parts = random_state_of(self.random_state), list[FittedLayer]()
        shares, self.autoencoders_ = self.features_.kind == "pixels", []
        for units, functions in self._stages(sizes):
            coder = self._autoencoder(units, functions, shares, draw.randint(2**31 - 1))
            self.autoencoders_.append(coder.fit(numbers))
            parts += coder.parts()
            if len(self.autoencoders_) < len(sizes) and self.layerwise:
                numbers = coder.transform(numbers)
            shares = isinstance(resolve(Activation, functions[-1]), Sigmoid)
        return parts

    def _stages(self, sizes: tuple[int, ...]) -> list[tuple[tuple[int, ...], list[Any]]]:
        """Return the units and the activations of each autoencoder's encoder."""
        functions = each_activation(self.activation, len(sizes))
        if not self.layerwise:
            return [(sizes, functions)]
        return [((size,), [each]) for size, each in zip(sizes, functions, strict=True)]

    def _autoencoder(
        self, units: tuple[int, ...], functions: list[Any], shares: bool, seed: int
    ) -> MLPAutoencoder:
        """Return the autoencoder of some layers; ``shares``: its inputs are from 0 to 1."""
        own = ("hidden_layer_sizes", "layerwise", "activation", "loss", "preprocess")
        given = self.get_params(deep=False).items()
        chosen = "sigmoid_cross_entropy" if shares else "squared_error"
        return MLPAutoencoder(
            units,
            **{key: value for key, value in given if key not in (*own, "random_state")},
            activation=functions,
            loss=chosen if is_auto(self.loss) else self.loss,
            preprocess=None,
            random_state=seed,
        )
