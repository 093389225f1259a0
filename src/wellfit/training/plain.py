"""Conversion of what a result holds to plain data and tensors, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wellfit.core.errors import ModelFileError
from wellfit.core.schema import conform
from wellfit.training.result import CallbackState

_KINDS = ("float", "tensor", "array", "scalar", "tuple", "dict")


def encode_state(state: CallbackState, name: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Return a callback's state as JSON holds it; what isn't data is left out."""
    encoded: dict[str, Any] = {}
    for key, value in state.items():
        with suppress(TypeError):  # open files and the like are for this process alone
            encoded[key] = encode(value, f"{name}.{key}", tensors)
    return encoded


def encode(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return ``value`` as JSON holds it; arrays go to ``tensors`` by ``name``.

    What JSON has no word for is a dictionary of one entry that says its kind.
    """
    if value is None or isinstance(value, (str, int)):
        return value
    # np.float64 is a float too; it goes with the arrays, whose type it should keep.
    if isinstance(value, float) and not isinstance(value, np.generic):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, (np.ndarray, np.generic, Tensor)):
        kind = "tensor" if isinstance(value, Tensor) else "array"
        tensors[name] = torch.as_tensor(value).detach().to("cpu", copy=True).contiguous()
        return {"scalar" if isinstance(value, np.generic) else kind: name}
    if isinstance(value, (list, tuple)):
        items = [encode(item, f"{name}.{index}", tensors) for index, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, dict):
        pairs = enumerate(value.items())
        return {"dict": [encode(list(pair), f"{name}.{i}", tensors) for i, pair in pairs]}
    raise TypeError(f"{name} is a {type(value).__name__}, which a checkpoint can't hold")


def decode(value: Any, tensors: Mapping[str, Tensor], where: str) -> Any:
    """Return what :func:`encode` made plain data of.

    Args:
        value: the plain data.
        tensors: the arrays by name.
        where: the name of the field, for errors.

    Raises:
        ModelFileError: it is of another form, or a tensor is missing.
    """
    if isinstance(value, list):
        return [decode(item, tensors, f"{where}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if len(value) != 1 or (kind := next(iter(value))) not in _KINDS:
        raise ModelFileError(f"{where} is {value!r:.60}; expected one of {', '.join(_KINDS)}")
    held = value[kind]
    match kind:
        case "float":
            return _float(held, where)
        case "tuple":
            return tuple(decode(conform(held, list[Any], where), tensors, where))
        case "dict":
            pairs = conform(held, list[list[Any]], where)
            return _dictionary(decode(pairs, tensors, where), where)
    if conform(held, str, where) not in tensors:
        raise ModelFileError(f"{where}: tensor {held!r:.60} is missing")
    return tensors[held].clone() if kind == "tensor" else _array(tensors[held], kind, where)


def decode_state(
    state: Mapping[str, Any], where: str, tensors: Mapping[str, Tensor]
) -> CallbackState:
    """Return what :func:`encode_state` made plain data of."""
    return {key: decode(value, tensors, f"{where}.{key}") for key, value in state.items()}


def _float(held: Any, where: str) -> float:
    try:
        return float(conform(held, str, where))
    except ValueError as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{where} is {held!r:.60}; expected a number as text") from error


def _array(tensor: Tensor, kind: str, where: str) -> Any:
    try:
        array = tensor.numpy()
    except TypeError as error:  # a type that numpy doesn't have
        raise ModelFileError(f"{where} is of type {tensor.dtype}; expected numbers") from error
    if kind == "array":
        return array.copy()
    if array.ndim:
        raise ModelFileError(f"{where} has shape {array.shape}; expected a number")
    return array[()]


def _dictionary(pairs: list[list[Any]], where: str) -> dict[Any, Any]:
    try:
        return dict(pairs)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{where} holds no pairs of a key and a value: {error}") from error
