"""From options of the command line to an estimator; what isn't given keeps its default."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from wellfit import MLPClassifier, MLPRegressor
from wellfit.cli.source import Learning
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.core.hyper import Config, resolve
from wellfit.nn import Activation, Initializer
from wellfit.optim import Optimizer, Schedule
from wellfit.training import EarlyStopping

Model = MLPClassifier | MLPRegressor

_FAMILIES: tuple[type[Config], ...] = (Activation, Initializer, Optimizer, Schedule)
_OWN = {"observers", "warm_start", "random_state", "verbose"}  # the command sees to these itself


def estimator(learning: Learning, given: Mapping[str, Any], extra: Sequence[str] = ()) -> Model:
    """Return an estimator with these parameters.

    Args:
        learning: which estimator.
        given: its parameters by name, ``optimizer__learning_rate`` among them, the hidden layers
            as text; None is not given.
        extra: more of them as text, ``"optimizer__momentum=0.9"``.

    Raises:
        InputError: an unknown name, or a value of the wrong kind.

    >>> estimator("regression", {"epochs": 3, "dropout": None}, ["optimizer__beta_1=0.8"])
    MLPRegressor(epochs=3, optimizer=Adam(beta_1=0.8))
    """
    params = {key: value for key, value in given.items() if value is not None}
    if "hidden_layer_sizes" in params:
        params["hidden_layer_sizes"] = layers(params["hidden_layer_sizes"])
    if "class_weight" in params:
        _check_class_weight(params["class_weight"], learning)
    model: Model = MLPRegressor() if learning == "regression" else MLPClassifier()
    # One by one, in this order: a hyper-parameter is one of the rule that was set before it.
    for key, value in [*params.items(), *map(assignment, extra)]:
        model.set_params(**{key: value})
    for family in _FAMILIES:
        resolve(family, getattr(model, family.family))
    return model


def _check_class_weight(value: str, learning: Learning) -> None:
    if learning == "regression":
        raise HyperparameterError("--class-weight weighs classes, and a regression has none")
    if value != "balanced":
        raise UnknownNameError("class weight", value, ["balanced"])


def assignment(text: str) -> tuple[str, Any]:
    """Return the name and the value of ``name=value``; what is no Python value is text.

    >>> assignment("optimizer__momentum=0.9"), assignment("schedule=one_cycle")
    (('optimizer__momentum', 0.9), ('schedule', 'one_cycle'))
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"--set is {text!r}; expected name=value, e.g. optimizer__momentum=0.9")
    if name.strip() in _OWN:
        raise InputError(f"--set {name.strip()}: the command line sees to this by itself")
    try:
        return name.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        return name.strip(), value.strip()


def layers(text: str) -> tuple[int, ...]:
    """Return the sizes of hidden layers: ``"512,256"``, or ``""`` for none.

    >>> layers("512, 256"), layers("")
    ((512, 256), ())
    """
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise InputError(
            f"--hidden is {text!r}; expected whole numbers from 1, such as 512 or 512,256, "
            "or '' for a model without hidden layers"
        )
    return tuple(map(int, parts))


def resolved(model: Model) -> dict[str, Any]:
    """Return every parameter as plain data, names of algorithms with all that they stand for."""
    params = {k: v for k, v in model.get_params(deep=False).items() if k not in _OWN}
    for family in _FAMILIES:
        params[family.family] = resolve(family, params[family.family])
    if params["early_stopping"] is True:
        params["early_stopping"] = EarlyStopping()
    return {
        key: value.to_dict() if isinstance(value, Config) else value
        for key, value in params.items()
    }
