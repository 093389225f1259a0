"""Plain data checked against a declared form: the types that a reader of the code sees.

Whatever is read from a file has a form that is declared once, as a ``TypedDict``, a ``Literal``, a
union or a signature; ranges stand beside the type. :func:`conform` compares, so that what was
changed in a file is refused where it is read, by the name of the field, and nowhere later::

    class ScalerDocument(TypedDict):
        mean: list[Annotated[float, Range()]]
        flat: bool
        note: NotRequired[str]
"""

from __future__ import annotations

import functools
import math
import numbers
import reprlib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from wellfit.core.errors import ModelFileError, did_you_mean

_PLAIN = (str, bool, float)
_LARGEST_WHOLE = 2**63 - 1  # what arrays of whole numbers hold


@dataclass(frozen=True)
class Range:
    """The finite numbers from ``low`` to ``high``; with ``open_low``, above ``low``.

    >>> Range(1).interval, Range(0, 1).interval, Range(0, open_low=True).interval
    ('[1, inf)', '[0, 1]', '(0, inf)')
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False

    @property
    def interval(self) -> str:
        """The range in interval notation."""
        left = "(" if self.open_low or math.isinf(self.low) else "["
        right = ")" if math.isinf(self.high) else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}"

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        return above and value <= self.high and math.isfinite(value)


OPEN = "open"  # beside a TypedDict: it may have fields that aren't declared
Count = Annotated[int, Range(0)]
Positive = Annotated[int, Range(1)]
Finite = Annotated[float, Range()]


@dataclass(frozen=True)
class Length:
    """The number of items of a list."""

    exactly: int


def conform(value: Any, form: Any, where: str) -> Any:
    """Return ``value`` if it has the declared form.

    Args:
        value: plain data, as JSON holds it; or a config, where the form names its class.
        form: a type, ``Literal``, union, dataclass or ``TypedDict`` (with :data:`OPEN`, of more
            fields too), or a list, sequence, tuple or mapping of such; ``Annotated`` with a
            :class:`Range` or a :class:`Length`; ``Any`` for everything.
        where: the field's name, for errors.

    Raises:
        ModelFileError: it hasn't; names the field, what it is and what was expected.

    >>> conform({"epochs": 3}, dict[str, int], "params")
    {'epochs': 3}
    >>> conform([0.5, "x"], list[float], "mean")
    Traceback (most recent call last):
    wellfit.core.errors.ModelFileError: mean[1] is 'x'; expected a number
    """
    for wrong in _faults(value, form, where):
        raise ModelFileError(wrong)
    return value


def arguments_form(function: Any) -> Mapping[str, Any]:
    """Return the types of a function's arguments by name: the form of what it is called with."""
    return {name: form for name, form in _hints(function).items() if name != "return"}


def _faults(value: Any, form: Any, where: str) -> Iterator[str]:
    """Yield what is wrong, in words."""
    if type(value) is form and form in _PLAIN:
        return  # at once, as for most fields
    form, limits = _unwrapped(form)
    origin = _origin(form)
    if form is Any or isinstance(form, TypeVar):
        return
    if typing.is_typeddict(form) or (isinstance(value, Mapping) and _is_plain_dataclass(form)):
        yield from _faults_of_record(value, form, where, closed=OPEN not in limits)
    elif origin in (Union, types.UnionType):
        if not any(_fits(value, each) for each in get_args(form)):
            yield from _nearest(value, form, where)
    elif not _is_a(value, form):
        yield f"{where} is {_shown(value)}; expected {_described(form, limits)}"
    elif origin is not None:
        yield from _faults_inside(value, form, where)
    for limit in limits:
        length = isinstance(limit, Length)
        if length and len(value) != limit.exactly:
            yield f"{where} holds {len(value)} items; expected {limit.exactly}"
        elif isinstance(limit, Range) and value not in limit:
            yield f"{where} is {_shown(value)}; expected {_described(form, limits)}"


def _nearest(value: Any, form: Any, where: str) -> Iterator[str]:
    """Yield what is wrong with a value that fits none of several forms.

    Where it is a list or a dictionary and only one of them is such, its items are to blame.
    """
    alike = [each for each in get_args(form) if _is_a(value, _unwrapped(each)[0])]
    if len(alike) == 1 and isinstance(value, (Mapping, list, tuple)):
        yield from _faults(value, alike[0], where)
    else:
        yield f"{where} is {_shown(value)}; expected {_described(form, ())}"


def _fits(value: Any, form: Any) -> bool:
    return next(_faults(value, form, ""), None) is None


def _faults_of_record(value: Any, form: Any, where: str, closed: bool) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where} is {_shown(value)}; expected fields by name"
        return
    declared = _hints(form)
    # Unknown fields first: a misspelt name explains the one that is missing.
    for name in value:
        if closed and name not in declared:
            yield f"{where} has a field {_shown(name)}{did_you_mean(name, declared)}"
    for name, field in declared.items():
        inner = f"{where}.{name}" if where else name
        if name in value:
            yield from _faults(value[name], field, inner)
        elif name in _required(form):
            yield f"{inner} is missing"


