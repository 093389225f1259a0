"""Fitted networks as plain data and tensors, and back: no code.

A document may come from anywhere. It is compared with the forms declared here and where its parts
are described, and its tensors with the network, before anything is made of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import torch
from torch import Tensor

from wellfit.core import former
from wellfit.core.errors import ModelFileError
from wellfit.core.hyper import from_dict
from wellfit.core.schema import Count, Length, Positive, conform
from wellfit.fitting.averaged import WeighedArchitecture
from wellfit.fitting.conformalizing import from_arrays, levels_of, to_arrays
from wellfit.fitting.features import FeatureEncoder
from wellfit.fitting.history import History
from wellfit.fitting.job import TrainingJob
from wellfit.fitting.network import FittedNetwork
from wellfit.fitting.record import TrainingRecord
from wellfit.fitting.targets import TargetEncoder
from wellfit.nn import Network
from wellfit.training import Status, Weights
from wellfit.training.precision import dtype_of
from wellfit.training.snapshot import Snapshot

_WEIGHTS = ("parameters", "statistics")  # numbered from the second architecture on
_CONFORMAL = {"conformal", "conformal_folds"}


class PretrainedDocument(TypedDict):
    """How borrowed layers were used."""

    model: str
    layers: Count
    head: Literal["new", "keep"]
    frozen: Count
    cached: bool
    tried: dict[str, list[float]] | None


class LearnedDocument(TypedDict):
    """What training left behind, but for weights."""

    history_: dict[str, list[float]]
    status_: str
    n_epochs_: Count
    best_epoch_: Count
    n_parameters_: Count
    precision_: Literal["float32", "float64", "bfloat16"]
    batch_size_: Count
    pretrained_: NotRequired[PretrainedDocument]
    temperature_: NotRequired[float]
    seconds_: NotRequired[float]


class ArchitectureDocument(TypedDict):
    """One of several architectures; the network of those that count, but for the first."""

    name: str
    weight: float
    metric: str
    oob: float
    network: NotRequired[dict[str, Any]]


class ModelDocument(TypedDict):
    """An estimator as plain data; who reads ``inputs`` and ``targets`` checks these."""

    estimator: str
    params: dict[str, Any]
    network: dict[str, Any]
    n_networks: NotRequired[Positive]
    architectures: NotRequired[list[ArchitectureDocument]]
    inputs: dict[str, Any]
    targets: dict[str, Any]
    n_features_in: Positive
    feature_names_in: list[str] | None
    learned: LearnedDocument


class DescribedModel(TypedDict):
    """What :func:`described` says of a model."""

    document: dict[str, Any]
    arrays: dict[str, Any]


def to_document(network: FittedNetwork) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a fitted network as data for JSON, and tensors by name."""
    features, targets, weights = network.features, network.targets, network.weights
    inputs, arrays = features.to_document()
    document = {
        "network": weights.network.to_dict(),
        "inputs": inputs,
        "targets": targets.to_document(),
        "n_features_in": features.n_columns,
        "feature_names_in": None if features.names is None else list(features.names),
        "learned": _learned(network),
    }
    if weights.members > 1:
        document["n_networks"] = weights.members
    tensors: dict[str, Any] = {f"inputs.{key}": value for key, value in arrays.items()}
    if network.architectures:
        document["architectures"] = _architectures(network)
    for place, each in enumerate(network.stacks):
        for name, numbers in ("parameters", each.parameters), ("statistics", each.statistics):
            tensors[_numbered(name, place)] = numbers.cpu()
    if network.conformal is not None:
        tensors |= to_arrays(network.conformal)
    return document, tensors


def described(job: TrainingJob, precision: str) -> dict[str, Any]:
    """Return what a checkpoint of a job is to say of its model: plain data and arrays.

    :func:`document_at` makes the document of a fitted network of it, with a checkpoint's weights.
    """
    if job.saved_as is None:
        return {}
    inputs, arrays = job.features.to_document()
    whole, prefix = job.member, job.prefix
    held: dict[str, Any] = {f"inputs.{key}": value for key, value in arrays.items()}
    if prefix is not None:  # what the checkpoint's own weights stand on
        whole = prefix.member
        held |= {"below.parameters": prefix.parameters, "below.statistics": prefix.statistics}
    learned = {
        "precision_": precision,
        "batch_size_": whole.batch_size,
        "n_parameters_": whole.network.size,
    }
    if job.pretrained is not None:
        learned["pretrained_"] = dict(job.pretrained)
    document = {
        **job.saved_as,
        "network": whole.network.to_dict(),
        "inputs": inputs,
        "targets": job.targets.to_document(),
        "n_features_in": job.features.n_columns,
        "feature_names_in": None if job.features.names is None else list(job.features.names),
        "learned": learned,
    }
    return {"document": document, "arrays": held}


