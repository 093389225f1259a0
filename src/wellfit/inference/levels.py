"""The levels of intervals, sets and quantiles, and how columns of them are named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from wellfit.core.errors import InputError
from wellfit.core.parameter import is_auto

Array = NDArray[Any]
BETWEEN = "|"  # the labels of a set, in csv


def levels_of(option: str, given: Sequence[float]) -> dict[str, float]:
    """Return levels by their texts, in per cent.

    Raises:
        InputError: a level that isn't between 1 and 100.

    >>> levels_of("--interval", [90.0])
    {'90': 0.9}
    """
    for level in given:
        if not 1 <= level < 100:
            hint = f"; did you mean {100 * level:g}?" if 0 < level < 1 else ""
            raise InputError(
                f"{option} is {level:g}; expected per cent, from 1 to below 100{hint}"
            )
    return {f"{level:g}": level / 100 for level in given}


def quantiles_by_level(model: Any, X: Any) -> dict[str, Array]:
    """Return estimates (rows, targets) by quantile; none unless the loss is of quantiles."""
    first = getattr(model, "estimators_", [model])[0]
    if not hasattr(first, "predict_quantiles"):
        return {}
    levels = first.network_.targets.loss.levels()
    if not levels or is_auto(first.loss):  # which estimates them for intervals only
        return {}
    found = model.predict_quantiles(X).reshape(len(X), -1, len(levels))
    return {f"{level:g}": found[..., place] for place, level in enumerate(levels)}


def endings(targets: int) -> Iterator[tuple[int, str]]:
    """Yield the targets, and what the names of their columns end in, like ``prediction_1``."""
    for target in range(targets):
        yield target, f"_{target + 1}" if targets > 1 else ""
