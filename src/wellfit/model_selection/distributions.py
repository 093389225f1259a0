"""One parameter's values: numbers of a range, choices, or a distribution of SciPy's."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellfit.core.errors import HyperparameterError, UnknownNameError

_MOST_STEPS = 1_000_000
_KEYS = ("low", "high", "scale", "integer", "steps", "choices", "depth", "shape", "units", "if")
_FAR = 1e-6  # the quantile of a distribution that counts as its end
_MANY = 1000  # integers of a range that a grid doesn't list


class Distribution(ABC):
    """What one parameter may be."""

    @abstractmethod
    def at(self, share: float) -> Any:
        """Return the value below which ``share``, in [0, 1), of all values lie."""

    def values(self) -> Sequence[Any] | None:
        """Return all values where they can be listed, else nothing."""
        return None

    def ends(self) -> Sequence[Any]:
        """Return the values to check by: the outermost, or all."""
        return [self.at(_FAR), self.at(1 - _FAR)]

    def suggested(self, trial: Any, name: str) -> Any:
        """Return a value as a trial of Optuna's suggests."""
        return self.at(trial.suggest_float(name, 0.0, 1.0))


@dataclass(frozen=True)
class Number(Distribution):
    """Numbers of a range, evenly or, on a ``log`` scale, by their logarithms.

    >>> Number(1e-4, 1.0, log=True).at(0.5)
    0.01
    >>> [Number(1, 3, integer=True).at(share) for share in (0.0, 0.5, 0.9)]
    [1, 2, 3]
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def at(self, share: float) -> float:
        """Return the number, a whole one if these are integers."""
        reach = 0.5 if self.integer else 0.0  # as much room for the outermost integers
        low, high = self.low - reach, self.high + reach
        value = low * (high / low) ** share if self.log else low + share * (high - low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.integer else value

    def values(self) -> Sequence[int] | None:
        """Return the integers, where these are few."""
        few = self.integer and self.high - self.low < _MANY
        return range(int(self.low), int(self.high) + 1) if few else None

    def ends(self) -> Sequence[float]:
        """Return the first and the last number."""
        return [self.low, self.high]

    def suggested(self, trial: Any, name: str) -> float:
        """Return a number as a trial of Optuna's suggests."""
        if self.integer:
            return int(trial.suggest_int(name, self.low, self.high, log=self.log))
        return float(trial.suggest_float(name, self.low, self.high, log=self.log))


@dataclass(frozen=True)
class Choices(Distribution):
    """A list of values, all alike.

    >>> Choices(("relu", "tanh")).at(0.5)
    'tanh'
    """

    options: tuple[Any, ...]

    def at(self, share: float) -> Any:
        """Return one of the options."""
        return self.options[min(int(share * len(self.options)), len(self.options) - 1)]

    def values(self) -> Sequence[Any]:
        """Return the options."""
        return self.options

    def ends(self) -> Sequence[Any]:
        """Return the options."""
        return self.options

    def suggested(self, trial: Any, name: str) -> Any:
        """Return the option whose number a trial of Optuna's suggests: any storage holds that."""
        return self.options[trial.suggest_categorical(name, list(range(len(self.options))))]


@dataclass(frozen=True)
class ScipyDistribution(Distribution):
    """What a distribution of SciPy's draws, or whatever has a method ``rvs``.

    >>> from scipy.stats import loguniform
    >>> round(ScipyDistribution(loguniform(1e-4, 1)).at(0.5), 6)
    0.01
    """

    distribution: Any

    def at(self, share: float) -> Any:
        """Return a quantile; without a method for these, a draw that belongs to ``share``."""
        if hasattr(self.distribution, "ppf"):
            value = self.distribution.ppf(min(max(share, 1e-12), 1 - 1e-12))
            discrete = hasattr(getattr(self.distribution, "dist", None), "pmf")
            return int(value) if discrete else float(value)
        value = self.distribution.rvs(random_state=int(share * (2**32 - 1)))
        return value.item() if isinstance(value, (np.generic, np.ndarray)) else value

    def ends(self) -> Sequence[Any]:
        """Return far quantiles, or, where there are none, the outermost of some draws."""
        if hasattr(self.distribution, "ppf"):
            return super().ends()
        drawn = [self.at((place + 0.5) / 64) for place in range(64)]
        return [min(drawn), max(drawn)]


