"""Parameters that are configs, named like scikit-learn's nested ones: ``optimizer__momentum``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator

from wellfit.core.errors import HyperparameterError, InputError, UnknownNameError
from wellfit.core.hyper import Config
from wellfit.core.parameter import Parameter


class NestedConfigs(BaseEstimator):  # type: ignore[misc]
    """Lets ``set_params(optimizer__learning_rate=…)`` reach into configs given by name or object.

    Configs are frozen: setting one of their hyper-parameters puts a changed copy in place.
    """

    declared_parameters: ClassVar[Mapping[str, Parameter]] = {}
    nested_configs: ClassVar[Mapping[str, type[Config]]] = {}
    # Of parameters that may be scikit-learn's objects: a function that returns a copy of a value.
    nested_estimators: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    # Parameters of other estimators that people may look for here, and why there are none.
    refused_parameters: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def refuse(cls, params: Iterable[str]) -> None:
        """Refuse parameters that this estimator can't have.

        Raises:
            HyperparameterError: naming one, and the reason.
        """
        for name in params:
            reason = cls.refused_parameters.get(name.partition("__")[0])
            if reason is not None:
                raise HyperparameterError(f"{cls.__name__} has no {name}: {reason}")

    @classmethod
    @functools.cache  # scikit-learn reads the signature anew for every copy of a search
    def _get_param_names(cls) -> list[str]:
        return super()._get_param_names()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; ``deep`` adds the hyper-parameters of those that are configs."""
        params: dict[str, Any] = super().get_params(deep=deep)
        for key, base in self.nested_configs.items() if deep else ():
            if key not in params:  # of a subclass whose constructor leaves it out
                continue
            try:
                config = base.from_value(params[key])
            except InputError:
                continue  # an invalid value is reported by fit, as scikit-learn does
            params |= {f"{key}__{name}": value for name, value in config.values()}
        for key, copied in self.nested_estimators.items() if deep else ():
            with suppress(InputError):
                nested = copied(params.get(key))
                params |= {f"{key}__{name}": v for name, v in _parts(nested).items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, ``optimizer__learning_rate`` and the like among them.

        Raises:
            UnknownNameError: naming the nearest parameter there is.
            HyperparameterError: part of a config where there is none.
        """
        self.refuse(params)
        known = self.get_params(deep=True)
        nested = {**self.nested_configs, **self.nested_estimators}
        own = [key for key in params if key.partition("__")[0] not in nested]
        for key in own:
            if key not in known:
                raise UnknownNameError(f"parameter of {type(self).__name__}", key, known)
        whole = {key: value for key, value in params.items() if "__" not in key or key in own}
        super().set_params(**whole)
        for key, changes in _grouped(params, whole).items():
            setattr(self, key, self._changed(key, getattr(self, key), changes))
        return self

    def _changed(self, key: str, given: Any, changes: Mapping[str, Any]) -> Any:
        """Return a copy of a parameter's value with some of its parts changed."""
        base = self.nested_configs.get(key)
        if given is None or given is False:
            kind = "an object" if base is None else f"{base.__name__}(…), or the like"
            raise HyperparameterError(
                f"{key}__{next(iter(changes))} can't be set, since {key} is {given!r}; "
                f"expected {getattr(base, 'example', kind)}"
            )
        if base is not None:
            config = base.from_value(given)
            changed = config.replace(**changes)
            # A name stays one where nothing changes: ``"auto"`` means more than its object.
            return given if changed == config else changed
        copy = self.nested_estimators[key](given)
        for name in changes:
            if name not in _parts(copy):
                raise UnknownNameError(f"setting of {type(copy).__name__}", name, _parts(copy))
        return copy.set_params(**changes)


def _parts(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an object of scikit-learn's kind; none of None."""
    return {} if estimator is None else dict(estimator.get_params(deep=False))


def _grouped(params: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for key, value in params.items():
        if key not in whole:
            outer, _, inner = key.partition("__")
            groups.setdefault(outer, {})[inner] = value
    return groups
