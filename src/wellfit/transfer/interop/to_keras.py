"""Networks as files that Keras reads, written without it."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from wellfit.core.errors import InputError
from wellfit.core.extras import import_extra
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
from wellfit.transfer.interop.embeddings import keras_layers
from wellfit.transfer.interop.export_spec import form_of
from wellfit.transfer.interop.fitted_layers import FittedLayer, inputs_of
from wellfit.transfer.interop.wide import wide

KERAS_VERSION = "3.0.0"  # whose files these are; later ones read them
_BY_NAME = {"hard_sigmoid", "mish", "relu", "selu", "sigmoid", "silu", "softplus", "softsign"}
_BY_NAME |= {"tanh"}
_ENDS = {"softmax": "softmax", "sigmoid": "sigmoid", "exp": "exponential", "identity": ""}

Described = tuple[str, dict[str, Any], list[Any]]  # a layer's class, its settings, its arrays


def to_keras(model: Any, path: str | os.PathLike[str]) -> list[Path]:
    """Write a fitted estimator's network for Keras 3, which isn't needed for it.

    The network gives what ``predict_proba`` gives, or a regressor's estimates in the targets' own
    units, and takes the numbers of :func:`network_input`. Batch norm and dropout are kept.
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
    form, target = form_of(model), Path(path)
    form.refuse("Keras", tuple(_ENDS))
    if target.suffix not in (".keras", ".json"):
        raise InputError(f"{path} is to be read by Keras; expected a name in .keras or .json")
    parts, mean = wide(form.parts)
    layers = [*_layers(parts), *_end(parts, _ENDS[form.link], mean)]
    document, weights = _document(layers, inputs_of(parts)), _weights(layers)
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


def _layers(parts: Sequence[FittedLayer]) -> Iterator[Described]:
    for part in parts:
        if not isinstance(part.layer, MaskingNoise):  # Keras has none; idle when predicting
            yield from (
                keras_layers(part) if isinstance(part.layer, NumericEmbedding) else [_layer(part)]
            )


def _end(
    parts: Sequence[FittedLayer], activation: str, mean: SubmodelMean | None
) -> Iterator[Described]:
    """Yield what makes predictions of the last layer's numbers, and the mean of submodels'."""
    if mean is not None:
        units = len(parts[-1].bias) // mean.submodels
        yield "Reshape", {"target_shape": [mean.submodels, units]}, []
    if activation:
        yield "Activation", {"activation": activation}, []
    if mean is not None:
        yield "GlobalAveragePooling1D", {"data_format": "channels_last"}, []


def _layer(part: FittedLayer) -> Described:
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


def _activation(function: Activation) -> Described:
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


def _document(layers: list[Described], inputs: int) -> dict[str, Any]:
    """Return a Sequential's configuration."""
    first = _described("InputLayer", {"batch_shape": [None, inputs], "name": "input_layer"})
    named = zip(stored_names([kind for kind, _, _ in layers]), layers, strict=True)
    rest = [_described(kind, {"name": name, **config}) for name, (kind, config, _) in named]
    whole = _described("Sequential", {"name": "wellfit", "layers": [first, *rest]})
    return {**whole, "module": "keras", "build_config": {"input_shape": [None, inputs]}}


def _described(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": config,
        "registered_name": None,
    }


def _weights(layers: list[Described]) -> bytes:
    """Return a file of HDF5 as Keras lays it out."""
    h5py, memory = import_extra("h5py", "keras"), io.BytesIO()
    names = stored_names([kind for kind, _, _ in layers])
    with h5py.File(memory, "w") as file:
        file.create_group("vars")
        for name, (_, _, arrays) in zip(names, layers, strict=True):
            group = file.create_group(f"layers/{name}/vars")
            for number, array in enumerate(arrays):
                group[str(number)] = array.astype("float32")
    return memory.getvalue()


def stored_names(kinds: list[str]) -> list[str]:
    """Return the names under which Keras 3 stores layers of these classes.

    >>> stored_names(["Dense", "PReLU", "Dense"])
    ['dense', 'p_re_lu', 'dense_1']
    """
    seen: Counter[str] = Counter()
    names = []
    for kind in kinds:
        apart = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind))
        name = apart.lower()
        names.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names
