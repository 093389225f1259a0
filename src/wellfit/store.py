"""Model folders: JSON and safetensors, checked when loaded, replaced whole or not at all.

A model folder holds two files and nothing else::

    model.json            the document, the versions that wrote it, and a checksum of each file
    weights.safetensors   the tensors

Loading reads data and runs none of it. The checksums notice damage; they don't say who wrote the
files. So what is loaded is compared with its declared form too: only regular files are opened, of
the size that ``model.json`` declares, and that file has at most 32 MiB.

Saving writes both files under names that end in ``.new``, then renames ``model.json.new`` to
``model.json``. That one rename replaces the old model by the new one: cut off before it, a save
leaves the old model; cut off after it, the new one, whose weights may still be called
``weights.safetensors.new``. Whichever weights match the checksum in ``model.json`` are the
model's. One process may save to a folder at a time; any number may load from it meanwhile.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as arrays_from_bytes

from wellfit.core.digests import sha256
from wellfit.core.errors import InputError, ModelFileError, did_you_mean
from wellfit.core.files import (
    LARGEST_JSON,
    open_regular,
    parse_json,
    read_regular,
    refuse_beyond_memory,
)
from wellfit.core.model_folder import DOCUMENT, FORMAT, WEIGHTS, is_model
from wellfit.core.schema import Count, conform
from wellfit.core.version import __version__
from wellfit.core.writing import sync_folder, write_and_sync

if TYPE_CHECKING:
    from torch import Tensor

FORMAT_VERSION = 1
Values = TypeVar("Values")

_NEW = ".new"
_FLOAT = "$float"  # {"$float": "nan"}: JSON has no NaN and no infinities


class WeightsEntry(TypedDict):
    """The entry of the weights' file in ``model.json``."""

    bytes: Count
    sha256: str


def save(
    path: str | os.PathLike[str],
    document: Mapping[str, Any],
    tensors: Mapping[str, Tensor | NDArray[Any]],
) -> Path:
    """Write a model folder, or replace the model in one; the old model survives any failure.

    Args:
        path: the folder; made, with its parents, where it doesn't exist.
        document: what JSON can hold (tuples become lists), NaN and infinities included.
        tensors: arrays of any shape by name; numbers or booleans.

    Returns:
        The folder.

    Raises:
        InputError: the document or a tensor can't be written as data.
        ModelFileError: ``path`` is a file, or a folder with anything but a model in it.
        OSError: the disk is full or not writable; the message says which model is there now.

    >>> import tempfile
    >>> import torch
    >>> folder = save(Path(tempfile.mkdtemp()) / "model", {"epochs": 3}, {"w": torch.ones(2)})
    >>> load(folder)
    ({'epochs': 3}, {'w': tensor([1., 1.])})
    """
    folder = Path(path)
    weights = _pack_tensors(tensors)
    files = {DOCUMENT: _pack_document(document, weights), WEIGHTS: weights}
    _refuse_foreign(folder)
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder, files)
    except BaseException as error:
        for place in missing:
            with suppress(OSError):  # not empty: the new model was already in place
                place.rmdir()
        if not isinstance(error, OSError):
            raise
        saved = _is_written(folder / DOCUMENT, files[DOCUMENT])
        state = (
            "the model was saved, but may not outlast a power failure"
            if saved
            else "the model was not saved, and what was there is unchanged"
        )
        raise OSError(error.errno, f"{error.strerror}; {state}", str(folder)) from error
    return folder


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a model folder, checking both files; runs no code that the folder carries.

    Args:
        path: the folder that :func:`save` wrote.

    Returns:
        The document and the tensors by name, on the CPU.

    Raises:
        ModelFileError: no folder there, no model in it, a newer format, a damaged file, or
            something else than a regular file in the place of one.
    """
    document, weights = _read_both(Path(path))
    from safetensors.torch import load as tensors_from_bytes  # imports PyTorch

    return document, _unpacked(tensors_from_bytes, weights, Path(path))


def load_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read a model folder as :func:`load` does, without PyTorch: its tensors as NumPy's arrays.

    Raises:
        ModelFileError: as :func:`load`; or a tensor of a type that NumPy doesn't have.
    """
    document, weights = _read_both(Path(path))
    return document, _unpacked(arrays_from_bytes, weights, Path(path))


