"""Estimators to model folders and back: plain data and tensors, no code.

What a folder holds may come from anywhere. Its document is compared with the forms declared here
and where its parts are described, and its tensors with the network, before anything is made of
them; a parameter that :func:`save_model` leaves out is refused, since it would let a folder name
paths, devices or numbers of threads.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict, TypeVar

import numpy as np
import torch
from torch import Tensor

import wellfit
from wellfit import store
from wellfit.core import former
from wellfit.core.errors import InputError, ModelFileError, UnknownNameError
from wellfit.core.hyper import Config, from_dict, resolve
from wellfit.core.registry import lookup
from wellfit.core.schema import Count, Length, Positive, arguments_form, conform
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.classifier import MLPClassifier
from wellfit.estimators.continuing import settled
from wellfit.estimators.inputs import Inputs
from wellfit.estimators.overrides import kind_of
from wellfit.estimators.regressor import MLPRegressor
from wellfit.estimators.settings import check_saved
from wellfit.estimators.showing import Epochs
from wellfit.nn import Network
from wellfit.preprocessing import ClassLabels, TargetScaler
from wellfit.preprocessing.documents import ScalerDocument
from wellfit.training import Status, Weights
from wellfit.training.precision import dtype_of

Model = TypeVar("Model", bound=BaseMLP)

_KINDS: dict[str, type[BaseMLP]] = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}
_LEARNED = (
    "history_",
    "status_",
    "n_epochs_",
    "best_epoch_",
    "n_parameters_",
    "precision_",
    "batch_size_",
)
_IF_ANY = ("pretrained_",)
# What is raised where plain data aren't what they should be, if their form doesn't show it.
_WRONG = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
# Of this session, not of the model: who watches, where it runs, and what it was drawn from.
_LEFT_OUT = (
    "callbacks",
    "scoring",
    "device",
    "n_threads",
    "random_state",
    "verbose",
    "pretrained",
)
# May hold a function, which isn't saved.
_MAY_BE_CODE = ("lr_schedule", "schedules")


class ReusedDocument(TypedDict):
    """What came of ``pretrained``."""

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
    pretrained_: NotRequired[ReusedDocument]


class ModelDocument(TypedDict):
    """An estimator as plain data; who reads ``inputs`` and ``targets`` checks these."""

    estimator: str
    params: dict[str, Any]
    network: dict[str, Any]
    inputs: dict[str, Any]
    targets: dict[str, Any]
    n_features_in: Positive
    feature_names_in: list[str] | None
    learned: LearnedDocument


class RegressorTargets(ScalerDocument):
    """The scale of a regressor's targets; ``flat`` where they were (n_samples,)."""

    flat: bool


def save_model(model: BaseMLP, path: str | os.PathLike[str]) -> Path:
    """Write a fitted estimator to a model folder; see :meth:`BaseMLP.save`."""
    return store.save(path, *described(model))


def described(model: BaseMLP) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return all there is to know of a fitted estimator: data for JSON, and tensors by name.

    Raises:
        InputError: it isn't fitted, or predicts by methods of a subclass's own.
    """
    if not model.__sklearn_is_fitted__():
        raise InputError(f"this {type(model).__name__} is not fitted; call fit before save")
    inputs, arrays = model._inputs.to_document()
    document = {
        "estimator": kind_of(model, "a model folder"),
        "params": parameters(model),
        "network": model._weights.network.to_dict(),
        "inputs": inputs,
        "targets": _targets(model),
        "n_features_in": int(model.n_features_in_),
        "feature_names_in": _names(model),
        "learned": {key: getattr(model, key) for key in (*_LEARNED, *_told(model))},
    }
    weights = model._weights
    tensors: dict[str, Any] = {f"inputs.{key}": value for key, value in arrays.items()}
    tensors["parameters"] = weights.parameters.cpu()
    tensors["statistics"] = weights.statistics.cpu()
    return document, tensors


def parameters(model: BaseMLP) -> dict[str, Any]:
    """Return an estimator's parameters as data for JSON, those of the session left out."""
    given = {**model.get_params(deep=False), **(model._settled or {})}
    if model._taken is not None and model.layers is None:  # the sizes may be another model's
        given["hidden_layer_sizes"] = [len(bias) for bias in model.intercepts_[:-1]]
    return {key: _plain(value) for key, value in given.items() if key not in _LEFT_OUT}


def _told(model: BaseMLP) -> list[str]:
    return [key for key in _IF_ANY if hasattr(model, key)]


