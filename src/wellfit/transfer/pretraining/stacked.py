"""Layers learned by autoencoders, one upon the other or all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.hyper import resolve
from wellfit.core.parameter import is_auto, parameter
from wellfit.core.rng import random_state_of
from wellfit.estimators.declaration import with_parameters
from wellfit.nn import Activation, Layer, Loss, Sigmoid
from wellfit.transfer.interop.fitted_layers import FittedLayer
from wellfit.transfer.pretraining.autoencoder import MLPAutoencoder, each_activation
from wellfit.transfer.pretraining.base import Pretraining


@with_parameters(without=("dropout",))
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
        {parameters}

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

    layerwise: bool = parameter(
        "learn one layer after the other; False learns all at once.", default=True, flag=True
    )
    noise: float | str | Layer = parameter(
        "share of each autoencoder's inputs hidden at a step of training, in [0, 1); or a layer "
        "that disturbs them, such as ``GaussianNoise(0.3)``.",
        default=0.3,
    )
    loss: str | Loss = parameter(
        'by name or as an object; ``"auto"`` is ``"sigmoid_cross_entropy"`` for pixels and for '
        "what sigmoids put out, and the squared error for all else.",
        default="auto",
        choices=("auto",),
        family=Loss,
    )

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