def load_document(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the document of a model folder alone, checked as :func:`load` checks it.

    Raises:
        ModelFileError: as :func:`load`, but for the weights.
    """
    return dict(_parse(_read_document(Path(path)), Path(path))["model"])


def _read_both(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Return the document and the bytes of the weights, both whole and of one save."""
    while True:
        raw = _read_document(folder)
        # The document first: only its checksum says which weights are the model's.
        header = _parse(raw, folder)
        weights = _find_weights(folder, header["weights"])
        if weights is not None:
            return header["model"], weights
        if raw == _read_document(folder):  # otherwise a save came in between: look again
            raise ModelFileError(_damage(folder / WEIGHTS, header["weights"]))


# Writing


def _pack_tensors(tensors: Mapping[str, Tensor | NDArray[Any]]) -> bytes:
    from safetensors.torch import save as tensors_to_bytes  # PyTorch is for saving only

    ready = {}
    for name, values in tensors.items():
        if not isinstance(name, str) or name == "__metadata__":
            raise InputError(f"a tensor is named {name!r}; expected text, not '__metadata__'")
        try:
            ready[name] = _contiguous(values)
            tensors_to_bytes({name: ready[name]})  # alone, so that an error has a name to it
        except (TypeError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise InputError(f"tensor {name!r} can't be saved: {error}") from error
    return tensors_to_bytes(ready)


def _contiguous(values: Tensor | NDArray[Any]) -> Tensor:
    """Return a copy in memory of its own: safetensors takes no views."""
    import torch  # takes a second

    if isinstance(values, torch.Tensor):
        return values.detach().to("cpu", copy=True).contiguous()
    array = np.asarray(values)
    return torch.tensor(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))


def _pack_document(document: Mapping[str, Any], weights: bytes) -> bytes:
    import torch  # takes a second

    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "checksum": "",
        "wellfit": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        # To the microsecond, so that a load notices a save in between.
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds"),
        "weights": {"bytes": len(weights), "sha256": sha256(weights)},
    }
    try:
        header["model"] = _to_json(dict(document), "")
        text = json.dumps(header, indent=1, allow_nan=False).encode()
    except RecursionError as error:
        raise InputError("the document is nested too deeply, or contains itself") from error
    if len(text) > LARGEST_JSON:
        raise InputError(
            f"the document takes {len(text):,} bytes as JSON; expected at most {LARGEST_JSON:,}"
        )
    # The checksum is of the file's bytes with the checksum left out, so that any change shows.
    return text.replace(b'"checksum": ""', f'"checksum": "{sha256(text)}"'.encode(), 1)


