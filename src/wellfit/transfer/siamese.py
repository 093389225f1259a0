"""Pretraining on pairs: two towers that learn whether two rows are of the same class."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from wellfit.augment import Mixup
from wellfit.core.errors import DataError, HyperparameterError, InputError
from wellfit.core.hyper import Config
from wellfit.core.parameter import parameter
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.build import JobBuilder
from wellfit.estimators.declaration import with_parameters
from wellfit.estimators.settings import Architecture, architecture, hidden
from wellfit.fitting import Compute, FittedNetwork, PairTargets, TargetEncoder
from wellfit.fitting.features import Numbers, dense_numbers
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.fitting.validation import validate_features
from wellfit.nn import (
    ConcatRows,
    Dense,
    GroupedLinear,
    HiddenLayer,
    Layer,
    Linear,
    Network,
    NumericEmbedding,
)
from wellfit.optim import Adam
from wellfit.training import Stream
from wellfit.transfer.interop.fitted_layers import FittedLayer, at_work, layers_of, weights_of

_SIDES = 2


class SiameseJobBuilder(JobBuilder):
    """Makes trainings on pairs: of two towers, and of streams that draw pairs of rows."""

    def architecture(
        self,
        inputs: int,
        targets: TargetEncoder,
        borrowed: BorrowedLayers | None,
        embedding: NumericEmbedding | None = None,
        codes: tuple[int, ...] = (),
    ) -> Architecture:
        """Return towers whose rows merge below the head, or which read merged rows."""
        estimator = self.estimator
        tower, shared = hidden(estimator), estimator.shared
        if not isinstance(shared, bool | np.bool_):
            raise HyperparameterError(f"shared is {shared!r}; expected True or False")
        if not tower:
            raise HyperparameterError("a tower has no hidden layers; expected one at least")
        both = copy.copy(estimator)
        both.layers = (
            *tower,
            ConcatRows(_SIDES),
            *(_described(layer) for layer in estimator.head),
        )
        built = architecture(both, inputs, targets.n_outputs)
        return built if shared else built._replace(network=_apart(built.network))

    def stream(
        self, train: NDArray[np.integer], held_out: NDArray[np.integer] | None, seed: int
    ) -> Stream:
        """Return which rows pairs are drawn from, and how they are changed."""
        stream = replace(super().stream(train, held_out, seed), pairs=True)
        if any(isinstance(part, Mixup) for part in stream.augment):
            raise HyperparameterError(
                "augment mixes rows, which makes no sense of pairs; expected other augmentations"
            )
        return stream


_WITHOUT = (
    *("schedules", "shuffle", "subsample", "scoring", "eval_every", "pretrained", "warm_start"),
    *("numeric_embedding", "categorical_embedding", "n_submodels", "submodels"),
    *("preset", "bagging", "architectures", "validation_folds"),
    *("conformal", "conformal_fraction"),
)
_DEFAULTS = {
    "hidden_layer_sizes": (100, 100, 100, 100, 100),
    "activation": "elu",
    "initializer": "he_normal",
    "dropout": 0.0,
    "ema_decay": 0.0,
    "optimizer": Adam(0.003),  # reaches in 10 epochs of MNIST what 0.001 does not in 12
}


@with_parameters(without=_WITHOUT, defaults=_DEFAULTS)
class SiamesePretraining(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseMLP):  # type: ignore[misc]
    """Two towers that learn whether two rows are alike, so that one can be reused.

    Row a goes through tower A, row b through tower B; both outputs are read, side by side, by
    a few hidden layers and one sigmoid. ``fit`` takes rows and their labels, and draws pairs anew
    for every epoch: as many as there are rows, half of which, and of every batch, have the same
    label. Tower A has then learned what makes rows of a class alike, for :meth:`transform` or as
    the start of a classifier (:meth:`parts`).

    Args:
        {parameters}

    Attributes:
        classes_: False and True: different, alike.
        labels_: the rows' labels, sorted.
        history_, best_epoch_, n_epochs_, n_parameters_, status_, batch_size_, precision_: as of
            :class:`~wellfit.MLPClassifier`; ``accuracy`` is that of pairs.

    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> pairs = SiamesePretraining((32, 32), epochs=20, random_state=0).fit(X[:1500], y[:1500])
    >>> pairs.score(X[1500:1648], X[1648:1796], y[1500:1648] == y[1648:1796]) > 0.7
    True
    >>> pairs.transform(X[1500:]).shape
    (297, 32)
    """

    categorical_embedding = None  # towers read numbers
    target_encoder = PairTargets
    numeric_embedding = None  # towers are borrowed by networks of pixels, mostly
    job_builder = SiameseJobBuilder

    head: Sequence[int | HiddenLayer | Layer] = parameter(
        "the hidden layers that read both towers, like ``layers``; they may be ``()``.",
        default=(10,),
    )
    shared: bool = parameter(
        "both towers have the same weights; else each learns its own.", default=True
    )

    def fit(  # type: ignore[override]
        self,
        X: Any,
        y: ArrayLike,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        resume_from: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Learn from pairs of the rows X which of them have the same label y.

        Args:
            X: (n_samples, n_features): a DataFrame (pandas, polars), an array or a sparse matrix.
            y: (n_samples,) labels of any type; of each there have to be two rows.
            X_val: rows whose pairs every epoch is judged by; else some of X's may be held out.
            y_val: their labels, which occur in ``y``.
            resume_from: checkpoints of an earlier fit, to go on from.

        Returns:
            The estimator itself.

        Raises:
            DataError: labels of one class only, a class of a single row, or other data that can't
                be used, saying what was expected.
            InputError: parameters that can't be used.
            DivergedError: the loss became infinite before any epoch was worth keeping.
        """
        return super().fit(X, y, X_val=X_val, y_val=y_val, resume_from=resume_from)

    def predict_proba(self, XA: Any, XB: Any) -> NDArray[np.floating]:
        """Return probabilities (n_pairs, 2) that the rows of a pair are different, and alike.

        Args:
            XA: (n_pairs, n_features) the pairs' first rows, for tower A.
            XB: (n_pairs, n_features) their second rows, for tower B.

        Raises:
            DataError: XA and XB of different shapes.
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "network_")
        _check_alike(XA, XB)
        network, compute = self.network_, Compute.of(self)
        a, b = self._encoded(XA), self._encoded(XB)
        if a.dtype != b.dtype:  # pixels and numbers made of pixels
            a, b = (dense_numbers(each, network.features.pixel_max) for each in (a, b))
        alike = network.evaluate(_in_turn(a, b), compute, network.targets.loss.predict)
        return np.hstack([1 - alike, alike])

    def predict(self, XA: Any, XB: Any) -> NDArray[np.bool_]:
        """Return whether the rows of each pair are alike, (n_pairs,)."""
        probability = self.predict_proba(XA, XB)
        return np.asarray(probability[:, 1] > 0.5)

    def score(self, XA: Any, XB: Any, same: ArrayLike) -> float:
        """Return the accuracy; ``same`` (n_pairs,) holds True where a pair is alike."""
        predicted, truth = self.predict(XA, XB), np.asarray(same)
        if truth.shape != predicted.shape:
            raise DataError(
                f"same has shape {truth.shape}, and there are {len(predicted)} pairs; expected "
                f"({len(predicted)},)"
            )
        if not np.isin(truth, (0, 1)).all():
            stray = truth[~np.isin(truth, (0, 1))][0]
            raise DataError(f"same holds {stray}; expected True where a pair is alike, or False")
        return float((predicted == truth.astype(bool)).mean())

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Return tower A's outputs, (n_samples, units of its last layer)."""
        parts, network = self.parts(), self.network_
        tower = replace(network, weights=weights_of(parts, network.weights.parameters.dtype))
        return tower.evaluate(self._encoded(X), Compute.of(self))

    def _encoded(self, X: Any) -> Numbers:
        """Return rows as numbers."""
        features = self.network_.features
        x = validate_features(self, X, features)
        return features.encode(x, Compute.of(self).numpy_dtype)

    def parts(self) -> list[FittedLayer]:
        """Return tower A's layers with what they have learned, without dropout and noise.

        They read rows as this estimator does; see :func:`~wellfit.transfer.network_input`.

        Raises:
            NotFittedError: before ``fit``.
        """
        check_is_fitted(self, "network_")
        every = layers_of(self.network_.weights)
        tower = _tower_of(self.network_.layers)
        first = every[tower.start : tower.stop]
        return at_work(map(_first_of, first) if tower.start else first)

    def save(self, path: str | os.PathLike[str]) -> Any:
        """Refuse: what is worth keeping is the model that tower A becomes part of.

        Raises:
            InputError: always.
        """
        raise InputError(
            "SiamesePretraining isn't saved by itself; save a classifier that starts from its "
            "tower, or from_parts(pairs.parts())"
        )

    def keep(self, network: FittedNetwork) -> Self:
        """Become what a training has led to; see :meth:`wellfit.MLPClassifier.keep`."""
        targets = network.targets
        assert isinstance(targets, PairTargets)
        self.labels_ = targets.labels.classes_
        return super().keep(network)

    @property
    def _n_features_out(self) -> int:
        network = self.network_.weights.network
        tower = _tower_of(network.layers)
        return network.widths[tower.stop] // (_SIDES if tower.start else 1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []  # ``precision`` says the type
        return tags


