"""The candidates of a search from its ``cv_results_``: parameters, values, scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import InputError, UnknownNameError
from wellfit.core.hyper import Config
from wellfit.core.metrics import Metric
from wellfit.core.words import parameter_titles, short

Results = Mapping[str, Any]  # a search's ``cv_results_``, or the parts that figures need

_LOG_FROM = 10  # smallest ratio of the largest to the smallest value on a log scale
_WITHOUT = -0.12  # where candidates that don't have a parameter cross its axis
_BELOW = 1.5  # how far below the better three quarters of the scores the rest is told apart


@dataclass(frozen=True)
class SearchedParameter:
    """The values of a hyper-parameter; ``names`` is empty if they are numbers.

    ``places`` (candidates,) are the numbers, or the positions of their names; NaN if a candidate
    doesn't have the parameter.
    """

    title: str
    places: NDArray[np.float64]
    names: tuple[str, ...]
    log: bool

    @classmethod
    def of(cls, title: str, values: Sequence[Any], log: bool | None) -> SearchedParameter:
        """Read the values of all candidates, ``...`` where one doesn't have the parameter."""
        present = [value for value in values if value is not ...]
        if all(_is_number(value) for value in present):
            places = np.array([np.nan if value is ... else value for value in values], float)
            by_factors = bool(np.nanmin(places) >= 0) and _by_factors(places[places > 0], log)
            # Zero has no place among factors: a penalty of 0 is as good as none.
            places[by_factors & (places == 0)] = np.nan
            return cls(title, places, (), by_factors)
        names = tuple(dict.fromkeys(named(value) for value in sorted(present, key=_order)))
        positions = [
            np.nan if value is ... else float(names.index(named(value))) for value in values
        ]
        return cls(title, np.array(positions), names, False)

    def heights(self) -> NDArray[np.float64]:
        """Return the places from 0, the lowest, to 1, and those without below."""
        places = np.log(self.places) if self.log else self.places
        low, high = np.nanmin(places), np.nanmax(places)
        heights = (places - low) / (high - low) if high > low else places * 0 + 0.5
        return np.where(np.isnan(heights), _WITHOUT, heights)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return heights from 0 to 1 and what stands beside them; at most so many names."""
        if self.names:
            heights = np.linspace(0, 1, len(self.names)) if len(self.names) > 1 else [0.5]
            every = -(-len(self.names) // most)
            return list(zip(heights, self.names, strict=True))[::every]
        low, high = float(np.nanmin(self.places)), float(np.nanmax(self.places))
        if low == high:
            return [(0.5, short(low))]
        middle = (low * high) ** 0.5 if self.log else (low + high) / 2
        ticks = [(0.0, short(low)), (0.5, short(middle)), (1.0, short(high))]
        if np.isnan(self.places).any():
            ticks.append((_WITHOUT, "without"))
        return ticks

    def describe(self, candidate: int) -> str:
        """Return a candidate's value as text; an empty text if it has none."""
        place = float(self.places[candidate])
        if np.isnan(place):
            return ""
        return f"{self.title} = {self.names[int(place)] if self.names else short(place)}"


