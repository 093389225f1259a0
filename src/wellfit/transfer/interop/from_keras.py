"""Keras models as wellfit's; neither Keras nor any code that a file carries is run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike, NDArray

from wellfit.core.errors import InputError
from wellfit.estimators import MLPClassifier, MLPRegressor
from wellfit.nn import ELU, AlphaDropout, Dropout, GaussianNoise, LeakyReLU, PReLU
from wellfit.transfer.interop.estimator import Task, from_parts
from wellfit.transfer.interop.fitted_layers import FittedLayer
from wellfit.transfer.interop.keras_files import damage_as_error, read

_ACTIVATIONS = {
    **{name: name for name in ("elu", "gelu", "hard_sigmoid", "mish", "relu", "selu", "sigmoid")},
    **{name: name for name in ("silu", "softplus", "softsign", "tanh")},
    "swish": "silu",
    "linear": "identity",
}
_ENDS = {"softmax": "softmax", "sigmoid": "sigmoid", "exponential": "exp", "linear": "identity"}
_NOTHING = ("InputLayer", "Flatten")
_SUPPORTED = (
    "Dense, BatchNormalization, Dropout, AlphaDropout, GaussianNoise, Flatten, Activation, ReLU, "
    "LeakyReLU, PReLU, ELU, and Softmax at the end"
)

Step = FittedLayer | str  # a layer, or the name of a function that can stand at the end alone


def from_keras(
    path: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None,
    *,
    classes: ArrayLike | None = None,
    task: Task | None = None,
) -> MLPClassifier | MLPRegressor:
    """Return a Keras model as a fitted estimator; Keras isn't needed.

    Reads ``.keras``, ``.h5``, and the JSON of a model with the HDF5 of its weights. Needs the
    extra ``wellfit-nn[keras]`` (h5py).

    Args:
        path: the file.
        weights: of a JSON file; else ``name.weights.h5`` or ``name.h5`` beside it.
        classes: (C,) labels in the order of the outputs; else 0 to C-1. With them, numbers
            without a softmax are logits.
        task: ``"classification"``, ``"multilabel"`` or ``"regression"``, where it isn't clear.

    Raises:
        InputError: a layer that has no counterpart here, by name; ``Lambda``, which carries code.
        ModelFileError: no model of Keras there.
        MissingExtraError: h5py isn't installed.
    """
    layers, arrays = read(Path(path), None if weights is None else Path(weights))
    with damage_as_error(Path(path)):
        steps = [
            step for layer, own in zip(layers, arrays, strict=True) for step in _steps(layer, own)
        ]
    output = "identity"
    if steps and isinstance(last := steps[-1], str):
        steps, output = steps[:-1], _ENDS[last]
    parts = [_hidden(step) for step in steps]
    return from_parts(parts, output=output, classes=classes, task=task)


def _hidden(step: Step) -> FittedLayer:
    """Return a function that stands between layers as a part."""
    if isinstance(step, FittedLayer):
        return step
    if step not in _ACTIVATIONS:
        raise InputError(f"Keras's {step!r} can be imported at the end of a network only")
    return FittedLayer.activation(_ACTIVATIONS[step])


def _steps(layer: Mapping[str, Any], arrays: list[NDArray[Any]]) -> list[Step]:
    """Return a Keras layer as parts; a Dense with an activation is two."""
    kind, config = layer["class_name"], layer["config"]
    if kind in _NOTHING:
        return []
    _refuse_foreign(layer)
    if kind == "Dense":
        _expect(layer, arrays, 1 + bool(config.get("use_bias", True)))
        return [FittedLayer.linear(*arrays), *_function(config.get("activation", "linear"))]
    if kind == "BatchNormalization":
        return [_batch_norm(layer, arrays)]
    if kind == "PReLU":
        _expect(layer, arrays, 1)
        return [FittedLayer.activation(PReLU(), arrays[0])]
    return _plain(layer)


def _plain(layer: Mapping[str, Any]) -> list[Step]:
    """Return a layer without weights."""
    kind, config = layer["class_name"], layer["config"]
    match kind:
        case "Activation":
            return _function(config["activation"])
        case "Softmax":
            return ["softmax"]
        case "Dropout":
            return [FittedLayer(Dropout(config["rate"]))]
        case "AlphaDropout":
            return [FittedLayer(AlphaDropout(config["rate"]))]
        case "GaussianNoise":
            return [FittedLayer(GaussianNoise(config["stddev"]))]
        case "ELU":
            return [FittedLayer.activation(ELU(config.get("alpha", 1.0)))]
        case "LeakyReLU":
            return [
                FittedLayer.activation(
                    LeakyReLU(config.get("negative_slope", config.get("alpha")))
                )
            ]
        case "ReLU" if config.get("max_value") is None and not config.get("threshold"):
            slope = config.get("negative_slope") or 0.0
            return [FittedLayer.activation(LeakyReLU(slope) if slope else "relu")]
    raise InputError(f"Keras's layer {_called(layer)} can't be imported; supported: {_SUPPORTED}")


def _function(given: Any) -> list[Step]:
    """Return a layer's activation: nothing, a name that may stand at the end, or a part."""
    if isinstance(given, Mapping):
        if not str(given.get("module", "")).startswith("keras"):
            raise InputError(
                f"Keras's activation {given.get('config')!r} is code of its author's, which is "
                f"not run; supported: {', '.join(sorted({*_ACTIVATIONS, *_ENDS}))}"
            )
        if not isinstance(given["config"], str):
            return _plain(given)  # a layer such as LeakyReLU, as an activation
        given = given["config"]
    if given in (None, "linear"):
        return []
    if given in _ENDS:
        return [given]
    if given not in _ACTIVATIONS:
        known = ", ".join(sorted({*_ACTIVATIONS, *_ENDS}))
        raise InputError(f"Keras's activation {given!r} can't be imported; supported: {known}")
    return [FittedLayer.activation(_ACTIVATIONS[given])]


def _batch_norm(layer: Mapping[str, Any], arrays: list[NDArray[Any]]) -> FittedLayer:
    config, left = layer["config"], list(arrays)
    scales, shifts = config.get("scale", True), config.get("center", True)
    _expect(layer, arrays, 2 + bool(scales) + bool(shifts))
    gamma = left.pop(0) if scales else None
    beta = left.pop(0) if shifts else None
    mean, variance = left
    return FittedLayer.batch_norm(
        mean,
        variance,
        gamma,
        beta,
        epsilon=config.get("epsilon", 1e-3),
        momentum=config.get("momentum", 0.99),
    )


def _refuse_foreign(layer: Mapping[str, Any]) -> None:
    """Refuse layers that are code: Lambda, and classes of the author's own."""
    if layer["class_name"] == "Lambda":
        raise InputError(
            f"Keras's layer {_called(layer)} carries code, which is not run; supported: "
            f"{_SUPPORTED}"
        )
    if not str(layer.get("module", "keras")).startswith("keras"):
        raise InputError(
            f"layer {_called(layer)} is of {layer['module']!r} and not Keras's own; supported: "
            f"{_SUPPORTED}"
        )


def _expect(layer: Mapping[str, Any], arrays: list[NDArray[Any]], count: int) -> None:
    if len(arrays) != count:
        raise InputError(
            f"Keras's layer {_called(layer)} has {len(arrays)} arrays in the file of weights; "
            f"expected {count}"
        )


def _called(layer: Mapping[str, Any]) -> str:
    return f"{layer['class_name']} ({layer['config'].get('name', 'without a name')})"