def _described(layer: int | HiddenLayer | Layer) -> HiddenLayer | Layer:
    return layer if isinstance(layer, Config) else Dense(layer)


def _apart(network: Network) -> Network:
    """Return a network whose rows merge at once, its layers below the merging in two groups."""
    below = _tower_of(network.layers).stop
    tower = [_grouped(layer) for layer in network.layers[:below]]
    return network.replace(layers=(ConcatRows(_SIDES), *tower, *network.layers[below + 1 :]))


def _tower_of(layers: Sequence[Layer]) -> range:
    """Return the places of the tower's layers: up to the merging, or to the first of the head."""
    names = [layer.name for layer in layers]
    merged = names.index(ConcatRows.name)
    return range(merged) if merged else range(1, names.index(Linear.name))


def _grouped(layer: Layer) -> Layer:
    if not isinstance(layer, Linear):
        return layer
    return GroupedLinear(layer.units, _SIDES, layer.initializer, layer.bias_initializer)


def _first_of(part: FittedLayer) -> FittedLayer:
    """Return tower A's share of a layer of both towers, whose units lie side by side."""
    layer, width = part.layer, part.parameters.shape[1] // _SIDES
    if isinstance(layer, GroupedLinear):
        layer = Linear(layer.units, layer.initializer, layer.bias_initializer)
    return FittedLayer(layer, part.parameters[:, :width], part.statistics[:, :width])


def _check_alike(XA: Any, XB: Any) -> None:
    shapes = [tuple(x.shape) if hasattr(x, "shape") else np.shape(x) for x in (XA, XB)]
    if shapes[0] != shapes[1]:
        raise DataError(
            f"XA has shape {shapes[0]} and XB has shape {shapes[1]}; expected the same: a row of "
            "each makes a pair"
        )


def _in_turn(a: Numbers, b: Numbers) -> Numbers:
    """Return rows of a and b (N, D) in turn, (2N, D)."""
    if sparse.issparse(a):
        both = sparse.csr_array(sparse.vstack([a, b]))
        return both[np.arange(2 * a.shape[0]).reshape(2, -1).T.ravel()]
    return np.stack([a, b], axis=1).reshape(2 * len(a), -1)
