"""What Keras saves, read without Keras: layers as plain data, weights as arrays."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import InputError, ModelFileError
from wellfit.transfer.interop.extras import extra
from wellfit.transfer.interop.to_keras import stored_names

Layers = list[dict[str, Any]]  # each with class_name and config


def read(path: Path, weights: Path | None) -> tuple[Layers, list[list[NDArray[Any]]]]:
    """Return the layers of a Keras file from the input on, and the arrays of each.

    Raises:
        ModelFileError: no such file, or no model of Keras in it.
        InputError: the layers are no single chain.
    """
    if not path.is_file():
        raise ModelFileError(f"there is no file {path}")
    try:
        if path.suffix == ".json":
            document, data = json.loads(path.read_bytes()), _beside(path, weights).read_bytes()
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                document = json.loads(archive.read("config.json"))
                data = archive.read("model.weights.h5")
        else:
            data = path.read_bytes()
            document = _own_document(data, path)
        layers = _chain(document)
        _refuse_old_hard_sigmoid(document, layers)
        return layers, _arrays(data, layers, path)
    except (KeyError, TypeError, AttributeError, IndexError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise ModelFileError(f"{path} is no model of Keras that can be read: {error}") from error


def _beside(path: Path, weights: Path | None) -> Path:
    """Return the file of a JSON file's weights."""
    places = [path.with_suffix(".weights.h5"), path.with_suffix(".h5")]
    found = [place for place in ([weights] if weights else places) if place.is_file()]
    if not found:
        expected = weights or " or ".join(map(str, places))
        raise ModelFileError(
            f"{path} holds the layers of a model; expected its weights: {expected}"
        )
    return found[0]


def _own_document(data: bytes, path: Path) -> Any:
    with _open(data) as file:
        if "model_config" not in file.attrs:
            raise ModelFileError(
                f"{path} holds weights and no layers; expected a whole model, or the JSON of its "
                "layers with this file as its weights"
            )
        return {
            "keras_version": file.attrs.get("keras_version", "3"),
            **json.loads(file.attrs["model_config"]),
        }


def _open(data: bytes) -> Any:
    return extra("h5py", "keras").File(io.BytesIO(data), "r")


# Layers.


def _refuse_old_hard_sigmoid(document: Mapping[str, Any], layers: Layers) -> None:
    version = str(document.get("keras_version", "3"))
    used = any(layer["config"].get("activation") == "hard_sigmoid" for layer in layers)
    if used and int(version.partition(".")[0]) < 3:
        raise InputError(
            f"the model is of Keras {version}, whose hard_sigmoid is another function than "
            "Keras 3's; expected a model saved by Keras 3"
        )


def _chain(document: Mapping[str, Any]) -> Layers:
    """Return a model's layers in their order, nested ones laid out.

    Raises:
        InputError: a model that is more than one layer after another.
    """
    kind = document["class_name"]
    if kind not in ("Sequential", "Functional", "Model"):
        raise InputError(
            f"a Keras model of class {kind!r} can't be imported; expected a Sequential, or a "
            "Functional whose layers follow one another"
        )
    config = document["config"]
    layers: Layers = config if isinstance(config, list) else config["layers"]  # Keras before 2.2
    if kind != "Sequential":
        _check_chain(layers)
    if any(layer["class_name"] in ("Sequential", "Functional", "Model") for layer in layers):
        raise InputError(
            "a Keras model with a model inside can't be imported; expected one list of layers"
        )
    return layers


def _check_chain(layers: Layers) -> None:
    below: list[str] = []
    for layer in layers:
        name, reads = layer["config"]["name"], _names_read(layer.get("inbound_nodes", []))
        if reads != below:
            raise InputError(
                f"layer {name!r} of the Keras model reads {reads}; expected {below}: only layers "
                "that follow one another can be imported"
            )
        below = [name]


def _names_read(nodes: Any) -> list[str]:
    """Return the names of the layers that a layer reads, as Keras 2 or 3 notes them."""
    if isinstance(nodes, Mapping):
        history = nodes.get("keras_history")
        return [history[0]] if history else _names_read(list(nodes.values()))
    if not isinstance(nodes, list):
        return []
    if len(nodes) >= 3 and isinstance(nodes[0], str):
        return [nodes[0]]
    return [name for node in nodes for name in _names_read(node)]


# Weights.


def _arrays(data: bytes, layers: Layers, path: Path) -> list[list[NDArray[Any]]]:
    with _open(data) as file:
        if "layers" in file:
            stored = stored_names([layer["class_name"] for layer in layers])
            return [_in_vars(file, f"layers/{name}/vars") for name in stored]
        group = file.get("model_weights", file)
        if "layer_names" not in group.attrs:
            raise ModelFileError(f"{path} holds no weights as Keras lays them out")
        return [_legacy(group, layer["config"].get("name", "")) for layer in layers]


def _in_vars(file: Any, name: str) -> list[NDArray[Any]]:
    if name not in file:
        return []
    return [_array(file[name], str(number)) for number in range(len(file[name]))]


def _legacy(group: Any, name: str) -> list[NDArray[Any]]:
    if name not in group:
        return []
    return [_array(group[name], _text(each)) for each in group[name].attrs["weight_names"]]


def _array(group: Any, name: str) -> NDArray[Any]:
    """Return an array of the file itself: HDF5 may point to others."""
    found = group[name]
    if found.external or found.is_virtual or found.file != group.file:
        raise ModelFileError(f"{found.name} lies in another file; expected all weights in one")
    return np.asarray(found, dtype=np.float64)


def _text(given: Any) -> str:
    return given.decode() if isinstance(given, bytes) else str(given)
