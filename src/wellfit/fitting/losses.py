"""The loss that a kind of targets is trained by: the one asked for, or its default."""

from __future__ import annotations

from typing import Any

from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.core.parameter import is_auto
from wellfit.core.registry import lookup, names
from wellfit.nn import Loss


def resolve_loss(spec: Any, default: str, task: str) -> Loss:
    """Return a loss by name or object, ``default`` for ``"auto"``.

    Raises:
        HyperparameterError: a loss for another task.

    >>> resolve_loss("auto", "squared_error", task="regression")
    SquaredError()
    """
    loss = resolve(Loss, default if is_auto(spec) else spec)
    if task not in loss.tasks:
        members: dict[str, type[Loss]] = {name: lookup("loss", name) for name in names("loss")}
        fitting = [name for name, member in members.items() if task in member.tasks]
        raise HyperparameterError(
            f"loss is {loss.name!r}, which is not for {task}; expected one of {', '.join(fitting)}"
        )
    return loss


def each_output_alone(spec: Any) -> bool | None:
    """Say whether the given loss takes every output by itself, None for ``"auto"``.

    >>> each_output_alone("sigmoid_cross_entropy"), each_output_alone("auto")
    (True, None)
    """
    return None if is_auto(spec) else resolve(Loss, spec).each_output_alone
