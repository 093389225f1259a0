"""Optional dependencies: imported where they are needed; an error says how to install one."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from wellfit.core.errors import MissingExtraError

# What pip installs: ``wellfit`` on PyPI is another project's.
DISTRIBUTION = "wellfit-nn"


def install_command(extra: str) -> str:
    """Return the command that installs wellfit with an extra.

    >>> install_command("report")
    "pip install 'wellfit-nn[report]'"
    """
    return f"pip install '{DISTRIBUTION}[{extra}]'"


def import_extra(module: str, extra: str, otherwise: str = "") -> Any:
    """Return a module of an optional dependency.

    Args:
        module: what is imported, such as ``"plotly.offline"``.
        extra: the one of wellfit's extras that brings it.
        otherwise: what a user can do without it, for the message.

    Raises:
        MissingExtraError: it isn't installed; the message says how to install it.

    >>> import_extra("no_such_module", "onnx")
    Traceback (most recent call last):
    wellfit.core.errors.MissingExtraError: no_such_module is not installed; expected it from ...
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        hint = f"; or {otherwise}" if otherwise else ""
        raise MissingExtraError(
            f"{package} is not installed; expected it from `{install_command(extra)}`{hint}"
        ) from error
