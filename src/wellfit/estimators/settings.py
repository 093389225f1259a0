"""From an estimator's parameters to what the engine is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.nn import Activation, Initializer, Network, mlp
from wellfit.optim import L1, L2, Penalty
from wellfit.training import EarlyStopping, Observer, Progress


def network(estimator: Any, inputs: int) -> Network:
    """Return the layers that an estimator's parameters describe, for so many inputs."""
    return mlp(
        inputs,
        hidden_sizes(estimator.hidden_layer_sizes),
        estimator._outputs(),
        activation=resolve(Activation, estimator.activation),
        initializer=resolve(Initializer, estimator.initializer),
        batch_norm=estimator.batch_norm,
        dropout=estimator.dropout,
        input_dropout=estimator.input_dropout,
    )


def hidden_sizes(given: Sequence[int] | int) -> tuple[int, ...]:
    """Return the hidden layers' units; a number is one layer.

    >>> hidden_sizes(64), hidden_sizes([64, 32]), hidden_sizes(())
    ((64,), (64, 32), ())
    """
    sizes = tuple(given) if isinstance(given, (Sequence, np.ndarray)) else (given,)
    for size in sizes:
        if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
            raise HyperparameterError(
                f"hidden_layer_sizes is {given!r}; expected whole numbers, at least 1"
            )
    return tuple(map(int, sizes))


def batch_size(given: int | str, rows: int) -> int:
    """Return the rows of a step; ``"auto"`` is the power of 2 next to a hundredth of the rows.

    >>> batch_size("auto", 150), batch_size("auto", 5000), batch_size("auto", 10**6)
    (16, 64, 256)
    """
    if given == "auto":
        return int(2 ** np.clip(np.round(np.log2(rows / 100)), 4, 8))
    if isinstance(given, str):
        raise HyperparameterError(f"batch_size is {given!r}; expected a whole number or 'auto'")
    return given


def penalties(l1: float, l2: float) -> tuple[Penalty, ...]:
    """Return the penalties that are not 0."""
    strengths = ((L1, l1, "l1"), (L2, l2, "l2"))
    for _, strength, name in strengths:
        if not isinstance(strength, (int, float)) or not strength >= 0:
            raise HyperparameterError(f"{name} is {strength!r}; expected a number, at least 0")
    return tuple(penalty(strength) for penalty, strength, _ in strengths if strength)


def observers(estimator: Any, one_more: bool) -> list[Observer]:
    """Return who is told of the training; nothing stops the one epoch of ``partial_fit``."""
    chosen = list(estimator.observers)
    for observer in chosen:
        if not isinstance(observer, Observer):
            raise HyperparameterError(f"observers hold {observer!r}; expected an Observer")
    stopping = estimator.early_stopping
    if stopping and not one_more:
        chosen.append(EarlyStopping() if stopping is True else resolve(EarlyStopping, stopping))
    return [*chosen, Progress()] if estimator.verbose else chosen
