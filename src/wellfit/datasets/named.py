"""What a data set that goes by a name is: what a listing shows of it, and how it is loaded."""

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
    """What is known of a named data set before it is loaded.

    ``rows`` counts every part, ``columns`` leaves the target out, and ``where`` says where the
    data would come from: "bundled", "local", "cached" or "download".
    """

    name: str
    kind: Literal["images", "table"]
    rows: int
    columns: int
    task: Kind
    where: Where
    description: str


class LoadOptions(NamedTuple):
    """What a caller may ask of a named data set.

    Attributes:
        data_dir: the user's folder of data.
        target: another column to predict, where the data are a table.
        schema: the types of the table's columns, where it is read from a file.
    """

    data_dir: Path | None = None
    target: str | None = None
    schema: TableSchema | None = None


@dataclass(frozen=True, kw_only=True)
class NamedDataset(abc.ABC):
    """A named data set: what is known of it, and how to get it.

    Args:
        name: what it goes by.
        kind: "images" or "table".
        rows: how many there are, all parts together.
        columns: how many there are, the target left out.
        task: the question that ``target`` asks.
        target: the column to predict; empty for images.
        description: a sentence or two.
        source: who published it.
        license: under which terms, as far as known.
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
        """Say where the data would come from."""

    def load(self, options: LoadOptions | None = None) -> Dataset:
        """Return the data under this name, with what is known of them.

        Raises:
            DataError: unavailable, damaged, or without such a target.
        """
        return self._described(self._read(options or LoadOptions()))

    @abc.abstractmethod
    def _read(self, options: LoadOptions) -> Dataset:
        """Return the data as they come from their source."""

    def info(self, data_dir: Path | None = None) -> DatasetInfo:
        """Return what a listing shows."""
        where = self.where(data_dir)
        return DatasetInfo(
            self.name, self.kind, self.rows, self.columns, self.task, where, self.description
        )

    def _described(self, dataset: Dataset) -> Dataset:
        """Return ``dataset`` under this name, with what is known of it."""
        return replace(
            dataset,
            name=self.name,
            task=self.task if (dataset.target or "") == self.target else None,
            description=" ".join(filter(None, (self.description, dataset.description))),
            source=self.source,
            license=self.license,
        )


def data_folder(data_dir: Path | None = None) -> Path | None:
    """Return ``data_dir``, or the folder that ``WELLFIT_DATA`` names, or nothing."""
    if data_dir is not None:
        return data_dir
    named = os.environ.get("WELLFIT_DATA")
    return Path(named).expanduser() if named else None
