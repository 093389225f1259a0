"""The estimators that an ensemble trains: templates, and copies of them by seed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from wellfit.core.errors import HyperparameterError, shown
from wellfit.estimators.base import BaseMLP
from wellfit.estimators.overrides import overridden

_MOST_MEMBERS = 1_000_000


def templates(estimator: Any, kind: type[BaseMLP]) -> list[BaseMLP]:
    """Return the estimators that members are made like.

    Args:
        estimator: one, several, or None for the default.
        kind: what they have to be.

    Raises:
        HyperparameterError: none, or one of another kind.
    """
    several = list(estimator) if isinstance(estimator, (list, tuple)) else [estimator or kind()]
    if not several:
        raise HyperparameterError(
            f"estimator is an empty list; expected one {kind.__name__} or more"
        )
    for each in several:
        if not isinstance(each, kind):
            raise HyperparameterError(
                f"estimator is a {type(each).__name__}; expected one {kind.__name__} or a list "
                "of them"
            )
    return several


def seeded(given: Sequence[BaseMLP], count: Any, draw: np.random.RandomState) -> list[BaseMLP]:
    """Return the estimators to train, like those given in turn, each with a seed of its own.

    Raises:
        HyperparameterError: ``count`` is no whole number from 1 to a million.
    """
    if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 1:
        raise HyperparameterError(
            f"n_estimators is {shown(count)}; expected a whole number, at least 1"
        )
    if count > _MOST_MEMBERS:
        raise HyperparameterError(
            f"n_estimators is {shown(count)}; expected a whole number, at most {_MOST_MEMBERS:,}"
        )
    seeds = draw.randint(2**31 - 1, size=max(count, len(given)))
    return [
        clone(given[place % len(given)]).set_params(random_state=int(seed))
        for place, seed in enumerate(seeds)
    ]


def warn_of_own_methods(given: Sequence[BaseMLP], averaged: str) -> None:
    """Warn where subclasses have methods of their own, which are called one by one."""
    for each in given:
        if own := overridden(clone(each)):
            warnings.warn(
                f"{type(each).__name__} defines its own {', '.join(own)}: its networks are "
                f"fitted one by one, and the ensemble averages their {averaged}",
                UserWarning,
                stacklevel=4,
            )
