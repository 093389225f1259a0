"""Fitted estimators made from layers and their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike

from wellfit.core.errors import InputError
from wellfit.estimators import MLPClassifier, MLPRegressor
from wellfit.estimators.continuing import settled
from wellfit.fitting import (
    ClassTargets,
    FeatureEncoder,
    FittedNetwork,
    NumberTargets,
    TargetEncoder,
)
from wellfit.fitting.record import TrainingRecord
from wellfit.nn import Linear, Network
from wellfit.preprocessing import ClassLabels
from wellfit.transfer.interop.fitted_layers import FittedLayer, weights_of

Task = Literal["classification", "multilabel", "regression"]
TASKS: tuple[Task, ...] = ("classification", "multilabel", "regression")
# What stands at the end of a network: the task that it implies, and the loss that goes with it.
ENDS: dict[str, tuple[Task | None, str]] = {
    "identity": (None, ""),
    "softmax": ("classification", "softmax_cross_entropy"),
    "sigmoid": (None, "sigmoid_cross_entropy"),
    "exp": ("regression", "poisson"),
}


def from_parts(
    parts: Sequence[FittedLayer],
    *,
    output: str = "identity",
    classes: ArrayLike | None = None,
    task: Task | None = None,
    precision: str = "float32",
) -> MLPClassifier | MLPRegressor:
    """Return a fitted estimator made of layers whose numbers are known.

    It predicts at once, can be saved, and trained on with ``warm_start``. It takes numbers as they
    are (``preprocess=None``).

    Args:
        parts: the layers from the input on; see :class:`FittedLayer`.
        output: what is done to the last numbers: ``"softmax"``, ``"sigmoid"``, ``"exp"``, or
            ``"identity"`` for nothing: these are estimates, or logits if there are classes.
        classes: (C,) the labels, in the order of the outputs; else 0 to C-1.
        task: ``"classification"``, ``"multilabel"`` or ``"regression"``, where ``output`` leaves
            it open. Several sigmoids are several labels a row unless it says otherwise.
        precision: ``"float32"`` or ``"float64"``.

    Raises:
        InputError: shapes that don't fit, or an output that doesn't go with the task.

    >>> layer = FittedLayer.linear([[1.0, -1.0]])
    >>> clf = from_parts([layer], output="softmax", classes=["up", "down"])
    >>> clf.predict([[2.0], [-2.0]]).tolist()
    ['up', 'down']
    """
    weights = weights_of(parts, torch.float64 if precision == "float64" else torch.float32)
    network = weights.network
    width = network.outputs
    labels = None if classes is None else np.asarray(classes)
    task, loss = _task(output, task, labels, width)
    if task == "regression":
        targets: TargetEncoder = NumberTargets.from_document(_unscaled(width), loss)
    else:
        targets = _class_targets(labels, width, task == "multilabel", loss)
    model = _estimator(task, loss, network, precision)
    fitted = FittedNetwork(
        weights,
        FeatureEncoder("raw", network.inputs),
        targets,
        type(model).__name__,
        TrainingRecord(precision=precision),
        settings=settled(model),
    )
    return model.keep(fitted)


def _unscaled(width: int) -> dict[str, Any]:
    return {"mean": [0.0] * width, "scale": [1.0] * width, "flat": width == 1}


def _task(output: str, task: Task | None, classes: Any, width: int) -> tuple[Task, str]:
    """Return the task and the loss that the end of a network, and the caller, speak for."""
    if output not in ENDS:
        raise InputError(f"output is {output!r}; expected one of {', '.join(ENDS)}")
    if task not in (None, *TASKS):
        raise InputError(f"task is {task!r}; expected one of {', '.join(TASKS)}")
    known, loss = ENDS[output]
    if known is not None and task not in (None, known):
        raise InputError(f"task is {task!r}, but the network ends in {output}: {known}")
    if output == "sigmoid":
        if task == "regression":
            raise InputError("task is 'regression', but the network ends in a sigmoid")
        several = width > 1 and classes is None
        return task or ("multilabel" if several else "classification"), loss
    task = task or known or ("regression" if classes is None else "classification")
    if task == "regression" or loss:
        return task, loss or "squared_error"
    alone = width == 1 or task == "multilabel"
    return task, "sigmoid_cross_entropy" if alone else "softmax_cross_entropy"


def _estimator(
    task: Task, loss: str, network: Network, precision: str
) -> MLPClassifier | MLPRegressor:
    """Return an unfitted estimator with the layers of a network."""
    kind = MLPRegressor if task == "regression" else MLPClassifier
    units = [layer.units for layer in network.layers[:-1] if isinstance(layer, Linear)]
    return kind(
        tuple(units),
        layers=network.layers[:-1],
        dropout=0.0,
        loss=loss,
        preprocess=None,
        precision=precision,
    )


def _class_targets(classes: Any, width: int, multilabel: bool, loss: str) -> ClassTargets:
    """Name the outputs of a classifier."""
    count = 2 if width == 1 and not multilabel else width
    named = np.arange(count) if classes is None else classes
    if named.shape != (count,):
        raise InputError(
            f"classes has shape {named.shape}; the network has {width} "
            f"output{'s' * (width > 1)}, which asks for ({count},)"
        )
    if len(set(named.tolist())) < count:
        raise InputError(f"classes holds a label twice: {named.tolist()}")
    if count < 2:
        raise InputError("the network ends in a softmax of one unit; expected two or more")
    labels = ClassLabels()
    labels.classes_, labels.multilabel_, labels.soft_ = named, multilabel, False
    return ClassTargets.of(labels, loss)
