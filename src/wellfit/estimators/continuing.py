"""Training that goes on from a model's own weights: which parameters may have changed since."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from sklearn.base import clone

from wellfit.core.errors import HyperparameterError
from wellfit.estimators.categories import embedded_codes
from wellfit.estimators.embedding import embedding_again
from wellfit.estimators.settings import Architecture, loss
from wellfit.estimators.table_defaults import as_trained
from wellfit.fitting import ClassTargets, FittedNetwork, TargetEncoder, TrainingJob
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.fitting.pretrained.start import for_member
from wellfit.nn import Layer, Network, NumericEmbedding
from wellfit.preprocessing import settings_key
from wellfit.training import Member, Result, Status


class Builder(Protocol):
    """What makes networks of an estimator's parameters; a ``JobBuilder``."""

    estimator: Any

    def __init__(self, estimator: Any) -> None: ...

    def architecture(
        self,
        inputs: int,
        targets: TargetEncoder,
        borrowed: BorrowedLayers | None,
        embedding: NumericEmbedding | None = None,
        codes: tuple[int, ...] = (),
    ) -> Architecture:
        """Return the layers for so many inputs, and what their weights are subject to."""


# The layers, and what rows and targets become before them. Predictions depend on these, so they
# hold as they were when the weights were trained, whatever set_params says later.
_OF_NETWORK = (
    "hidden_layer_sizes",
    "layers",
    "activation",
    "output_activation",
    "batch_norm",
    "dropout",
    "input_dropout",
    "input_noise",
    "numeric_embedding",
    "categorical_embedding",
    "n_submodels",
    "submodels",
    "noise",
    "shared",
    "head",
    "loss",
    "conformal",  # with which "auto" is another loss
)
_SETTLED = (*_OF_NETWORK, "preprocess", "pretrained")


def settled(estimator: Any, before: FittedNetwork | None = None) -> dict[str, Any]:
    """Return the parameters that hold from the start of a training to its predictions.

    Where training goes on from ``before``, the layers that this began with still count.
    """
    given = estimator.get_params(deep=False)
    now = {name: given[name] for name in _SETTLED if name in given}
    # A copy: what the user does with the object later is not what rows were encoded by.
    if "preprocess" in now:  # which a subclass's constructor may leave out
        now["preprocess"] = clone(now["preprocess"], safe=False)
    if before is not None and now.get("pretrained") is None:
        now["pretrained"] = before.settings.get("pretrained")
    return now


def network_before(estimator: Any) -> FittedNetwork | None:
    """Return the network that training may go on from, if an estimator has one."""
    network: FittedNetwork | None = getattr(estimator, "network_", None)
    return network and network.uncalibrated


def network_to_continue(builder: Builder, before: FittedNetwork) -> Network:
    """Return the network for another training of an estimator's weights.

    What needs no new weights is taken up: dropout, noise, other activations of as many units.

    Args:
        builder: of the estimator, with the parameters that are asked for now.
        before: the network that training goes on from.

    Raises:
        HyperparameterError: a parameter that asks for other weights, or reads rows or targets in
            another way.
    """
    now = as_trained(builder.estimator, before)
    if before.n_networks > 1:
        raise HyperparameterError(
            f"the weights to go on from are those of {before.n_networks} networks, which are "
            "averaged; expected those of one, as fit trains it with bagging=None. A fit with "
            "warm_start=False starts from new weights"
        )
    then = copy.copy(builder.estimator)
    vars(then).update(before.settings)
    then = as_trained(then, before)
    assert before.targets is not None
    targets = before.targets.with_loss(loss(now))
    _check_encoding(now, then, before.targets, targets)
    trained, borrowed = before.weights.network, before.borrowed
    codes = embedded_codes(trained)
    below = borrowed, embedding_again(now, then, trained, borrowed), codes
    built = type(builder)(now).architecture(trained.inputs, targets, *below).network
    if _prediction_forms(built) == _prediction_forms(trained):
        return built
    changed = [key for key in _OF_NETWORK if key in before.settings and not _same(now, then, key)]
    if not changed:  # layers that came with the weights, and which no parameter describes
        return trained
    below = borrowed, embedding_again(then, then, trained, borrowed), codes
    former = type(builder)(then).architecture(trained.inputs, before.targets, *below)
    if _prediction_forms(former.network) == _prediction_forms(trained) and _shapes(
        built
    ) == _shapes(trained):
        return built
    raise HyperparameterError(
        f"{changed[0]} is {getattr(now, changed[0])!r}, and the weights to go on from were "
        f"trained with {getattr(then, changed[0])!r}: they are of {_in_words(trained)}, and now "
        f"{_in_words(built)} would be needed. {_EXPECTED}"
    )


def continued(job: TrainingJob, before: FittedNetwork, *, one_epoch: bool) -> TrainingJob:
    """Return a job that goes on from a network's weights: with all memory, or with none.

    ``one_epoch`` goes on with the optimizer's memory, where that is kept.
    """
    result, weights = memory_of(before, job.member) if one_epoch else None, before.weights
    if result is None:
        return replace(job, start=for_member(job.member, weights))
    if job.member.ema_decay:  # the average predicts; training goes on from below it
        weights = result.last
    placed = weights.to(job.compute.dtype, job.compute.torch_device)
    resume = replace(
        result.copy(),
        last=for_member(job.member, placed),
        best=None,
        kept=np.zeros(1, dtype=bool),
        status=[Status.RUNNING],
        data="",
        position=0,
        metric_sums=None,
        callbacks=[{k: v for k, v in result.callbacks[0].items() if k != "step"}],
    )
    return replace(job, resume=resume)


def memory_of(before: FittedNetwork | None, member: Member) -> Result | None:
    """Return the memory of the same update rule to go on with, if there is one."""
    result = None if before is None else before.result
    if before is None or result is None or set(member.slots()) != set(before.weights.slots):
        return None
    return result if type(member.optimizer) is type(result.members[0].optimizer) else None


_EXPECTED = "Expected the same as then; fit with warm_start=False starts from new weights"


def _check_encoding(now: Any, then: Any, old: TargetEncoder, new: TargetEncoder) -> None:
    """Refuse to encode rows or targets in another way than the weights were trained on."""
    if settings_key(now.preprocess) != settings_key(then.preprocess):
        raise HyperparameterError(
            f"preprocess is {now.preprocess!r}, and the weights to go on from were trained with "
            f"{then.preprocess!r}: they would read other numbers. {_EXPECTED}"
        )
    # Any shift and scale of targets will do, but for a loss whose estimates can't be below 0.
    scaled = old.has_scale and (old.loss.scaling == "mean") != (new.loss.scaling == "mean")
    matrix = isinstance(old, ClassTargets) and not old.one_label
    if scaled or (matrix and old.loss.each_output_alone != new.loss.each_output_alone):
        raise HyperparameterError(
            f"loss is {now.loss!r}, and the weights to go on from were trained with "
            f"{then.loss!r}, for which targets are encoded in another way. {_EXPECTED}"
        )
    if (
        now.pretrained is not None
        and then.pretrained is not None
        and now.pretrained.start_key() != then.pretrained.start_key()
    ):
        raise HyperparameterError(
            "pretrained takes other layers than those that the weights to go on from began with. "
            f"{_EXPECTED}"
        )


def _same(now: Any, then: Any, key: str) -> bool:
    given, before = getattr(now, key), getattr(then, key)
    if isinstance(given, np.ndarray) or isinstance(before, np.ndarray):
        return np.array_equal(given, before)
    return given is before or bool(given == before)


def _prediction_forms(network: Network) -> list[Any]:
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
