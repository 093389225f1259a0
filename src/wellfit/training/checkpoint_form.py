"""The declared form of a checkpoint: its document, and the arrays and weights beside it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

import numpy as np
import torch

from wellfit.core.arrays import declared_array
from wellfit.core.errors import ModelFileError
from wellfit.core.schema import Length, Positive, Range, conform
from wellfit.training.result import Result
from wellfit.training.stack import Weights

_STEPS = 2**53  # whole numbers up to here are exact as floats, as which schedules get them


class MemberEntry(TypedDict):
    """The properties of a member that must be those of the checkpoint it resumes from."""

    network: str
    optimizer: str
    memory: str
    seed: str


class ResultDocument(TypedDict):
    """A :class:`~wellfit.training.Result` as plain data; ``Any`` where arrays are referred to."""

    kept: Any
    best_epoch: Any
    epochs: Any
    status: list[
        Literal["running", "finished", "early_stopped", "stopped", "diverged", "interrupted"]
    ]
    epoch: Annotated[int, Range(0, _STEPS)]
    step: Annotated[int, Range(0, _STEPS)]
    scale: Any
    data: str
    position: Annotated[int, Range(0, _STEPS)]
    metric_sums: Any
    trained_by: str
    callbacks: list[dict[str, Any]]


class CheckpointDocument(TypedDict):
    """The document of a checkpoint's file."""

    format: Literal["wellfit-checkpoint"]
    format_version: Positive
    members: list[MemberEntry]
    result: dict[str, Any]
    extra: Any


def check_result(result: Result) -> None:
    """Compare the parts of a result that was read from a file with its members.

    Raises:
        ModelFileError: an array or a tensor is of another type or shape; names it.
    """
    k, plain = len(result.members), vars(result)
    declared_array(plain, "kept", (k,), "b")
    for name in ("best_epoch", "epochs"):
        numbers = declared_array(plain, name, (k,), "i")
        if (numbers < 0).any() or (numbers > result.epoch).any():
            raise ModelFileError(f"{name} holds numbers outside [0, {result.epoch}]")
    if (declared_array(plain, "scale", (k,)) <= 0).any():
        raise ModelFileError("scale holds a number that isn't above 0")
    if result.metric_sums is not None:
        declared_array(plain, "metric_sums", (3, k), finite=False)
    conform(result.status, Annotated[list[Any], Length(k)], "status")
    _check_history(result)
    names = dict.fromkeys(name for member in result.members for name in member.slots())
    _check_weights("last", result.last, list(names))
    if result.best is not None:
        _check_weights("best", result.best, list(result.best.slots))
        if result.best.parameters.dtype != result.last.parameters.dtype:
            raise ModelFileError("best is of another type than last")


def _check_weights(name: str, weights: Weights, slots: list[str]) -> None:
    network, k = weights.network, weights.members
    dtype = weights.parameters.dtype
    if dtype not in (torch.float32, torch.float64):
        raise ModelFileError(f"tensor '{name}.parameters' is of type {dtype}; expected float32")
    if set(weights.slots) != set(slots):
        raise ModelFileError(
            f"the slots of {name} are {', '.join(sorted(weights.slots)) or 'none'}; expected "
            f"{', '.join(sorted(slots)) or 'none'}"
        )
    wanted = {"parameters": network.parameters.size, "statistics": network.statistics.size}
    wanted |= dict.fromkeys((f"slot.{slot}" for slot in slots), network.parameters.size)
    found = {"parameters": weights.parameters, "statistics": weights.statistics}
    found |= {f"slot.{slot}": tensor for slot, tensor in weights.slots.items()}
    for key, size in wanted.items():
        tensor = found[key]
        if tensor.shape != (k * size,) or tensor.dtype != dtype:
            raise ModelFileError(
                f"tensor '{name}.{key}' is of type {tensor.dtype} and shape "
                f"{tuple(tensor.shape)}; expected {dtype} and ({k * size},)"
            )


def _check_history(result: Result) -> None:
    """Check the first callback's memory: each metric by epoch, (epochs, K) or (epochs,)."""
    if not result.callbacks:
        raise ModelFileError("callbacks is empty; expected a history first")
    for name, values in result.callbacks[0].items():
        shape = (k,) if (k := len(result.members)) and name != "seconds" else ()
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
            raise ModelFileError(f"callbacks[0].{name} is no array of floats")
        if values.shape[1:] != shape or values.ndim < 1 or len(values) > result.epoch:
            raise ModelFileError(
                f"callbacks[0].{name} has shape {values.shape}; expected {(result.epoch, *shape)}"
            )
