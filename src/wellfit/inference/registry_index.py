"""``registry.json``: the entries of a model registry, strictly validated.

Its author may be unknown, so nothing in it is a path. Each model is in a folder of one plain
name, in files of known names: no entry can lead out of the registry or its download cache.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from wellfit.core.digests import sha256
from wellfit.core.errors import InputError, ModelFileError
from wellfit.core.files import LARGEST_JSON, parse_json, read_regular
from wellfit.core.former import renamed
from wellfit.core.lazy import public
from wellfit.core.model_folder import DOCUMENT, WEIGHTS
from wellfit.core.version import __version__

INDEX = "registry.json"
FORMER_INDEX = "shelf.json"  # written before version 0.1.0, with the format "wellfit-shelf"
FORMAT, FORMAT_VERSION = "wellfit-registry", 1
_FORMATS = (FORMAT, "wellfit-shelf")
_FORMER_KEYS = {"licence": "license"}

TIMEOUT = 30  # seconds without a response

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class File:
    """The expected checksum and size of one file of a model.

    Attributes:
        sha256: SHA-256 checksum, 64 hexadecimal digits.
        bytes: size in bytes.
    """

    sha256: str
    bytes: int


@dataclass(frozen=True)
class RegisteredModel:
    """The entry of a model in a registry.

    Attributes:
        name: the model's name in the registry.
        kind: ``"classifier"``, ``"regressor"``, or ``"coder"`` for an autoencoder.
        estimator: name of the estimator's class.
        inputs: number of input columns.
        columns: names of the input columns; empty if they have none.
        classes: class labels as text, in order; empty unless the model is a classifier.
        layers: units of each layer, the output last; of one member, for an ensemble.
        members: number of networks: 1, or the members of an ensemble.
        parameters: number of learned parameters of all members.
        folder: name of the model's folder in the registry.
        files: checksum and size of each file, by file name.
        data: description of the training data, as given to ``ModelRegistry.add``.
        scores: metric values by name, as given.
        license: license of the model, as given.
        notes: notes, as given.

    >>> from wellfit.transfer import ModelRegistry
    >>> from wellfit import MLPRegressor
    >>> model = MLPRegressor((4,), epochs=1, random_state=0).fit([[0.0], [1.0]], [0.0, 2.0])
    >>> added = ModelRegistry("registry").add(model, "line", data="two points")
    >>> added.kind, added.layers, added.inputs, added.data
    ('regressor', (4, 1), 1, 'two points')
    """

    name: str
    kind: str
    estimator: str
    inputs: int
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    layers: tuple[int, ...]
    members: int
    parameters: int
    folder: str
    files: Mapping[str, File]
    data: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    license: str = ""
    notes: str = ""

    @property
    def size(self) -> int:
        """Total size of the files in bytes."""
        return sum(file.bytes for file in self.files.values())

    @property
    def digest(self) -> str:
        """Checksum of the files together, 16 hexadecimal digits."""
        return sha256("".join(self.files[name].sha256 for name in FILES).encode())[:16]


FILES = (DOCUMENT, WEIGHTS)


def check_name(name: str) -> None:
    """Refuse a name that is a path, or that isn't a valid folder name on every system."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} can't be the name of a model; expected a letter or digit, then letters, "
            "digits, '.', '_' or '-', at most 100 characters"
        )


