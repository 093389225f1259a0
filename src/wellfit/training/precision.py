"""How numbers are kept and multiplied while training, and what is restored afterwards."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from wellfit.core.errors import HyperparameterError, did_you_mean
from wellfit.nn.network import Network

PRECISIONS = ("float32", "float64", "bfloat16")


def dtype_of(precision: str) -> torch.dtype:
    """Return the type that weights and batches are kept in.

    ``bfloat16`` keeps float32 and lets the matrix products round their factors.

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
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        here = "auto, cpu, cuda" if torch.cuda.is_available() else "auto, cpu"
        raise HyperparameterError(
            f"device is {device!r}, which isn't to be had here; expected one of {here}"
        ) from error
    return found


@contextmanager
def arithmetic(
    precision: str, network: Network, members: int, batch: int, device: torch.device
) -> Iterator[None]:
    """Choose how matrix products are computed, and treat denormal numbers as zero, in a block.

    On sparse inputs Adam's moments become denormal, which slows some processors severalfold.
    """
    matmul: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    cuda: Any = torch.backends.cuda.matmul
    before = matmul.fp32_precision, cuda.fp32_precision, _flushes_denormals()
    rounded = precision == "bfloat16"
    if device.type == "cpu" and (rounded or _prefers_onednn(precision, network, members, batch)):
        matmul.fp32_precision = "bf16"
    if device.type == "cuda" and rounded:
        cuda.fp32_precision = "tf32"
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        matmul.fp32_precision, cuda.fp32_precision = before[:2]
        torch.set_flush_denormal(before[2])


def _flushes_denormals() -> bool:
    return float(torch.tensor(1e-40) * 1.0) == 0.0


# Where oneDNN overtakes the default library, as the arithmetic of a mean product of the step:
# oneDNN's calls take some 10 µs longer, its arithmetic half as long.
_ONEDNN_FLOPS = 1.5e6


def _prefers_onednn(precision: str, network: Network, members: int, batch: int) -> bool:
    sizes = [block.rows * block.columns for block in network.parameters.blocks if block.penalized]
    mean = 2.0 * members * batch * sum(sizes) / len(sizes)
    return precision == "float32" and mean >= _ONEDNN_FLOPS and _onednn_is_exact_and_faster()


@functools.cache
def _onednn_is_exact_and_faster() -> bool:
    """Try oneDNN's float32 product once on this machine.

    PyTorch hands float32 products to oneDNN only where rounding to bfloat16 is allowed. On a CPU
    without matrix units for bfloat16, oneDNN then computes in float32 all the same, and on
    AMD's twice as fast as the default library. So it's measured, and taken if it is both.
    """
    a = torch.linspace(-1, 1, 128 * 784).reshape(128, 784).sin_()
    b = torch.linspace(-3, 3, 784 * 512).reshape(784, 512).cos_()
    exact = a.double() @ b.double()
    out, seconds = torch.empty(128, 512), {}
    error = 0.0
    matmul: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = matmul.fp32_precision
    try:
        for way in ("ieee", "bf16"):
            matmul.fp32_precision = way
            seconds[way] = statistics.median(_seconds(a, b, out) for _ in range(9))
            error = float((out - exact).norm() / exact.norm())
    finally:
        matmul.fp32_precision = before
    return error < 2e-6 and seconds["bf16"] < 0.75 * seconds["ieee"]


def _seconds(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> float:
    start = time.perf_counter()
    torch.mm(a, b, out=out)
    return time.perf_counter() - start
