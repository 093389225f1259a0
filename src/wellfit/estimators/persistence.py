"""Estimators to model folders and back: plain data and tensors, no code."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

import wellfit
from wellfit import store
from wellfit.core.errors import InputError, ModelFileError, UnknownNameError
from wellfit.core.hyper import Config, from_dict
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.classifier import MLPClassifier
from wellfit.estimators.inputs import Inputs
from wellfit.estimators.regressor import MLPRegressor
from wellfit.estimators.showing import Epochs
from wellfit.nn import Network
from wellfit.preprocessing import ClassLabels, TargetScaler
from wellfit.training import Weights

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
_IF_ANY = ("reused_",)
# Of this session, not of the model: who watches, where it runs, and what it was drawn from.
_LEFT_OUT = ("observers", "scoring", "device", "threads", "random_state", "verbose", "reuse")
# May hold a function, which isn't saved.
_MAY_BE_CODE = ("schedule", "schedules")


def save_model(model: BaseMLP, path: str | os.PathLike[str]) -> Path:
    """Write a fitted estimator to a model folder; see :meth:`BaseMLP.save`."""
    return store.save(path, *described(model))


def described(model: BaseMLP) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return all there is to know of a fitted estimator: data for JSON, and tensors by name.

    Raises:
        InputError: it isn't fitted.
    """
    if not model.__sklearn_is_fitted__():
        raise InputError(f"this {type(model).__name__} is not fitted; call fit before save")
    inputs, arrays = model._inputs.to_document()
    document = {
        "estimator": type(model).__name__,
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
    given = model.get_params(deep=False)
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
    except (KeyError, TypeError, AttributeError, RuntimeError, InputError) as error:
        raise ModelFileError(f"{path} holds a model that can't be read here: {error}") from error


def rebuilt(document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """Return what :func:`described` described, or a model of a kind that floors above know."""
    kind = document["estimator"]
    if kind in _KINDS:
        return filled(_KINDS[kind](**restored(document["params"])), document, tensors)
    home = wellfit if kind in wellfit.__all__ else import_module("wellfit.transfer")
    public: Any = getattr(home, kind, None)
    if not hasattr(public, "_rebuilt"):
        raise UnknownNameError("kind of model", kind, _KINDS)
    return public._rebuilt(document, tensors)


def restored(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that :func:`parameters` made data of."""
    return {key: _parameter(key, value) for key, value in params.items()}


def filled(model: Model, document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Model:
    """Return an estimator with what it had learned when :func:`described` described it."""
    arrays = {
        key.removeprefix("inputs."): tensor.numpy()
        for key, tensor in tensors.items()
        if key.startswith("inputs.")
    }
    model._inputs = Inputs.from_document(document["inputs"], arrays)
    model.n_features_in_ = document["n_features_in"]
    if document["feature_names_in"] is not None:
        model.feature_names_in_ = np.array(document["feature_names_in"], dtype=object)
    _restore_targets(model, document["targets"])
    network = from_dict(Network, document["network"])
    model._weights = Weights(network, 1, tensors["parameters"], tensors["statistics"], {})
    for key in (*_LEARNED, *(key for key in _IF_ANY if key in document["learned"])):
        setattr(model, key, document["learned"][key])
    model.history_ = Epochs(model.history_)
    return model


def _targets(model: BaseMLP) -> dict[str, Any]:
    if isinstance(model, MLPClassifier):
        return model._labels.to_document()
    if isinstance(model, MLPRegressor):
        return {**model._scaler.to_document(), "flat": model._flat}
    return {}


def _restore_targets(model: BaseMLP, document: Mapping[str, Any]) -> None:
    if isinstance(model, MLPClassifier):
        model._labels = ClassLabels.from_document(document)
        model.classes_ = model._labels.classes_
    elif isinstance(model, MLPRegressor):
        model._scaler = TargetScaler.from_document(document)
        model._flat = document["flat"]
        model.n_outputs_ = len(document["mean"])


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


def _parameter(key: str, value: Any) -> Any:
    """Return a parameter; a schedule that was a function of the user's is constant from here."""
    try:
        return _restored(value)
    except InputError as error:
        if key not in _MAY_BE_CODE:
            raise
        warnings.warn(f"{key} isn't restored: {error}", UserWarning, stacklevel=5)
        return None if key == "schedules" else "constant"


def _restored(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "config" in value:
        from wellfit.core.registry import lookup

        data = value["config"]
        cls: type[Config] = lookup(data["family"], data["name"])
        return from_dict(cls, data)
    if "pairs" in value:
        return {_restored(key): _restored(item) for key, item in value["pairs"]}
    return tuple(_restored(item) for item in value["items"])