def axis(name: str, given: Any) -> Distribution:
    """Return what a space's entry means.

    >>> axis("l2", {"low": 1e-6, "high": 0.1, "scale": "log"})
    Number(low=1e-06, high=0.1, log=True, integer=False)
    >>> axis("l2", {"low": 0, "high": 1, "steps": 3})
    Choices(options=(0.0, 0.5, 1.0))

    Raises:
        HyperparameterError: it means nothing, or there is nothing in it.
        UnknownNameError: a key that entries don't have.
    """
    if isinstance(given, Distribution):
        return given
    if hasattr(given, "rvs"):
        return ScipyDistribution(given)
    if isinstance(given, Mapping):
        return _declared(name, given)
    if isinstance(given, (list, tuple, range, np.ndarray)):
        if not len(given):
            raise HyperparameterError(f"{name} of the space has no choices; expected some")
        return Choices(
            tuple(each.item() if isinstance(each, np.generic) else each for each in given)
        )
    raise HyperparameterError(
        f"{name} of the space is {given!r}; expected a distribution, a list of choices, or a "
        'dictionary such as {"low": 1e-6, "high": 0.1, "scale": "log"}'
    )


def _declared(name: str, entry: Mapping[str, Any]) -> Distribution:
    for key in entry:
        if key not in _KEYS:
            raise UnknownNameError(f"key of {name} in the space", key, _KEYS)
    if "choices" in entry:
        return axis(name, entry["choices"])
    for key in ("low", "high"):
        if not _is_number(entry.get(key)):
            raise HyperparameterError(
                f"{key} of {name} in the space is {entry.get(key)!r}; "
                "expected a number, or choices"
            )
    return _stepped(name, entry, _range(name, entry))


def _range(name: str, entry: Mapping[str, Any]) -> Number:
    low, high = entry["low"], entry["high"]
    scale, integer = entry.get("scale", "linear"), entry.get("integer", False)
    if scale not in ("linear", "log"):
        raise UnknownNameError(f"scale of {name} in the space", scale, ("linear", "log"))
    if not isinstance(integer, bool):
        raise HyperparameterError(f"integer of {name} is {integer!r}; expected true or false")
    if low > high or (scale == "log" and low <= 0):
        above = " above 0 on a log scale" if scale == "log" else ""
        raise HyperparameterError(
            f"{name} of the space goes from {low!r} to {high!r}; expected low at most high{above}"
        )
    if integer and (low != int(low) or high != int(high)):
        raise HyperparameterError(
            f"{name} of the space goes from {low!r} to {high!r}; expected integers at both ends"
        )
    kind = int if integer else float
    return Number(kind(low), kind(high), scale == "log", integer)


def _stepped(name: str, entry: Mapping[str, Any], whole: Number) -> Distribution:
    """Return a range, or so many of its values at even steps."""
    steps = entry.get("steps")
    if steps is None:
        return whole
    if isinstance(steps, bool) or not isinstance(steps, int) or not 2 <= steps <= _MOST_STEPS:
        raise HyperparameterError(
            f"steps of {name} is {steps!r:.200}; expected an integer, at least 2 "
            f"and at most {_MOST_STEPS:,}"
        )
    space = np.geomspace if whole.log else np.linspace
    values = space(whole.low, whole.high, steps).tolist()
    return Choices(tuple(dict.fromkeys(map(round, values) if whole.integer else values)))


def _is_number(value: Any) -> bool:
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and abs(value) < math.inf and (not isinstance(value, int) or abs(value) < 2**63)
