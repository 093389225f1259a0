"""Names of algorithms, read from the source text: nothing is imported for it.

The registry knows a class once its module is imported, which for most of them takes PyTorch along,
and seconds. A command line that names an unknown optimizer should be answered before that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from wellfit.core import registry
from wellfit.core.errors import UnknownNameError

_ROOT = Path(__file__).parents[1]
# A class statement with keywords, such as ``class SiLU(Activation, name="silu"):``. Parentheses
# nest once, in ``aliases=("swish",)``.
_STATEMENT = re.compile(r"^class (\w+)\(((?:[^()]|\([^()]*\))*)\):", re.MULTILINE)
_KEYWORD = re.compile(r'\b(name|family)="([^"]+)"')
_ALIASES = re.compile(r"\baliases=\(([^()]*)\)")


class Declared(NamedTuple):
    """The names of one family, and the aliases that stand for some of them."""

    names: frozenset[str]
    aliases: frozenset[str]


class _Statement(NamedTuple):
    """One class statement: its bases, and what its keywords say."""

    bases: tuple[str, ...]
    keywords: Mapping[str, str]
    aliases: tuple[str, ...]


@cache
def declared() -> Mapping[str, Declared]:
    """Return the names of each family whose classes wellfit brings along.

    It has no entries where the source can't be read, as in a zip archive.

    >>> "adam" in declared()["optimizer"].names, "swish" in declared()["activation"].aliases
    (True, True)
    """
    found: dict[str, list[_Statement]] = {}
    # Reading a few hundred small files takes a fraction of the time of importing PyTorch.
    for path in _ROOT.rglob("*.py"):
        for name, arguments in _STATEMENT.findall(path.read_text(encoding="utf-8")):
            found.setdefault(name, []).append(_parsed(arguments))
    families: dict[str, tuple[set[str], set[str]]] = {}
    for one in (one for several in found.values() for one in several):
        family = _family(one, found)
        if family is not None and "name" in one.keywords:
            names, aliases = families.setdefault(family, (set(), set()))
            names.add(one.keywords["name"])
            aliases.update(one.aliases)
    return {family: Declared(*map(frozenset, sets)) for family, sets in families.items()}


def refuse_undeclared(family: str, name: str) -> None:
    """Refuse a name that no class of a family has, by the same words as the registry's.

    Raises:
        UnknownNameError: naming the nearest known one.

    >>> refuse_undeclared("optimizer", "adm")
    Traceback (most recent call last):
    wellfit.core.errors.UnknownNameError: unknown optimizer 'adm'; did you mean 'adam'? Known: ...
    """
    known = declared().get(family)
    if known is None or name in known.names | known.aliases:
        return
    if not registry.is_registered(family, name):  # by somebody else's package
        raise UnknownNameError(family, name, known.names, known.aliases)


def _parsed(arguments: str) -> _Statement:
    keywords = dict(_KEYWORD.findall(arguments))
    listed = _ALIASES.search(arguments)
    aliases = re.findall(r'"([^"]+)"', listed[1]) if listed else ()
    bases = (part.strip() for part in _ALIASES.sub("", arguments).split(","))
    return _Statement(
        tuple(base for base in bases if base.isidentifier()), keywords, tuple(aliases)
    )


def _family(
    one: _Statement, found: Mapping[str, list[_Statement]], below: tuple[_Statement, ...] = ()
) -> str | None:
    """Return the family that a class declares, or that one of its bases belongs to."""
    if "family" in one.keywords:
        return one.keywords["family"]
    below = (*below, one)  # classes of one name may seem to derive from each other
    bases = (base for name in one.bases for base in found.get(name, ()) if base not in below)
    return next((family for base in bases if (family := _family(base, found, below))), None)
