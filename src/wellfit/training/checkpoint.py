"""Checkpoints: a training saved as plain data and tensors, to be resumed later.

In a file it is one safetensors file, ``epoch-000012.safetensors``, whose metadata hold the plain
data and a checksum of the whole file. It is written beside its place and renamed, so that a
process killed at any moment leaves the earlier files as they were, and a file that was torn
nevertheless (by a power failure, say) is noticed and passed over.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from wellfit.core import former
from wellfit.core.digests import sha256
from wellfit.core.errors import InputError, ModelFileError
from wellfit.core.files import LARGEST_JSON, open_regular, parse_json, refuse_beyond_memory
from wellfit.core.schema import conform
from wellfit.core.writing import writing
from wellfit.nn import Network
from wellfit.training.checkpoint_form import (
    CheckpointDocument,
    MemberEntry,
    ResultDocument,
    check_result,
)
from wellfit.training.member import Member
from wellfit.training.plain import decode, decode_state, encode, encode_state
from wellfit.training.result import Result, Status
from wellfit.training.stack import Weights

Document = dict[str, Any]
Place = str | os.PathLike[str]

FORMAT, FORMAT_VERSION = "wellfit-checkpoint", 1
NEW = ".new"  # how a file's name ends until it is whole

_APART = {"members", "last", "best", "status", "callbacks"}  # the rest are numbers and arrays
_NAME = re.compile(r"epoch-(\d{6,})(?:-step-(\d{6,}))?(-best)?\.safetensors")
_NO_DIGEST = b'"sha256":"' + b"0" * 64  # as in the file, until the rest of it is known


# As plain data


def save_checkpoint(result: Result) -> tuple[Document, dict[str, Tensor]]:
    """Return a result's plain data, which JSON can hold, and its tensors.

    Of the callbacks' states, arrays, numbers, texts, and lists, tuples and dictionaries of these
    are saved; what else they hold is left out.

    >>> import numpy as np
    >>> from wellfit.nn import mlp
    >>> from wellfit.training import Rows, Stream, train
    >>> rows = Rows(np.eye(4), np.array([0, 1, 0, 1]))
    >>> member = Member(mlp(4, (3,), 2), epochs=1)
    >>> document, tensors = save_checkpoint(train([member], rows, [Stream(np.arange(4))]))
    >>> document["status"], document["epoch"]
    (['finished'], 1)
    """
    tensors = _named("last", result.last)
    if result.best is not None:
        tensors |= _named("best", result.best)
    document: Document = {
        item.name: encode(getattr(result, item.name), item.name, tensors)
        for item in fields(result)
        if item.name not in _APART
    }
    document["status"] = [status.value for status in result.status]
    document["callbacks"] = [
        encode_state(state, f"callback.{index}", tensors)
        for index, state in enumerate(result.callbacks)
    ]
    return document, tensors


def load_checkpoint(
    members: Sequence[Member], document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Result:
    """Return the result that :func:`save_checkpoint` took apart, for the same members.

    Raises:
        ModelFileError: the data aren't of the declared form, or a tensor doesn't fit the members'
            networks; names the field.
    """
    # Files written before 0.1.0 don't say what took the steps.
    document = {"trained_by": "", **former.renamed(document, former.RESULT)}
    conform(document, ResultDocument, "result")
    networks = tuple(member.network for member in members)
    best = "best.parameters" in tensors
    plain = {
        item.name: decode(document[item.name], tensors, item.name)
        for item in fields(Result)
        if item.name not in _APART
    }
    result = Result(
        members=list(members),
        last=_weights("last", networks, tensors),
        best=_weights("best", networks, tensors) if best else None,
        status=[Status(value) for value in document["status"]],
        callbacks=[
            decode_state(state, f"callbacks[{place}]", tensors)
            for place, state in enumerate(document["callbacks"])
        ],
        **plain,
    )
    check_result(result)
    return result


def _named(prefix: str, weights: Weights) -> dict[str, Tensor]:
    slots = {f"{prefix}.slot.{name}": slot for name, slot in weights.slots.items()}
    named = {
        f"{prefix}.parameters": weights.parameters,
        f"{prefix}.statistics": weights.statistics,
    }
    return {name: tensor.cpu() for name, tensor in (named | slots).items()}


def _weights(prefix: str, networks: tuple[Network, ...], tensors: Mapping[str, Tensor]) -> Weights:
    mark = f"{prefix}.slot."
    slots = {n.removeprefix(mark): t for n, t in tensors.items() if n.startswith(mark)}
    names = f"{prefix}.parameters", f"{prefix}.statistics"
    for name in names:
        if name not in tensors:
            raise ModelFileError(f"tensor {name!r} is missing")
    parameters, statistics = (tensors[name] for name in names)
    return Weights(networks[0], len(networks), parameters, statistics, slots, networks)


# As a file


def write_checkpoint(
    folder: Place,
    result: Result,
    extra: Mapping[str, Any] | None = None,
    *,
    best: bool = False,
) -> Path:
    """Write a checkpoint into a folder, beside those that are there.

    Args:
        folder: made, with its parents, where it doesn't exist.
        result: the training to take up later.
        extra: what else to know then, as plain data and arrays.
        best: whether to call it ``epoch-000012-best.safetensors``.

    Returns:
        The file, named after the epochs that are done, and the steps of one that isn't.

    Raises:
        TypeError: ``extra`` holds something that isn't data.
        OSError: it can't be written; all that was there before is unchanged.
    """
    document, tensors = save_checkpoint(result)
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "members": _described(result.members),
        "result": document,
        "extra": encode(dict(extra or {}), "extra", tensors),
    }
    place = Path(folder)
    step = f"-step-{result.position:06d}" if result.position else ""
    path = place / f"epoch-{result.epoch:06d}{step}{'-best' if best else ''}.safetensors"
    data = _sealed(header, tensors)
    place.mkdir(parents=True, exist_ok=True)
    with writing(path, path.with_name(path.name + NEW)) as file:
        file.write(data)
    return path


def read_checkpoint(place: Place, members: Sequence[Member]) -> tuple[Result, dict[str, Any]]:
    """Read a checkpoint; runs no code that it carries.

    Args:
        place: its file, or a folder whose newest whole one is meant.
        members: the trainings to go on with. They may differ from those of the checkpoint in
            anything but their network, kind of update rule and seed: have more epochs, say.

    Returns:
        What to give to :func:`~wellfit.training.train` as ``resume``, and ``extra``.

    Raises:
        ModelFileError: there is no whole checkpoint.
        InputError: it is of other members: their number, network, update rule or seed differs.

    >>> import tempfile
    >>> import numpy as np
    >>> from wellfit.nn import mlp
    >>> from wellfit.training import Rows, Stream, train
    >>> rows, streams = Rows(np.eye(4), np.array([0, 1, 0, 1])), [Stream(np.arange(4))]
    >>> members = [Member(mlp(4, (3,), 2), epochs=5)]
    >>> folder = tempfile.mkdtemp()
    >>> _ = write_checkpoint(folder, train(members, rows, streams, until=2))
    >>> result, extra = read_checkpoint(folder, members)
    >>> len(train(members, rows, streams, resume=result).history()["loss"])
    5
    """
    path, header, tensors = open_checkpoint(place)
    _check_same(header["members"], _described(members), path)
    try:
        result = load_checkpoint(members, header["result"], tensors)
        return result, decode(header["extra"], tensors, "extra")
    except (InputError, RecursionError) as error:
        raise ModelFileError(f"{path} is damaged or was altered: {error}") from error


def seeds(place: Place) -> list[int]:
    """Return the seed of every member of a checkpoint: a file, or the newest whole one's."""
    path, header, _ = open_checkpoint(place)
    found = [member["seed"] for member in header["members"]]
    if not found:
        raise ModelFileError(f"{path} is of no members; expected one at least")
    for seed in found:
        if not (seed.isdecimal() and len(seed) < 19):
            raise ModelFileError(f"{path} has the seed {seed!r:.40}; expected a whole number")
    return list(map(int, found))


