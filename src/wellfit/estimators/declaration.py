"""Parameters of estimators, each declared once in a class body: default, range, meaning, family.

The constructor, the docstring, validation, nested names such as ``optimizer__momentum`` and the
search space all read the declaration.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, dataclass_transform

from wellfit.core.errors import did_you_mean
from wellfit.core.other_names import meant_by
from wellfit.core.parameter import Parameter, parameter

Class = TypeVar("Class", bound=type)

_PLACEHOLDER = "        {parameters}\n"  # in a docstring, where the parameters are to stand


@dataclass_transform(kw_only_default=True, field_specifiers=(parameter,))
def with_parameters(
    *, without: Iterable[str] = (), defaults: Mapping[str, Any] | None = None
) -> Callable[[Class], Class]:
    """Give a class, as a decorator, the constructor that its declared parameters ask for.

    ``{parameters}`` in its docstring becomes a line for each. The class's own attributes hold the
    defaults.

    Args:
        without: names of inherited parameters that it doesn't have; their defaults hold.
        defaults: other defaults of inherited parameters.

    >>> from sklearn.base import BaseEstimator
    >>> @with_parameters()
    ... class Sized(BaseEstimator):
    ...     size: int = parameter("how large", default=3, whole=True, low=1, kw_only=False)
    >>> Sized(), Sized(5), Sized.size
    (Sized(), Sized(size=5), 3)
    """

    def completed(cls: Class) -> Class:
        inherited: Mapping[str, Parameter] = getattr(cls, "declared_parameters", {})
        forms = inspect.get_annotations(cls, eval_str=True)
        own = {
            name: replace(each, form=forms[name])
            for name, each in vars(cls).items()
            if isinstance(each, Parameter)
        }
        own |= {n: replace(inherited[n], default=value) for n, value in (defaults or {}).items()}
        table = {n: each for n, each in {**inherited, **own}.items() if n not in set(without)}
        for name, each in own.items():
            setattr(cls, name, each.default)
        cls.declared_parameters = table  # type: ignore[attr-defined]
        cls.nested_configs = {n: each.family for n, each in table.items() if each.family}  # type: ignore[attr-defined]
        cls.__init__ = _constructor(cls, table)  # type: ignore[misc]
        if cls.__doc__:
            cls.__doc__ = cls.__doc__.replace(_PLACEHOLDER, "".join(map(_line, table.items())))
        return cls

    return completed


def _constructor(cls: type, table: Mapping[str, Parameter]) -> Callable[..., None]:
    """Return a constructor that keeps the parameters as given, as scikit-learn wants it."""
    given = {name: each.default for name, each in table.items()}
    signature, refuse = _signature(table), getattr(cls, "refuse", list)
    with_preset = getattr(cls, "with_preset", dict)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if args or not given.keys() >= kwargs.keys():
            refuse(kwargs)
            for name in kwargs.keys() - given.keys():
                raise TypeError(_unknown(cls, name, given))
            kwargs = signature.bind(self, *args, **kwargs).arguments  # or Python's TypeError
            del kwargs["self"]
        self.__dict__.update(given, **with_preset(kwargs))

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    __init__.__annotations__ = {name: each.form for name, each in table.items()}
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    return __init__


def _unknown(cls: Any, name: str, known: Mapping[str, Any]) -> str:
    """Return the message on a keyword that a constructor doesn't have, with what was meant."""
    outer, _, inner = name.partition("__")
    if inner and outer in cls.nested_configs:
        return f"{cls.__name__} takes {name} by set_params({name}=…), not when it is created"
    meant = meant_by(name, known)
    if meant is None:
        return f"{cls.__name__} has no parameter {name!r}{did_you_mean(name, known)}"
    how = "" if meant in known else f", by set_params({meant}=…)"
    return f"{cls.__name__} has no parameter {name!r}; did you mean {meant!r}{how}?"


def _signature(table: Mapping[str, Parameter]) -> inspect.Signature:
    """Return the signature of a constructor with these parameters."""
    kinds = inspect.Parameter
    parameters = [kinds("self", kinds.POSITIONAL_OR_KEYWORD)]
    for name, each in table.items():
        kind = kinds.KEYWORD_ONLY if each.kw_only else kinds.POSITIONAL_OR_KEYWORD
        parameters.append(kinds(name, kind, default=each.default, annotation=each.form))
    return inspect.Signature(parameters)


def _line(item: tuple[str, Parameter]) -> str:
    """Return a parameter's lines of a docstring."""
    text = f"{item[0]}: {item[1].doc}"
    wrapped = textwrap.wrap(text, 99, initial_indent=" " * 8, subsequent_indent=" " * 12,
                            break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return "\n".join(wrapped) + "\n"
