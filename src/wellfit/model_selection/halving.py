"""Halving: how many candidates train for how many epochs, before the best of them go on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellfit.core.errors import HyperparameterError

_ROUNDING = 1e-9  # log(81) / log(3) is 4, and a little less in floating point


@dataclass(frozen=True)
class Rung:
    """``candidates`` are trained until ``epochs`` are done, counted from their beginning."""

    candidates: int
    epochs: int


def successive(candidates: int, epochs: int, factor: float) -> list[Rung]:
    """Return the rungs of successive halving: the last one's candidates train all epochs.

    There are as many as candidates and epochs allow: the first rung has one epoch at least, the
    last one candidate.

    Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter
    optimization", 2016.

    >>> successive(27, 30, 3)
    [Rung(candidates=27, epochs=1), Rung(candidates=9, epochs=3), Rung(candidates=3, epochs=10), \
Rung(candidates=1, epochs=30)]
    """
    last = min(_power(candidates, factor), _power(epochs, factor))
    return _bracket(candidates, epochs, factor, last)


def hyperband(candidates: int, epochs: int, factor: float) -> list[list[Rung]]:
    """Return Hyperband's brackets: many candidates with little at first, then few with more.

    Each bracket is a successive halving that begins with more epochs than the one before, since
    nobody knows after how many epochs candidates can be told apart. The shares of the candidates
    are those of the paper, whose number for 81 epochs is 143.

    Source: Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: a novel bandit-based
    approach to hyperparameter optimization", 2018.

    >>> [[rung.candidates for rung in bracket] for bracket in hyperband(143, 81, 3)]
    [[81, 27, 9, 3, 1], [34, 11, 3, 1], [15, 5, 1], [8, 2], [5]]
    """
    most = _power(epochs, factor)
    powers = range(most, -1, -1)
    shares = [np.ceil((most + 1) / (power + 1) * factor**power) for power in powers]
    until = np.round(np.cumsum(shares) / np.sum(shares) * candidates).astype(int)
    counts = np.diff(until, prepend=0).tolist()
    return [
        _bracket(count, epochs, factor, power)
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


def _bracket(candidates: int, epochs: int, factor: float, last: int) -> list[Rung]:
    return [
        Rung(
            max(1, int(candidates / factor**rung + _ROUNDING)),
            max(1, round(epochs / factor ** (last - rung))),
        )
        for rung in range(last + 1)
    ]


def _power(number: int, factor: float) -> int:
    """Return how often a number can be divided by ``factor`` before it falls below 1."""
    return int(np.log(number) / np.log(factor) + _ROUNDING)