def latest(folder: Place) -> Path | None:
    """Return the newest whole checkpoint in a folder; torn ones are passed over.

    >>> latest("/no/such/folder") is None
    True
    """
    return next(_whole(checkpoints(folder)), None)


def best(folder: Place) -> Path | None:
    """Return the whole checkpoint of the best epoch, where the callback was asked for it.

    >>> best("/no/such/folder") is None
    True
    """
    return next(_whole([path for path in checkpoints(folder) if is_best(path)]), None)


def checkpoints(folder: Place) -> list[Path]:
    """Return the checkpoints in a folder, whole or torn, newest first."""
    place = Path(folder)
    found = place.iterdir() if place.is_dir() else ()
    ours = [path for path in found if _NAME.fullmatch(path.name)]
    return sorted(ours, key=_place_of, reverse=True)


def epoch_of(path: Path) -> int:
    """Return the epoch in a checkpoint's name.

    >>> epoch_of(Path("checkpoints/epoch-000012-best.safetensors"))
    12
    """
    return _place_of(path)[0]


def is_best(path: Path) -> bool:
    """Return whether a checkpoint was the best so far when it was written."""
    match = _NAME.fullmatch(path.name)
    return match is not None and match[3] is not None


def _place_of(path: Path) -> tuple[int, int, str]:
    """Return the epoch and the step of a checkpoint's name; the name decides between equals."""
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2] or 0), path.name) if match else (0, 0, "")


