"""The compiled library: found beside this file, where it could be built."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path

from wellfit.training.native.structures import ABI, CallPlan, StepPlan

_SETTING = "WELLFIT_NATIVE"  # 0 does without; else the path of another build


@cache
def library() -> ctypes.CDLL | None:
    """Return the library, or None where there is none; :func:`missing` says why."""
    return None if missing() else _opened()


@cache
def missing() -> str:
    """Return why there is no library; empty where there is one."""
    if os.environ.get(_SETTING) == "0":
        return f"{_SETTING} is 0"
    if not _files():
        return "not built: no C++ compiler was found when wellfit was installed"
    try:
        built = _opened().wellfit_abi()
    except (OSError, AttributeError) as error:
        return f"not loaded: {error}"
    return "" if built == ABI else f"built for version {built} of the plan; expected {ABI}"


def instructions() -> str:
    """Return the name of the instruction set that the library uses on this machine."""
    loaded = library()
    return "" if loaded is None else loaded.wellfit_instructions().decode()


def _files() -> list[Path]:
    other = os.environ.get(_SETTING)
    return [Path(other)] if other else sorted(Path(__file__).parent.glob("_step.native.*"))


@cache
def _opened() -> ctypes.CDLL:
    # By ctypes and not as a module: the library knows nothing of Python, so that one build serves
    # all its versions, and a call lets other threads go on.
    opened = ctypes.CDLL(str(_files()[-1]))
    opened.wellfit_abi.restype = ctypes.c_int64
    opened.wellfit_instructions.restype = ctypes.c_char_p
    opened.wellfit_workspace.restype = ctypes.c_int64
    opened.wellfit_workspace.argtypes = [ctypes.POINTER(StepPlan), ctypes.c_int64]
    opened.wellfit_train.restype = None
    opened.wellfit_train.argtypes = [
        ctypes.POINTER(StepPlan),
        ctypes.POINTER(CallPlan),
        ctypes.c_void_p,
    ]
    opened.wellfit_pool.restype = ctypes.c_void_p
    opened.wellfit_pool.argtypes = [ctypes.c_int64]
    opened.wellfit_end_pool.restype = None
    opened.wellfit_end_pool.argtypes = [ctypes.c_void_p]
    return opened
