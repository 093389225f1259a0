"""Random changes of plain data, tensors and bytes, of many kinds, from a seed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import torch

WORDS = [
    "",
    "\ud800",
    "\0",
    "é" * 300,
    "../../etc/passwd",
    "nan",
    "relu",
    "adam",
    "__class__",
    "$float",
]
NUMBERS = [0, -1, 1, 2, 7, 10**6, 2**31, 2**63, 10**30, 10**400, -(10**18)]
FLOATS = [0.0, -0.5, 1e-320, 1e308, float("nan"), float("inf"), -float("inf"), 0.1]


def containers(data: Any) -> list[Any]:
    """Return every list and dictionary inside, the outermost first."""
    found, waiting = [], [data]
    while waiting:
        one = waiting.pop()
        if isinstance(one, (dict, list)):
            found.append(one)
            waiting += one.values() if isinstance(one, dict) else one
    return found


def any_value(draw: random.Random, data: Any) -> Any:
    """Return plain data of any type, also taken from elsewhere in ``data``."""
    kind = draw.randrange(10)
    if kind < 2:
        return draw.choice(NUMBERS)
    if kind < 4:
        return draw.choice(FLOATS)
    if kind < 6:
        return draw.choice(WORDS)
    if kind == 6:
        return draw.choice([None, True, False, [], {}, [[]], {"": None}, [0] * 1000])
    if kind == 7:
        nested: Any = 1
        for _ in range(draw.choice([5, 60, 300])):
            nested = [nested] if draw.random() < 0.5 else {"items": nested}
        return nested
    return copy.deepcopy(draw.choice(containers(data)))


def nearby(draw: random.Random, value: Any) -> Any:
    """Return another value of the same type, mostly a little off."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + draw.choice([-1, 1, -value, 1000, -2 * value, 2**40])
    if isinstance(value, float):
        return value * draw.choice([-1, 0, 2, 1e30]) + draw.choice([0.0, 1.0])
    if isinstance(value, str):
        return draw.choice([value.upper(), value + "x", value[:-1], value * 40, value[::-1]])
    if isinstance(value, list):
        return draw.choice([value[:-1], value + value[:1], value[::-1], value * 3, []])
    return value


def mutate(draw: random.Random, data: Any) -> None:
    """Change plain data in one to three places."""
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        one = draw.choice([each for each in containers(data) if each] or [data])
        keys = list(one) if isinstance(one, dict) else list(range(len(one)))
        if not keys:
            return
        key, kind = draw.choice(keys), draw.randrange(9)
        if kind < 3:
            one[key] = any_value(draw, data)
        elif kind < 6:
            one[key] = nearby(draw, one[key])
        elif kind == 6:
            del one[key]
        elif kind == 7:
            other = draw.choice(keys)
            one[key], one[other] = one[other], one[key]
        elif isinstance(one, dict):
            one[draw.choice([*WORDS, "callbacks", "device", "family", "extra"])] = any_value(
                draw, data
            )
        else:
            one.insert(key, any_value(draw, data))


TENSORS: list[Callable[[random.Random, torch.Tensor], torch.Tensor]] = [
    lambda draw, tensor: tensor.flatten()[:-1].clone(),
    lambda draw, tensor: torch.cat([tensor.flatten(), tensor.flatten()[:1]]),
    lambda draw, tensor: tensor.reshape(-1, 1),
    lambda draw, tensor: tensor.unsqueeze(0).clone(),
    lambda draw, tensor: tensor.to(
        draw.choice([torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool])
    ),
    lambda draw, tensor: torch.full_like(tensor, draw.choice([0, 1])),
    lambda draw, tensor: (tensor.double() * float("nan")).to(
        tensor.dtype if tensor.is_floating_point() else torch.float32
    ),
    lambda draw, tensor: (tensor.double() * 1e30).float(),
    lambda draw, tensor: (-tensor.double()).to(tensor.dtype),
    lambda draw, tensor: tensor.flatten().flip(0).reshape(tensor.shape).clone(),
    lambda draw, tensor: torch.zeros(0, dtype=tensor.dtype),
    lambda draw, tensor: torch.tensor(1.0),
]


def mutate_tensors(draw: random.Random, tensors: dict[str, torch.Tensor]) -> None:
    """Change, remove, swap or add a tensor."""
    names, kind = sorted(tensors), draw.randrange(10)
    name = draw.choice(names)
    if kind == 0:
        del tensors[name]
    elif kind == 1:
        other = draw.choice(names)
        tensors[name], tensors[other] = tensors[other].clone(), tensors[name].clone()
    elif kind == 2:
        tensors[draw.choice(["more", "inputs.more", "0.more", name + "x"])] = torch.zeros(3)
    else:
        tensors[name] = draw.choice(TENSORS)(draw, tensors[name]).contiguous()


def mutate_bytes(draw: random.Random, data: bytes) -> bytes:
    """Return bytes that are changed, cut, doubled or shifted at some place."""
    place, kind = draw.randrange(len(data)), draw.randrange(6)
    if kind < 2:
        return data[:place] + bytes([draw.randrange(256)]) + data[place + 1 :]
    if kind == 2:
        return data[:place]
    if kind == 3:
        return data[:place] + data[place : place + 50] + data[place:]
    if kind == 4:
        return data[:place] + bytes(draw.randrange(1, 64)) + data[place + 30 :]
    return data[:place] + bytes(draw.randrange(256) for _ in range(16)) + data[place + 16 :]
