"""Validation of a search space by an estimator's declarations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from sklearn.base import clone

from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.core.hyper import Config
from wellfit.estimators import settings
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.stopping import early_stopping
from wellfit.model_selection.spaces import Space

_CHECKED: Mapping[str, Callable[[Any], Any]] = {
    "hidden_layer_sizes": settings.hidden_sizes,
    "gradient_clipping": settings.clipping,
    "early_stopping": early_stopping,
    "schedules": settings.schedules,
}


def check(space: Space, estimator: Any) -> None:
    """Refuse a space that an estimator can't be searched by.

    Of estimators that aren't wellfit's, only the names are known.

    Raises:
        UnknownNameError: a parameter that it doesn't have; names the nearest one.
        HyperparameterError: values outside a parameter's range, or of the wrong kind.
    """
    known = estimator.get_params(deep=True)
    if not isinstance(estimator, BaseMLP):
        for name in space.axes:
            if name.partition("__")[0] not in known:
                raise UnknownNameError(f"parameter of {type(estimator).__name__}", name, known)
        return
    for name, each in space.axes.items():
        layered = name.rpartition(".")[0]
        parameter = layered if layered in space.layered else name
        outer, mark, _ = name.partition("__")
        nested = mark and outer in {**estimator.nested_configs, **estimator.nested_estimators}
        if not nested and parameter not in known:
            raise UnknownNameError(f"parameter of {type(estimator).__name__}", parameter, known)
        for value in () if name.endswith((".depth", ".shape")) else each.ends():
            try:
                if nested:
                    _configured(space, estimator, name, value)
                else:
                    _check_value(estimator, parameter, value)
            except UnknownNameError:
                raise
            except (InputError, TypeError, ValueError) as error:
                raise HyperparameterError(
                    f"the space of {name} reaches {value!r}, which it can't be: {error}"
                ) from None


def _check_value(estimator: BaseMLP, name: str, value: Any) -> None:
    """Make what a value of an estimator's own parameter means, where that is declared."""
    configured = name in estimator.nested_configs
    declared = estimator.declared_parameters.get(name)
    if value is None and declared is not None and declared.optional:
        return
    if name in _CHECKED:
        _CHECKED[name](value)
    elif (
        isinstance(value, Config)
        or value == getattr(type(estimator)(), name)
        or (configured and value is None and _may_be_none(estimator, name))
    ):
        return
    elif name in estimator.nested_estimators:
        estimator.nested_estimators[name](value)
    elif configured:  # activations may be one for each layer
        for each in value if isinstance(value, (list, tuple)) else [value]:
            estimator.nested_configs[name].from_value(each)
    elif value is None:
        return
    elif declared is not None:  # but for those of a user's subclass
        declared.check(name, value)


def _may_be_none(estimator: BaseMLP, name: str) -> bool:
    """Return whether a parameter is declared with None among its types."""
    return type(None) in get_args(estimator.declared_parameters[name].form)


def _configured(space: Space, estimator: BaseMLP, name: str, value: Any) -> None:
    """Set a hyper-parameter of the estimator's config, or of all that the space has for it."""
    outer = name.partition("__")[0]
    given = [getattr(estimator, outer)]
    if outer in space.axes:
        allowed = space.conditions.get(name, {}).get(outer)
        values = list(space.axes[outer].values() or given)
        given = values if allowed is None else [each for each in values if each in allowed]
    for each in given:
        changed = clone(estimator).set_params(**{outer: each, name: value})
        if outer in estimator.nested_estimators:  # whose settings aren't checked when set
            estimator.nested_estimators[outer](getattr(changed, outer))
