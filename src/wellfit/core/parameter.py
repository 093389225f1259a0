"""Parameters of estimators as declared: default, range, choices, meaning, family.

A declaration imports nothing heavy, so that the command line can read it before PyTorch is
imported (:mod:`wellfit.core.declared`).
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, get_args, get_origin

from wellfit.core.errors import HyperparameterError, UnknownNameError, did_you_mean, shown
from wellfit.core.hyper import Config, Hyper

Group = Literal["Network", "Training", "Validation and stopping", "Pretrained", "Run"]

_HUGE = 2**63  # no library below takes whole numbers of more than 64 bits


def is_auto(value: Any) -> bool:
    """Say whether a parameter's value leaves the choice to the library.

    >>> is_auto("auto"), is_auto(0.1), is_auto(None)
    (True, False, False)
    """
    # An array of text would be compared item by item.
    return isinstance(value, str) and value == "auto"


@dataclass(frozen=True)
class Parameter:
    """The declaration of one parameter.

    Attributes:
        doc: what it means, as the docstring says it. The part before the first semicolon stands
            alone: it is the help of the command line.
        default: the value where none is given.
        whole: whether a number has to be a whole one.
        each: whether it may be a sequence, each of whose items has the range.
        low: the least value, where nothing but a number is allowed; else None.
        flag: whether it is True or False, and nothing else.
        optional: whether None is allowed beside ``choices``, or a number that has a ``low``.
        choices: the texts that it may be, where it may not be any.
        family: the configs that it may be, by name or as an object.
        hyper: the range of its numbers, and what a search makes of it.
        kw_only: whether it can't be given by position.
        group: what it belongs to, as the command line's help has it.
        form: its type, as annotated.
    """

    doc: str
    default: Any
    whole: bool = False
    each: bool = False
    low: float | None = None
    flag: bool = False
    optional: bool = False
    choices: tuple[str, ...] = ()
    family: type[Config] | None = None
    hyper: Hyper | None = None
    kw_only: bool = True
    group: Group = "Training"
    form: Any = None

    @property
    def summary(self) -> str:
        """What it means, in a few words."""
        return self.doc.partition(";")[0].rstrip(".")

    def check(self, name: str, value: Any) -> None:
        """Refuse a value that can't be meant.

        Raises:
            HyperparameterError: naming the parameter, and what was expected.
            UnknownNameError: something else than True or False, where nothing else is allowed.

        >>> parameter("rounds", default=3, whole=True, low=1).check("rounds", 0)
        Traceback (most recent call last):
        wellfit.core.errors.HyperparameterError: rounds is 0; expected a whole number, at least 1
        """
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(one, int) and abs(one) >= _HUGE:
                raise HyperparameterError(
                    f"{name} is {shown(one)}; expected a whole number below 2**63"
                )
        # NumPy's booleans are none of Python's, and NumPy isn't imported for them.
        if self.flag and not isinstance(value, bool) and type(value).__name__[:4] != "bool":
            raise UnknownNameError(f"value of {name}", str(value), ["True", "False"])
        for one in self._numbers(value):
            if not self._holds(one):
                raise HyperparameterError(f"{name} is {value!r}; expected {self._expected(one)}")
        only = self.choices if self.hyper is None and self.family is None else ()
        # Where its type has nothing but names, nothing else is allowed, text or not.
        named = isinstance(value, str) or (self._holds_names_only() and value is not None)
        if only and named and value not in only:
            expected = " or ".join([*map(repr, only), *["None"] * self.optional])
            near = did_you_mean(str(value), self.choices).rstrip(".")
            raise HyperparameterError(f"{name} is {value!r}; expected {expected}{near}")

    def _holds_names_only(self) -> bool:
        """Say whether its type has nothing but names, and perhaps None."""
        kinds = get_args(self.form) if get_origin(self.form) is not Literal else (self.form,)
        return bool(kinds) and all(
            get_origin(kind) is Literal or kind is type(None) for kind in kinds
        )

    def _numbers(self, value: Any) -> tuple[Any, ...]:
        """Return what has to be a number in the range: nothing where the value is something else.

        Only where ``low`` is declared may it be nothing else.
        """
        if self.hyper is None or (value is None and (self.optional or self.low is None)):
            return ()
        if isinstance(value, str):
            names = value in self.choices or self.family is not None
            return () if names else (value,)
        if self.each and hasattr(value, "__iter__"):
            return tuple(value)
        return () if self.low is None and not isinstance(value, Real) else (value,)

    def _holds(self, value: Any) -> bool:
        assert self.hyper is not None
        kind: Any = Integral if self.whole else Real
        count = self.whole and self.hyper.low == 0  # of which True is 1
        number = isinstance(value, kind) and (count or not isinstance(value, bool))
        return bool(number and self.hyper.holds(value))

    def _expected(self, value: Any) -> str:
        assert self.hyper is not None
        also = [*map(repr, self.choices), *["None"] * self.optional]
        choices = "".join(f" or {one}" for one in also)
        if not self.whole:
            return f"a number in {self.hyper.interval}{choices}"
        choices = choices and f",{choices}"
        high = self.hyper.high
        above = high is not None and isinstance(value, Real) and float(value) > high
        bound = f"at most {high:g}" if above else f"at least {self.hyper.low:g}"
        noun = "whole numbers" if self.each else "a whole number"
        return f"{noun}, {bound}{choices}"


def parameter(
    doc: str,
    *,
    default: Any,
    whole: bool = False,
    each: bool = False,
    low: float | None = None,
    high: float | None = None,
    open_low: bool = False,
    open_high: bool = False,
    flag: bool = False,
    optional: bool = False,
    choices: tuple[str, ...] = (),
    family: type[Config] | None = None,
    stands_for: tuple[type[Config], str] | None = None,
    kw_only: bool = True,
    group: Group = "Training",
) -> Any:
    """Declare a parameter in a class body; see :class:`Parameter` for the arguments.

    The range is ``low`` to ``high``, or that of ``stands_for``: a config, and its hyper-parameter.
    """
    range_ = None if low is None else Hyper(doc, low, high, open_low, open_high)
    if stands_for is not None:
        range_, whole = (
            stands_for[0].hypers()[stands_for[1]],
            stands_for[0].is_whole(stands_for[1]),
        )
    kinds = flag, optional, choices, family, range_, kw_only, group
    return Parameter(doc, default, whole, each, low, *kinds)
