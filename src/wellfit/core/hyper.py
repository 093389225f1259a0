"""Hyper-parameters, each declared once: default, range, scale, search range and meaning.

A :class:`Config` is a frozen dataclass of such declarations. Everything that needs to know about
a hyper-parameter (validation, JSON, the command line, search, documentation) reads the class.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self, TypeVar, dataclass_transform

from wellfit.core import former, registry
from wellfit.core.errors import HyperparameterError, UnknownNameError, shown
from wellfit.core.schema import arguments_form, conform

Scale = Literal["linear", "log"]

_MOST_WHOLE = 2**63 - 1  # fits 64 bits


@dataclass(frozen=True)
class Hyper:
    """The declaration of one hyper-parameter.

    ``per_member`` says that the networks of one stack may each have their own value: it is then
    a number, held as a tensor of shape (K,) during training. It may also be a config, as is what
    follows a warm-up: of one structure in all networks, whose own ``per_member`` numbers differ.
    A callback's may be given as a tuple, a number for each network.
    ``init_only`` says that it only matters for the initial weights: members may differ in it.
    """

    doc: str
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    scale: Scale = "linear"
    search: tuple[float, float] | None = None
    choices: tuple[str, ...] | None = None
    optional: bool = False
    per_member: bool = False
    init_only: bool = False

    @property
    def interval(self) -> str:
        """The allowed range in interval notation, e.g. ``(0, inf)``."""
        left = "(" if self.open_low or self.low is None else "["
        right = ")" if self.open_high or self.high is None else "]"
        low = "-inf" if self.low is None else f"{self.low:g}"
        high = "inf" if self.high is None else f"{self.high:g}"
        return f"{left}{low}, {high}{right}"

    def holds(self, value: float) -> bool:
        """Return whether ``value`` is finite and inside the range."""
        if isinstance(value, int) and abs(value) > _MOST_WHOLE:
            return False
        above = self.low is None or value > self.low or (value == self.low and not self.open_low)
        below = (
            self.high is None or value < self.high or (value == self.high and not self.open_high)
        )
        return abs(value) < math.inf and above and below


def hyper(
    doc: str,
    *,
    default: Any,
    low: float | None = None,
    high: float | None = None,
    open_low: bool = False,
    open_high: bool = False,
    scale: Scale = "linear",
    search: tuple[float, float] | None = None,
    choices: tuple[str, ...] | None = None,
    optional: bool = False,
    per_member: bool = False,
    init_only: bool = False,
    kw_only: bool = False,
) -> Any:
    """Declare a hyper-parameter as a dataclass field; see :class:`Hyper` for the arguments.

    One that is ``kw_only`` can't be given by position, and so may stand before a subclass's own.
    """
    declaration = Hyper(
        doc,
        low,
        high,
        open_low,
        open_high,
        scale,
        search,
        choices,
        optional,
        per_member,
        init_only,
    )
    return field(default=default, kw_only=kw_only, metadata={"hyper": declaration})


def fraction(doc: str, *, default: float, search: tuple[float, float]) -> Any:
    """Declare a share from 0 to below 1 that members may differ in, such as β₁ or a momentum."""
    return hyper(
        doc, default=default, low=0, high=1, open_high=True, search=search, per_member=True
    )


def positive(doc: str, *, default: float, search: tuple[float, float]) -> Any:
    """Declare a number above 0 that members may differ in, such as ε."""
    return hyper(
        doc, default=default, low=0, open_low=True, scale="log", search=search, per_member=True
    )


def nonnegative(doc: str, *, default: float, search: tuple[float, float]) -> Any:
    """Declare a number from 0 that members may differ in, such as a step size or a penalty."""
    return hyper(doc, default=default, low=0, scale="log", search=search, per_member=True)


@dataclass_transform(
    frozen_default=True, field_specifiers=(hyper, fraction, positive, nonnegative, field)
)
class Config:
    """A frozen set of declared hyper-parameters, validated when made, with JSON for free.

    A subclass given ``family=`` opens a family; one given ``name=`` joins it, and ``aliases=``
    are the names that other libraries have for it::

        class Optimizer(Config, family="optimizer"): ...
        class SGD(Optimizer, name="sgd"):
            learning_rate: float = hyper("step size", default=0.01, low=0, scale="log")

    Raises:
        HyperparameterError: a value is out of its range or of the wrong kind.
    """

    family: ClassVar[str] = ""
    name: ClassVar[str] = ""
    # Kept, since a search asks for them thousands of times a second.
    _fields: ClassVar[tuple[str, ...]] = ()
    _hypers: ClassVar[Mapping[str, Hyper]] = MappingProxyType({})

    def __init_subclass__(
        cls, *, family: str = "", name: str = "", aliases: tuple[str, ...] = (), **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        # Here and not as a decorator, so that a subclass can't forget it.
        dataclass(frozen=True, repr=False)(cls)
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        # Cached on the class: a search with thousands of candidates asks for them again and again.
        cls._fields = tuple(item.name for item in fields)
        declared = {i.name: i.metadata["hyper"] for i in fields if "hyper" in i.metadata}
        cls._hypers = MappingProxyType(declared)
        if family:
            cls.family = family
        if name:
            cls.name = name
            registry.register(cls.family, name, cls, aliases)

    def __post_init__(self) -> None:
        for key, declaration in self.hypers().items():
            self._check(key, getattr(self, key), declaration)

    def __repr__(self) -> str:
        changed = (
            f"{item.name}={getattr(self, item.name)!r}"
            for item in dataclasses.fields(self)  # type: ignore[arg-type]
            if item.default is dataclasses.MISSING or getattr(self, item.name) != item.default
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    @classmethod
    def from_value(cls, given: Any) -> Self:
        """Return the config that a parameter's value stands for; True where there is one kind."""
        return cls() if given is True and cls.name else resolve(cls, given)

    @classmethod
    def hypers(cls) -> Mapping[str, Hyper]:
        """Return the declarations by name, in the order of the fields."""
        return cls._hypers

    @classmethod
    def is_whole(cls, name: str) -> bool:
        """Return whether a hyper-parameter is a whole number, as its default says."""
        default = cls.__dataclass_fields__[name].default  # type: ignore[attr-defined]
        return isinstance(default, int) and not isinstance(default, bool)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some hyper-parameters changed.

        Raises:
            UnknownNameError: a name that this class does not declare.
        """
        for key in changes:
            if key not in self._fields:
                owner = f"hyper-parameter of {self.name or self!r}"
                raise UnknownNameError(owner, key, self._fields)
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def values(self) -> Iterator[tuple[str, Any]]:
        """Yield the hyper-parameters' names and values."""
        for name in self._fields:
            yield name, getattr(self, name)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold; :func:`from_dict` is the way back."""
        plain = {key: _plain(value) for key, value in self.values()}
        return {"family": self.family, "name": self.name, **plain} if self.name else plain

    def _check(self, key: str, value: Any, declaration: Hyper) -> None:
        default = type(self).__dataclass_fields__[key].default  # type: ignore[attr-defined]
        owner = f"{self.family} {self.name!r}" if self.name else type(self).__name__
        check_value(f"{key} of {owner}", value, default, declaration)
        if isinstance(value, (int, float)):
            return
        if isinstance(value, numbers.Integral):
            # numpy's numbers become Python's: repr, JSON and equality then don't depend on the
            # caller.
            object.__setattr__(self, key, int(value))
        elif isinstance(value, numbers.Real):
            object.__setattr__(self, key, float(value))


def check_value(name: str, value: Any, default: Any, declaration: Hyper) -> None:
    """Refuse a value of a hyper-parameter out of its range, or of another kind than its default.

    Raises:
        HyperparameterError: calling it by ``name``.
    """
    wanted = _complaint(value, default, declaration)
    if wanted:
        raise HyperparameterError(f"{name} is {shown(value)}; expected {wanted}")


def _complaint(value: Any, default: Any, declaration: Hyper) -> str:
    """Return what was expected where ``value`` doesn't fit, or nothing."""
    if declaration.optional and value is None:
        return ""
    or_none = " or None" if declaration.optional else ""
    if declaration.choices is not None:
        return "" if value in declaration.choices else f"one of {declaration.choices}{or_none}"
    # Before int, since bool is a subclass of it.
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "True or False"
    whole = isinstance(default, int)
    kind = numbers.Integral if whole else numbers.Real
    if default is None or isinstance(default, (int, float)):
        right = isinstance(value, kind) and not isinstance(value, bool)
        if not right or not declaration.holds(value):
            noun = "a whole number" if whole else "a number"
            return f"{noun} in {declaration.interval}{_size(value)}{or_none}"
    if isinstance(value, (tuple, list)) and any(map(_size, value)):
        return "numbers of less than 64 bits"
    return ""


