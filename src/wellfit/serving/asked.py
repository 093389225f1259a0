"""AskedFor: what a request asks for besides predictions, by the query of its address."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from wellfit.core.errors import InputError, UnknownNameError
from wellfit.inference.levels import levels_of

PARAMETERS = ("interval", "set", "extra")
EXTRA = ("refuse", "ignore")
_MOST_LEVELS = 20  # each takes as long as the predictions


@dataclass(frozen=True)
class AskedFor:
    """What a request asks for besides predictions.

    Attributes:
        intervals: the shares of targets that intervals hold, by the level in per cent as text.
        sets: likewise, of sets of classes.
        ignore_extra: whether columns that the model doesn't use are ignored, and not refused.
    """

    intervals: tuple[tuple[str, float], ...] = ()
    sets: tuple[tuple[str, float], ...] = ()
    ignore_extra: bool = False

    @classmethod
    def of(cls, query: bytes) -> AskedFor:
        """Return what a query asks for.

        Raises:
            InputError: an unknown parameter, or a value that isn't one of it.

        >>> AskedFor.of(b"interval=90&extra=ignore").intervals
        (('90', 0.9),)
        >>> AskedFor.of(b"intervall=90")
        Traceback (most recent call last):
        wellfit.core.errors.UnknownNameError: unknown parameter 'intervall'; did you mean ...
        """
        levels: dict[str, list[float]] = {"interval": [], "set": []}
        ignore = False
        for name, value in _pairs(query):
            if name in levels:
                levels[name].append(_number(name, value))
            elif name != "extra":
                raise UnknownNameError("parameter", name, PARAMETERS)
            elif value not in EXTRA:
                raise UnknownNameError("value of extra", value, EXTRA)
            else:
                ignore = value == "ignore"
        intervals, sets = (tuple(levels_of(name, given).items()) for name, given in levels.items())
        return cls(intervals, sets, ignore)

    @property
    def is_conformal(self) -> bool:
        """Whether intervals or sets are asked for."""
        return bool(self.intervals or self.sets)

    def refuse_of(self, *, classifies: bool, calibrated: bool) -> None:
        """Refuse a model that has no such intervals or sets.

        Raises:
            InputError: saying what goes with it, or how it is calibrated.
        """
        kind = "classes" if classifies else "numbers"
        for name, given, fits, other in (
            ("interval", self.intervals, not classifies, "set"),
            ("set", self.sets, classifies, "interval"),
        ):
            if given and not fits:
                raise InputError(
                    f"{name} is given, and the model predicts {kind}; expected "
                    f"{other}={given[0][0]}"
                )
            if given and not calibrated:
                raise InputError(
                    f"{name} is given, and the model isn't calibrated; expected a model trained "
                    "with --conformal split"
                )


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_LEVELS,
        )
    except ValueError as error:
        raise InputError(
            f"the query can't be read ({error}); expected at most {_MOST_LEVELS} parameters, as "
            "in ?interval=90"
        ) from error


def _number(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise InputError(f"{name} is {value!r}; expected per cent, such as 90") from error
