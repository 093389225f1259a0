"""Stacking: per-member hyper-parameters as tensors (K,), and the key of a stack."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from wellfit.core.hyper import Config, Hyper


def stacked(configs: Sequence[Config], dtype: torch.dtype, device: torch.device) -> dict[str, Any]:
    """Return the per-member hyper-parameters of K configs of one structure, each (K,).

    Those of a config that is itself declared ``per_member`` come as a dictionary of their own.

    >>> from wellfit.core.hyper import hyper
    >>> class Step(Config):
    ...     size: float = hyper("step size", default=0.1, low=0, per_member=True)
    >>> class Walk(Config):
    ...     step: Step = hyper("what to repeat", default=Step(), per_member=True)
    >>> stacked([Step(), Step(size=0.5)], torch.float32, torch.device("cpu"))
    {'size': tensor([0.1000, 0.5000])}
    >>> stacked([Walk(), Walk(Step(0.5))], torch.float32, torch.device("cpu"))
    {'step': {'size': tensor([0.1000, 0.5000])}}
    """
    table: dict[str, Any] = {}
    for key, declaration in type(configs[0]).hypers().items():
        values = [getattr(config, key) for config in configs]
        if declaration.per_member and isinstance(values[0], Config):
            table[key] = stacked(values, dtype, device)
        elif declaration.per_member:
            # By way of float64: float32 would round 0.1 before it is multiplied or scheduled.
            numbers = torch.tensor([float(value) for value in values], dtype=torch.float64)
            table[key] = numbers.to(dtype).to(device)
    return table


def add_scaled(target: Tensor, source: Tensor, factor: Tensor | float, sign: int = 1) -> Tensor:
    """Add ``factor`` times ``source``, or with ``sign=-1`` subtract it, in place; return the sum.

    A number is much faster than a tensor that has to be spread over the rows.

    >>> add_scaled(torch.ones(2), torch.ones(2), 0.5)
    tensor([1.5000, 1.5000])
    """
    if isinstance(factor, Tensor):
        # One kernel without a temporary, in both cases.
        return target.addcmul_(source, factor, value=sign)
    return target.add_(source, alpha=sign * factor)


def stack_key(config: Config) -> Hashable:
    """Return what must be equal for two configs to train in one stack.

    Everything counts but the numbers declared ``per_member``, and what is declared ``init_only``.
    """
    hypers = config.hypers()
    shared = (
        (key, _stack_key(value))
        for key, value in config.values()
        if key not in hypers or _counts(hypers[key], value)
    )
    return (type(config), tuple(shared))


def _counts(declaration: Hyper, value: object) -> bool:
    # Initial weights are drawn member by member, before the stack exists.
    if declaration.init_only:
        return False
    return not declaration.per_member or isinstance(value, Config)


def _stack_key(value: object) -> Hashable:
    if isinstance(value, Config):
        return stack_key(value)
    if isinstance(value, (tuple, list)):
        return tuple(_stack_key(item) for item in value)
    # Arrays and other unhashable settings are compared by their text.
    return value if isinstance(value, Hashable) else repr(value)
