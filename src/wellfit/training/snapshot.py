"""Snapshot: the part of a checkpoint that predicts, read without its training's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from wellfit.core import former
from wellfit.core.arrays import declared_array
from wellfit.core.errors import InputError, ModelFileError
from wellfit.core.schema import conform
from wellfit.training.checkpoint import Place, open_checkpoint
from wellfit.training.checkpoint_form import ResultDocument
from wellfit.training.plain import decode, decode_state


@dataclass(frozen=True)
class Snapshot:
    """A training of one member at the moment of a checkpoint.

    Attributes:
        path: the checkpoint's file.
        extra: what was to be known beside the training.
        history: metrics by name, a value for each epoch.
        status: of the training at that moment.
        epochs: that were over.
        best_epoch: the epoch, from 1, whose weights these are; ``epochs`` where none were kept.
        parameters: (n_parameters,) the weights that predict.
        statistics: (n_statistics,) what layers have tracked.
    """

    path: Path
    extra: dict[str, Any]
    history: dict[str, list[float]]
    status: str
    epochs: int
    best_epoch: int
    parameters: Tensor
    statistics: Tensor


def read_snapshot(place: Place) -> Snapshot:
    """Return what a checkpoint holds for predictions; runs no code that it carries.

    Args:
        place: its file, or a folder whose newest whole one is meant.

    Raises:
        ModelFileError: there is no whole checkpoint, it is damaged, or of several members.
    """
    path, header, tensors = open_checkpoint(place)
    try:
        document = former.renamed(header["result"], former.RESULT)
        conform(document, ResultDocument, "result")
        return _snapshot(path, document, decode(header["extra"], tensors, "extra"), tensors)
    except (InputError, RecursionError) as error:
        raise ModelFileError(f"{path} holds no model that can be read here: {error}") from error


def _snapshot(
    path: Path, document: Mapping[str, Any], extra: Any, tensors: Mapping[str, Tensor]
) -> Snapshot:
    members = len(document["status"])
    if members != 1:
        raise ModelFileError(f"it is of {members} trainings; expected one")
    if not document["callbacks"]:
        raise ModelFileError("callbacks is empty; expected a history first")
    kinds = {"kept": "b", "best_epoch": "i", "epochs": "i"}
    plain = {name: decode(document[name], tensors, name) for name in kinds}
    kept, best_epoch, epochs = (
        declared_array(plain, name, (1,), kind)[0] for name, kind in kinds.items()
    )
    prefix = "best" if kept else "last"
    # Averaged weights predict where there are any.
    average = f"{prefix}.slot.average"
    names = average if average in tensors else f"{prefix}.parameters", f"{prefix}.statistics"
    for name in names:
        if name not in tensors:
            raise ModelFileError(f"tensor {name!r} is missing")
    return Snapshot(
        path,
        conform(extra, dict[str, Any], "extra"),
        _history(decode_state(document["callbacks"][0], "callbacks[0]", tensors), int(epochs)),
        document["status"][0],
        int(epochs),
        int(best_epoch if kept else epochs),
        *(tensors[name] for name in names),
    )


def _history(table: Mapping[str, Any], epochs: int) -> dict[str, list[float]]:
    found = {}
    for name, values in table.items():
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.ndim < 1:
            raise ModelFileError(f"callbacks[0].{name} is no array of floats")
        if values.size != len(values):
            raise ModelFileError(f"callbacks[0].{name} is of several trainings; expected one")
        found[name] = values.reshape(-1)[:epochs].tolist()
    return found