def open_checkpoint(place: Place) -> tuple[Path, Document, dict[str, Tensor]]:
    """Return a checkpoint's file, its document and its tensors, unchanged.

    Args:
        place: the file, or a folder whose newest whole one is meant.

    Raises:
        ModelFileError: there is no whole checkpoint, or its document isn't of the declared form.
    """
    path = Path(place)
    if path.is_dir():
        newest = latest(path)
        if newest is None:
            raise ModelFileError(f"there is no whole checkpoint in {path}")
        path = newest
    return path, *_opened(path)


def _whole(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        with suppress(ModelFileError):
            _opened(path)
            yield path


def _described(members: Sequence[Member]) -> list[MemberEntry]:
    """Return what must be the same for the members to go on from a checkpoint."""
    return [
        {
            "network": repr(member.network),
            "optimizer": member.optimizer.name,
            "memory": ", ".join(member.slots()) or "none",
            "seed": str(member.seed),
        }
        for member in members
    ]


def _check_same(written: Sequence[MemberEntry], given: Sequence[MemberEntry], path: Path) -> None:
    if len(written) != len(given):
        raise InputError(f"{path} is of {len(written)} members; given {len(given)}")
    for index, (theirs, ours) in enumerate(zip(written, given, strict=True)):
        theirs = {**theirs, "network": former.current_repr(theirs["network"])}
        for (what, value), own in zip(theirs.items(), ours.values(), strict=True):
            if value != own:
                raise InputError(
                    f"{path} can't be resumed: the {what} of member {index} was {value}; "
                    f"given {own}"
                )


def _sealed(header: Document, tensors: Mapping[str, Tensor]) -> bytes:
    """Return the file's bytes, in which the digest of all others stands."""
    metadata = {"sha256": "0" * 64, "document": json.dumps(header, allow_nan=False)}
    data = tensors_to_bytes(dict(tensors), metadata)
    # The digest covers the whole file, its own place filled with zeros; both have 64 digits, so
    # that no offset moves.
    return data.replace(_NO_DIGEST, _marked(sha256(data)), 1)


def _opened(path: Path) -> tuple[Document, dict[str, Tensor]]:
    """Return a checkpoint's document, of the declared form, and its tensors."""
    try:
        data, metadata = _read_whole(path)
        digest = conform(metadata.get("sha256"), str, "sha256")
        header = parse_json(conform(metadata.get("document"), str, "document"), "its document")
        if sha256(data.replace(_marked(digest), _NO_DIGEST, 1)) != digest:
            raise ValueError("its checksum doesn't match")
        if header["format_version"] > FORMAT_VERSION:
            raise InputError("a newer wellfit wrote it: upgrade wellfit to read it")
        conform(header, CheckpointDocument, "")
        return header, tensors_from_bytes(data)
    except FileNotFoundError as error:
        raise ModelFileError(f"there is no checkpoint {path}") from error
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise ModelFileError(f"{path} is damaged or no checkpoint: {error}") from error


def _read_whole(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Return a checkpoint's bytes and metadata, read only where its header declares its size."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, LARGEST_JSON):
            raise ValueError("its header is cut off, or too long")
        raw = file.read(length)
        header = parse_json(raw, "its header")
        metadata = header.pop("__metadata__")
        ends = [entry["data_offsets"][1] for entry in header.values()]
        # Before any of it is read: a header may declare far more than there is.
        if max(ends, default=0) != size - 8 - length:
            raise ValueError(f"it has {size:,} bytes, which is not what its header declares")
        refuse_beyond_memory(path, size)
        return start + raw + file.read(size - 8 - length), metadata


def _marked(digest: str) -> bytes:
    return b'"sha256":"' + digest.encode()
