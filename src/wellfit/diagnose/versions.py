"""Versions of what is installed, and the kind of step that trains."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

import torch

from wellfit.core.version import __version__
from wellfit.training.native.library import instructions, missing

_DISTRIBUTION = "wellfit-nn"


def show_versions() -> None:
    """Print the versions of Python and of the libraries, the threads, and the step in use.

    The step is the compiled one, with the instruction set that it found on this machine, or
    PyTorch's and why. Networks that the compiled step doesn't cover are trained by PyTorch in any
    case; which, and why, is logged by ``wellfit.training.bound_stack`` at debug level.

    >>> show_versions()  # doctest: +ELLIPSIS
    wellfit: ...
    """
    for name, value in _lines():
        print(f"{name}: {value}")


def _lines() -> list[tuple[str, str]]:
    step = f"PyTorch's; the compiled one is left out: {missing()}" if missing() else ""
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return [
        ("wellfit", __version__),
        ("step", step or f"compiled, {instructions()}"),
        ("threads", str(torch.get_num_threads())),
        ("GPU", cuda),
        ("Python", sys.version.replace("\n", "")),
        ("machine", platform.platform()),
        *((name, _installed(name)) for name in _required()),
    ]


def _required() -> list[str]:
    """Return the names of what wellfit always needs."""
    try:
        wanted = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # run from a folder, not installed
        wanted = ["torch", "numpy", "scikit-learn"]
    plain = (each for each in wanted if "extra ==" not in each)
    return sorted(each.split(">")[0].split("=")[0].strip() for each in plain)


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
