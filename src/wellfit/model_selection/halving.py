"""Halving: how many candidates get how little of a resource, before the best get more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellfit.core.errors import HyperparameterError

_ROUNDING = 1e-9  # log(81) / log(3) is 4, and a little less in floating point


@dataclass(frozen=True)
class Rung:
    """``candidates`` are trained with ``units`` of a resource, counted from their beginning."""

    candidates: int
    units: int


def successive(candidates: int, units: int, factor: float) -> list[Rung]:
    """Return the rungs of successive halving: the last one's candidates get all units.

    There are as many as candidates and units (such as epochs) allow: the first rung has one unit
    at least, the last one candidate.

    Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter
    optimization", 2016.

    >>> successive(27, 30, 3)
    [Rung(candidates=27, units=1), Rung(candidates=9, units=3), Rung(candidates=3, units=10), \
Rung(candidates=1, units=30)]
    """
    last = min(_power(candidates, factor), _power(units, factor))
    return _bracket(candidates, units, factor, last)


def hyperband(candidates: int, units: int, factor: float) -> list[list[Rung]]:
    """Return Hyperband's brackets: many candidates with little at first, then few with more.

    Each bracket is a successive halving that begins with more units than the one before, since
    nobody knows after how many epochs candidates can be told apart. The shares of the candidates
    are those of the paper, whose number for 81 epochs is 143.

    Source: Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: a novel bandit-based
    approach to hyperparameter optimization", 2018.

    >>> [[rung.candidates for rung in bracket] for bracket in hyperband(143, 81, 3)]
    [[81, 27, 9, 3, 1], [34, 11, 3, 1], [15, 5, 1], [8, 2], [5]]
    """
    most = _power(units, factor)
    powers = range(most, -1, -1)
    shares = [np.ceil((most + 1) / (power + 1) * factor**power) for power in powers]
    until = np.round(np.cumsum(shares) / np.sum(shares) * candidates).astype(int)
    counts = np.diff(until, prepend=0).tolist()
    return [
        _bracket(count, units, factor, power)
        for count, power in zip(counts, powers, strict=True)
        if count
    ]


def check_resource(resource: str, params: Mapping[str, Any], searched: Collection[str]) -> None:
    """Refuse epochs as the resource of a halving where ``max_steps`` decides in their place.

    Args:
        resource: name of the parameter that grows, as in ``"epochs"`` or ``"mlp__epochs"``.
        params: parameters of the estimator.
        searched: names of the parameters that differ between candidates.

    Raises:
        HyperparameterError: ``max_steps`` is set or searched, so that all candidates would train
            for equally long whatever their epochs.

    >>> check_resource("epochs", {"epochs": 20, "max_steps": None}, ["l2"])
    """
    prefix, _, name = resource.rpartition("__")
    rival = f"{prefix}__max_steps" if prefix else "max_steps"
    given = "searched" if rival in searched else params.get(rival)
    if name == "epochs" and given is not None:
        raise HyperparameterError(
            f"resource is {resource!r}, and {rival} is {given}, which counts in place of epochs; "
            f"expected {rival}=None, or resource={rival!r}"
        )


def _bracket(candidates: int, units: int, factor: float, last: int) -> list[Rung]:
    return [
        Rung(
            max(1, int(candidates / factor**rung + _ROUNDING)),
            max(1, round(units / factor ** (last - rung))),
        )
        for rung in range(last + 1)
    ]


def _power(number: int, factor: float) -> int:
    """Return how often a number can be divided by ``factor`` before it falls below 1."""
    return int(np.log(number) / np.log(factor) + _ROUNDING)
