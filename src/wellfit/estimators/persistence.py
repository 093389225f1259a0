"""Estimators to model folders and back: plain data and tensors, no code.

What a folder holds may come from anywhere. Its document is compared with the forms declared here
and where its parts are described, and its tensors with the network, before anything is made of
them; a parameter that :func:`save_model` leaves out is refused, since it would let a folder name
paths, devices or numbers of threads.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from wellfit import store
from wellfit.core import former
from wellfit.core.errors import InputError, ModelFileError, UnknownNameError
from wellfit.core.hyper import Config, from_dict, resolve
from wellfit.core.lazy import HOME, public
from wellfit.core.model_folder import is_model
from wellfit.core.registry import lookup
from wellfit.core.schema import arguments_form, conform
from wellfit.estimators.continuing import settled
from wellfit.estimators.overrides import kind_of
from wellfit.estimators.settings import check_saved, loss
from wellfit.fitting import FittedNetwork
from wellfit.fitting.documents import document_at, from_document, to_document
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.nn import Network
from wellfit.preprocessing import TablePreprocessor
from wellfit.preprocessing.table_documents import Settings, settings_of
from wellfit.training.checkpoint import checkpoints
from wellfit.training.snapshot import read_snapshot

# What is raised where plain data aren't what they should be, if their form doesn't show it.
_WRONG = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
# Of this session, not of the model: who watches, where it runs, and what it was drawn from.
_LEFT_OUT = (
    "callbacks",
    "scoring",
    "device",
    "n_threads",
    "processes",
    "random_state",
    "verbose",
    "pretrained",
)
# May hold a function, which isn't saved.
_MAY_BE_CODE = ("lr_schedule", "schedules")


def save_model(model: Any, path: str | os.PathLike[str]) -> Path:
    """Write the fitted model to a folder of JSON and safetensors; see ``load``.

    Args:
        model: fitted.
        path: the folder; a model that is there is replaced whole, or left whole.

    Returns:
        The folder's path.
    """
    return store.save(path, *described(model))


def described(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return all there is to know of a fitted estimator: data for JSON, and tensors by name.

    Raises:
        InputError: it isn't fitted, or predicts by methods of a subclass's own.
    """
    if not model.__sklearn_is_fitted__():
        raise InputError(f"this {type(model).__name__} is not fitted; call fit before save")
    kind = kind_of(model, "a model folder")
    network, tensors = to_document(model.network_)
    return {"estimator": kind, "params": parameters(model), **network}, tensors


def saved_as(
    model: Any, network: Network, before: FittedNetwork | None, borrowed: BorrowedLayers | None
) -> dict[str, Any] | None:
    """Return the name and the parameters that files hold of an estimator while it is trained.

    Args:
        model: the estimator, with the parameters of the training.
        network: that is trained.
        before: that training goes on from, if any.
        borrowed: the layers that it takes from another network, if any.

    Returns:
        Plain data; None where no file can hold the estimator.
    """
    sizes = network.units[:-1]
    try:
        kind = kind_of(model, "a checkpoint")
    except InputError:
        return None
    return {"estimator": kind, "params": _params(model, settled(model, before), borrowed, sizes)}


def parameters(model: Any) -> dict[str, Any]:
    """Return an estimator's parameters as data for JSON, those of the session left out."""
    network = getattr(model, "network_", None)
    if network is None:
        return _params(model, {}, None, ())
    return _params(model, network.settings, network.borrowed, network.hidden_units)


def _params(
    model: Any, settings: Mapping[str, Any], borrowed: Any, hidden_units: Sequence[int]
) -> dict[str, Any]:
    given = {**model.get_params(deep=False), **settings}
    if borrowed and model.layers is None:  # the sizes may be another model's
        given["hidden_layer_sizes"] = list(hidden_units)
    return {key: _plain(value) for key, value in given.items() if key not in _LEFT_OUT}


def load_model(path: str | os.PathLike[str]) -> Any:
    """Return the fitted estimator or ensemble that a model folder or a checkpoint holds.

    It predicts as it did when it was saved. Training can go on from its weights
    (``warm_start``, ``partial_fit``), the optimizer's memory starting anew.

    Args:
        path: a model folder; or a file of :class:`~wellfit.training.Checkpoint`, or its folder,
            whose newest whole file is meant. Of a checkpoint, ``best_epoch_`` is the epoch whose
            weights predict.

    Raises:
        ModelFileError: no model there, or a damaged, altered, newer or foreign one.

    >>> import tempfile
    >>> from wellfit import MLPClassifier
    >>> clf = MLPClassifier((4,), epochs=2, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> folder = clf.save(Path(tempfile.mkdtemp()) / "model")
    >>> load_model(folder).classes_
    array(['a', 'b'], dtype='<U1')
    """
    if is_checkpoint(path):
        document, tensors = document_at(read_snapshot(path))
    else:
        _refuse_unfinished(Path(path))
        document, tensors = store.load(path)
    try:
        return rebuilt(document, tensors)
    except (*_WRONG, InputError) as error:
        raise ModelFileError(f"{path} holds a model that can't be read here: {error}") from error


