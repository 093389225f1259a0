"""Pretrained: a trained network's layers as the start of another, frozen or fine-tuned."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

import numpy as np

from wellfit.core.digests import blake2b
from wellfit.core.errors import HyperparameterError, InputError, ModelFileError, UnknownNameError
from wellfit.core.hyper import Config, hyper
from wellfit.estimators import load_model
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.transferring import fitted_network
from wellfit.fitting import FeatureEncoder
from wellfit.fitting.pretrained.base import PretrainedLayers
from wellfit.fitting.trained import TrainedLayers
from wellfit.inference import find_model
from wellfit.optim import LayerRates
from wellfit.transfer.interop import FittedLayer, import_model
from wellfit.transfer.interop.fitted_layers import weights_of

_PICKLES = (".pkl", ".pickle", ".joblib")
_HEADS = ("new", "keep")


class GradualUnfreezing(Config):
    """Unfreezes one layer after the other, from the top.

    Args:
        every: epochs from one layer to the next, at least 1.
        start: the epoch, from 1, from which the highest frozen layer learns.

    Source: Howard and Ruder, "Universal language model fine-tuning for text classification", 2018.

    >>> gradual = GradualUnfreezing(every=2, start=3)
    >>> Pretrained(None, unfreeze=gradual).layer_rates(frozen=2, layers=3).start_epochs
    (5, 3, 1)
    """

    every: int = hyper("epochs from one layer to the next", default=1, low=1)
    start: int = hyper("the epoch from which the highest frozen layer learns", default=2, low=1)


class Pretrained(PretrainedLayers):
    r"""The lower layers of a trained network, for an estimator to start from.

    Hidden layers are counted from the input; each brings its batch norm and its activation.
    Dropout and noise are the new estimator's. The output layer is new unless ``head="keep"``.
    Rows are read as the pretrained model reads them. Of a model of several networks that are
    averaged, such as the default of a table, it is the layers of the first; fit that model with
    ``bagging=None`` if it has no other use.

    Args:
        model: a fitted ``MLPClassifier`` or ``MLPRegressor``; the folder of a model or a run, or
            a name in the registry (:func:`find_model`); a file that :func:`import_model` reads; a
            list of :class:`FittedLayer`, of which a linear layer at the end is the output; or what
            has such ``parts()``, as all pretraining has.
        n_layers: how many hidden layers to take, from the lowest on; or the name of the highest
            one, ``"linear_3"``; or a pattern, ``"linear_[1-3]"``. None for all.
        freeze: how many of them stay as they are, from the lowest on; ``"auto"`` tries all
            numbers by cross-validation, and keeps the best.
        unfreeze: the epoch, from 1, from which frozen layers learn too; or
            :class:`GradualUnfreezing`, one after the other. None for never.
        layerwise_lr_decay: each layer learns at so many times the rate of the one above it, in (0,
            1].
        head: ``"new"``, or ``"keep"`` for the output layer of the same classes or targets.
        cv: folds by which ``freeze="auto"`` tries, at least 2.

    Raises:
        HyperparameterError: a value out of its range.

    Source: Yosinski, Clune, Bengio and Lipson, "How transferable are features in deep neural
    networks?", 2014; rates that fall from layer to layer, Howard and Ruder, "Universal language
    model fine-tuning for text classification", 2018.

    >>> from sklearn.datasets import load_digits
    >>> from wellfit import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> low, high = y < 5, np.flatnonzero(y >= 5)
    >>> base = MLPClassifier((64, 64), epochs=15, random_state=0).fit(X[low], y[low])
    >>> clf = MLPClassifier(pretrained=Pretrained(base, freeze=1), epochs=40, random_state=0)
    >>> clf.fit(X[high[:300]], y[high[:300]]).score(X[high[300:]], y[high[300:]]) > 0.8
    True
    >>> clf.pretrained_["frozen"], clf.pretrained_["cached"]
    (1, True)
    """

    model: Any
    n_layers: Any = None
    freeze: Any = 0
    unfreeze: Any = None
    layerwise_lr_decay: float = hyper(
        "rate of each layer over that of the one above", default=1.0, low=0, high=1, open_low=True
    )
    head: str = hyper("the output layer", default="new", choices=_HEADS)
    cv: int = hyper("folds by which freeze='auto' tries", default=3, low=2)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.freeze != "auto" and not _is_count(self.freeze):
            _refuse("freeze", self.freeze, "a whole number, at least 0, or 'auto'")
        epoch = self.unfreeze
        gradual = epoch is None or isinstance(epoch, GradualUnfreezing)
        if not gradual and not (_is_count(epoch) and epoch):
            wanted = "None, an epoch from 1, or GradualUnfreezing(every=2, start=3)"
            _refuse("unfreeze", epoch, wanted)
        if not isinstance(self.n_layers, str | None) and not _is_count(self.n_layers):
            _refuse("n_layers", self.n_layers, "a whole number, at least 0, a name or None")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: nothing of it changes, and scikit-learn's clones share the model."""
        return self

    def source(self) -> TrainedLayers:
        """Return the network to take layers from.

        Raises:
            InputError: a model that isn't fitted, or something else altogether.
            ModelFileError: no model there, or a pickle, which isn't read.
        """
        return _source(self.model)

    def taken(self, source: TrainedLayers) -> int:
        """Return how many hidden layers are taken.

        Raises:
            HyperparameterError: more than there are, or not the lowest ones.
            UnknownNameError: a name that none of them has.
        """
        there = len(source.hidden_units)
        count = there if self.n_layers is None else self.n_layers
        if isinstance(count, str):
            count = _matching(count, [f"linear_{number}" for number in range(1, there + 1)])
        if count > there:
            _refuse("n_layers", count, f"at most {there}, which the pretrained model has")
        if self.keeps_head() and count < there:
            _refuse("head", self.head, f"'new' where {count} of {there} layers are taken")
        return int(count)

    def keeps_head(self) -> bool:
        """Say whether the output layer is taken too."""
        return self.head == "keep"

    def frozen(self, taken: int) -> int | None:
        """Return how many layers are frozen; None for ``"auto"``."""
        return None if self.freeze == "auto" else int(self.freeze)

    def folds(self) -> int:
        """Return ``cv``."""
        return self.cv

    def unfreezes(self) -> bool:
        """Say whether frozen layers learn some day."""
        return self.unfreeze is not None

    def layer_rates(self, frozen: int, layers: int) -> LayerRates:
        """Return how fast each of so many linear layers learns, and from when on.

        >>> Pretrained(None, layerwise_lr_decay=0.5).layer_rates(frozen=1, layers=3).rates
        (0.0, 0.5, 1.0)
        """
        rates = [self.layerwise_lr_decay ** (layers - 1 - layer) for layer in range(layers)]
        if self.unfreeze is None:
            return LayerRates(rates=(*[0.0] * frozen, *rates[frozen:]))
        gradual = isinstance(self.unfreeze, GradualUnfreezing)
        step = self.unfreeze if gradual else GradualUnfreezing(start=self.unfreeze)
        each = step.every if gradual else 0
        since = [step.start + each * (frozen - 1 - layer) for layer in range(frozen)]
        return LayerRates(rates=tuple(rates), start_epochs=(*since, *[1] * (layers - frozen)))

    def identity(self) -> dict[str, Any]:
        """Return its fingerprint in a journal: its values, and a digest of the weights."""
        source = self.source()
        blocks = (*source.parameters, *source.statistics)
        numbers = [block.double().cpu().numpy() for block in blocks]
        return {**dict(self.values()), "model": blake2b([repr(source.layers), *numbers])}

    def encoding_key(self) -> Any:
        """Return what distinguishes one encoding of rows from another."""
        place = isinstance(self.model, str | os.PathLike)
        return (str(self.model) if place else id(self.model), self.head)

    def start_key(self) -> Any:
        """Return what distinguishes one start of a training from another."""
        return (*self.encoding_key(), self.n_layers)


