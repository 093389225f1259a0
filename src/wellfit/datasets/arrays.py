"""Reading npz files, and pickled arrays: notMNIST's dictionary, Theano's three pairs of MNIST."""

from __future__ import annotations

import importlib
import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wellfit.core.errors import DataError
from wellfit.core.words import pluralize
from wellfit.datasets.dataset import Array, Dataset
from wellfit.datasets.files import ending, open_plain, reading, stem
from wellfit.datasets.idx import flatten

# The usual names of rows and labels of each part, in lower case.
_NAMES = {
    "": [("x", "y"), ("x_train", "y_train"), ("train_dataset", "train_labels")],
    "_val": [("x_val", "y_val"), ("x_valid", "y_valid"), ("valid_dataset", "valid_labels")],
    "_test": [("x_test", "y_test"), ("test_dataset", "test_labels")],
}
_EXPECTED = (
    "X and y, or x_train and y_train (with x_test, y_test, x_val, y_val where there are any)"
)

PICKLES = (".pickle", ".pkl")
_PAIRS = "three pairs (rows, labels) for training, validation and test"


def read_npz(path: Path) -> Dataset:
    """Read ``X``, ``y`` or ``x_train``, ``y_train``, ``x_test``, ``y_test``; never a pickle."""
    with reading(path):
        arrays = _load_npz(path)
    return _dataset(arrays, path)


def read_npz_rows(path: Path) -> Array:
    """Return the rows ``X`` alone, from a file that may have no labels."""
    with reading(path):
        arrays = _load_npz(path)
    found = {name.lower(): value for name, value in arrays.items()}
    for rows, _ in _NAMES[""]:
        if rows in found:
            return flatten(found[rows], path)[0]
    raise DataError(f"{path} holds {_keys(arrays)}; expected X")


def _load_npz(path: Path) -> dict[str, Array]:
    with path.open("rb") as file:  # numpy doesn't close damaged files
        loaded = np.load(file, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise DataError(f"{path} holds a single array; expected {_EXPECTED}")
        with loaded:
            return {name: loaded[name] for name in loaded.files}


def is_pickle(path: Path) -> bool:
    """Return whether a file has the name of pickled arrays.

    >>> is_pickle(Path("mnist.pkl.gz")), is_pickle(Path("mnist.npz"))
    (True, False)
    """
    return ending(path) in PICKLES


def read_pickle(path: Path, *, allow_pickle: bool) -> Dataset:
    """Read a pickled dictionary of arrays, such as ``notMNIST.pickle``, or three pairs of arrays.

    The pairs (rows, labels) of ``mnist.pkl.gz``, which Theano's tutorials and Nielsen's book use,
    are the training, validation and test sets. Even if pickles are allowed, only numpy arrays are
    restored.
    """
    if not allow_pickle:
        raise DataError(
            f"{path} is a pickle, which can run code when it is read; if you trust its source, "
            "use --allow-pickle (allow_pickle=True)"
        )
    with reading(path), open_plain(path) as file:
        try:
            # numpy 2.4.0 to 2.4.4 warn of types as numpy 1 has pickled them: align=0, not False.
            old = np.exceptions.VisibleDeprecationWarning
            with warnings.catch_warnings(action="ignore", category=old):
                found = _ArrayUnpickler(file, encoding="latin1").load()
        except DataError:
            raise
        except Exception as error:  # a damaged pickle may raise anything
            raise DataError(f"{path} is not a readable pickle: {error}") from error
    arrays = _from_pairs(found, path) if isinstance(found, (tuple, list)) else found
    if not isinstance(arrays, dict) or not all(isinstance(a, np.ndarray) for a in arrays.values()):
        raise DataError(f"{path} contains no arrays; expected {_EXPECTED}; or {_PAIRS}")
    return _dataset({str(name): array for name, array in arrays.items()}, path)


def _from_pairs(found: Sequence[Any], path: Path) -> dict[str, Any]:
    """Return three pairs of arrays by the names that a dictionary gives them.

    Rows of 784 values are MNIST's images, which these files hold flat.
    """
    if len(found) != 3 or not all(map(_is_pair, found)):
        raise DataError(
            f"{path} contains a {type(found).__name__} of {pluralize(len(found), 'item')}; "
            f"expected a dictionary of arrays, {_EXPECTED}; or {_PAIRS}"
        )
    arrays = {}
    for part, (rows, labels) in zip(("train", "val", "test"), found, strict=True):
        flat = rows.ndim == 2 and rows.shape[1] == 28 * 28
        arrays[f"x_{part}"] = rows.reshape(-1, 28, 28) if flat else rows
        arrays[f"y_{part}"] = labels
    return arrays


def _is_pair(found: Any) -> bool:
    """Return whether an item is two arrays."""
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        return False
    return all(isinstance(array, np.ndarray) for array in found)


class _ArrayUnpickler(pickle.Unpickler):
    """An unpickler that accepts only numpy arrays, as Python 2 and 3 write them."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        # numpy 1 wrote numpy.core, which numpy 2 has as numpy._core.
        home = module.replace("numpy.core", "numpy._core")
        if (home, name) in _REBUILDERS:
            return getattr(importlib.import_module(home), name)
        raise DataError(f"the pickle contains {module}.{name}; expected only numpy arrays")


_REBUILDERS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
}


def _latin1(text: str, _encoding: str) -> bytes:
    return text.encode("latin1")


def _dataset(arrays: Mapping[str, Array], path: Path) -> Dataset:
    found = {name.lower(): array for name, array in arrays.items()}
    X, y, shape = _part(found, "", path)
    if X is None or y is None:
        raise DataError(f"{path} holds {_keys(arrays)}; expected {_EXPECTED}")
    X_val, y_val, _ = _part(found, "_val", path)
    X_test, y_test, _ = _part(found, "_test", path)
    return Dataset(
        stem(path), X, y, X_test, y_test, X_val, y_val, image_shape=shape, source=str(path)
    )


def _part(
    found: Mapping[str, Array], part: str, path: Path
) -> tuple[Array | None, Array | None, tuple[int, int] | None]:
    """Return the rows, labels and image shape of one part; None for each if it is missing."""
    for rows, labels in _NAMES[part]:
        if rows in found and labels in found:
            X, shape = flatten(_numbers(found[rows], path), path)
            return X, _labels(found[labels], path), shape
        if part and (rows in found) != (labels in found):
            there, missing = (rows, labels) if rows in found else (labels, rows)
            raise DataError(f"{path} holds {there} without {missing}; expected both, or neither")
    return None, None, None


def _numbers(array: Array, path: Path) -> Array:
    if array.dtype.kind not in "buif":
        raise DataError(f"{path} has rows of type {array.dtype}; expected numbers")
    return array


def _labels(array: Array, path: Path) -> Array:
    if array.ndim == 0:
        raise DataError(f"{path} has a single label; expected one for each row")
    if array.dtype.kind not in "buifUS":
        raise DataError(f"{path} has labels of type {array.dtype}; expected numbers or text")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def _keys(arrays: Mapping[str, Array]) -> str:
    return f"the arrays {', '.join(sorted(arrays))}" if arrays else "no arrays"