def _is_plain_dataclass(form: Any) -> bool:
    """Return whether a form is a dataclass that plain data may stand for: a config's say more."""
    return isinstance(form, type) and is_dataclass(form) and not hasattr(form, "hypers")


@functools.cache
def _required(form: Any) -> set[str]:
    """Return the fields of a record that may not be missing."""
    if is_dataclass(form):
        return {
            field.name
            for field in fields(form)
            if field.default is MISSING and field.default_factory is MISSING
        }
    # What the fields say: __required_keys__ is wrong where annotations are text.
    says = typing.NotRequired if form.__total__ else typing.Required
    marked = {name for name, field in _hints(form).items() if get_origin(field) is says}
    return set(_hints(form)) - marked if form.__total__ else marked


def _faults_inside(value: Any, form: Any, where: str) -> Iterator[str]:
    """Yield what is wrong with the items of a list, a tuple or a mapping."""
    args = get_args(form)
    if isinstance(value, Mapping):
        keys, items = args or (Any, Any)
        for key, item in value.items():
            yield from _faults(key, keys, f"a key of {where}")
            yield from _faults(item, items, f"{where}[{_shown(key)}]")
    elif isinstance(value, (list, tuple)):
        if _origin(form) is tuple and args[-1] is not Ellipsis:
            if len(args) != len(value):
                yield f"{where} holds {len(value)} items; expected {len(args)}"
                return
            forms: Sequence[Any] = args
        else:
            forms = args[:1] * len(value)
        for index, (item, inner) in enumerate(zip(value, forms, strict=True)):
            if type(item) is not inner:  # so that long lists of numbers cost next to nothing
                yield from _faults(item, inner, f"{where}[{index}]")


def _is_a(value: Any, form: Any) -> bool:
    """Return whether a value is of a form's outermost kind."""
    origin = _origin(form) or form
    if origin is Any:
        return True
    if origin is Literal:
        # 1 == True == 1.0: the type has to agree as well.
        return any(value == each and type(value) is type(each) for each in get_args(form))
    if form is None or origin is types.NoneType:
        return value is None
    if origin is int:
        # To Python True is 1; in a file it is another type.
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return whole and abs(int(value)) <= _LARGEST_WHOLE
    if origin is float:
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        return number and (not isinstance(value, int) or abs(value) <= _LARGEST_WHOLE)
    if origin in (list, tuple, Sequence):
        return isinstance(value, (list, tuple))
    if typing.is_typeddict(origin):
        return isinstance(value, Mapping)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping)
    return isinstance(origin, type) and isinstance(value, origin) and not callable(value)


@functools.cache
def _unwrapped(form: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a form without what stands around it, and its ranges."""
    limits: tuple[Any, ...] = ()
    while get_origin(form) in (Annotated, typing.NotRequired, typing.Required):
        limits += getattr(form, "__metadata__", ())
        form = get_args(form)[0]
    return form, limits


@functools.cache
def _origin(form: Any) -> Any:
    return get_origin(form)  # which takes several times as long as to look it up


@functools.cache
def _hints(declared: Any) -> dict[str, Any]:
    """Return the types that a class or a function declares; of what can't be found, ``Any``."""
    try:
        return typing.get_type_hints(declared, include_extras=True)
    except (NameError, TypeError):  # a class made in a function, of names that are gone
        return dict.fromkeys(getattr(declared, "__annotations__", {}), Any)


_NOUNS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "True or False",
    types.NoneType: "None",
    list: "a list",
    tuple: "a list",
    Sequence: "a list",
    dict: "a dictionary",
    Mapping: "a dictionary",
}


def _described(form: Any, limits: Sequence[Any]) -> str:
    """Return in words what is expected."""
    form, inner = _unwrapped(form)
    origin = get_origin(form) or form
    ranges = [limit.interval for limit in (*limits, *inner) if isinstance(limit, Range)]
    if origin is Literal:
        return " or ".join(map(repr, get_args(form)))
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_described(each, ()) for each in get_args(form)))
    if typing.is_typeddict(form):
        return "fields by name"
    noun: str = _NOUNS.get(origin) or f"a {getattr(origin, '__name__', origin)}"
    return f"{noun} in {ranges[0]}" if ranges else noun


_short = reprlib.Repr()
# A file may hold megabytes in one field, and the message must stay readable.
_short.maxstring = _short.maxother = 60
_short.maxlevel = 2


def _shown(value: Any) -> str:
    try:
        return _short.repr(value)
    except ValueError:  # more digits than Python writes
        return "a number of thousands of digits"
