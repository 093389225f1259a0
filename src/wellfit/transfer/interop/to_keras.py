"""Networks as files that Keras reads, written without it."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from wellfit.core.errors import InputError
from wellfit.nn import (
    ELU,
    GELU,
    Activate,
    Activation,
    AlphaDropout,
    BatchNorm,
    Dropout,
    GaussianNoise,
    LeakyReLU,
    Linear,
    MaskingNoise,
    NumericEmbedding,
    PReLU,
    SubmodelMean,
)
from wellfit.transfer.interop.embeddings import KerasLayer, keras_layers
from wellfit.transfer.interop.export_spec import ExportSpec, forms_of
from wellfit.transfer.interop.fitted_layers import FittedLayer, inputs_of
from wellfit.transfer.interop.keras_document import document_of, weights_of
from wellfit.transfer.interop.wide import wide

KERAS_VERSION = "3.0.0"  # whose files these are; later ones read them
_BY_NAME = {"hard_sigmoid", "mish", "relu", "selu", "sigmoid", "silu", "softplus", "softsign"}
_BY_NAME |= {"tanh"}
_ENDS = {"softmax": "softmax", "sigmoid": "sigmoid", "exp": "exponential", "identity": ""}


def to_keras(model: Any, path: str | os.PathLike[str]) -> list[Path]:
    """Write a fitted estimator's network for Keras 3, which isn't needed for it.

    The network gives what ``predict_proba`` gives, or a regressor's estimates in the targets' own
    units, and takes the numbers of :func:`network_input`. Batch norm and dropout are kept.
    It is a Sequential; of several networks that predict by their average (``bagging``,
    ``architectures``), a Functional that holds a Sequential for each, and then the Average.
    Needs the extra ``wellfit-nn[keras]``.

    Args:
        model: a fitted MLPClassifier or MLPRegressor.
        path: ``name.keras`` for one file; ``name.json`` for the layers as JSON
            (``keras.models.model_from_json``) with the weights in ``name.weights.h5`` beside it
            (``load_weights``).

    Returns:
        The files.

    Raises:
        InputError: something that Keras has no layer for, by name; or another ending.
        MissingExtraError: h5py isn't installed.
    """
    forms, target = forms_of(model), Path(path)
    forms[0].refuse("Keras", tuple(_ENDS))
    if target.suffix not in (".keras", ".json"):
        raise InputError(f"{path} is to be read by Keras; expected a name in .keras or .json")
    networks = [list(_network(form, len(forms))) for form in forms]
    inputs = inputs_of(wide(forms[0].parts)[0])
    document = document_of(networks, inputs, forms[0].width)
    weights = weights_of(networks)
    if target.suffix == ".json":
        beside = target.with_suffix(".weights.h5")
        beside.write_bytes(weights)
        target.write_text(json.dumps(document, indent=1), encoding="utf-8")
        return [target, beside]
    saved = {"keras_version": KERAS_VERSION, "date_saved": f"{datetime.now():%Y-%m-%d@%H:%M:%S}"}
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("metadata.json", json.dumps(saved))
        archive.writestr("config.json", json.dumps(document))
        archive.writestr("model.weights.h5", weights)
    return [target]


def _network(form: ExportSpec, count: int) -> Iterator[KerasLayer]:
    """Yield the layers of one of ``count`` networks, the mean of whose outputs predicts."""
    parts, mean = wide(form.parts)
    yield from _layers(parts)
    yield from _end(parts, _ENDS[form.link], mean)
    if not math.isclose(form.share, 1 / count):  # it counts more or less than the others
        yield "Rescaling", {"scale": form.share * count, "offset": 0.0}, []


def _layers(parts: Sequence[FittedLayer]) -> Iterator[KerasLayer]:
    for part in parts:
        if not isinstance(part.layer, MaskingNoise):  # Keras has none; idle when predicting
            yield from (
                keras_layers(part) if isinstance(part.layer, NumericEmbedding) else [_layer(part)]
            )


def _end(
    parts: Sequence[FittedLayer], activation: str, mean: SubmodelMean | None
) -> Iterator[KerasLayer]:
    """Yield what makes predictions of the last layer's numbers, and the mean of submodels'."""
    if mean is not None:
        units = len(parts[-1].bias) // mean.submodels
        yield "Reshape", {"target_shape": [mean.submodels, units]}, []
    if activation:
        yield "Activation", {"activation": activation}, []
    if mean is not None:
        yield "GlobalAveragePooling1D", {"data_format": "channels_last"}, []


def _layer(part: FittedLayer) -> KerasLayer:
    match part.layer:
        case Linear(units=units):
            return "Dense", {"units": units, "activation": "linear"}, [part.weights, part.bias]
        case BatchNorm(momentum=momentum, epsilon=epsilon):
            settings = {"momentum": momentum, "epsilon": epsilon, "axis": -1}
            return "BatchNormalization", settings, [*part.parameters, *part.statistics]
        case AlphaDropout(rate=rate):
            return "AlphaDropout", {"rate": rate}, []
        case Dropout(rate=rate):
            return "Dropout", {"rate": rate}, []
        case GaussianNoise(std=std):
            return "GaussianNoise", {"stddev": std}, []
        case Activate(activation=PReLU()):
            return "PReLU", {}, [part.parameters[0]]
        case Activate(activation=function):
            return _activation(function)
    raise InputError(f"Keras export doesn't know layer {part.layer!r}")


def _activation(function: Activation) -> KerasLayer:
    match function:
        case LeakyReLU(slope=slope):
            return "LeakyReLU", {"negative_slope": slope}, []
        case ELU(alpha=alpha):
            return "ELU", {"alpha": alpha}, []
        case GELU(approximate="none"):
            return "Activation", {"activation": "gelu"}, []
    if function.name == "identity":
        return "Activation", {"activation": "linear"}, []
    if function.name not in _BY_NAME:
        known = ", ".join(sorted([*_BY_NAME, "elu", "gelu", "identity", "leaky_relu", "prelu"]))
        raise InputError(f"Keras export doesn't know activation {function!r}; it knows {known}")
    return "Activation", {"activation": function.name}, []
