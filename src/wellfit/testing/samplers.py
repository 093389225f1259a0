"""Checks of samplers."""

from __future__ import annotations

import math
from typing import Any

from wellfit.model_selection import Sampler, Space
from wellfit.testing.configs import check_config

_SPACE = {
    "l2": {"low": 1e-6, "high": 1e-1, "scale": "log", "steps": 3},
    "dropout": {"low": 0.0, "high": 0.5, "steps": 3},
    "activation": ["relu", "tanh"],
}
_ASKED = 6


def check_sampler(sampler: Sampler) -> None:
    """Check that a sampler stays within a space, and that a seed and scores fix what it draws.

    Args:
        sampler: to be checked, on a space of two ranges and a choice.

    Raises:
        AssertionError: a law is broken; the message says which.

    >>> from wellfit.model_selection import Random
    >>> check_sampler(Random())
    """
    check_config(sampler)
    drawn = _drawn(sampler, seed=0)
    if not drawn:
        raise AssertionError("broken law: a sampler gives candidates when asked")
    for candidate in drawn:
        if not _lies_within(candidate):
            raise AssertionError(f"broken law: candidates lie in the space; given {candidate!r}")
    if drawn != _drawn(sampler, seed=0):
        raise AssertionError("broken law: the same seed and scores give the same candidates")


def _drawn(sampler: Sampler, seed: int) -> list[dict[str, Any]]:
    """Return what is drawn in three turns, one candidate of each having failed."""
    sampler_run, drawn = sampler.start(Space.of(_SPACE), seed), []
    for _ in range(3):
        candidates = sampler_run.ask(_ASKED)
        if len(candidates) > _ASKED:
            raise AssertionError("broken law: a sampler gives no more candidates than asked for")
        scores = [-candidate["dropout"] for candidate in candidates]
        # NaN is the score of a candidate whose training failed: samplers have to live with it.
        sampler_run.tell(candidates, [math.nan, *scores[1:]] if scores else [])
        drawn += candidates
    return drawn


def _lies_within(candidate: dict[str, Any]) -> bool:
    return (
        set(candidate) == set(_SPACE)
        # By way of logarithms the upper bound may be passed by rounding.
        and 1e-6 <= candidate["l2"] <= 1e-1 * (1 + 1e-9)
        and 0 <= candidate["dropout"] <= 0.5
        and candidate["activation"] in ("relu", "tanh")
    )
