"""What is trained: six networks on six sets of rows, the same for every library.

Run as a program it writes the rows of one workload to a folder. That happens in a process of its
own, so that making the rows counts in nobody's peak memory.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Rows = tuple[NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True)
class Workload:
    """One network, its training, and how many rows it sees.

    ``l2`` is the factor of a weight in its own gradient: the penalty is l2/2 times the sum of
    squared weights. ``epochs`` is how many are timed, after one that is not.
    """

    name: str
    rows: int
    inputs: int
    hidden: tuple[int, ...]
    classes: int
    batch_size: int
    optimizer: Literal["adam", "sgd"]
    learning_rate: float
    epochs: int
    momentum: float = 0.0
    l2: float = 0.0

    @property
    def widths(self) -> tuple[int, ...]:
        return (self.inputs, *self.hidden, self.classes)

    @property
    def title(self) -> str:
        layers = "-".join(str(width) for width in self.widths[1:])
        update = "SGD + momentum" if self.momentum else {"adam": "Adam", "sgd": "SGD"}
        update = update if isinstance(update, str) else update[self.optimizer]
        l2 = f", L2 {self.l2:g}" if self.l2 else ""
        shape = f"{self.rows:,}×{self.inputs}"
        return f"{self.name}: {shape}, {layers}, batch {self.batch_size}, {update}{l2}"

    @property
    def flops_per_epoch(self) -> int:
        """Floating-point operations of an epoch's matrix products: two per multiply-add.

        Forward, the gradient of the weights, and the gradient of the inputs, which the first
        layer doesn't need.
        """
        macs = [a * b for a, b in itertools.pairwise(self.widths)]
        return 2 * self.rows * (3 * sum(macs) - macs[0])


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("table", 20_000, 20, (64, 64), 2, 64, "adam", 1e-3, 10),
        Workload("digits", 1_437, 64, (100,), 10, 200, "adam", 1e-3, 100),
        Workload("mnist-small", 60_000, 784, (64, 64), 10, 32, "sgd", 1e-2, 4, momentum=0.9),
        Workload("mnist-wide", 55_000, 784, (512,), 10, 100, "adam", 1e-3, 4),
        Workload("mnist-deep", 28_000, 784, (100,) * 5, 5, 140, "adam", 1e-3, 6),
        Workload("notmnist-shape", 200_000, 784, (1024,), 10, 128, "sgd", 1e-2, 3, l2=1e-3),
    )
}


def make_rows(workload: Workload, data_dir: Path) -> Rows:
    """Return X (rows, inputs) float32 and y (rows,) int64, the same at every call.

    Raises:
        FileNotFoundError: the workload needs MNIST and ``data_dir`` doesn't hold it.
    """
    X, y = _SOURCES[workload.name](workload, data_dir)
    assert X.shape == (workload.rows, workload.inputs), X.shape
    return np.ascontiguousarray(X, dtype=np.float32), y.astype(np.int64)


def _table(workload: Workload, _: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    from sklearn.datasets import make_classification

    X, y = make_classification(
        workload.rows, workload.inputs, n_informative=10, random_state=0, shuffle=True
    )
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def _digits(workload: Workload, _: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X[: workload.rows] / 16, y[: workload.rows]


def _mnist(workload: Workload, data_dir: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    images = _read_idx(data_dir / "mnist" / "train-images-idx3-ubyte.gz", 16)
    labels = _read_idx(data_dir / "mnist" / "train-labels-idx1-ubyte.gz", 8)
    kept = np.flatnonzero(labels < workload.classes)[: workload.rows]
    return images.reshape(len(labels), -1)[kept] / np.float32(255), labels[kept]


def _read_idx(path: Path, header: int) -> NDArray[np.uint8]:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def _noisy_images(workload: Workload, _: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Ten random pictures, each row one of them under noise, as uint8 scaled to [0, 1]."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (workload.classes, workload.inputs), dtype=np.uint8)
    y = rng.integers(0, workload.classes, workload.rows)
    X = np.empty((workload.rows, workload.inputs), np.float32)
    for part in np.array_split(np.arange(workload.rows), 50):
        noise = rng.integers(0, 256, (len(part), workload.inputs), dtype=np.uint8)
        X[part] = (pictures[y[part]] // 8 + noise // 8 * 7) / np.float32(255)
    return X, y


_SOURCES: dict[str, Callable[[Workload, Path], tuple[NDArray[Any], NDArray[Any]]]] = {
    "table": _table,
    "digits": _digits,
    "mnist-small": _mnist,
    "mnist-wide": _mnist,
    "mnist-deep": _mnist,
    "notmnist-shape": _noisy_images,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write X.npy and y.npy of one workload.")
    parser.add_argument("name", choices=WORKLOADS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data-dir", type=Path, default=Path())
    args = parser.parse_args()
    X, y = make_rows(WORKLOADS[args.name], args.data_dir)
    np.save(args.folder / "X.npy", X)
    np.save(args.folder / "y.npy", y)


if __name__ == "__main__":
    main()
