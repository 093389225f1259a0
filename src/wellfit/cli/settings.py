"""Estimators from command-line options; other parameters keep their defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wellfit import MLPClassifier, MLPRegressor
from wellfit.augment import Augmentation, augmentations
from wellfit.cli.parameters import OWN, assignment, literal, read
from wellfit.cli.source import Learning
from wellfit.core import registry
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.core.hyper import Config, resolve
from wellfit.estimators.settings import (
    check_saved,
    clipping,
    dropout,
    optimizer,
    resolve_schedule,
)
from wellfit.estimators.stopping import stopping_of
from wellfit.estimators.table_defaults import leaves_open
from wellfit.fitting.pretrained.base import PretrainedLayers
from wellfit.fitting.scorer_choice import refuse_scorer
from wellfit.fitting.scoring import scorer_list
from wellfit.nn import HiddenLayer, Layer
from wellfit.preprocessing import TablePreprocessor
from wellfit.preprocessing.table_documents import settings_of
from wellfit.training import EarlyStopping
from wellfit.transfer import Pretrained

Model = MLPClassifier | MLPRegressor

# Parameters that are always names of algorithms, or configs.
_NAMED = ("activation", "initializer", "bias_initializer", "optimizer", "lr_schedule")


def estimator(learning: Learning, given: Mapping[str, Any], extra: Sequence[str] = ()) -> Model:
    """Return an estimator with these parameters.

    Args:
        learning: kind of the target, which chooses the estimator.
        given: parameters by name, also ``optimizer__learning_rate``; values may be text.
        extra: more parameters as text, ``"optimizer__momentum=0.9"``.

    Raises:
        InputError: an unknown name, or a value that a parameter can't have.

    >>> estimator("regression", {"epochs": "3"}, ["optimizer__beta_1=0.8"])
    MLPRegressor(epochs=3, optimizer=Adam(beta_1=0.8))
    """
    if learning == "regression" and given.get("class_weight") is not None:
        raise HyperparameterError("--class-weight needs classes, and this is a regression")
    # A preset first, so that what is given beside it wins.
    names = sorted(given, key=lambda name: name != "preset")
    params = [(key, read(key, given[key])) for key in names]
    model: Model = MLPRegressor() if learning == "regression" else MLPClassifier()
    # One by one, in this order: a hyper-parameter belongs to the algorithm set before it.
    for key, value in [*params, *map(assignment, extra)]:
        _open(model, key)
        model.set_params(**{key: _AS_OBJECTS[key](value) if key in _AS_OBJECTS else value})
    check_saved(model)
    resolve_schedule(model)
    augmentations(model.augment)
    return model


def _open(model: Model, key: str) -> None:
    """Replace a parameter's name by its object if ``key`` sets one of its hyper-parameters."""
    outer, reaches, inner = key.partition("__")
    if not reaches:
        return
    value = getattr(model, outer, None)
    if outer == "early_stopping":
        if value is False:
            raise InputError(f"early stopping is off, so it has no {inner}")
        model.set_params(early_stopping=EarlyStopping() if value is True else value)
    elif outer == "loss" and value == "auto":
        regresses = isinstance(model, MLPRegressor)
        model.set_params(loss="squared_error" if regresses else "softmax_cross_entropy")
    elif outer == "gradient_clipping":
        if value is None:
            raise InputError(
                f"{key} needs a method of gradient clipping before it, such as "
                "--gradient-clipping by_norm"
            )
        model.set_params(gradient_clipping=clipping(value)[0])
    elif outer == "pretrained" and value is None:
        raise InputError(f"--{inner} needs a pretrained network: --pretrained MODEL")


def hidden(given: Any) -> Any:
    """Return hidden layers for the estimator, with dictionaries as layer objects.

    >>> hidden([500, {"name": "dense", "units": 300, "dropout": 0.2}])
    [500, Dense(units=300, dropout=0.2)]
    """
    if not isinstance(given, (list, tuple)):
        raise InputError(
            f"layers is {given!r}; expected a list such as [500, {{name: dense, units: 300}}]"
        )
    return [_layer(one) for one in given]


def _layer(given: Any) -> Any:
    if not isinstance(given, (str, dict)):
        return given
    name = given.get("name", "dense") if isinstance(given, dict) else given
    known = {family: registry.names(family.family) for family in (HiddenLayer, Layer)}
    for family, names in known.items():
        if name in names:
            return resolve(family, {**given, "name": name} if isinstance(given, dict) else name)
    raise UnknownNameError("layer", name, [name for names in known.values() for name in names])


def changes(given: Any) -> list[Any]:
    """Return augmentations given by name, or by name and value of their first parameter.

    >>> changes(["shift", "rotation:15"])
    [Shift(), Rotation(degrees=15)]
    """
    return [_augmentation(one) for one in (given if isinstance(given, (list, tuple)) else [given])]


def _augmentation(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    name, colon, number = given.partition(":")
    config = resolve(Augmentation, name.strip())
    return config.replace(**{next(iter(config.hypers())): literal(number)}) if colon else config


def reused(model: Any) -> PretrainedLayers | None:
    """Return the value of ``pretrained`` for a model's path, after checking that it exists.

    Raises:
        ModelFileError: there is no model, or it is a pickle.
    """
    if model is None:
        return None
    pretrained = Pretrained(str(model))
    pretrained.source()
    return pretrained


def scorers(given: Any) -> list[str] | None:
    """Return the names of scorers, from a text that lists them or several of these.

    Raises:
        UnknownNameError: no such scorer.
        HyperparameterError: one that is neither for classes nor for numbers.

    >>> scorers("roc_auc,f1"), scorers([("roc_auc", "f1"), "accuracy"])
    (['roc_auc', 'f1'], ['roc_auc', 'f1', 'accuracy'])
    """
    names = scorer_list(given)
    for name in names:
        refuse_scorer(str(name))
    return names or None


_AS_OBJECTS: Mapping[str, Callable[[Any], Any]] = {
    "augment": changes,
    "layers": hidden,
    "pretrained": reused,
    "scoring": scorers,
}


def resolved(model: Model) -> dict[str, Any]:
    """Return all parameters as plain data, algorithms with their hyper-parameters."""
    params = {k: v for k, v in model.get_params(deep=False).items() if k not in OWN}
    for key in _NAMED:
        params[key] = _resolved(model.nested_configs[key], params[key])
    if not leaves_open(model):  # else the table decides
        params["optimizer"], params["dropout"] = optimizer(model), dropout(model)
    params["augment"] = augmentations(params["augment"])
    params["early_stopping"] = stopping_of(model) or False
    return {key: _plain(value) for key, value in params.items()}


def _resolved(family: type[Config], given: Any) -> Any:
    if isinstance(given, (list, tuple)):
        return [resolve(family, one) for one in given]
    return resolve(family, given)


def _plain(value: Any) -> Any:
    if isinstance(value, Config):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, TablePreprocessor):
        return settings_of(value)
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value