def _size(value: Any) -> str:
    """Return what to add to a range that a number leaves by its size alone."""
    if isinstance(value, int) and abs(value) > _MOST_WHOLE:
        return ", below 2**63"
    return ""


C = TypeVar("C", bound=Config)


def resolve(base: type[C], spec: Any) -> C:
    """Return a config of family ``base`` from a name, a class, a dictionary or a config.

    Raises:
        UnknownNameError: a name that the family doesn't have.
        HyperparameterError: something else altogether.
    """
    if isinstance(spec, base):
        return spec
    if isinstance(spec, str):
        spec = registry.lookup(base.family, spec)
    if isinstance(spec, type) and issubclass(spec, base):
        return spec()
    if isinstance(spec, Mapping):
        return from_dict(base, spec)
    known = ", ".join(registry.names(base.family))
    raise HyperparameterError(
        f"{base.family} is {shown(spec)}; expected one of {known}, or a {base.__name__}"
    )


def from_dict(base: type[C], data: Mapping[str, Any]) -> C:
    """Rebuild a config from :meth:`Config.to_dict`'s data; runs no code but constructors.

    Raises:
        UnknownNameError: a name or a hyper-parameter that isn't known here.
        HyperparameterError: data of another family, or a value out of its range.
        ModelFileError: a value of another type than the field is declared with.
    """
    cls = _named(base, data)
    given = {key: value for key, value in data.items() if key not in ("family", "name")}
    for key in given:
        if key not in cls._fields:
            raise UnknownNameError(f"hyper-parameter of {data.get('name')}", key, cls._fields)
    forms = arguments_form(cls)
    owner = cls.name or cls.__name__
    return cls(
        **{
            key: conform(_rebuilt(value), forms.get(key, Any), f"{key} of {owner}")
            for key, value in given.items()
        }
    )


def _named(base: type[C], data: Mapping[str, Any]) -> type[C]:
    """Return the class that plain data name; they may not name one of another family."""
    family = data.get("family", base.family) if isinstance(data, Mapping) else None
    if isinstance(family, str):
        family = former.current_family(family)
    if family != base.family:
        raise HyperparameterError(
            f"{data!r:.100} is of family {family!r}; expected {base.family!r}"
        )
    if not base.family:
        return base
    found = registry.lookup(base.family, data.get("name"))
    if not issubclass(found, base):
        raise HyperparameterError(
            f"{base.family} is {data.get('name')!r}; expected a {base.__name__}"
        )
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Config):
        return value.to_dict()
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _rebuilt(value: Any) -> Any:
    # JSON has no tuples, and a frozen config is hashable only with tuples.
    if isinstance(value, list):
        return tuple(_rebuilt(item) for item in value)
    if isinstance(value, Mapping) and "family" in value:
        cls: type[Config] = registry.lookup(value["family"], value.get("name"))
        return from_dict(cls, value)
    return value
