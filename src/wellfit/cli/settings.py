"""Estimators from command-line options; other parameters keep their defaults."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wellfit import MLPClassifier, MLPRegressor
from wellfit.augment import Augmentation, augmentations
from wellfit.cli.source import Learning
from wellfit.core import registry
from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.core.hyper import Config, resolve
from wellfit.estimators.settings import clipping, dropout, optimizer
from wellfit.fitting.pretrained.base import PretrainedLayers
from wellfit.nn import Activation, HiddenLayer, Initializer, Layer
from wellfit.optim import Optimizer, Schedule
from wellfit.training import EarlyStopping
from wellfit.transfer import Pretrained

Model = MLPClassifier | MLPRegressor

# Parameters that are always names of algorithms.
_NAMED: Mapping[str, type[Config]] = {
    "activation": Activation,
    "initializer": Initializer,
    "bias_initializer": Initializer,
    "optimizer": Optimizer,
    "lr_schedule": Schedule,
}
_OWN = {"callbacks", "warm_start", "random_state", "verbose"}  # the command sets these itself


def estimator(learning: Learning, given: Mapping[str, Any], extra: Sequence[str] = ()) -> Model:
    """Return an estimator with these parameters.

    Args:
        learning: kind of the target, which chooses the estimator.
        given: parameters by name, also ``optimizer__learning_rate``; hidden layers as text; None
            if not given.
        extra: more parameters as text, ``"optimizer__momentum=0.9"``.

    Raises:
        InputError: an unknown name, or a value of the wrong type.

    >>> estimator("regression", {"epochs": 3, "dropout": None}, ["optimizer__beta_1=0.8"])
    MLPRegressor(epochs=3, optimizer=Adam(beta_1=0.8))
    """
    params = {key: value for key, value in given.items() if value is not None}
    if "class_weight" in params:
        _check_class_weight(params["class_weight"], learning)
    for key, read in _AS_TEXT.items():
        if key in params:
            params[key] = read(params[key])
    model: Model = MLPRegressor() if learning == "regression" else MLPClassifier()
    # One by one, in this order: a hyper-parameter belongs to the algorithm set before it.
    for key, value in [*params.items(), *map(assignment, extra)]:
        _open(model, key)
        model.set_params(**{key: _AS_OBJECTS.get(key, _same)(value)})
    for key, family in _NAMED.items():
        _resolved(family, getattr(model, key))
    augmentations(model.augment)
    clipping(model.gradient_clipping)
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


def _check_class_weight(value: str, learning: Learning) -> None:
    if learning == "regression":
        raise HyperparameterError("--class-weight needs classes, and this is a regression")
    if value != "balanced":
        raise UnknownNameError("class weight", value, ["balanced"])


def assignment(text: str) -> tuple[str, Any]:
    """Return the name and the value of ``name=value``; values that aren't Python are text.

    >>> assignment("optimizer__momentum=0.9"), assignment("lr_schedule=one_cycle")
    (('optimizer__momentum', 0.9), ('lr_schedule', 'one_cycle'))
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"--set is {text!r}; expected name=value, e.g. optimizer__momentum=0.9")
    if name.strip() in _OWN:
        raise InputError(f"--set {name.strip()}: the command line sets this parameter itself")
    return name.strip(), _value(value.strip())


def _value(text: str) -> Any:
    """Return a Python value; names, also within lists and dictionaries, become text.

    >>> _value("(28, 28)"), _value("[relu, elu]"), _value("{momentum: ramp}"), _value("a b")
    ((28, 28), ['relu', 'elu'], {'momentum': 'ramp'}, 'a b')
    """
    try:
        return ast.literal_eval(_Quoted().visit(ast.parse(text, mode="eval")))
    except (ValueError, SyntaxError):
        return text


class _Quoted(ast.NodeTransformer):
    """Replaces names by strings."""

    def visit_Name(self, node: ast.Name) -> ast.Constant:
        return ast.Constant(node.id)


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
            config: Config = resolve(
                family, {**given, "name": name} if isinstance(given, dict) else name
            )
            return config
    raise UnknownNameError("layer", name, [name for names in known.values() for name in names])


def changes(texts: Sequence[str]) -> list[Augmentation]:
    """Return augmentations given by name, or by name and value of their first parameter.

    >>> changes(["shift", "rotation:15"])
    [Shift(), Rotation(degrees=15)]
    """
    return [_augmentation(text) for text in texts]


def _augmentation(text: str) -> Augmentation:
    name, colon, number = text.partition(":")
    config = resolve(Augmentation, name.strip())
    return config.replace(**{next(iter(config.hypers())): _value(number)}) if colon else config


def layers(text: str) -> tuple[int, ...]:
    """Return the sizes of hidden layers: ``"512,256"``, or ``""`` for none.

    >>> layers("512, 256"), layers("")
    ((512, 256), ())
    """
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise InputError(
            f"--hidden is {text!r}; expected positive integers, such as 512 or 512,256, or '' "
            "for no hidden layers"
        )
    return tuple(map(int, parts))


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


def _same(value: Any) -> Any:
    return value


_AS_OBJECTS: Mapping[str, Callable[[Any], Any]] = {"layers": hidden, "pretrained": reused}
_AS_TEXT: Mapping[str, Callable[[Any], Any]] = {
    "hidden_layer_sizes": layers,
    "augment": changes,
    "gradient_clipping": _value,
    "pretrained__n_layers": _value,
    "pretrained__freeze": _value,
    "scoring": list,
}


def resolved(model: Model) -> dict[str, Any]:
    """Return all parameters as plain data, algorithms with their hyper-parameters."""
    params = {k: v for k, v in model.get_params(deep=False).items() if k not in _OWN}
    for key, family in _NAMED.items():
        params[key] = _resolved(family, params[key])
    params["optimizer"], params["dropout"] = optimizer(model), dropout(model)
    params["augment"] = augmentations(params["augment"])
    if params["early_stopping"] is True:
        params["early_stopping"] = EarlyStopping()
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
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value
