"""Files changed by somebody who knows how their checksums are made."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes

from wellfit.model_selection.journal import _line


def reseal_model(
    folder: Path,
    change: Callable[[dict[str, Any]], Any] = lambda document: None,
    change_tensors: Callable[[dict[str, Any]], Any] = lambda tensors: None,
) -> Path:
    """Change a model folder's document and tensors, and make its checksums anew."""
    document, weights = folder / "model.json", folder / "weights.safetensors"
    header, tensors = json.loads(document.read_bytes()), tensors_from_bytes(weights.read_bytes())
    change(header["model"])
    change_tensors(tensors)
    data = tensors_to_bytes(tensors)
    weights.write_bytes(data)
    header["weights"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    write_header(document, header)
    return folder


def write_header(document: Path, header: dict[str, Any]) -> None:
    """Write ``model.json`` with the checksum that belongs to it."""
    text = json.dumps({**header, "checksum": ""})
    checksum = hashlib.sha256(text.encode()).hexdigest()
    document.write_text(text.replace('"checksum": ""', f'"checksum": "{checksum}"', 1))


def reseal_checkpoint(
    path: Path,
    change: Callable[[dict[str, Any]], Any] = lambda document: None,
    change_tensors: Callable[[dict[str, Any]], Any] = lambda tensors: None,
) -> Path:
    """Change a checkpoint's document and tensors, and make its checksum anew."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    document = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["document"])
    tensors = tensors_from_bytes(data)
    change(document)
    change_tensors(tensors)
    empty = "0" * 64
    data = tensors_to_bytes(tensors, {"sha256": empty, "document": json.dumps(document)})
    digest = hashlib.sha256(data).hexdigest()
    path.write_bytes(data.replace(f'"sha256":"{empty}'.encode(), f'"sha256":"{digest}'.encode()))
    return path


def reseal_journal(path: Path, line: int, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Change one line of a search's journal, and make its checksum anew."""
    lines = path.read_bytes().splitlines()
    content = json.loads(lines[line])
    del content["sum"]
    change(content)
    lines[line] = _line(content).rstrip(b"\n")
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path