def _is_count(value: Any) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and bool(value >= 0)


def _refuse(key: str, value: Any, wanted: str) -> None:
    raise HyperparameterError(f"{key} of Pretrained is {value!r}; expected {wanted}")


def _matching(pattern: str, names: Sequence[str]) -> int:
    """Return how many of the lowest layers a name or a pattern stands for.

    >>> _matching("linear_2", ["linear_1", "linear_2"]), _matching("linear_[1]", ["linear_1"])
    (2, 1)
    """
    if pattern in names:
        return names.index(pattern) + 1
    matched = [name for name in names if fnmatchcase(name, pattern)]
    if not matched:
        raise UnknownNameError("hidden layer", pattern, names)
    if matched != list(names[: len(matched)]):
        _refuse("n_layers", pattern, f"the lowest layers without a gap; it matches {matched}")
    return len(matched)


def _source(model: Any) -> TrainedLayers:
    if isinstance(model, str | os.PathLike):
        return _from_place(Path(model))
    if hasattr(model, "parts"):
        network = getattr(model, "network_", None)
        features = network.features if network else getattr(model, "features_", None)
        return _from_parts(model.parts(), type(model).__name__, features)
    if isinstance(model, BaseMLP):
        return fitted_network(model)
    if (
        isinstance(model, Sequence)
        and model
        and all(isinstance(each, FittedLayer) for each in model)
    ):
        return _from_parts(model, "a list of parts")
    raise InputError(
        f"pretrained model is {model!r}; expected a fitted MLPClassifier or MLPRegressor, a "
        "folder of a model or a run, a file to import, or a list of parts"
    )


def _from_place(path: Path) -> TrainedLayers:
    """Return the network of a folder of a model or a run, or of another library's file.

    Raises:
        ModelFileError: a pickle, an ensemble, or no model.
    """
    if path.suffix.lower() in _PICKLES:
        raise ModelFileError(
            f"{path} is a pickle, which can run any code and is not read; expected a model folder"
        )
    model: Any = import_model(path) if path.is_file() else load_model(find_model(path))
    if not isinstance(model, BaseMLP):
        raise ModelFileError(f"{path} holds a {type(model).__name__}; expected a single network")
    return fitted_network(model)


def _from_parts(
    parts: Sequence[FittedLayer], name: str, features: FeatureEncoder | None = None
) -> TrainedLayers:
    return TrainedLayers(weights_of(parts), features, name=name)