@dataclass(frozen=True)
class SearchTable:
    """The candidates of a search, with parameters and scores.

    ``scores`` (candidates,) are means over the folds, NaN where a fit failed; ``deviations`` over
    the folds are None where they aren't known.
    """

    metric: str
    parameters: list[SearchedParameter]
    scores: NDArray[np.float64]
    deviations: NDArray[np.float64] | None

    @classmethod
    def of(cls, results: Results, metric: str, log: Collection[str] | None = None) -> SearchTable:
        """Read a search's ``cv_results_``.

        Args:
            results: the results.
            metric: whose ``mean_test_…`` counts.
            log: the parameters on a log scale; by default inferred from their values.

        Raises:
            UnknownNameError: no such metric among the results.
            InputError: no candidate has a score, or none has parameters.
        """
        scores = scores_of(results, metric)
        candidates = [searched_values(params) for params in results["params"]]
        keys = list(dict.fromkeys(key for params in candidates for key in params))
        if not keys or not np.isfinite(scores).any():
            raise InputError(
                f"{len(scores)} candidates with {len(keys)} parameters, of which "
                f"{np.isfinite(scores).sum()} have a {metric}; expected at least one with both"
            )
        columns = {key: [params.get(key, ...) for params in candidates] for key in keys}
        parameters = [
            SearchedParameter.of(
                title, columns[key], None if log is None else bool({key, title} & {*log})
            )
            for key, title in zip(keys, parameter_titles(keys), strict=True)
        ]
        deviations = results.get(f"std_test_{metric}")
        known = None if deviations is None else np.nan_to_num(np.asarray(deviations, float))
        return cls(metric, parameters, scores, known)

    @cached_property
    def title(self) -> str:
        """The metric in words."""
        return Metric.of(self.metric).title

    def format(self, score: float) -> str:
        """Return a score as text, with a digit more than usual: candidates are close."""
        return Metric.of(self.metric).format(score, more=1)

    @cached_property
    def best(self) -> int:
        """The candidate with the highest score."""
        return int(np.nanargmax(self.scores))

    @cached_property
    def floor(self) -> float:
        """The lowest score shown, because the scale of failed candidates would hide the others."""
        known = self.scores[np.isfinite(self.scores)]
        high, low, quarter = (
            float(known.max()),
            float(known.min()),
            float(np.quantile(known, 0.25)),
        )
        return max(low, quarter - _BELOW * (high - quarter)) if quarter < high else low

    def describe(self, candidate: int, across: int = 3) -> str:
        """Return a candidate's parameters as text, ``across`` in a line."""
        parts = [text for parameter in self.parameters if (text := parameter.describe(candidate))]
        lines = [", ".join(parts[at : at + across]) for at in range(0, len(parts), across)]
        return ",\n".join(lines)


def scores_of(results: Results, metric: str) -> NDArray[np.float64]:
    """Return the candidates' mean scores, NaN where they aren't finite.

    Raises:
        UnknownNameError: no such metric among the results.
    """
    start = "mean_test_"
    if start + metric not in results:
        known = [key.removeprefix(start) for key in results if key.startswith(start)]
        raise UnknownNameError("metric", metric, known)
    scores = np.asarray(results[start + metric], dtype=np.float64)
    return np.where(np.isfinite(scores), scores, np.nan)


def searched_values(candidate: Mapping[str, Any]) -> dict[str, Any]:
    """Return a candidate's parameters, a decoupled penalty as its strength.

    Searches vary the strength, and a number can be ranked and drawn; the name says what it is of.

    >>> searched_values({"l2": {"is": "L2", "strength": 0.1, "decoupled": True, "only": []}})
    {'l2 decoupled': 0.1}
    """
    found: dict[str, Any] = {}
    for name, value in candidate.items():
        parts = dict(value.values()) if isinstance(value, Config) else value
        plain = isinstance(parts, Mapping) and not parts.get("only")
        if plain and parts.get("decoupled") is True and "strength" in parts:
            found[f"{name} decoupled"] = parts["strength"]
        else:
            found[name] = value
    return found


def named(value: Any) -> str:
    """Return a value as a label.

    >>> named((128, 64)), named("relu"), named(None), named({"is": "Adam", "beta_1": 0.5})
    ('128-64', 'relu', 'None', 'Adam(beta_1=0.5)')
    """
    if isinstance(value, (tuple, list)):
        return "-".join(map(str, value)) or "none"
    if isinstance(value, Mapping):  # a config, as journals write it
        others = [f"{key}={item}" for key, item in value.items() if key != "is"]
        return f"{value.get('is', '')}({', '.join(others)})"
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _order(value: Any) -> tuple[int, Any]:
    """Return a sort key: numbers first, then lists of numbers, then other values."""
    if _is_number(value):
        return 0, value
    if isinstance(value, (tuple, list)) and all(map(_is_number, value)):
        return 1, tuple(value)
    return 2, named(value)


def _by_factors(known: NDArray[np.float64], log: bool | None = None) -> bool:
    """Return whether positive numbers look like samples on a log scale, unless ``log`` says so.

    The median of such samples is near the middle of the scale.

    >>> _by_factors(np.array([0.001, 0.01, 0.1])), _by_factors(np.array([10, 20, 50, 80, 100]))
    (True, False)
    """
    if log is not None or not len(known):
        return bool(log and len(known))
    if known.max() < _LOG_FROM * known.min():
        return False
    return _skewness(np.log(known)) <= _skewness(known) + 1e-6


def _skewness(values: NDArray[np.float64]) -> float:
    middle = (values.max() + values.min()) / 2
    return float(abs(np.median(values) - middle) / np.ptp(values))
