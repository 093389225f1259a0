"""Arrays that came with plain data, compared with the names, shapes and types they should have."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from wellfit.core.errors import ModelFileError

LARGEST = 1e30  # fits float32, and its square float64; a larger number is taken for a mistake

_TYPES = {"f": "floats", "b": "booleans", "i": "whole numbers"}


def is_sparse(values: Any) -> TypeGuard[Any]:
    """Return whether values are a sparse matrix of SciPy's, without importing it for that.

    >>> is_sparse(np.zeros((2, 2)))
    False
    """
    # Whoever made a sparse matrix has imported its module.
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and bool(sparse.issparse(values))


def declared_array(
    arrays: Mapping[str, Any],
    name: str,
    shape: tuple[int | None, ...],
    kind: str = "f",
    *,
    finite: bool = True,
) -> NDArray[Any]:
    """Return an array of a declared form.

    Args:
        arrays: numpy arrays or tensors on the CPU, by name.
        name: of the one that is wanted.
        shape: its length along each axis; None for any length from 1.
        kind: ``"f"`` for floats, ``"b"`` for booleans, ``"i"`` for whole numbers.
        finite: whether NaN and infinities are refused.

    Raises:
        ModelFileError: it is missing, of another shape or type, or holds NaN or infinities.

    >>> declared_array({"mean": np.zeros(3)}, "mean", (3,)).shape
    (3,)
    >>> declared_array({"mean": np.zeros(3)}, "mean", (2,))
    Traceback (most recent call last):
    wellfit.core.errors.ModelFileError: tensor 'mean' has shape (3,); expected (2,)
    """
    if name not in arrays:
        raise ModelFileError(f"tensor {name!r} is missing")
    array = np.asarray(arrays[name])
    if array.dtype.kind != kind:
        raise ModelFileError(f"tensor {name!r} is of type {array.dtype}; expected {_TYPES[kind]}")
    wanted = tuple(
        max(have, 1) if want is None else want
        for want, have in zip(shape, array.shape, strict=False)
    )
    if array.shape != wanted or len(shape) != array.ndim:
        text = tuple("any" if want is None else want for want in shape)
        raise ModelFileError(f"tensor {name!r} has shape {array.shape}; expected {text}")
    if finite and kind == "f" and not np.isfinite(array).all():
        raise ModelFileError(f"tensor {name!r} holds NaN or infinities; expected finite numbers")
    return array
