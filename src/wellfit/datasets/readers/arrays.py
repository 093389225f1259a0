"""The readers of files that hold arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wellfit.datasets.arrays import PICKLES, read_npz, read_npz_rows, read_pickle
from wellfit.datasets.readers.base import Reader, ReadOptions

if TYPE_CHECKING:
    from wellfit.datasets.dataset import Dataset, Rows
    from wellfit.datasets.schema import TableSchema


class Npz(Reader, name="npz"):
    """NumPy's archive of arrays ``X``, ``y`` and the like."""

    endings = (".npz",)
    kinds = "npz"
    reads_features = True

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the arrays of the training, validation and test sets."""
        return read_npz(path)

    def read_features(self, path: Path, schema: TableSchema | None) -> Rows:
        """Return its ``X``."""
        return read_npz_rows(path)


class Pickle(Reader, name="pickle"):
    """Pickled arrays, read only if ``allow_pickle`` says so."""

    endings = PICKLES
    kinds = "pickled arrays (--allow-pickle)"

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Return the arrays of the training, validation and test sets."""
        return read_pickle(path, allow_pickle=options.allow_pickle)
