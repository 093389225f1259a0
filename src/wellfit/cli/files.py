"""JSON files of a run, written whole or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wellfit.core.writing import write


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write standard JSON; NaN and infinities become null."""
    text = json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False)
    write(path, f"{text}\n".encode())


def plain(value: Any) -> Any:
    """Return values that JSON supports: numpy numbers become Python numbers, other objects text.

    >>> plain({"sizes": (512,), "loss": float("nan"), "path": Path("a")})
    {'sizes': [512], 'loss': None, 'path': 'a'}
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