def document_at(snapshot: Snapshot) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the document and the tensors of the model that a checkpoint was written of.

    Raises:
        ModelFileError: the checkpoint doesn't say which model it is of.
    """
    model = snapshot.extra.get("model")
    if not model:
        raise ModelFileError(
            f"{snapshot.path} has no parameters of its estimator: an earlier wellfit wrote it, "
            "or no file can hold the estimator. Resume the training instead"
        )
    conform(model, DescribedModel, "model")
    document, arrays = model["document"], dict(model["arrays"])
    weights = {"parameters": snapshot.parameters, "statistics": snapshot.statistics}
    for name, own in weights.items():
        below = arrays.pop(f"below.{name}", None)
        if below is not None:
            weights[name] = torch.cat([torch.as_tensor(below).to(own), own])
    tensors = {name: torch.as_tensor(array) for name, array in arrays.items()}
    learned = {
        **conform(document.get("learned"), dict[str, Any], "learned"),
        "history_": snapshot.history,
        # It was running when it was written, and isn't any more.
        "status_": "interrupted" if snapshot.status == "running" else snapshot.status,
        "n_epochs_": snapshot.epochs,
        "best_epoch_": snapshot.best_epoch,
    }
    return {**document, "learned": learned}, {**tensors, **weights}


def _learned(network: FittedNetwork) -> dict[str, Any]:
    learned = {f"{key}_": value for key, value in asdict(network.record).items()}
    for name in ("pretrained_", "temperature_", "seconds_"):
        if learned[name] is None:
            del learned[name]
    return {**learned, "n_parameters_": network.n_parameters}


def from_document(
    document: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    encoder: type[TargetEncoder],
    loss: Any,
) -> FittedNetwork:
    """Return the fitted network that :func:`to_document` described.

    Args:
        document: an estimator's, with its name and parameters.
        tensors: by name.
        encoder: of the estimator's targets.
        loss: the estimator's parameter.

    Raises:
        ModelFileError: the document or a tensor isn't of the declared form, or they don't fit each
            other; names the field.
    """
    document = former.renamed(document, {"reused_": "pretrained_"}, "learned")
    conform(document, ModelDocument, "")
    columns, names = document["n_features_in"], document["feature_names_in"]
    arrays = _feature_arrays(tensors)
    features = FeatureEncoder.from_document(document["inputs"], arrays, columns, names)
    targets = encoder.from_document(document["targets"], loss)
    record = _record(document["learned"])
    weights, *others = _stacks(document, tensors)
    targets = targets.with_features(features, weights.network.inputs)
    if names is not None:
        conform(names, Annotated[list[str], Length(columns)], "feature_names_in")
    features.check(weights.network.inputs)
    for each in (weights, *others):
        _check_outputs(each.network, targets)
    expected = {f"inputs.{key}" for key in features.to_document()[1]}
    expected |= {_numbered(name, at) for name in _WEIGHTS for at in range(1 + len(others))}
    for name in sorted(tensors.keys() - expected - _CONFORMAL):
        raise ModelFileError(f"tensor {name!r} is none of the model's")
    known = from_arrays(targets, tensors, weights.members, levels_of(targets))
    name = document["estimator"]
    return FittedNetwork(
        weights,
        features,
        targets,
        name,
        record,
        conformal=known,
        others=tuple(others),
        architectures=tuple(
            WeighedArchitecture(each["name"], each["weight"], each["metric"], each["oob"])
            for each in document.get("architectures", ())
        ),
    )


def _check_outputs(network: Network, targets: TargetEncoder) -> None:
    if network.outputs != targets.n_outputs:
        raise ModelFileError(
            f"network has {network.outputs} outputs; expected {targets.n_outputs}, by its targets"
        )


def _record(learned: Mapping[str, Any]) -> TrainingRecord:
    try:
        status = str(Status(learned["status_"]))
    except ValueError:
        expected = ", ".join(sorted(Status))
        raise ModelFileError(
            f"learned.status_ is {learned['status_']!r:.40}; expected one of {expected}"
        ) from None
    return TrainingRecord(
        History(learned["history_"]),
        status,
        learned["n_epochs_"],
        learned["best_epoch_"],
        learned["batch_size_"],
        learned["precision_"],
        learned.get("pretrained_"),
        learned.get("temperature_"),
        learned.get("seconds_"),
    )


def _feature_arrays(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    arrays = {}
    for key, tensor in tensors.items():
        if key.startswith("inputs."):
            if tensor.dtype not in (torch.float64, torch.float32, torch.bool):
                raise ModelFileError(f"tensor {key!r} is of type {tensor.dtype}; expected float64")
            arrays[key.removeprefix("inputs.")] = tensor.numpy()
    return arrays


def _numbered(name: str, place: int) -> str:
    """Return the name of a tensor of the architecture in a place.

    >>> _numbered("parameters", 0), _numbered("parameters", 2)
    ('parameters', 'parameters.2')
    """
    return f"{name}.{place}" if place else name


def _architectures(network: FittedNetwork) -> list[dict[str, Any]]:
    """Return the architectures as data; the first one's network stands in the document itself."""
    known = [each._asdict() for each in network.architectures]
    for each, weights in zip(known[1:], network.others, strict=False):
        each["network"] = weights.network.to_dict()
    return known


