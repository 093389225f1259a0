"""Names to classes, by family: the only list of names there is, and nobody keeps it by hand.

A class joins by being defined: ``class ReLU(Activation, name="relu")``. Validation, estimator
strings, the command line, the reference pages and the law tests read the registry.
"""

from __future__ import annotations

from wellfit.core.errors import InputError, UnknownNameError

_families: dict[str, dict[str, type]] = {}


def register(family: str, name: str, cls: type) -> None:
    """Add ``cls`` to ``family`` under ``name``; redefining the same class replaces it.

    Raises:
        InputError: the name is taken by another class.
    """
    members = _families.setdefault(family, {})
    taken = members.get(name)
    same = taken is not None and (taken.__module__, taken.__qualname__) == (
        cls.__module__,
        cls.__qualname__,
    )
    if taken is not None and not same:
        raise InputError(f"{family} {name!r} is already {taken.__module__}.{taken.__qualname__}")
    members[name] = cls


def families() -> list[str]:
    """Return the names of all families whose modules are imported."""
    return sorted(_families)


def names(family: str) -> list[str]:
    """Return the registered names of ``family``, sorted."""
    return sorted(_families.get(family, {}))


def lookup(family: str, name: object) -> type:
    """Return the class registered as ``name`` in ``family``.

    Raises:
        UnknownNameError: naming the nearest known one.
    """
    members = _families.get(family, {}) if isinstance(family, str) else {}
    if not isinstance(name, str) or name not in members:
        raise UnknownNameError(family, name, members)
    return members[name]
