"""A training put aside, as plain data and tensors, to be taken up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wellfit.training.result import Result, Status
from wellfit.training.stack import Member, Weights

Document = dict[str, Any]


def save_checkpoint(result: Result) -> tuple[Document, dict[str, Tensor]]:
    """Return a result's plain data and its tensors; observers' arrays are among them.

    >>> import numpy as np
    >>> from wellfit.nn import mlp
    >>> from wellfit.training import Rows, Stream, train
    >>> rows = Rows(np.eye(4), np.array([0, 1, 0, 1]))
    >>> member = Member(mlp(4, (3,), 2), epochs=1)
    >>> document, tensors = save_checkpoint(train([member], rows, [Stream(np.arange(4))]))
    >>> document["status"], document["epoch"]
    (['finished'], 1)
    """
    document: Document = {
        "kept": result.kept.tolist(),
        "best_epoch": result.best_epoch.tolist(),
        "epochs": result.epochs.tolist(),
        "status": [status.value for status in result.status],
        "epoch": result.epoch,
        "step": result.step,
        "observers": len(result.observers),
    }
    tensors = _named("last", result.last)
    if result.best is not None:
        tensors |= _named("best", result.best)
    for index, state in enumerate(result.observers):
        arrays = {key: value for key, value in state.items() if isinstance(value, np.ndarray)}
        tensors |= {f"observer.{index}.{key}": torch.tensor(v) for key, v in arrays.items()}
    return document, tensors


def load_checkpoint(
    members: Sequence[Member], document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Result:
    """Return the result that :func:`save_checkpoint` put aside, for the same members."""
    network, k = members[0].network, len(members)
    observers: list[dict[str, Any]] = [{} for _ in range(document["observers"])]
    for name, tensor in tensors.items():
        if name.startswith("observer."):
            _, index, key = name.split(".", 2)
            observers[int(index)][key] = tensor.numpy().copy()
    best = "best.parameters" in tensors
    return Result(
        members=list(members),
        last=_weights("last", network, k, tensors),
        best=_weights("best", network, k, tensors) if best else None,
        kept=np.array(document["kept"], dtype=bool),
        best_epoch=np.array(document["best_epoch"], dtype=np.int64),
        epochs=np.array(document["epochs"], dtype=np.int64),
        status=[Status(value) for value in document["status"]],
        epoch=document["epoch"],
        step=document["step"],
        observers=observers,
    )


def _named(prefix: str, weights: Weights) -> dict[str, Tensor]:
    slots = {f"{prefix}.slot.{name}": slot for name, slot in weights.slots.items()}
    named = {
        f"{prefix}.parameters": weights.parameters,
        f"{prefix}.statistics": weights.statistics,
    }
    return {name: tensor.cpu() for name, tensor in (named | slots).items()}


def _weights(prefix: str, network: Any, members: int, tensors: Mapping[str, Tensor]) -> Weights:
    mark = f"{prefix}.slot."
    slots = {n.removeprefix(mark): t for n, t in tensors.items() if n.startswith(mark)}
    return Weights(
        network, members, tensors[f"{prefix}.parameters"], tensors[f"{prefix}.statistics"], slots
    )
