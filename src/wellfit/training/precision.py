"""Precision, device and threads of a training; what is set for it is restored afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from wellfit.core.errors import HyperparameterError, did_you_mean
from wellfit.nn.matmul_backend import matmul_mode

_ONE_THREAD = 1e6
_available = 0  # threads before a block of `arithmetic` took some from PyTorch

PRECISIONS = ("float32", "float64", "bfloat16", "auto")


def dtype_of(precision: str) -> torch.dtype:
    """Return the type that weights and batches are kept in.

    ``bfloat16`` keeps float32 and rounds the factors of matrix products; ``auto`` is one of these
    two.

    Raises:
        HyperparameterError: an unknown precision.

    >>> dtype_of("bfloat16")
    torch.float32
    """
    if precision not in PRECISIONS:
        raise HyperparameterError(
            f"precision is {precision!r}{did_you_mean(precision, PRECISIONS)} "
            f"Expected one of {', '.join(PRECISIONS)}"
        )
    return torch.float64 if precision == "float64" else torch.float32


def device_of(device: str) -> torch.device:
    """Return the device by name; ``"auto"`` is the GPU where there is one.

    Raises:
        HyperparameterError: no such device here.

    >>> device_of("cpu")
    device(type='cpu')
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
        # torch.device accepts names of devices that aren't there; allocating finds out.
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        here = "auto, cpu, cuda" if torch.cuda.is_available() else "auto, cpu"
        raise HyperparameterError(
            f"device is {device!r}, which isn't available on this machine; expected one of {here}"
        ) from error
    return found


@contextmanager
def arithmetic(
    precision: str, device: torch.device, operations: float = torch.inf
) -> Iterator[None]:
    """Choose how matrix products are computed, and treat denormal numbers as zero, in a block.

    On sparse inputs Adam's moments become denormal, which slows some processors severalfold.
    Products of few ``operations`` on average are computed by one thread: a second one hardly
    helps, and waits long where another program needs its core.
    """
    global _available
    threads, available = torch.get_num_threads(), _available
    _available = threads
    if operations < _ONE_THREAD:
        torch.set_num_threads(1)
    flushed = _flushes_denormals()
    torch.set_flush_denormal(True)
    single = precision == "float32" and device.type == "cpu"
    try:
        with matmul_mode(rounded=precision == "bfloat16", single=single):
            yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(threads)
        _available = available


def available_threads() -> int:
    """Return how many threads may be used, PyTorch's products or not."""
    return _available or torch.get_num_threads()


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads in a block; None leaves their number as it is.

    >>> with threads(1):
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _flushes_denormals() -> bool:
    # PyTorch can set this mode and not report it, so it is tried.
    return float(torch.tensor(1e-40) * 1.0) == 0.0