def _to_json(value: Any, where: str) -> Any:
    """Return ``value`` as strict JSON holds it; ``where`` names it in an error."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_FLOAT: str(float(value))}
    if isinstance(value, (list, tuple)):
        return [_to_json(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key == _FLOAT:
                raise InputError(
                    f"document{where} has the key {key!r}; expected text, not {_FLOAT!r}"
                )
        return {key: _to_json(item, f"{where}[{key!r}]") for key, item in value.items()}
    raise InputError(
        f"document{where} is a {type(value).__name__}; expected text, a number, True, False, "
        "None, or a list or dictionary of these"
    )


def _refuse_foreign(folder: Path) -> None:
    """Refuse a place that holds anything which isn't the model that a save would replace."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ModelFileError(f"{folder} is a file; a model is saved as a folder")
    ours = {DOCUMENT + _NEW, WEIGHTS + _NEW}
    if is_model(folder):
        ours |= {DOCUMENT, WEIGHTS}
    foreign = sorted(item.name for item in folder.iterdir() if item.name not in ours)
    if foreign:
        listed = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
        raise ModelFileError(
            f"{folder} holds {listed}; a model is saved into a folder of its own, "
            f"e.g. {folder / 'model'}"
        )


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace both files: all of the old model, or all of the new one, is there at any moment."""
    _settle(folder)
    try:
        for name, data in files.items():
            write_and_sync(folder / (name + _NEW), data)
        sync_folder(folder)
        for name in files:  # model.json first: its rename is the one that counts
            os.replace(folder / (name + _NEW), folder / name)
            sync_folder(folder)
    except BaseException:
        _settle(folder)
        raise


def _settle(folder: Path) -> None:
    """Finish a save that was cut off after it counted; clear away one cut off before."""
    document, weights = folder / (DOCUMENT + _NEW), folder / (WEIGHTS + _NEW)
    if weights.exists():
        with suppress(ModelFileError):
            header = _parse(_read_document(folder), folder)
            if _valid_weights(weights, header["weights"]) is not None:
                os.replace(weights, folder / WEIGHTS)
    weights.unlink(missing_ok=True)
    document.unlink(missing_ok=True)


# Reading


def _read_document(folder: Path) -> bytes:
    try:
        return read_regular(folder / DOCUMENT)
    except FileNotFoundError as error:
        raise ModelFileError(_no_model(folder)) from error


def _no_model(folder: Path) -> str:
    """Say what is at ``folder`` instead of a model, and which model was probably meant."""
    if folder.is_dir():
        inside = [str(place) for place in sorted(folder.iterdir()) if is_model(place)]
        hint = f"; did you mean {inside[0]!r}?" if inside else "."
        return f"{folder} is not a model folder: it has no {DOCUMENT}{hint}"
    if folder.exists():
        hint = f"; did you mean {str(folder.parent)!r}?" if is_model(folder.parent) else "."
        return f"{folder} is a file; expected a model folder{hint}"
    siblings = folder.parent.iterdir() if folder.parent.is_dir() else ()
    models = {place.name: str(place) for place in siblings if is_model(place)}
    return f"there is no model folder {folder}{did_you_mean(folder.name, models)}"


def _parse(raw: bytes, folder: Path) -> dict[str, Any]:
    """Return the header, all of its parts checked."""
    path = folder / DOCUMENT
    header = parse_json(raw, path, _float_back)
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ModelFileError(f'{path} was not written by wellfit: its format is not "{FORMAT}"')
    written = header.get("format_version")
    if isinstance(written, int) and written > FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has format version {written}, written by wellfit {header.get('wellfit')}; "
            f"this wellfit {__version__} reads up to {FORMAT_VERSION}: upgrade wellfit"
        )
    checksum = str(header.get("checksum"))
    if sha256(raw.replace(checksum.encode(errors="replace"), b"", 1)) != checksum:
        raise ModelFileError(f"{path} is damaged or was altered: its checksum doesn't match")
    for name, form in (("format_version", int), ("weights", WeightsEntry), ("model", dict)):
        if name not in header:
            raise ModelFileError(f"{path} is incomplete: {name} is missing")
        try:
            conform(header[name], form, name)
        except ModelFileError as error:
            raise ModelFileError(f"{path} is incomplete: {error}") from error
    return header


def _float_back(parsed: dict[str, Any]) -> Any:
    if _FLOAT not in parsed:
        return parsed
    held = parsed[_FLOAT]
    if len(parsed) > 1 or not isinstance(held, str):
        raise ValueError(
            f"{_FLOAT} holds {held!r:.40}; expected a number as text, and nothing else"
        )
    return float(held)


def _find_weights(folder: Path, expected: Mapping[str, Any]) -> bytes | None:
    # The .new file first: if it is renamed in between, the other name finds it.
    for name in (WEIGHTS + _NEW, WEIGHTS):
        weights = _valid_weights(folder / name, expected)
        if weights is not None:
            return weights
    return None


def _valid_weights(path: Path, expected: Mapping[str, Any]) -> bytes | None:
    """Return the bytes of a file of the size and the checksum that are expected, if it is one."""
    try:
        with open_regular(path) as file:
            # Before reading: the size of a file may be all that is large about it.
            if os.fstat(file.fileno()).st_size != expected["bytes"]:
                return None
            refuse_beyond_memory(path, expected["bytes"])
            weights = file.read(expected["bytes"])
    except FileNotFoundError:
        return None
    return weights if sha256(weights) == expected["sha256"] else None


def _is_written(path: Path, data: bytes) -> bool:
    with suppress(OSError, ModelFileError):
        return read_regular(path) == data
    return False


def _damage(path: Path, expected: Mapping[str, Any]) -> str:
    """Say what is wrong with weights that don't match their checksum."""
    try:
        size = path.stat().st_size
    except OSError:
        return f"{path} is missing"
    if size < expected["bytes"]:
        return f"{path} is truncated: {size:,} of {expected['bytes']:,} bytes"
    if size > expected["bytes"]:
        return (
            f"{path} is damaged or was altered: it has {size:,} bytes, and {DOCUMENT} declares "
            f"{expected['bytes']:,}"
        )
    return f"{path} is damaged or was altered: its checksum doesn't match {DOCUMENT}'s"


def _unpacked(
    read: Callable[[bytes], dict[str, Values]], weights: bytes, folder: Path
) -> dict[str, Values]:
    try:
        return read(weights)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelFileError(f"{folder / WEIGHTS} can't be read: {error}") from error
