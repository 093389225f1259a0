"""Named data sets: their metadata for listings, and the interface for loading them."""

from __future__ import annotations

import abc
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from wellfit.datasets.dataset import Dataset
from wellfit.datasets.schema import TableSchema
from wellfit.datasets.task import Kind

Where: TypeAlias = Literal["bundled", "local", "cached", "download"]


@dataclass(frozen=True)
class DatasetInfo:
    """Metadata of a named data set, known before it is loaded.

    ``rows`` counts all parts, ``columns`` excludes the target, and ``where`` is where the data
    would come from: "bundled", "local", "cached" or "download".
    """

    name: str
    kind: Literal["images", "table"]
    rows: int
    columns: int
    task: Kind
    where: Where
    description: str


class LoadOptions(NamedTuple):
    """Options for loading a named data set.

    Attributes:
        data_dir: the user's folder of data.
        target: another column to predict, for tables.
        schema: column types, for tables read from files.
    """

    data_dir: Path | None = None
    target: str | None = None
    schema: TableSchema | None = None


@dataclass(frozen=True, kw_only=True)
class NamedDataset(abc.ABC):
    """A named data set: its metadata, and how to load it.

    Args:
        name: name of the data set.
        kind: "images" or "table".
        rows: number of rows of all parts.
        columns: number of columns without the target.
        task: kind of task for ``target``.
        target: the column to predict; empty for images.
        description: a sentence or two.
        source: publication of the data.
        license: license, as far as known.
    """

    name: str
    kind: Literal["images", "table"] = "table"
    rows: int
    columns: int
    task: Kind
    target: str = ""
    description: str
    source: str
    license: str

    @abc.abstractmethod
    def where(self, data_dir: Path | None = None) -> Where:
        """Return where the data would come from."""

    def load(self, options: LoadOptions | None = None) -> Dataset:
        """Return the data with this name and metadata.

        Raises:
            DataError: unavailable, damaged, or without such a target.
        """
        return self._described(self._read(options or LoadOptions()))

    @abc.abstractmethod
    def _read(self, options: LoadOptions) -> Dataset:
        """Return the data as their source provides them."""

    def info(self, data_dir: Path | None = None) -> DatasetInfo:
        """Return the metadata for a listing."""
        where = self.where(data_dir)
        return DatasetInfo(
            self.name, self.kind, self.rows, self.columns, self.task, where, self.description
        )

    def _described(self, dataset: Dataset) -> Dataset:
        """Return ``dataset`` with this name and metadata."""
        return replace(
            dataset,
            name=self.name,
            task=self.task if (dataset.target or "") == self.target else None,
            description=" ".join(filter(None, (self.description, dataset.description))),
            source=self.source,
            license=self.license,
        )


def data_folder(data_dir: Path | None = None) -> Path | None:
    """Return ``data_dir``, or the folder that ``WELLFIT_DATA`` names, or None."""
    if data_dir is not None:
        return data_dir
    named = os.environ.get("WELLFIT_DATA")
    return Path(named).expanduser() if named else None
