"""Reader of Keras' files without Keras: layers as plain data, weights as arrays.

A file may come from anywhere: it is read if it is a regular file that this machine's memory can
hold, and nothing in it may unpack to much more than the file's own size.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import InputError, MissingExtraError, ModelFileError
from wellfit.core.extras import import_extra
from wellfit.core.files import LARGEST_JSON, open_regular, parse_json, refuse_beyond_memory
from wellfit.transfer.interop.keras_document import stored_names

Layers = list[dict[str, Any]]  # each with class_name and config

# Keras itself packs weights without compressing them; a user may have compressed them since.
_RATIO, _SPARE = 10, 1 << 20
# What zipfile, zlib, h5py and reading of plain data raise where a file is damaged.
_DAMAGE = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError),
    *(RuntimeError, TypeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error),
)


def read(path: Path, weights: Path | None) -> tuple[Layers, list[list[NDArray[Any]]]]:
    """Return the layers of a Keras file from the input on, and the arrays of each.

    Raises:
        ModelFileError: no such file, or no model of Keras in it.
        InputError: the layers are no single chain.
    """
    with damage_as_error(path):
        if path.suffix == ".json":
            document = parse_json(_read(path, LARGEST_JSON), path)
            data = _read(_beside(path, weights))
        else:
            with _opened(path) as file:
                packed = zipfile.is_zipfile(file)
                document, data = _unpacked(file, path) if packed else (None, _rest(file))
            if not packed:
                document = _own_document(data, path)
        layers = _chain(document)
        _refuse_old_hard_sigmoid(document, layers)
        return layers, _arrays(data, layers, path)


@contextmanager
def damage_as_error(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file makes its readers raise into an error with the file's name.

    Raises:
        ModelFileError: the file is damaged.
    """
    try:
        yield
    except (InputError, MissingExtraError):
        raise
    except _DAMAGE as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ModelFileError(f"{path} is no model of Keras that can be read: {reason}") from error


def _opened(path: Path) -> BinaryIO:
    try:
        file = open_regular(path)
    except FileNotFoundError as error:
        raise ModelFileError(f"there is no file {path}") from error
    try:
        refuse_beyond_memory(path, os.fstat(file.fileno()).st_size)
    except ModelFileError:
        file.close()
        raise
    return file


def _read(path: Path, most: int | None = None) -> bytes:
    with _opened(path) as file:
        if most is not None and os.fstat(file.fileno()).st_size > most:
            raise ModelFileError(f"{path} has more than {most:,} bytes")
        return _rest(file)


def _rest(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def _unpacked(file: BinaryIO, path: Path) -> tuple[Any, bytes]:
    """Return the layers and the weights' file of an archive, their sizes bounded before."""
    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        found = {}
        for name, most in (
            ("config.json", LARGEST_JSON),
            ("model.weights.h5", _RATIO * size + _SPARE),
        ):
            declared = archive.getinfo(name).file_size
            if declared > most:
                raise ModelFileError(
                    f"{path} has {size:,} bytes, and {name} in it would unpack to {declared:,}; "
                    f"expected at most {most:,}"
                )
            found[name] = archive.read(name)
    return parse_json(found["config.json"], f"config.json of {path}"), found["model.weights.h5"]


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
            **parse_json(file.attrs["model_config"], f"model_config of {path}"),
        }


def _open(data: bytes) -> Any:
    return import_extra("h5py", "keras").File(io.BytesIO(data), "r")


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
        reader = _Reader(_RATIO * len(data) + _SPARE)
        if "layers" in file:
            stored = stored_names([layer["class_name"] for layer in layers])
            return [reader.in_vars(file, f"layers/{name}/vars") for name in stored]
        group = file.get("model_weights", file)
        if "layer_names" not in group.attrs:
            raise ModelFileError(f"{path} holds no weights as Keras lays them out")
        return [reader.legacy(group, layer["config"].get("name", "")) for layer in layers]


class _Reader:
    """Reads arrays, as long as they don't declare many times what the file holds.

    Args:
        left: bytes that may still be read.
    """

    def __init__(self, left: int) -> None:
        self._left = left

    def in_vars(self, file: Any, name: str) -> list[NDArray[Any]]:
        """Return the arrays of a layer as Keras 3 lays them out."""
        if name not in file:
            return []
        return [self.array(file[name], str(number)) for number in range(len(file[name]))]

    def legacy(self, group: Any, name: str) -> list[NDArray[Any]]:
        """Return the arrays of a layer as Keras 1 and 2 lay them out."""
        if name not in group:
            return []
        return [self.array(group[name], _text(e)) for e in group[name].attrs["weight_names"]]

    def array(self, group: Any, name: str) -> NDArray[Any]:
        """Return an array of the file itself: HDF5 may point to others."""
        found = group[name]
        if found.external or found.is_virtual or found.file != group.file:
            raise ModelFileError(f"{found.name} lies in another file; expected all weights in one")
        if found.dtype.kind not in "fiu":
            raise ModelFileError(f"{found.name} is of type {found.dtype}; expected numbers")
        self._left -= found.size * found.dtype.itemsize
        if self._left < 0:
            raise ModelFileError(
                f"{found.name} declares {found.size:,} numbers, far more than the file holds"
            )
        return np.asarray(found, dtype=np.float64)


def _text(given: Any) -> str:
    return given.decode() if isinstance(given, bytes) else str(given)