def _stacks(document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> list[Weights]:
    """Return the weights of each architecture that counts.

    Raises:
        ModelFileError: weights that aren't shares in descending order, other inputs than those of
            the first, or tensors that don't fit the networks.
    """
    given = document.get("architectures", [])
    shares = [each["weight"] for each in given]
    counting = [share for share in shares if share > 0]
    if given and not (
        shares == sorted(shares, reverse=True)
        and min(shares) >= 0
        and math.isclose(sum(shares), 1, abs_tol=1e-6)
        and ["network" in each for each in given]
        == [0 < at < len(counting) for at in range(len(given))]
    ):
        raise ModelFileError(
            f"architectures have the weights {shares!r:.80}; expected descending numbers from 0, "
            "of sum 1, and a network with each above 0 but the first, which is the model's"
        )
    networks = [document["network"], *(each["network"] for each in given if "network" in each)]
    dtype, count = dtype_of(document["learned"]["precision_"]), document.get("n_networks", 1)
    stacks = []
    for place, network in enumerate(networks):
        own = {name: tensors.get(_numbered(name, place)) for name in _WEIGHTS}
        stacks.append(_weights(network, own, dtype, count, place))
    inputs = stacks[0].network.inputs
    for each in stacks:
        if each.network.inputs != inputs:
            raise ModelFileError(
                f"an architecture's network has {each.network.inputs} inputs; expected {inputs}, "
                "as the first one's"
            )
    return stacks


def _weights(
    data: Mapping[str, Any],
    tensors: Mapping[str, Tensor | None],
    dtype: torch.dtype,
    count: int,
    place: int,
) -> Weights:
    """Return the weights, whose sizes are those that the network's declared widths ask for."""
    network, own = from_dict(Network, data), {}
    if network.rows_per_example[0] != 1:
        raise ModelFileError(
            f"network reads {network.rows_per_example[0]} rows at a time; expected 1"
        )
    for key, layout in (("parameters", network.parameters), ("statistics", network.statistics)):
        name, found = _numbered(key, place), tensors[key]
        if found is None:
            raise ModelFileError(f"tensor {name!r} is missing")
        if found.shape != (count * layout.size,) or found.dtype != dtype:
            raise ModelFileError(
                f"tensor {name!r} is of type {found.dtype} and shape {tuple(found.shape)}; "
                f"the network asks for {dtype} and ({count * layout.size},)"
            )
        if not torch.isfinite(found).all():
            raise ModelFileError(f"tensor {name!r} holds NaN or infinities")
        own[key] = found
    for layer, blocks in zip(
        network.layers, network.statistics.views(own["statistics"], count), strict=True
    ):
        for block in blocks:
            layer.check_statistics(block)
    return Weights(network, count, own["parameters"], own["statistics"], {})
