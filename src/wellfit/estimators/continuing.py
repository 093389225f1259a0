"""Training that goes on from a model's own weights: which parameters may have changed since."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wellfit.core.errors import HyperparameterError
from wellfit.nn import Layer, Network

if TYPE_CHECKING:
    from wellfit.estimators.base import BaseMLP

# The layers, and what rows and targets become before them. Predictions depend on these, so they
# hold as they were when the weights were trained, whatever set_params says later.
_OF_NETWORK = (
    "hidden_layer_sizes",
    "layers",
    "activation",
    "batch_norm",
    "dropout",
    "input_dropout",
    "input_noise",
    "noise",
    "shared",
    "head",
    "loss",
)
_SETTLED = (*_OF_NETWORK, "preprocess", "pretrained")


def settled(estimator: BaseMLP) -> dict[str, Any]:
    """Return the parameters that hold from the start of a training to its predictions."""
    given = estimator.get_params(deep=False)
    return {name: given[name] for name in _SETTLED if name in given}


def network_to_go_on_with(estimator: BaseMLP, before: Mapping[str, Any]) -> Network:
    """Return the network for another training of an estimator's weights.

    What needs no new weights is taken up: dropout, noise, other activations of as many units.

    Args:
        estimator: fitted, with the parameters that are asked for now.
        before: its :func:`settled` parameters when the weights were trained.

    Raises:
        HyperparameterError: a parameter that asks for other weights, or reads rows or targets in
            another way.
    """
    then = copy.copy(estimator)
    then.__dict__.update(before, _settled=before)
    _check_reading(estimator, then)
    trained = estimator._weights.network
    built = estimator._architecture(trained.inputs).network
    if _at_work(built) == _at_work(trained):
        return built
    changed = [key for key in _OF_NETWORK if key in before and not _same(estimator, then, key)]
    if not changed:  # layers that came with the weights, and which no parameter describes
        return trained
    described = _at_work(then._architecture(trained.inputs).network) == _at_work(trained)
    if described and _shapes(built) == _shapes(trained):
        return built
    raise HyperparameterError(
        f"{changed[0]} is {getattr(estimator, changed[0])!r}, and the weights to go on from were "
        f"trained with {getattr(then, changed[0])!r}: they are of {_in_words(trained)}, and now "
        f"{_in_words(built)} would be needed. {_EXPECTED}"
    )


_EXPECTED = "Expected the same as then; fit with warm_start=False starts from new weights"


def _check_reading(now: BaseMLP, then: BaseMLP) -> None:
    """Refuse to read rows or targets in another way than the weights were trained on."""
    if now.preprocess != then.preprocess:
        raise HyperparameterError(
            f"preprocess is {now.preprocess!r}, and the weights to go on from were trained with "
            f"{then.preprocess!r}: they would read other numbers. {_EXPECTED}"
        )
    old, new = then._resolve_loss(), now._resolve_loss()
    # Any shift and scale of targets will do, but for a loss whose estimates can't be below 0.
    scaled = hasattr(now, "_scaler") and (old.scaling == "mean") != (new.scaling == "mean")
    labels = getattr(now, "_labels", None)
    matrix = labels is not None and (labels.multilabel_ or labels.soft_)
    if scaled or (matrix and old.each_output_alone != new.each_output_alone):
        raise HyperparameterError(
            f"loss is {now.loss!r}, and the weights to go on from were trained with "
            f"{then.loss!r}, for which targets are encoded in another way. {_EXPECTED}"
        )
    if (
        now.pretrained is not None
        and then.pretrained is not None
        and now.pretrained.start() != then.pretrained.start()
    ):
        raise HyperparameterError(
            "pretrained takes other layers than those that the weights to go on from began with. "
            f"{_EXPECTED}"
        )


def _same(now: BaseMLP, then: BaseMLP, key: str) -> bool:
    given, before = getattr(now, key), getattr(then, key)
    if isinstance(given, np.ndarray) or isinstance(before, np.ndarray):
        return np.array_equal(given, before)
    return given is before or bool(given == before)


def _at_work(network: Network) -> list[Any]:
    """Return all that decides what a network computes when it predicts, but for its weights."""
    return [_form(layer) for layer in network.layers if not layer.training_only]


def _form(layer: Layer) -> tuple[Any, ...]:
    hypers = layer.hypers()
    kept = [
        (key, value)
        for key, value in layer.values()
        if key not in hypers or not hypers[key].init_only
    ]
    return type(layer), kept


def _shapes(network: Network) -> list[Any]:
    """Return the kind of each layer at work, and the shapes of what it learns and tracks."""
    blocks = zip(network.layers, network.parameters.shapes, network.statistics.shapes, strict=True)
    return [(type(layer), *own) for layer, *own in blocks if not layer.training_only]


def _in_words(network: Network) -> str:
    """Return the layers at work, with the shapes of their weights."""
    words = []
    for layer, block in zip(network.layers, network.parameters.shapes, strict=True):
        shape = f" {(block.weight_rows or block.rows, block.columns)}" if block.rows else ""
        words += [] if layer.training_only else [f"{layer.name}{shape}"]
    return ", ".join(words)
