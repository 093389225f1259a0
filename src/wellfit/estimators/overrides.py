"""Methods that a subclass, a patch or an instance puts in place of wellfit's own."""

from __future__ import annotations

import warnings
from inspect import signature
from typing import Any, TypeVar

from wellfit.core.errors import InputError
from wellfit.estimators.architectures import given_bagging

Class = TypeVar("Class", bound=type)

_DECLARED: dict[type, dict[str, Any]] = {}  # all attributes of the classes that may be stacked

# What every class statement adds, and what Python caches on classes.
_OF_EVERY_CLASS = {
    *("__module__", "__doc__", "__dict__", "__weakref__", "__abstractmethods__", "_abc_impl"),
    *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
    *("__parameters__", "__orig_bases__", "__firstlineno__", "__static_attributes__"),
    "__slotnames__",
}
# Hooks that Python and scikit-learn call only where a class has them.
_HOOKS = {"__getattr__", "__copy__", "__deepcopy__", "__sklearn_clone__"}

_PREDICTING = {
    *("predict", "predict_proba", "predict_log_proba", "predict_quantiles", "outputs"),
    *("target_encoder", "__getattr__"),
}


def stackable(cls: Class) -> Class:
    """Declare, as a decorator, that stacks may train and predict in place of a class's methods."""
    _DECLARED[cls] = _attributes(cls)
    return cls


def can_be_stacked(estimator: Any) -> bool:
    """Say whether stacks give what the estimator's own ``fit`` and ``predict`` would give."""
    # Networks of an estimator's own are a stack; what "auto" stands for is left to a fit alone.
    several = given_bagging(estimator) is not None
    return not several and _stackable_base(estimator) is not None and not overridden(estimator)


def is_overridden(estimator: Any, method: str) -> bool:
    """Say whether calling a method of a stackable class's estimator runs another than its own."""
    home = _stackable_base(estimator)
    if home is None:
        return False
    return getattr(getattr(estimator, method), "__func__", None) is not _DECLARED[home][method]


def kind_of(estimator: Any, holder: str) -> str:
    """Return the name of the class that predicts as an estimator does, without its subclass.

    Args:
        estimator: any of wellfit's.
        holder: what is to hold it, for the message.

    Raises:
        InputError: it predicts by methods of its own, which no file can hold.
    """
    own = [name for name in overridden(estimator) if name in _PREDICTING]
    home = _stackable_base(estimator) or type(estimator)
    if own:
        raise InputError(
            f"{type(estimator).__name__} defines its own {', '.join(own)}, which {holder} can't "
            f"hold; expected the methods of {home.__name__}"
        )
    return home.__name__


def as_stackable(estimator: Any) -> Any:
    """Return a copy of a fitted estimator that predicts by its stackable class's own methods."""
    copy: Any = object.__new__(_stackable_base(estimator) or type(estimator))
    own = overridden(estimator)
    copy.__dict__.update({k: v for k, v in vars(estimator).items() if k not in own})
    return copy


def warn_of_own_fit(estimator: Any, stacklevel: int = 3) -> None:
    """Warn that an estimator's own ``fit`` isn't called."""
    if is_overridden(estimator, "fit"):
        warnings.warn(
            f"{type(estimator).__name__} defines its own fit, which isn't called here: this looks "
            "at the training that its parameters describe",
            UserWarning,
            stacklevel=stacklevel,
        )


def overridden(estimator: Any) -> list[str]:
    """Return the names that an estimator defines in place of wellfit's, sorted.

    Code that trains or predicts for an estimator without calling its ``fit`` and ``predict``
    asks this first: it may do so only where nothing is overridden. New methods under names of
    their own don't count, but for hooks such as ``__getattr__``.

    Args:
        estimator: any; one that isn't of a stackable class, or of a subclass, overrides nothing.

    >>> from wellfit import MLPClassifier
    >>> class Cautious(MLPClassifier):
    ...     def predict(self, X):
    ...         return self.classes_[(self.predict_proba(X)[:, 1] > 0.9).astype(int)]
    >>> overridden(Cautious()), overridden(MLPClassifier())
    (['predict'], [])
    """
    home = _stackable_base(estimator)
    if home is None:
        return []
    declared, now = _DECLARED[home], _attributes(type(estimator))
    new = {*signature(home).parameters, *_HOOKS}
    names = {
        name
        for name, value in now.items()
        if (value is not declared[name] if name in declared else name in new)
    }
    # An instance's attribute hides a method of its class.
    names |= {
        name
        for name in vars(estimator).keys() & declared.keys()
        if callable(declared[name]) and not isinstance(declared[name], type)
    }
    return sorted(name for name in names if not _is_request(name))


def _stackable_base(estimator: Any) -> type | None:
    """Return the stackable class that an estimator is of, or of a subclass of."""
    return next((base for base in type(estimator).__mro__ if base in _DECLARED), None)


def _is_request(name: str) -> bool:
    """Say whether scikit-learn's metadata routing adds this name to every class."""
    return name.startswith("set_") and name.endswith("_request")


def _attributes(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        found.update(vars(base))
    return {name: value for name, value in found.items() if name not in _OF_EVERY_CLASS}