def load_model(path: str | os.PathLike[str]) -> Any:
    """Return the fitted estimator or ensemble that a model folder holds.

    It predicts as it did when it was saved. Training can go on from its weights
    (``warm_start``, ``partial_fit``), the optimizer's memory starting anew.

    Raises:
        ModelFileError: no model there, or a damaged, altered, newer or foreign one.

    >>> import tempfile
    >>> clf = MLPClassifier((4,), epochs=2, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> folder = clf.save(Path(tempfile.mkdtemp()) / "model")
    >>> load_model(folder).classes_
    array(['a', 'b'], dtype='<U1')
    """
    document, tensors = store.load(path)
    try:
        return rebuilt(document, tensors)
    except (*_WRONG, InputError) as error:
        raise ModelFileError(f"{path} holds a model that can't be read here: {error}") from error


def rebuilt(document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """Return what :func:`described` described, or a model of a kind that floors above know."""
    kind = conform(document.get("estimator"), str, "estimator")
    if kind in _KINDS:
        cls = _KINDS[kind]
        return filled(cls(**restored(cls, document.get("params"))), document, tensors)
    home = wellfit if kind in wellfit.__all__ else import_module("wellfit.transfer")
    public: Any = getattr(home, kind, None)
    if not hasattr(public, "_rebuilt"):
        raise UnknownNameError("kind of model", kind, _KINDS)
    return public._rebuilt(document, tensors)


def restored(cls: type[BaseMLP], given: Any) -> dict[str, Any]:
    """Return the parameters of a class that :func:`parameters` made data of.

    Raises:
        ModelFileError: one that isn't saved, such as ``callbacks``; one that the class doesn't
            have; or a value of another type than it is declared with.
    """
    forms = arguments_form(cls.__init__)
    conform(given, dict[str, Any], "params")
    given = former.current_names(given)
    for key in given:
        if key in _LEFT_OUT:
            raise ModelFileError(
                f"params has a field {key!r}, which is never saved: it belongs to a session, and "
                "a file must not set it"
            )
        if key not in forms:
            raise UnknownNameError(f"parameter of {cls.__name__}", key, forms)
    return {key: _parameter(cls, key, value, forms[key]) for key, value in given.items()}


def filled(model: Model, document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Model:
    """Return an estimator with what it had learned when :func:`described` described it.

    Raises:
        ModelFileError: the document or a tensor isn't of the declared form, or they don't fit each
            other; names the field.
    """
    document = former.renamed(document, {"reused_": "pretrained_"}, "learned")
    conform(document, ModelDocument, "")
    model.n_features_in_ = document["n_features_in"]
    names = document["feature_names_in"]
    if names is not None:
        model.feature_names_in_ = np.array(names, dtype=object)
    model._inputs = Inputs.from_document(document["inputs"], _input_arrays(tensors))
    _restore_targets(model, document["targets"])
    for key, value in document["learned"].items():
        setattr(model, key, value)
    model.status_ = _status(model.status_)
    model.history_ = Epochs(model.history_)
    model._weights = _weights(document, tensors)
    model._settled = settled(model)
    _check_whole(model, names, tensors)
    return model


def _status(given: str) -> str:
    try:
        return str(Status(given))
    except ValueError:
        expected = ", ".join(sorted(Status))
        raise ModelFileError(
            f"learned.status_ is {given!r:.40}; expected one of {expected}"
        ) from None


def _input_arrays(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    arrays = {}
    for key, tensor in tensors.items():
        if key.startswith("inputs."):
            if tensor.dtype not in (torch.float64, torch.float32, torch.bool):
                raise ModelFileError(f"tensor {key!r} is of type {tensor.dtype}; expected float64")
            arrays[key.removeprefix("inputs.")] = tensor.numpy()
    return arrays


def _weights(document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Weights:
    """Return the weights, whose sizes are those that the network's declared widths ask for."""
    network = from_dict(Network, document["network"])
    if network.rows_per_example[0] != 1:
        raise ModelFileError(
            f"network reads {network.rows_per_example[0]} rows at a time; expected 1"
        )
    dtype = dtype_of(document["learned"]["precision_"])
    for name, layout in (("parameters", network.parameters), ("statistics", network.statistics)):
        if name not in tensors:
            raise ModelFileError(f"tensor {name!r} is missing")
        found = tensors[name]
        if found.shape != (layout.size,) or found.dtype != dtype:
            raise ModelFileError(
                f"tensor {name!r} is of type {found.dtype} and shape {tuple(found.shape)}; "
                f"the network asks for {dtype} and ({layout.size},)"
            )
        if not torch.isfinite(found).all():
            raise ModelFileError(f"tensor {name!r} holds NaN or infinities")
    return Weights(network, 1, tensors["parameters"], tensors["statistics"], {})


def _check_whole(model: BaseMLP, names: list[str] | None, tensors: Mapping[str, Tensor]) -> None:
    """Compare the parts of a loaded model with each other, and its parameters with ranges."""
    check_saved(model)
    network, inputs = model._weights.network, model._inputs
    if names is not None:
        conform(names, Annotated[list[str], Length(model.n_features_in_)], "feature_names_in")
    inputs.check(model.n_features_in_, names, network.inputs)
    if (model.preprocess is None) != (inputs.kind == "raw"):
        raise ModelFileError(
            f"params.preprocess is {model.preprocess!r}, and inputs.kind is {inputs.kind!r}"
        )
    if isinstance(model, (MLPClassifier, MLPRegressor)) and network.outputs != model._outputs():
        raise ModelFileError(
            f"network has {network.outputs} outputs; expected {model._outputs()}, by its targets"
        )
    expected = {f"inputs.{key}" for key in inputs.to_document()[1]}
    for name in sorted(tensors.keys() - expected - {"parameters", "statistics"}):
        raise ModelFileError(f"tensor {name!r} is none of the model's")


def _targets(model: BaseMLP) -> dict[str, Any]:
    if isinstance(model, MLPClassifier):
        return model._labels.to_document()
    if isinstance(model, MLPRegressor):
        return {**model._scaler.to_document(), "flat": model._flat}
    return {}


def _restore_targets(model: BaseMLP, document: dict[str, Any]) -> None:
    if isinstance(model, MLPClassifier):
        model._labels = ClassLabels.from_document(document)
        model.classes_ = model._labels.classes_
        least = 1 if model._labels.multilabel_ else 2
        if len(model.classes_) < least:
            raise ModelFileError(
                f"targets.classes holds {len(model.classes_)}; expected {least} at least"
            )
    elif isinstance(model, MLPRegressor):
        conform(document, RegressorTargets, "targets")
        scale = {key: value for key, value in document.items() if key != "flat"}
        model._scaler = TargetScaler.from_document(scale)
        model._flat = document["flat"]
        model.n_outputs_ = len(document["mean"])
        if model._flat and model.n_outputs_ != 1:
            raise ModelFileError(f"targets.flat is True of {model.n_outputs_} outputs; expected 1")
    elif document:
        raise ModelFileError("targets holds fields; expected none")


def _names(model: BaseMLP) -> list[str] | None:
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _plain(value: Any) -> Any:
    """Return a parameter as data for JSON; a dictionary as pairs, its keys being any label."""
    if isinstance(value, Config):
        return {"config": value.to_dict()}
    if isinstance(value, Mapping):
        return {"pairs": [[_plain(key), _plain(item)] for key, item in value.items()]}
    if isinstance(value, (tuple, list, np.ndarray)):
        return {"items": [_plain(item) for item in value]}
    return value.item() if isinstance(value, np.generic) else value


def _parameter(cls: type[BaseMLP], key: str, value: Any, form: Any) -> Any:
    """Return a parameter; a schedule that was a function of the user's is constant from here."""
    where = f"params.{key}"
    try:
        found = _restored(value)
        family = cls._configs.get(key)
        if family is None or found is None or isinstance(found, bool):
            return found if found is None and family else conform(found, form, where)
        if isinstance(found, Mapping):  # a config given as a dictionary, which estimators take too
            return resolve(family, found)
        for each in found if isinstance(found, (list, tuple)) else [found]:
            if isinstance(each, str) and not (key == "loss" and each == "auto"):
                resolve(family, each)
        return conform(found, form, where)
    except (*_WRONG, InputError) as error:
        if key in _MAY_BE_CODE and (_names_function(value) or _is_unknown(error)):
            warnings.warn(f"{key} isn't restored: {error}", UserWarning, stacklevel=6)
            return None if key == "schedules" else "constant"
        told = str(error)
        raise ModelFileError(told if told.startswith(where) else f"{where}: {told}") from error


def _names_function(value: Any) -> bool:
    """Say whether plain data name a function of the user's, which isn't saved."""
    if isinstance(value, Mapping):
        return value.get("name") == "custom" or any(map(_names_function, value.values()))
    return isinstance(value, list) and any(map(_names_function, value))


def _is_unknown(error: Exception) -> bool:
    """Say whether a schedule's class isn't known here: it may be the user's own."""
    return isinstance(error, UnknownNameError) and error.kind == "schedule"


def _restored(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    (kind,) = value
    match kind:
        case "config":
            data = value["config"]
            base: type[Config] = lookup(data["family"], data["name"])
            return from_dict(base, data)
        case "pairs":
            return {_restored(key): _restored(item) for key, item in value["pairs"]}
        case "items":
            return tuple(_restored(item) for item in value["items"])
    raise ModelFileError(f"{kind!r} is no kind of value; expected 'config', 'pairs' or 'items'")