def describe(folder: Path, name: str, **given: Any) -> RegisteredModel:
    """Return the entry of the model in a folder.

    Args:
        folder: a model folder.
        name: the model's name in the registry.
        given: ``data``, ``scores``, ``license`` and ``notes``.

    Raises:
        InputError: a description isn't text, or a score isn't a finite number.
    """
    contents = {file: (folder / file).read_bytes() for file in FILES}
    files = {file: File(sha256(data), len(data)) for file, data in contents.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # loading the model already warned once
        model = public("load_model")(folder)
    members = getattr(model, "estimators_", [model])
    classes = getattr(model, "classes_", None)
    network = members[0].network_.weights.network.to_dict()
    entry = {
        "kind": _kind(model),
        "estimator": type(model).__name__,
        "inputs": int(model.n_features_in_),
        "columns": [str(column) for column in getattr(model, "feature_names_in_", ())],
        "classes": [] if classes is None else [str(label) for label in classes.tolist()],
        "layers": [layer["units"] for layer in network["layers"] if "units" in layer],
        "members": sum(each.network_.n_networks for each in members),
        "parameters": sum(int(member.n_parameters_) for member in members),
        "folder": f"{name}-{files[DOCUMENT].sha256[:12]}",
        "files": {file: asdict(one) for file, one in files.items()},
        **given,
    }
    if (wrong := _wrong(name, entry)) is not None:
        raise InputError(f"the description of {name!r} is invalid: {wrong}")
    return _entry(name, entry)


def _kind(model: Any) -> str:
    kind = model.__sklearn_tags__().estimator_type
    return kind if kind in ("classifier", "regressor") else "coder"


def pack(models: Mapping[str, RegisteredModel]) -> bytes:
    """Return the contents of ``registry.json``."""
    entries = {name: asdict(models[name]) for name in sorted(models)}
    for entry in entries.values():
        del entry["name"]
    header = {"format": FORMAT, "format_version": FORMAT_VERSION, "wellfit": __version__}
    document = {**header, "models": entries}
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_index(address: str) -> tuple[bytes, str]:
    """Return the index of a registry, and its path or URL.

    Args:
        address: a folder or an http(s) address.

    Raises:
        FileNotFoundError: the folder has neither ``registry.json`` nor the former ``shelf.json``.
        OSError, HTTPException, ValueError: the server doesn't respond, or not with all of it.
    """
    try:
        return _read(f"{address}/{INDEX}")
    except (FileNotFoundError, HTTPError) as missing:
        if isinstance(missing, HTTPError) and missing.code != HTTPStatus.NOT_FOUND:
            raise
        try:
            return _read(f"{address}/{FORMER_INDEX}")
        except OSError:
            raise missing from None


def _read(where: str) -> tuple[bytes, str]:
    return (_fetch(where) if "://" in where else read_regular(where)), where


def _fetch(url: str) -> bytes:
    """Return the bytes at a URL of http or https; urllib follows redirects to these only."""
    with urlopen(url, timeout=TIMEOUT) as response:
        data: bytes = response.read(LARGEST_JSON + 1)
        expected = response.headers.get("Content-Length")
    if len(data) > LARGEST_JSON:
        raise ValueError(f"{url} has more than {LARGEST_JSON:,} bytes")
    if expected is not None and len(data) < int(expected):
        raise ValueError(f"{url} is truncated: {len(data):,} of {int(expected):,} bytes")
    return data


def unpack(raw: bytes, where: str) -> dict[str, RegisteredModel]:
    """Return the models of a ``registry.json`` (or a former ``shelf.json``), by name.

    Args:
        raw: contents of the file.
        where: path or address of the file, for error messages.

    Raises:
        ModelFileError: the file isn't a registry's index, has a newer format, or holds an invalid
            entry, such as a path that leads out of the registry.
    """
    document = parse_json(raw, where)
    match document:
        case {"format": str(kind), "format_version": int(written)} if (
            kind in _FORMATS and written > FORMAT_VERSION
        ):
            raise ModelFileError(
                f"{where} has format version {written}; this wellfit {__version__} reads "
                f"up to {FORMAT_VERSION}: upgrade wellfit"
            )
        case {"format": str(kind), "format_version": 1, "models": dict(found)} if kind in _FORMATS:
            entries = {name: renamed(entry, _FORMER_KEYS) for name, entry in found.items()}
            for name, entry in entries.items():
                if (wrong := _wrong(name, entry)) is not None:
                    raise ModelFileError(f"{where}, model {name!r}: {wrong}")
            return {name: _entry(name, entry) for name, entry in entries.items()}
    raise ModelFileError(f'{where} is no model registry: its format is not "{FORMAT}"')


def _entry(name: str, given: Mapping[str, Any]) -> RegisteredModel:
    """Return a validated entry as a model; keys of newer versions are ignored."""
    known = {key.name: given[key.name] for key in fields(RegisteredModel) if key.name in given}
    for key in ("columns", "classes", "layers"):
        known[key] = tuple(known[key])
    known["files"] = {
        file: File(one["sha256"], one["bytes"]) for file, one in known["files"].items()
    }
    return RegisteredModel(**{**known, "name": name})


def _wrong(name: str, entry: Any) -> str | None:
    """Return what is wrong with an entry, or None if it is valid."""
    if not isinstance(entry, Mapping):
        return f"it is a {type(entry).__name__}; expected an object with named values"
    if not _NAME.fullmatch(name):
        return "its name may hold only letters, digits, '.', '_' and '-'"
    for key, valid in _VALID.items():
        if key not in entry and key not in _OPTIONAL:
            return f"it has no {key!r}"
        if key in entry and not valid(entry[key]):
            return f"its {key!r} is {entry[key]!r}, which is invalid"
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(map(_is_text, value))


def _is_scores(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str)
        and isinstance(score, (int, float))
        and not isinstance(score, bool)
        and abs(score) < 1e300
        for name, score in value.items()
    )


def _is_files(value: Any) -> bool:
    """Return whether these are exactly a model's two files, with valid checksums."""
    return (
        isinstance(value, Mapping)
        and set(value) == set(FILES)
        and all(isinstance(file, Mapping) and _is_file(file) for file in value.values())
    )


def _is_file(file: Mapping[str, Any]) -> bool:
    checksum = file.get("sha256")
    return (
        _is_count(file.get("bytes"))
        and isinstance(checksum, str)
        and bool(_SHA256.fullmatch(checksum))
    )


_OPTIONAL = ("data", "scores", "license", "notes")
_VALID = {
    "kind": lambda kind: kind in ("classifier", "regressor", "coder"),
    "estimator": _is_text,
    "inputs": _is_count,
    "columns": _is_texts,
    "classes": _is_texts,
    "layers": lambda layers: isinstance(layers, (list, tuple)) and all(map(_is_count, layers)),
    "members": _is_count,
    "parameters": _is_count,
    "folder": lambda folder: isinstance(folder, str) and bool(_NAME.fullmatch(folder)),
    "files": _is_files,
    "data": _is_text,
    "scores": _is_scores,
    "license": _is_text,
    "notes": _is_text,
}
