"""TrainedLayers: layers with what they have learned, and with the encoders of their data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from wellfit.fitting.features import FeatureEncoder
from wellfit.fitting.side_by_side import side_by_side
from wellfit.fitting.targets import TargetEncoder
from wellfit.nn import Layer, Linear
from wellfit.training import Weights


@dataclass(frozen=True, eq=False)
class TrainedLayers:
    """Layers with what they have learned: a network, or the lower part of one.

    Attributes:
        weights: of one network, as used for predictions.
        features: the encoder of its rows' features; None of layers that read numbers.
        targets: the encoder of its targets; None of layers that end in numbers.
        name: of what was trained, such as ``"MLPClassifier"``.
    """

    weights: Weights
    features: FeatureEncoder | None = None
    targets: TargetEncoder | None = None
    name: str = ""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, from the input to the output."""
        return self.weights.networks[0].layers

    @property
    def parameters(self) -> list[Tensor]:
        """What each layer has learned, (rows, columns)."""
        return self.weights.blocks(0)

    @property
    def statistics(self) -> list[Tensor]:
        """What each layer has tracked, (rows, columns)."""
        weights = self.weights
        views = weights.network.statistics.views(weights.statistics, weights.members)
        return [view[0] for view in views]

    @property
    def linear(self) -> list[Tensor]:
        """The linear layers' weights from the input on, each (inputs + 1, units), biases last.

        Of submodels, those of one network that has all their units side by side.
        """
        learned = zip(self.layers, self.parameters, self.statistics, strict=True)
        if self.n_submodels == 1:
            return [block for layer, block, _ in learned if isinstance(layer, Linear)]
        arrays = ((layer, own.cpu().numpy(), its.cpu().numpy()) for layer, own, its in learned)
        wide = side_by_side(arrays)
        return [torch.from_numpy(block) for layer, block, _ in wide if isinstance(layer, Linear)]

    @property
    def hidden_units(self) -> tuple[int, ...]:
        """The units of the hidden layers, from the input on."""
        return tuple(self.weights.network.units[:-1])

    @property
    def n_submodels(self) -> int:
        """The networks in one that predict by their mean; 1 of a plain network."""
        return self.weights.network.logit_rows

    @property
    def at_work(self) -> list[int]:
        """The places of the layers that don't only disturb training."""
        return [place for place, layer in enumerate(self.layers) if not layer.training_only]
