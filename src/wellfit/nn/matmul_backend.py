"""The backend of matrix products: the default library or oneDNN, in float32 or bfloat16.

PyTorch hands float32 products to oneDNN only where rounding them to bfloat16 is allowed. But on a
CPU without matrix units for bfloat16, oneDNN computes in float32 all the same, and on some (AMD's)
about twice as fast as the default library, but for some 10 µs more a call. So oneDNN is timed once
on each machine, and gets the large products if its results are exact and faster.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_matmul: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
_DEFAULT, _ONEDNN = "ieee", "bf16"
# Operations, for each thread at work, from which on oneDNN overtakes: of outputs, of gradients,
# and of what goes down, where weights are copied first. Several products at once count together.
OUTPUTS, GRADIENTS, COPIED = 1.7e6, 2.3e6, 4.5e6
_LARGE_NARROW = 8e5  # the same where the result has few columns, for all threads
_LARGE_ROWS = 1e5  # numbers of the larger factor, where few columns are computed as rows
_FEW = 16

# Global, as PyTorch's own setting is, and restored when the block of matmul_mode ends.
_backends = (_DEFAULT, _DEFAULT)  # for small products, for large ones
_backend = _DEFAULT
_rounding = False


@contextmanager
def matmul_mode(*, rounded: bool, single: bool) -> Iterator[None]:
    """Choose how products are computed in a block, by ops that are bound in it.

    Args:
        rounded: products round their factors to bfloat16.
        single: numbers are float32, on a CPU.
    """
    global _backends, _backend, _rounding
    before, backends, rounding_before = _matmul.fp32_precision, _backends, _rounding
    _rounding = rounded
    if single and onednn_is_exact_and_sooner():
        _backends = (_DEFAULT, _ONEDNN)
    try:
        _matmul.fp32_precision = _backend = _DEFAULT
        yield
    finally:
        _matmul.fp32_precision = _backend = before
        _backends, _rounding = backends, rounding_before


def rounding() -> bool:
    """Return whether products round their factors to bfloat16 now."""
    return _rounding


def is_large(rows: int, summed: int, columns: int, least: float = OUTPUTS) -> bool:
    """Return whether products (rows, summed) by (summed, columns), all together, are for oneDNN.

    ``rows`` are those of all members, whose products are computed at once; ``least`` is where it
    overtakes.

    >>> is_large(100, 784, 512), is_large(64, 64, 64)
    (True, False)
    """
    least = _LARGE_NARROW if columns <= _FEW else least * torch.get_num_threads()
    return 2.0 * rows * summed * columns >= least


def is_narrow(columns: int) -> bool:
    """Return whether products of so many columns are computed faster the other way round.

    The default library multiplies (columns, summed) by (summed, rows) up to four times as fast as
    (rows, summed) by (summed, columns) where columns are few.

    >>> is_narrow(10), is_narrow(100), is_narrow(1)
    (True, False, False)
    """
    return 1 < columns <= _FEW


def is_large_narrow(rows: int, summed: int) -> bool:
    """Return whether products computed the other way round, all together, are for oneDNN."""
    return rows * summed >= _LARGE_ROWS


def use_backend(large: bool) -> None:
    """Use the library for the products that come next; costs next to nothing."""
    global _backend
    # Setting PyTorch's flag takes longer than comparing, and most products follow their like.
    if _backends[large] != _backend:
        _matmul.fp32_precision = _backend = _backends[large]


def by_onednn(large: bool) -> bool:
    """Return whether oneDNN computes large, or small, products now."""
    return _backends[large] == _ONEDNN


@functools.cache
def onednn_is_exact_and_sooner() -> bool:
    """Try oneDNN's float32 product once on this machine (some 10 ms).

    >>> onednn_is_exact_and_sooner() in (True, False)
    True
    """
    # Fixed numbers of both signs: rounding errors of sums show, and no random state is touched.
    a = torch.linspace(-1, 1, 128 * 784).reshape(128, 784).sin_()
    b = torch.linspace(-3, 3, 784 * 512).reshape(784, 512).cos_()
    exact, out = a.double() @ b.double(), torch.empty(128, 512)
    seconds, error, before = {}, 0.0, _matmul.fp32_precision
    try:
        for backend in (_DEFAULT, _ONEDNN):
            _matmul.fp32_precision = backend
            seconds[backend] = statistics.median(_seconds(a, b, out) for _ in range(9))
            error = float((out - exact).norm() / exact.norm())
    finally:
        _matmul.fp32_precision = before
    # float32 sums err by some 1e-7 here, bfloat16 by some 1e-3. The factor keeps the default
    # library where a gain is within the noise of timing.
    return error < 2e-6 and seconds[_ONEDNN] < 0.75 * seconds[_DEFAULT]


def _seconds(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> float:
    start = time.perf_counter()
    torch.mm(a, b, out=out)
    return time.perf_counter() - start
