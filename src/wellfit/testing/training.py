"""Small trainings in float64 that the checks share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from wellfit.nn import mlp
from wellfit.training import Callback, Member, Result, Rows, Stream, train

EPOCHS = 4


def member(seed: int = 0, **options: Any) -> Member:
    """Return a member: 4 inputs, a hidden layer of 6 units, 3 classes, some dropout."""
    network = mlp(4, (6,), 3, dropout=0.2)
    defaults = {"network": network, "epochs": EPOCHS, "batch_size": 16}
    return Member(**{**defaults, **options, "seed": seed})


def run(
    members: Sequence[Member], callbacks: Sequence[Callback] = (), pause: int | None = None
) -> Result:
    """Train on 40 rows of three classes, and judge by 20 others.

    Args:
        members: of one structure.
        callbacks: of the training.
        pause: an epoch at which training is paused and resumed.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4))
    rows = Rows(x, rng.integers(0, 3, 60), dtype=torch.float64)
    streams = [Stream(np.arange(40), np.arange(40, 60))]
    # In float32, sums in another order could differ by more than a broken law does.
    options: dict[str, Any] = {"callbacks": callbacks, "precision": "float64"}
    if pause is None:
        return train(members, rows, streams, **options)
    first = train(members, rows, streams, until=pause, **options)
    return train(members, rows, streams, resume=first, **options)


def assert_same(found: Result, k: int, expected: Result, j: int, law: str) -> None:
    """Raise an AssertionError unless member k of a result is member j of another.

    Weights may differ by 1e-7, which rounding of sums in another order explains.
    """
    pairs = zip(found.weights().blocks(k), expected.weights().blocks(j), strict=True)
    worst = max(float((a - b).abs().max()) for a, b in pairs if a.numel())
    if not worst <= 1e-7:  # also where it is NaN
        raise AssertionError(f"broken law: {law}; weights differ by up to {worst:.3g}")
