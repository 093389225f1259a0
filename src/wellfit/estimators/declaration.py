"""Parameters of estimators, each declared once in a class body: default, range, meaning, family.

The constructor, the docstring, validation, nested names such as ``optimizer__momentum`` and the
search space all read the declaration.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, TypeVar, dataclass_transform

import numpy as np

from wellfit.core.errors import HyperparameterError, UnknownNameError, shown
from wellfit.core.hyper import Config, Hyper

Class = TypeVar("Class", bound=type)

_PLACEHOLDER = "        {parameters}\n"  # in a docstring, where the parameters are to stand
_HUGE = 2**63  # no library below takes whole numbers of more than 64 bits


@dataclass(frozen=True)
class Parameter:
    """The declaration of one parameter.

    Attributes:
        doc: what it means, as the docstring says it.
        default: the value where none is given.
        whole: whether a number has to be a whole one.
        low: the least value; None where another declaration has the range.
        high: the largest value, or None.
        open_low: whether ``low`` itself is excluded.
        flag: whether it is True or False, and nothing else.
        optional: whether None is allowed.
        family: the configs that it may be, by name or as an object.
        stands_for: the config and its hyper-parameter whose range and search space hold for it.
        kw_only: whether it can't be given by position.
        form: its type, as annotated.
    """

    doc: str
    default: Any
    whole: bool = False
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    flag: bool = False
    optional: bool = False
    family: type[Config] | None = None
    stands_for: tuple[type[Config], str] | None = None
    kw_only: bool = True
    form: Any = None

    def check(self, name: str, value: Any) -> None:
        """Refuse a value that can't be meant.

        Raises:
            HyperparameterError: naming the parameter, and what was expected.
        """
        for each in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(each, int) and abs(each) >= _HUGE:
                raise HyperparameterError(
                    f"{name} is {shown(each)}; expected a whole number below 2**63"
                )
        if self.flag and not isinstance(value, (bool, np.bool_)):
            raise UnknownNameError(f"value of {name}", str(value), ["True", "False"])
        if self.low is not None and not (value is None and self.optional):
            kind: Any = Integral if self.whole else Real
            count = self.whole and self.low == 0  # of which True is 1
            number = isinstance(value, kind) and (count or not isinstance(value, bool))
            if not number or not self._holds(value):
                high = number and self.high is not None and value > self.high
                raise HyperparameterError(f"{name} is {value!r}; expected {self._expected(high)}")

    def _holds(self, value: Any) -> bool:
        assert self.low is not None
        above = value > self.low if self.open_low else value >= self.low
        return bool(above and (self.high is None or value <= self.high))

    def _expected(self, high: bool) -> str:
        if not self.whole:
            return f"a share in {'(' if self.open_low else '['}{self.low:g}, {self.high:g}]"
        bound = f"at most {self.high:g}" if high else f"at least {self.low:g}"
        return f"a whole number, {bound}"

    @property
    def hyper(self) -> Hyper | None:
        """The hyper-parameter whose range and search space hold for it, if there is one."""
        return None if self.stands_for is None else self.stands_for[0].hypers()[self.stands_for[1]]


def parameter(
    doc: str,
    *,
    default: Any,
    whole: bool = False,
    low: float | None = None,
    high: float | None = None,
    open_low: bool = False,
    flag: bool = False,
    optional: bool = False,
    family: type[Config] | None = None,
    stands_for: tuple[type[Config], str] | None = None,
    kw_only: bool = True,
) -> Any:
    """Declare a parameter in a class body; see :class:`Parameter` for the arguments."""
    options = whole, low, high, open_low, flag, optional
    return Parameter(doc, default, *options, family, stands_for, kw_only)


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

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if args or not given.keys() >= kwargs.keys():
            refuse(kwargs)
            kwargs = signature.bind(self, *args, **kwargs).arguments  # or Python's TypeError
            del kwargs["self"]
        self.__dict__.update(given, **kwargs)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    __init__.__annotations__ = {name: each.form for name, each in table.items()}
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    return __init__


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
