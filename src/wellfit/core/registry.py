"""The registry: the classes of each family by name, and the aliases that other libraries use.

A class joins its family by being defined: ``class SiLU(Activation, name="silu",
aliases=("swish",))``. Nobody keeps a list by hand: a family's package imports every module in its
folder (:func:`discover`), so that a new file with an algorithm is enough. Validation, the
estimators' strings, the command line, the reference pages and the law tests read the registry.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from importlib import import_module
from pkgutil import iter_modules

from wellfit.core import former
from wellfit.core.errors import InputError, UnknownNameError

_families: dict[str, dict[str, type]] = {}
_aliases: dict[str, dict[str, str]] = {}  # family → alias → name


def register(family: str, name: str, cls: type, aliases: Collection[str] = ()) -> None:
    """Add ``cls`` to ``family`` under ``name``; redefining the same class replaces it.

    Args:
        family: such as ``"activation"``.
        name: the name by which the class is listed and saved.
        cls: the class.
        aliases: other names that :func:`lookup` accepts.

    Raises:
        InputError: the name or an alias is taken by another class.
    """
    for given in (name, *aliases):
        _refuse_taken(family, given, cls)
    _families.setdefault(family, {})[name] = cls
    _aliases.setdefault(family, {}).update(dict.fromkeys(aliases, name))


def discover(package: str) -> None:
    """Import every module of an imported package, so that the classes in it are registered.

    >>> discover("wellfit.core")
    """
    for module in iter_modules(sys.modules[package].__path__):
        import_module(f"{package}.{module.name}")


def families() -> list[str]:
    """Return the names of all families whose modules are imported."""
    return sorted(_families)


def names(family: str) -> list[str]:
    """Return the registered names of ``family``, sorted, without aliases."""
    return sorted(_families.get(family, {}))


def aliases(family: str, name: str) -> list[str]:
    """Return the aliases of one member of ``family``, sorted."""
    return sorted(alias for alias, own in _aliases.get(family, {}).items() if own == name)


def is_registered(family: str, name: str) -> bool:
    """Return whether an imported class of ``family`` has this name, or an alias that is."""
    return _find(family, name) is not None


def lookup(family: str, name: object) -> type:
    """Return the class registered in ``family`` under ``name``, or under an alias of it.

    Raises:
        UnknownNameError: naming the nearest known one.
    """
    # Both may come from a file, as data of any type.
    family = former.current_family(family) if isinstance(family, str) else repr(family)
    found = _find(family, name) if isinstance(name, str) else None
    if found is None:
        raise UnknownNameError(family, name, names(family), _aliases.get(family, {}))
    return found


def _find(family: str, name: str) -> type | None:
    name = _aliases.get(family, {}).get(name, name)
    return _families.get(family, {}).get(name)


def _refuse_taken(family: str, name: str, cls: type) -> None:
    taken = _find(family, name)
    if taken is None:
        return
    # The same class again is a notebook cell that was run twice.
    if (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
        raise InputError(f"{family} {name!r} is already {taken.__module__}.{taken.__qualname__}")
