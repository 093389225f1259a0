"""Libraries that only some formats need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from wellfit.core.errors import MissingExtraError


def extra(module: str, name: str) -> Any:
    """Return a module of an optional dependency.

    Args:
        module: what is imported.
        name: of wellfit's extra that brings it.

    Raises:
        MissingExtraError: it isn't installed; the message says how to.

    >>> extra("no_such_module", "onnx")
    Traceback (most recent call last):
    wellfit.core.errors.MissingExtraError: no_such_module is not installed; expected it from ...
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module} is not installed; expected it from `pip install 'wellfit[{name}]'`"
        ) from error
