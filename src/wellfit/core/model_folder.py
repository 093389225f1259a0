"""The files of a model folder, and how to recognize one without loading it.

Whoever only looks for models reads no weights.
"""

from __future__ import annotations

import os
from pathlib import Path

from wellfit.core.errors import ModelFileError
from wellfit.core.files import read_json

FORMAT = "wellfit-model"
DOCUMENT = "model.json"
WEIGHTS = "weights.safetensors"


def is_model(path: str | os.PathLike[str]) -> bool:
    """Return whether ``path`` is a model folder, of any format version, without checking it whole.

    >>> is_model("/no/such/folder")
    False
    """
    try:
        header = read_json(Path(path) / DOCUMENT)
    except (OSError, ModelFileError):
        return False
    return isinstance(header, dict) and header.get("format") == FORMAT