def _refuse_unfinished(folder: Path) -> None:
    """Name the checkpoints of a folder that has no model yet, as of a run that was killed."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    if not any(map(is_model, (folder, *inside))):
        for place in inside:
            if place.is_dir() and is_checkpoint(place):
                raise ModelFileError(
                    f"{folder} holds no model yet, but checkpoints; did you mean {str(place)!r}?"
                )


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Return whether a path looks like a checkpoint: by its name, or as a folder of some.

    >>> is_checkpoint("checkpoints/epoch-000012.safetensors"), is_checkpoint("runs/model")
    (True, False)
    """
    return Path(path).suffix == ".safetensors" or (not is_model(path) and bool(checkpoints(path)))


def load_as(kind: type, path: str | os.PathLike[str]) -> Any:
    """Return the fitted model of a class that a folder holds; see :func:`load_model`."""
    model = load_model(path)
    if not isinstance(model, kind):
        raise ModelFileError(f"{path} holds {type(model).__name__}; expected {kind.__name__}")
    return model


def rebuilt(document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """Return the model that a document describes, of any class with ``from_document``."""
    kind = conform(document.get("estimator"), str, "estimator")
    known: Any = public(kind) if kind in HOME else None
    if not hasattr(known, "from_document"):
        raise UnknownNameError("model class", kind, [name for name in HOME if "MLP" in name])
    return known.from_document(document, tensors)


def restored(cls: Any, given: Any) -> dict[str, Any]:
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


def filled(model: Any, document: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """Return an estimator with what it had learned when :func:`described` described it.

    Raises:
        ModelFileError: the document or a tensor isn't of the declared form, or they don't fit each
            other; names the field.
    """
    network = from_document(document, tensors, model.target_encoder, loss(model))
    check_saved(model)
    if (model.preprocess is None) != (network.features.kind == "raw"):
        raise ModelFileError(
            f"params.preprocess is {model.preprocess!r}, and inputs.kind is "
            f"{network.features.kind!r}"
        )
    return model.keep(replace(network, settings=settled(model)))


def _plain(value: Any) -> Any:
    """Return a parameter as data for JSON; a dictionary as pairs, its keys being any label."""
    if isinstance(value, Config):
        return {"config": value.to_dict()}
    if isinstance(value, TablePreprocessor):
        return {"preprocessor": settings_of(value)}
    if isinstance(value, Mapping):
        return {"pairs": [[_plain(key), _plain(item)] for key, item in value.items()]}
    if isinstance(value, (tuple, list, np.ndarray)):
        return {"items": [_plain(item) for item in value]}
    return value.item() if isinstance(value, np.generic) else value


def _parameter(cls: Any, key: str, value: Any, form: Any) -> Any:
    """Return a parameter; a schedule that was a function of the user's is constant from here."""
    where = f"params.{key}"
    try:
        found = _restored(value)
        family, declared = cls.nested_configs.get(key), cls.declared_parameters.get(key)
        if family is None or found is None or isinstance(found, bool):
            return found if found is None and family else conform(found, form, where)
        if isinstance(found, Mapping):  # a config given as a dictionary, which estimators take too
            return resolve(family, found)
        for each in found if isinstance(found, (list, tuple)) else [found]:
            if isinstance(each, str) and not (declared and each in declared.choices):
                family.from_value(each)
        return conform(found, form, where)
    except (*_WRONG, InputError) as error:
        if key in _MAY_BE_CODE and (_names_function(value) or _is_unknown(error)):
            warnings.warn(f"{key} isn't restored: {error}", UserWarning, stacklevel=6)
            return None if key == "schedules" else "constant"
        text = str(error)
        raise ModelFileError(text if text.startswith(where) else f"{where}: {text}") from error


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
        case "preprocessor":
            return TablePreprocessor(**conform(value["preprocessor"], Settings, "preprocessor"))
        case "pairs":
            return {_restored(key): _restored(item) for key, item in value["pairs"]}
        case "items":
            return tuple(_restored(item) for item in value["items"])
    raise ModelFileError(
        f"{kind!r} is no kind of value; expected 'config', 'preprocessor', 'pairs' or 'items'"
    )
