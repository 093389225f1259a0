"""TrainedLayers: layers with what they have learned, and with the encoders of their data."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from wellfit.fitting.features import FeatureEncoder
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

        Raises:
            AttributeError: submodels, which have weights of their own.
        """
        if self.n_submodels > 1:
            raise AttributeError(
                f"each of {self.n_submodels} submodels has weights of its own; expected "
                "n_submodels=1, or network_.parameters for what each layer has learned"
            )
        pairs = zip(self.layers, self.parameters, strict=True)
        return [block for layer, block in pairs if isinstance(layer, Linear)]

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
