"""The start of a training from another network's layers: which are taken, and their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wellfit.core.errors import InputError
from wellfit.fitting.features import FeatureEncoder
from wellfit.fitting.pretrained.base import PretrainedLayers
from wellfit.fitting.pretrained.borrowed import BorrowedLayers, sectioned
from wellfit.fitting.pretrained.prefix import frozen_output_index
from wellfit.fitting.targets import NumberTargets, TargetEncoder
from wellfit.fitting.trained import TrainedLayers
from wellfit.nn import CategoricalEmbedding, Layer, Linear, Network
from wellfit.preprocessing.choice import Preprocess
from wellfit.training import Member, Weights


def borrow(pretrained: PretrainedLayers, source: TrainedLayers) -> BorrowedLayers:
    """Return what of a network is taken.

    Raises:
        InputError: it has submodels.
    """
    if source.n_submodels > 1:
        raise InputError(
            f"the pretrained model has {source.n_submodels} submodels, of which none is a network "
            "by itself; expected a model trained with n_submodels=1, or with hidden_layer_sizes"
        )
    before, *sections = sectioned(source.layers[place] for place in source.at_work)
    kept = tuple(map(tuple, sections[: pretrained.taken(source)]))
    head = tuple(sections[-1]) if pretrained.keeps_head() else ()
    return BorrowedLayers(source.hidden_units, tuple(before), kept, head)


def features_of(
    source: TrainedLayers, preprocess: Preprocess, n_columns: int, names: Sequence[str] | None
) -> FeatureEncoder | None:
    """Return the encoder that rows keep, which the borrowed layers were trained with.

    Args:
        source: the network whose layers are taken.
        preprocess: of the estimator that takes them.
        n_columns: of the rows that it is to read.
        names: of these columns, where they have names.

    Returns:
        None where the source has none, or the estimator takes numbers as they are.

    Raises:
        InputError: it reads other columns, takes numbers as they are while the estimator would
            scale them, or encodes them by other settings than the estimator asks for.
    """
    features = source.features
    if features is None or preprocess is None:
        return None
    _check_columns(features, n_columns, names)
    if features.kind == "raw":
        raise InputError(
            "the pretrained model takes numbers as they are, and this estimator has "
            f"preprocess={preprocess!r}; expected preprocess=None here too"
        )
    if preprocess != "auto" and not features.encodes_as(preprocess):
        raise InputError(
            f"preprocess is {preprocess!r}, and the pretrained model was trained with "
            f"{features.preprocess!r}; expected the same, or 'auto'"
        )
    return FeatureEncoder.from_document(*features.to_document(), n_columns, names)


def _check_columns(theirs: FeatureEncoder, n_columns: int, names: Sequence[str] | None) -> None:
    if theirs.n_columns != n_columns:
        raise InputError(
            f"X has {n_columns} columns and the pretrained model was trained on "
            f"{theirs.n_columns}; expected the same"
        )
    if names is None or theirs.names is None:
        return
    for place, (own, trained_on) in enumerate(zip(names, theirs.names, strict=True)):
        if own != trained_on:
            raise InputError(
                f"column {place} of X is {own!r}, where the pretrained model was trained on "
                f"{trained_on!r}; expected the same columns in the same order"
            )


def keep_head(source: TrainedLayers, targets: TargetEncoder) -> TargetEncoder:
    """Return targets by which a head that is kept means what it meant: its classes, its scale.

    Raises:
        InputError: it is of other classes.
    """
    theirs = source.targets
    if theirs is None:
        return targets
    known, own = theirs.classes, targets.classes
    if (known is None) != (own is None) or (own is None and not theirs.has_scale):
        raise InputError(
            f"head is 'keep', and the pretrained model is of another kind: {source.name}; "
            "expected head='new'"
        )
    if isinstance(targets, NumberTargets) and isinstance(theirs, NumberTargets):
        return replace(targets, scaler=theirs.scaler)
    if known is not None and own is not None and not np.array_equal(known, own):
        raise InputError(
            f"head is 'keep', and the pretrained model knows the classes {known.tolist()}; y has "
            f"{own.tolist()}; expected the same, or head='new'"
        )
    return targets


def first_weights(source: TrainedLayers, borrowed: BorrowedLayers, member: Member) -> Weights:
    """Return the weights that a member starts from: those taken, and for the rest its own.

    Raises:
        InputError: rows of another number of inputs, or an output layer of another shape.
    """
    _check_inputs(source, member.network.inputs)
    weights = Weights.initial([member], torch.float64, torch.device("cpu"))
    network = member.network
    learned = network.parameters.views(weights.parameters, 1)
    tracked = network.statistics.views(weights.statistics, 1)
    own = [place for place, layer in enumerate(network.layers) if not layer.training_only]
    _check_head(borrowed, [network.layers[place] for place in own[-len(borrowed.head) :]])
    parameters, statistics = source.parameters, source.statistics
    for place, there in list(zip(own, source.at_work, strict=False))[: borrowed.layers]:
        _check_fits(parameters[there], learned[place][0])
        learned[place][0].copy_(parameters[there])
        tracked[place][0].copy_(statistics[there])
    return weights


def _check_inputs(source: TrainedLayers, inputs: int) -> None:
    first, there = source.linear[0], source.weights.network.inputs
    if inputs != there:
        raise InputError(
            f"a row of X comes to {inputs} numbers and the pretrained model reads {there}: "
            f"its first weights are of shape {(there, first.shape[1])}"
        )


def _check_head(borrowed: BorrowedLayers, own: Sequence[Layer]) -> None:
    theirs = [layer.name for layer in borrowed.head]
    if theirs and theirs != [layer.name for layer in own]:
        raise InputError(
            f"the pretrained model's output is of {', '.join(theirs)}, and this one's of "
            f"{', '.join(layer.name for layer in own)}; expected the same, or head='new'"
        )


def _check_fits(theirs: Tensor, own: Tensor) -> None:
    if theirs.shape != own.shape:
        shapes = [(len(each) - 1, each.shape[1]) for each in (theirs, own)]
        raise InputError(
            f"the pretrained model's output layer has weights of shape {shapes[0]}, and this one "
            f"asks for {shapes[1]}; expected head='new'"
        )


def without_noise(network: Network, frozen: int) -> Network:
    """Return a network whose lowest layers, so many, are without dropout and noise between them.

    They are read as when predicting, codes of categories too. What disturbs the other inputs, or
    their last outputs, stays.

    >>> from wellfit.nn import mlp
    >>> [layer.rate for layer in without_noise(mlp(4, (8, 8), 3, dropout=0.2), 2).layers[2::3]]
    [0.0, 0.2]
    """
    if not frozen:
        return network
    linear = [place for place, each in enumerate(network.layers) if isinstance(each, Linear)]
    between = range(linear[0], frozen_output_index(network, frozen))
    layers = tuple(
        _still(layer) if place in between or isinstance(layer, CategoricalEmbedding) else layer
        for place, layer in enumerate(network.layers)
    )
    return network.replace(layers=layers)


def _still(layer: Layer) -> Layer:
    if isinstance(layer, CategoricalEmbedding):
        return layer.replace(unknown_rate=0.0)
    if not layer.training_only:
        return layer
    return layer.replace(**{key: 0.0 for key in layer.hypers() if key in ("rate", "std")})


def with_layer_rates(member: Member, pretrained: PretrainedLayers, frozen: int) -> Member:
    """Return a member some of whose layers are frozen, or learn at rates of their own."""
    whole = member.network
    network = whole if pretrained.unfreezes() else without_noise(whole, frozen)
    layers = sum(isinstance(layer, Linear) for layer in network.layers)
    return member.replace(network=network, layer_rates=pretrained.layer_rates(frozen, layers))


def with_start(member: Member, weights: Weights) -> Weights:
    """Return weights as a member begins with them: its network's, the optimizer's memory empty."""
    return for_member(member, weights).with_empty_slots(member.slots())


def for_member(member: Member, weights: Weights) -> Weights:
    """Return weights as those of a member's network, which has layers of the same shapes."""
    return replace(weights, network=member.network, networks=(member.network,))


def in_words(pretrained: Mapping[str, Any]) -> str:
    """Return the use of borrowed layers as a line.

    >>> in_words({"model": "MLPClassifier", "layers": 5, "frozen": 4, "cached": True,
    ...            "tried": None})
    'pretrained: 5 hidden layers of MLPClassifier, 4 frozen, computed once for all rows'
    """
    frozen = f"{pretrained['frozen'] or 'none'} frozen"
    once = ", computed once for all rows" if pretrained["cached"] else ""
    tried = pretrained["tried"]
    best = f", the best of 0 to {len(tried['frozen']) - 1}" if tried else ""
    return (
        f"pretrained: {pretrained['layers']} hidden layers of {pretrained['model']}, "
        f"{frozen}{best}{once}"
    )
