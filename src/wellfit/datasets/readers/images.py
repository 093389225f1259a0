"""The readers of image files and folders."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from wellfit.datasets.idx import flatten, read_idx, read_idx_file
from wellfit.datasets.images import read_image_folder
from wellfit.datasets.notmnist import ARCHIVE, read_notmnist
from wellfit.datasets.readers.base import Reader, ReadOptions

if TYPE_CHECKING:
    from wellfit.datasets.dataset import Dataset, Rows
    from wellfit.datasets.schema import TableSchema


class Idx(Reader, name="idx"):
    """MNIST's format: ``train-images-idx3-ubyte.gz``, ``x.idx``, with the labels' file beside."""

    kinds = "idx (train-images-idx3-ubyte.gz and the like, or a folder of them)"
    reads_features = True

    def reads(self, path: Path) -> bool:
        """Return whether a file has the name of an idx file."""
        return bool(re.search(r"[-.]idx(\d(-\w+)?)?(\.gz)?$", path.name))

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return images and the labels that lie beside them."""
        return read_idx_file(path)

    def read_features(self, path: Path, schema: TableSchema | None) -> Rows:
        """Return images, flattened."""
        return flatten(read_idx(path), path)[0]


class ImageFolder(Reader, name="image_folder"):
    """A folder of idx files."""

    def reads(self, path: Path) -> bool:
        """Return whether it is a folder."""
        return path.is_dir()

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the training and test sets."""
        return read_image_folder(path)


class NotMnist(Reader, name="notmnist"):
    """The archive of notMNIST's pictures."""

    kinds = "the notMNIST archive"

    def reads(self, path: Path) -> bool:
        """Return whether a file has the archive's name."""
        return path.name == ARCHIVE

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the pictures and their letters."""
        return read_notmnist(path)
