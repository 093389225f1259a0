"""Exports and imports by the name of a format, or of a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
from numpy.typing import ArrayLike

from wellfit.core.errors import InputError, ModelFileError, UnknownNameError
from wellfit.estimators import MLPClassifier, MLPRegressor
from wellfit.transfer.interop.estimator import Task
from wellfit.transfer.interop.from_keras import from_keras
from wellfit.transfer.interop.from_torch import from_torch
from wellfit.transfer.interop.to_keras import to_keras
from wellfit.transfer.interop.to_numpy import to_numpy
from wellfit.transfer.interop.to_onnx import to_onnx
from wellfit.transfer.interop.to_sklearn import to_sklearn
from wellfit.transfer.interop.to_torch import write_torch

_PICKLES = (".pkl", ".pickle", ".joblib")
_TORCH, _KERAS = (".pt", ".pth", ".safetensors"), (".keras", ".h5", ".hdf5", ".json")


def _write_onnx(model: Any, path: Path) -> list[Path]:
    to_onnx(model, path)
    return [path]


def _write_sklearn(model: Any, path: Path) -> list[Path]:
    return [Path(file) for file in joblib.dump(to_sklearn(model), path)]


EXPORTS: dict[str, Callable[[Any, Path], list[Path]]] = {
    "keras": to_keras,
    "numpy": to_numpy,
    "onnx": _write_onnx,
    "sklearn": _write_sklearn,
    "torch": write_torch,
}


def export(model: Any, to: str, path: str | os.PathLike[str]) -> list[Path]:
    """Write a fitted estimator for another library.

    Args:
        model: a fitted MLPClassifier or MLPRegressor.
        to: ``"onnx"``; ``"torch"`` (Python source in ``.py``, weights beside); ``"keras"``
            (``.keras``, or ``.json`` with weights beside); ``"sklearn"`` (joblib's pickle: load
            it only where you trust the file); ``"numpy"`` (Python source in ``.py``).
        path: of the file.

    Returns:
        The files written.

    Raises:
        UnknownNameError: another format.
        InputError: something that the format can't express, by name.
        MissingExtraError: a library that writing it needs isn't installed.

    >>> import tempfile
    >>> clf = MLPClassifier((4,), epochs=2, random_state=0).fit([[0.0], [1.0]], ["a", "b"])
    >>> [file.name for file in export(clf, "torch", Path(tempfile.mkdtemp()) / "net.py")]
    ['net.py', 'net.pt']
    """
    if to not in EXPORTS:
        raise UnknownNameError("format", to, EXPORTS)
    return EXPORTS[to](model, Path(path))


def import_model(
    path: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    activation: str | None = None,
    output: str | None = None,
    classes: ArrayLike | None = None,
    task: Task | None = None,
) -> MLPClassifier | MLPRegressor:
    """Return another library's model as a fitted estimator, by the ending of its file.

    Args:
        path: ``.keras``, ``.h5``, ``.json`` of Keras; ``.pt``, ``.pth``, ``.safetensors`` of
            PyTorch, which hold weights alone.
        weights: those of a ``.json``, where they aren't beside it.
        activation: of the hidden layers, which PyTorch's files lack: ``"relu"`` if None.
        output: what is done to the last numbers, which they lack as well.
        classes: (C,) labels in the order of the outputs.
        task: ``"classification"``, ``"multilabel"`` or ``"regression"``; of all four, more is
            said at :func:`from_torch`.

    Raises:
        ModelFileError: a pickle, which isn't read since it may run code, or another file.
        InputError: a layer that has no counterpart here, by name.
        MissingExtraError: h5py isn't installed, and the model is Keras's.
    """
    file = Path(path)
    ending = file.suffix.lower()
    if ending in _KERAS:
        if activation is not None or output is not None:
            raise InputError(
                f"{file} holds its activations and its output; expected neither to be given"
            )
        return from_keras(file, weights, classes=classes, task=task)
    if ending in _TORCH:
        return from_torch(
            file,
            activation=activation or "relu",
            output=output or "identity",
            classes=classes,
            task=task,
        )
    known = ", ".join([*_KERAS, *_TORCH])
    if ending in _PICKLES:
        raise ModelFileError(
            f"{file} is a pickle, which can run any code and is not read; expected {known} (of "
            "scikit-learn: wellfit.transfer.from_sklearn(model), in Python)"
        )
    raise ModelFileError(
        f"{file} can't be imported; expected a name that ends in {known}. Weights that another "
        "library has read become a model by wellfit.transfer.from_parts"
    )
