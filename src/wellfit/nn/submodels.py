"""Submodels: several networks in one that predict together, by what they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import groupby

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import Config, hyper
from wellfit.nn.embeddings import CategoricalEmbedding, NumericEmbedding
from wellfit.nn.initializers import Zeros
from wellfit.nn.layers import (
    Layer,
    Linear,
    RepeatRows,
    SubmodelLinear,
    SubmodelMean,
    SubmodelScale,
)
from wellfit.nn.links import link_of
from wellfit.nn.losses import Loss
from wellfit.nn.network import Network


class Submodels(Config, family="submodels"):
    """Makes a network n networks in one, each with an output layer of its own.

    Every example becomes n rows before the first linear layer, one for each submodel. What is
    below (an embedding, noise on the inputs) all submodels share, as they share activations and
    batch norm, whose statistics are of all submodels' rows. While training, the mean of their
    losses is lowered; the network predicts the mean of their predictions.

    >>> from wellfit.nn import SoftmaxCrossEntropy, mlp
    >>> network = MiniTabM().applied(mlp(4, (8,), 3), 16, SoftmaxCrossEntropy())
    >>> [layer.name for layer in network.layers][:4]
    ['repeat_rows', 'submodel_scale', 'linear', 'activation']
    """

    def applied(self, network: Network, n: int, loss: Loss) -> Network:
        """Return the network with n submodels; of one, the network itself.

        Args:
            network: that each submodel is like.
            n: at least 1.
            loss: by which it is trained, and which makes predictions of its logits.

        Raises:
            HyperparameterError: a layer that takes several rows, or a loss whose predictions are
                no known function of the logits.
        """
        if n == 1:
            return network
        for layer in network.layers:
            if layer.rows_per_output > 1 or layer.rows_per_input > 1:
                raise HyperparameterError(
                    f"a network with {layer!r} can't have {n} submodels; expected n_submodels=1, "
                    "or layers that see one row of an example"
                )
        last = SubmodelMean(n, _link(loss))
        return network.replace(layers=(*self._layers(network, n), last))

    def _layers(self, network: Network, n: int) -> Iterator[Layer]:
        places = [at for at, layer in enumerate(network.layers) if isinstance(layer, Linear)]
        for place, layer in enumerate(network.layers):
            if place == places[0]:
                yield RepeatRows(n)
            if not isinstance(layer, Linear):
                yield layer
            elif place == places[-1]:
                yield SubmodelLinear(layer.units, n, layer.initializer, layer.bias_initializer)
            elif place == places[0]:
                yield from self.hidden(layer, n, _widths(network, network.layers[:place]))
            else:
                yield from self.hidden(layer, n)

    @abstractmethod
    def hidden(
        self, layer: Linear, n: int, features: Sequence[int] | None = None
    ) -> Iterator[Layer]:
        """Yield the layers that stand for a hidden linear one.

        Args:
            layer: what each submodel has there.
            n: the number of submodels.
            features: of the lowest layer, the numbers that each feature became, if it is embedded.
        """


class _ScaledInputs(Submodels):
    """Submodels that share each matrix of weights, and scale what it reads."""

    start: str = hyper(
        "the lowest scales' initial values: random signs, N(0, 1), or the latter if embedded",
        default="auto",
        choices=("auto", "signs", "normal"),
    )

    def lowest(self, n: int, features: Sequence[int]) -> SubmodelScale:
        """Return the scales of the features, by which submodels differ from the first step on."""
        # One factor for all numbers of a feature: submodels then weigh features differently.
        start = ("normal" if features else "signs") if self.start == "auto" else self.start
        return SubmodelScale(n, start=start, widths=tuple(features))


class TabM(_ScaledInputs, name="tabm"):
    r"""yᵢ = ((x ⊙ rᵢ) W + b) ⊙ sᵢ + bᵢ: all share W, and scale inputs and outputs of each layer.

    All scales start at 1 but the lowest rᵢ, which are random signs, or N(0, 1) where columns are
    embedded. The shared b says nothing that bᵢ can't, and starts at 0.

    Source: Gorishniy, Kotelnikov and Babenko, "TabM: advancing tabular deep learning with
    parameter-efficient ensembling", 2024; the scales, Wen, Tran and Ba, "BatchEnsemble", 2020.

    >>> [layer.name for layer in TabM().hidden(Linear(8), 16)]
    ['submodel_scale', 'linear', 'submodel_scale']
    """

    def hidden(
        self, layer: Linear, n: int, features: Sequence[int] | None = None
    ) -> Iterator[Layer]:
        """Yield scales, the shared layer, scales and shifts."""
        yield SubmodelScale(n) if features is None else self.lowest(n, features)
        yield layer.replace(bias_initializer=Zeros())
        yield SubmodelScale(n, shift=True, shift_initializer=layer.bias_initializer)


class MiniTabM(_ScaledInputs, name="mini", aliases=("tabm_mini",)):
    r"""y = (x ⊙ rᵢ) W + b: all share all hidden layers, and scale the features that these read.

    The scales rᵢ are random signs at first, or N(0, 1) where columns are embedded.

    Source: TabM-mini of Gorishniy, Kotelnikov and Babenko, "TabM: advancing tabular deep learning
    with parameter-efficient ensembling", 2024.

    >>> [layer.name for layer in MiniTabM().hidden(Linear(8), 16, [1, 1])]
    ['submodel_scale', 'linear']
    """

    def hidden(
        self, layer: Linear, n: int, features: Sequence[int] | None = None
    ) -> Iterator[Layer]:
        """Yield the shared layer, below the lowest of which are scales."""
        if features is not None:
            yield self.lowest(n, features)
        yield layer


class Packed(Submodels, name="packed"):
    """Each submodel has all weights of its own, as n networks that are averaged.

    They share an embedding, batch norm, and the rows that they stop early by: else they are those
    of an :class:`~wellfit.MLPEnsembleClassifier`, in one network.

    Source: Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty
    estimation using deep ensembles", 2017.

    >>> next(Packed().hidden(Linear(8), 16)).parameters(inputs=4)
    ParameterShape(rows=5, columns=128, weight_rows=4, matrices=16)
    """

    def hidden(
        self, layer: Linear, n: int, features: Sequence[int] | None = None
    ) -> Iterator[Layer]:
        """Yield a layer of all submodels' own weights."""
        yield SubmodelLinear(layer.units, n, layer.initializer, layer.bias_initializer)


