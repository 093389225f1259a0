"""``shelf.json``: what a shelf says of its models, checked strictly, since it may be a stranger's.

Nothing in it is a path. A model lies in a folder of one plain name, in files of known names, so
that no entry can lead out of the shelf, or out of the cache that it is downloaded to.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from sklearn.base import is_classifier, is_regressor

from wellfit import __version__
from wellfit.core.errors import InputError, ModelFileError
from wellfit.core.files import parse_json
from wellfit.estimators import load_model
from wellfit.estimators.base import BaseMLP
from wellfit.store import DOCUMENT, WEIGHTS

INDEX = "shelf.json"
FORMAT, FORMAT_VERSION = "wellfit-shelf", 1

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class File:
    """A file of a model: what it has to be when it arrives.

    Attributes:
        sha256: its checksum, 64 digits.
        bytes: its size.
    """

    sha256: str
    bytes: int


@dataclass(frozen=True)
class ShelvedModel:
    """What a shelf says of a model.

    Attributes:
        name: on the shelf.
        kind: ``"classifier"``, ``"regressor"``, or ``"coder"``, an autoencoder.
        estimator: the name of its class.
        inputs: columns that it takes.
        columns: their names, where they have some.
        classes: the labels as text, in order; empty but for a classifier.
        layers: units of each layer, the output last; those of one member, for an ensemble.
        members: networks; 1, or those of an ensemble.
        parameters: numbers that were learned, of all members.
        folder: on the shelf, a plain name.
        files: by name; their checksums and sizes.
        data: what it was trained on, as whoever added it told.
        scores: figures by name, as told.
        licence: as told.
        notes: as told.

    >>> from wellfit.transfer import Shelf
    >>> from wellfit import MLPRegressor
    >>> model = MLPRegressor((4,), epochs=1, random_state=0).fit([[0.0], [1.0]], [0.0, 2.0])
    >>> added = Shelf("shelf").add(model, "line", data="two points")
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
    licence: str = ""
    notes: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files.values())

    @property
    def digest(self) -> str:
        """Tells these files from any others."""
        return sha256("".join(self.files[name].sha256 for name in FILES).encode())[:16]


FILES = (DOCUMENT, WEIGHTS)


def check_name(name: str) -> None:
    """Refuse a name that may not be a folder's on every system, or that is a path."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} can't be the name of a model on a shelf; expected letters, digits and "
            "'.', '_', '-' after the first, at most 100 of them"
        )


def sha256(data: bytes) -> str:
    """Return a checksum as text."""
    return hashlib.sha256(data).hexdigest()


def describe(folder: Path, name: str, **told: Any) -> ShelvedModel:
    """Return what there is to say of the model in a folder.

    Args:
        folder: of a model.
        name: on the shelf.
        told: ``data``, ``scores``, ``licence`` and ``notes``.

    Raises:
        InputError: what was told isn't text, or scores that aren't numbers.
    """
    contents = {file: (folder / file).read_bytes() for file in FILES}
    files = {file: File(sha256(data), len(data)) for file, data in contents.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what isn't restored was said when it was loaded
        model = load_model(folder)
    members: list[BaseMLP] = getattr(model, "estimators_", [model])
    classes = getattr(model, "classes_", None)
    network = members[0]._weights.network.to_dict()
    entry = {
        "kind": _kind(model),
        "estimator": type(model).__name__,
        "inputs": int(model.n_features_in_),
        "columns": [str(column) for column in getattr(model, "feature_names_in_", ())],
        "classes": [] if classes is None else [str(label) for label in classes.tolist()],
        "layers": [layer["units"] for layer in network["layers"] if "units" in layer],
        "members": len(members),
        "parameters": sum(int(member.n_parameters_) for member in members),
        "folder": f"{name}-{files[DOCUMENT].sha256[:12]}",
        "files": {file: asdict(one) for file, one in files.items()},
        **told,
    }
    if (wrong := _wrong(name, entry)) is not None:
        raise InputError(f"what is told of {name!r} can't be put on a shelf: {wrong}")
    return _entry(name, entry)


def _kind(model: Any) -> str:
    if is_regressor(model):
        return "regressor"
    return "classifier" if is_classifier(model) else "coder"


def pack(models: Mapping[str, ShelvedModel]) -> bytes:
    """Return the contents of ``shelf.json``."""
    entries = {name: asdict(models[name]) for name in sorted(models)}
    for entry in entries.values():
        del entry["name"]
    header = {"format": FORMAT, "format_version": FORMAT_VERSION, "wellfit": __version__}
    document = {**header, "models": entries}
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def unpack(raw: bytes, where: str) -> dict[str, ShelvedModel]:
    """Return the models that a ``shelf.json`` tells of, by name.

    Args:
        raw: its contents.
        where: its path or address, for errors.

    Raises:
        ModelFileError: it is none, of a newer format, or holds what no shelf may hold, such as a
            path that leads out of it.
    """
    document = parse_json(raw, where)
    match document:
        case {"format": "wellfit-shelf", "format_version": int(written)} if written > 1:
            raise ModelFileError(
                f"{where} has format version {written}; this wellfit {__version__} reads "
                f"up to {FORMAT_VERSION}: upgrade wellfit"
            )
        case {"format": "wellfit-shelf", "format_version": 1, "models": dict(entries)}:
            for name, entry in entries.items():
                if (wrong := _wrong(name, entry)) is not None:
                    raise ModelFileError(f"{where}, model {name!r}: {wrong}")
            return {name: _entry(name, entry) for name, entry in entries.items()}
    raise ModelFileError(f'{where} is no shelf of models: its format is not "{FORMAT}"')


def _entry(name: str, given: Mapping[str, Any]) -> ShelvedModel:
    """Return an entry that was found right; what is beyond it is passed over."""
    known = {key.name: given[key.name] for key in fields(ShelvedModel) if key.name in given}
    for key in ("columns", "classes", "layers"):
        known[key] = tuple(known[key])
    known["files"] = {
        file: File(one["sha256"], one["bytes"]) for file, one in known["files"].items()
    }
    return ShelvedModel(**{**known, "name": name})


def _wrong(name: str, entry: Any) -> str | None:
    """Say what is wrong with an entry; None where nothing is."""
    if not isinstance(entry, Mapping):
        return f"it is a {type(entry).__name__}, not a set of names and values"
    if not _NAME.fullmatch(name):
        return "its name is not one of letters, digits and '.', '_', '-'"
    for key, right in _RIGHT.items():
        if key not in entry and key not in _TOLD:
            return f"it has no {key!r}"
        if key in entry and not right(entry[key]):
            return f"its {key!r} is {entry[key]!r}, which no shelf may hold"
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
    """Say whether these are a model's two files, and nothing that could be anything else."""
    return (
        isinstance(value, Mapping)
        and set(value) == set(FILES)
        and all(isinstance(file, Mapping) and _is_file(file) for file in value.values())
    )


def _is_file(file: Mapping[str, Any]) -> bool:
    told = file.get("sha256")
    return _is_count(file.get("bytes")) and _is_text(told) and bool(_SHA256.fullmatch(str(told)))


_TOLD = ("data", "scores", "licence", "notes")
_RIGHT = {
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
    "licence": _is_text,
    "notes": _is_text,
}
