"""The idx format of MNIST: a magic number, the sizes, then the values, in big-endian order.

Format: http://yann.lecun.com/exdb/mnist/ (LeCun, Cortes and Burges, 1998).
"""

from __future__ import annotations

import gzip
import io
import math
import os
import re
import struct
from pathlib import Path

import numpy as np

from wellfit.core.errors import DataError
from wellfit.datasets.dataset import Array, Dataset
from wellfit.datasets.files import open_plain, reading, stem

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_AXES = 8
_DEFLATE_RATIO = 1032  # maximal compression ratio of gzip
_NAME = re.compile(r"(?P<part>train|t10k)-(?P<what>images|labels)[-.]idx\d-ubyte(\.gz)?")


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Return the array in an idx file, gzipped or not.

    Args:
        path: the file.

    Returns:
        An array of the shape and type that the file states, in the machine's byte order.

    Raises:
        DataError: not an idx file, truncated, or with extra bytes.
    """
    path = Path(path)
    with reading(path), open_plain(path) as file:
        dtype, shape = _header(file, path)
        size = dtype.itemsize * math.prod(shape)
        # A damaged header may state any size: refuse sizes that the file can't contain.
        ratio = _DEFLATE_RATIO if isinstance(file, gzip.GzipFile) else 1
        if size > path.stat().st_size * ratio:
            raise DataError(_truncation_text(path, shape))
        data = file.read(size)
        if len(data) < size:
            raise DataError(_truncation_text(path, shape))
        if file.read(1):
            raise DataError(f"{path} has more bytes than its header states, {_times(shape)}")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _header(
    file: io.BufferedReader | gzip.GzipFile, path: Path
) -> tuple[np.dtype[np.generic], tuple[int, ...]]:
    magic = file.read(4)
    known = len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in _TYPES
    if not known or not 1 <= magic[3] <= _MOST_AXES:
        expected = "00 00 08 03 for images, 00 00 08 01 for labels"
        raise DataError(
            f"{path} is not an idx file: it begins with {magic.hex(' ')!r}; expected {expected}"
        )
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError(f"{path} is truncated: it ends within its header")
    return np.dtype(_TYPES[magic[2]]), struct.unpack(f">{magic[3]}I", sizes)


def read_idx_pair(images: Path, labels: Path) -> tuple[Array, Array, tuple[int, int] | None]:
    """Return the flattened images (n, pixels), the labels (n,), and the images' shape."""
    y = read_idx(labels)
    if y.ndim != 1:
        raise DataError(
            f"{labels} holds {_times(y.shape)} values; expected one label for each image"
        )
    X, shape = flatten(read_idx(images), images)
    if len(X) != len(y):
        raise DataError(f"{images} holds {len(X):,} images, but {labels} {len(y):,} labels")
    return X, y.astype(np.int64) if y.dtype.kind in "iu" else y, shape


def flatten(X: Array, path: Path) -> tuple[Array, tuple[int, int] | None]:
    """Return ``X`` as (rows, values), with the image shape if its rows are images."""
    if X.ndim < 2:
        raise DataError(f"{path} holds {_times(X.shape)} values; expected rows of values")
    shape = (X.shape[1], X.shape[2]) if X.ndim == 3 else None
    return X.reshape(len(X), math.prod(X.shape[1:])), shape


def idx_files(folder: Path) -> dict[tuple[str, str], Path]:
    """Return a folder's idx files by part ("train", "t10k") and content ("images", "labels")."""
    found = {}
    for path in sorted(folder.iterdir(), reverse=True):  # so that x takes precedence over x.gz
        match = _NAME.fullmatch(path.name)
        if match and path.is_file():
            found[match["part"], match["what"]] = path
    return found


def read_idx_folder(folder: Path) -> Dataset:
    """Read MNIST's four files; a folder with only one pair has no test set."""
    files = idx_files(folder)
    pairs = {}
    for part in sorted({part for part, _ in files}, reverse=True):  # train before t10k
        for what in ("images", "labels"):
            if (part, what) not in files:
                raise DataError(f"{folder} has no {part}-{what}-idx…-ubyte (or .gz) file")
        pairs[part] = read_idx_pair(files[part, "images"], files[part, "labels"])
    if not pairs:
        raise DataError(f"{folder} holds no idx files (train-images-idx3-ubyte and the like)")
    (X, y, shape), *test = pairs.values()
    for _, _, other in test:
        if other != shape:
            raise DataError(f"{folder} has training images of {shape} and test images of {other}")
    X_test, y_test = test[0][:2] if test else (None, None)
    return Dataset(folder.name, X, y, X_test, y_test, image_shape=shape, source=str(folder))


def read_idx_file(path: Path) -> Dataset:
    """Read an idx file of images and the file of labels in the same folder."""
    X, y, shape = read_idx_pair(path, _labels_beside(path))
    return Dataset(stem(path), X, y, image_shape=shape, source=str(path))


def _labels_beside(path: Path) -> Path:
    if "images" not in path.name:
        raise DataError(
            f"{path} doesn't have the name of an image file; expected e.g. train-images-idx3-ubyte"
        )
    name = path.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    for candidate in (path.with_name(name), path.with_name(name + ".gz")):
        if candidate.is_file():
            return candidate
    raise DataError(f"{path} has no file of labels; expected {path.with_name(name)} (or .gz)")


def _truncation_text(path: Path, shape: tuple[int, ...]) -> str:
    return f"{path} is truncated or damaged: its header states {_times(shape)} values"


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{size:,}" for size in shape)