def can_average(loss: Loss) -> bool:
    """Say whether submodels can average the predictions that a loss makes of logits."""
    return bool(loss.levels()) or link_of(loss) is not None


def _link(loss: Loss) -> str:
    """Return the name of what a loss makes of logits; of quantiles, the mean is one of them."""
    link = "identity" if loss.levels() else link_of(loss)
    if link is None:
        raise HyperparameterError(
            f"loss {loss.name!r} makes predictions that submodels can't average; expected "
            "n_submodels=1, or a loss whose predictions are its logits, their exponentials, "
            "softmax or sigmoids"
        )
    return link


def _widths(network: Network, below: Sequence[Layer]) -> list[int]:
    """Return the numbers that each feature became below the lowest linear layer, if embedded."""
    features, embeds = list(range(network.inputs)), False
    for layer in below:
        inputs = len(features)
        if isinstance(layer, CategoricalEmbedding):
            kept, codes = features[: layer.kept(inputs)], features[layer.kept(inputs) :]
            features = [*kept, *(each for each in codes for _ in range(layer.size))]
        elif isinstance(layer, NumericEmbedding):
            numbers = [features[at] for at in layer.embedded(inputs) for _ in range(layer.size)]
            features = [*numbers, *(features[at] for at in layer.kept(inputs))]
        embeds |= isinstance(layer, CategoricalEmbedding | NumericEmbedding)
    return [len(list(run)) for _, run in groupby(features)] if embeds else []
