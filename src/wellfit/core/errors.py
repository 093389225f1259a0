"""Every error that wellfit raises on purpose.

The tree, with the built-in that each also is, so that ``except ValueError`` keeps working::

    WellfitError
     ├── InputError (ValueError)          what the caller passed cannot be used
     │    ├── HyperparameterError         a setting out of its range, or of the wrong kind
     │    ├── UnknownNameError            a name that no registry knows
     │    ├── DataError                   a table, image file or target that cannot be trained on
     │    │    └── CellTypeError (TypeError)   a cell that holds neither text nor a number
     │    └── ModelFileError              a folder that is no model, is damaged, or is too new
     ├── DivergedError (ArithmeticError)  training ran into infinite or undefined numbers
     ├── LostProcessError (ConnectionError)  another process of a training has ended
     └── MissingExtraError (ImportError)  an optional dependency is not installed
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from wellfit.core.other_names import meant_by

# A noun, and what of it begins with a preposition: "column", " of adult".
_NOUN = re.compile(r"(.*?)((?: (?:of|for|in|to|with|that) .*)?)", re.DOTALL)


class WellfitError(Exception):
    """Base of every error that wellfit raises on purpose."""


class InputError(WellfitError, ValueError):
    """An argument cannot be used; the message says what was expected."""


class HyperparameterError(InputError):
    """A hyper-parameter is out of its range or of the wrong kind."""


class DataError(InputError):
    """The data cannot be trained on or predicted from."""


class CellTypeError(DataError, TypeError):
    """A cell holds neither text nor a number, but a list or a dictionary, say."""


class ModelFileError(InputError):
    """A model folder is missing, damaged, altered, or of a newer format."""


class UnknownNameError(InputError):
    """A name is not among the known ones.

    >>> str(UnknownNameError("optimizer", "adm", ["sgd", "adam", "adamw"]))
    "unknown optimizer 'adm'; did you mean 'adam'? Known: adam, adamw, sgd"
    >>> str(UnknownNameError("column of adult", "aeg", ["age", "income"]))
    "unknown column 'aeg' of adult; did you mean 'age'? Known: age, income"
    >>> str(UnknownNameError("parameter", "lr", ["l1", "learning_rate"]))
    "unknown parameter 'lr'; did you mean 'learning_rate'? Known: l1, learning_rate"
    """

    def __init__(
        self,
        kind: str,
        given: object,
        known: Iterable[str],
        aliases: Iterable[str] = (),
        meant: str | None = None,
    ) -> None:
        self.kind, self.given, self.known = kind, given, sorted(known)
        self.aliases = sorted(aliases)  # suggested where one is near, but not listed
        if meant is None and kind.startswith("parameter"):
            meant = meant_by(str(given), self.known)
        self.meant = meant  # what is suggested, however little it looks like what was given
        hint = f"; did you mean {meant!r}?" if meant else ""
        hint = hint or did_you_mean(given, [*self.known, *self.aliases])
        listed = ", ".join(self.known) or "none"
        # The name stands behind its noun: "column 'x' of adult", not "column of adult 'x'".
        noun, where = _NOUN.fullmatch(kind).groups()  # type: ignore[union-attr]  # matches all
        super().__init__(f"unknown {noun} {given!r}{where}{hint} Known: {listed}")

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are pickled with their message as the only argument, which this __init__
        # doesn't take; processes of a search send errors that way.
        return type(self), (self.kind, self.given, self.known, self.aliases, self.meant)


class DivergedError(WellfitError, ArithmeticError):
    """Training ran into infinite or undefined numbers before there was anything to keep."""


class LostProcessError(WellfitError, ConnectionError):
    """Another process that trains the same network has ended, or can't be reached."""


class MissingExtraError(WellfitError, ImportError):
    """An optional dependency is needed and not installed."""


def shown(value: object) -> str:
    """Return a value as messages show it: whole numbers of very many digits by their number.

    >>> shown(7), shown("adm"), shown([1, 10**5000])
    ('7', "'adm'", '[1, a whole number of 5001 digits]')
    """
    if isinstance(value, (list, tuple)):
        left, right = "[]" if isinstance(value, list) else "()"
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return f"{left}{', '.join(map(shown, value))}{comma}{right}"
    if isinstance(value, int) and abs(value) >= 2**100:
        return f"a whole number of {int(abs(value).bit_length() * math.log10(2)) + 1} digits"
    return repr(value)


def did_you_mean(
    given: object, known: Iterable[str], places: Mapping[str, str] | None = None
) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or ``"."`` when none is near.

    Args:
        given: the name that isn't known.
        known: those that are.
        places: by name, what is shown in its stead, such as a file's path.

    >>> did_you_mean("incme", ["income", "age"])
    "; did you mean 'income'?"
    >>> did_you_mean("zzz", ["income", "age"])
    '.'
    >>> did_you_mean("adlt", ["adult", "titanic"], {"adult": "runs/adult"})
    "; did you mean 'runs/adult'?"
    """
    lowered = {name.lower(): name for name in known}
    # The cutoff finds transposed and missing letters of short names, such as 'adm'.
    near = difflib.get_close_matches(str(given).lower(), lowered, n=1, cutoff=0.5)
    if not near:
        return "."
    found = lowered[near[0]]
    return f"; did you mean {(places or {}).get(found, found)!r}?"
