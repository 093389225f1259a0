"""Named tables of a data folder, described in its ``tabular/index.json``.

The index is a list of objects with the keys ``name``, ``file`` (below the data folder), ``rows``,
``columns``, ``target``, ``task``, and, where they apply, ``drop_before_modelling``, ``notes``,
``license``, ``source_repo``. The files ``x_train`` and ``x_test`` are one data set ``x``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wellfit.core.errors import DataError
from wellfit.core.files import read_json
from wellfit.datasets.dataset import Dataset
from wellfit.datasets.files import reading
from wellfit.datasets.named import LoadOptions, NamedDataset, Where, data_folder
from wellfit.datasets.schema import TableSchema
from wellfit.datasets.tables import read_table, read_with_schema, split_target
from wellfit.datasets.task import Kind

if TYPE_CHECKING:
    import pandas as pd

INDEX = Path("tabular") / "index.json"
_KEYS = {"name": str, "file": str, "rows": int, "columns": int, "target": str, "task": str}
_TASKS = ("binary", "multiclass", "regression")


@dataclass(frozen=True, kw_only=True)
class Indexed(NamedDataset):
    """A user's table, with its target and the columns to leave out.

    Args:
        file: the table.
        test_file: the table of the test set, if there is one.
        drop: identifiers, and columns that determine the target.
    """

    file: Path
    test_file: Path | None
    drop: tuple[str, ...]

    def where(self, data_dir: Path | None = None) -> Where:
        """Return "local"."""
        return "local"

    def _read(self, options: LoadOptions) -> Dataset:
        """Return the table with its test set, if any, read by the same schema."""
        target = options.target or self.target
        table, schema = read_with_schema(self.file, options.schema or TableSchema())
        X, y = self._split(table, self.file, target)
        X_test, y_test = None, None
        if self.test_file:
            X_test, y_test = self._split(
                read_table(self.test_file, schema), self.test_file, target
            )
        schema = replace(schema, target=target)
        return Dataset(self.name, X, y, X_test, y_test, target=target, schema=schema)

    def _split(self, table: pd.DataFrame, file: Path, target: str) -> tuple[Any, Any]:
        kept = table.drop(columns=list(self.drop), errors="ignore")
        return split_target(kept, target, f"{self.name} ({file})")


def indexed(data_dir: Path | None = None) -> dict[str, Indexed]:
    """Return the tables in the index of ``data_dir`` or ``WELLFIT_DATA``, by name.

    Raises:
        DataError: the index is damaged.
    """
    root = data_folder(data_dir)
    if root is None or not (root / INDEX).is_file():
        return {}
    records = _records(root / INDEX)
    tables = {}
    for name, record in records.items():
        base = name.removesuffix("_train").removesuffix("_test")
        if name.endswith("_test") and f"{base}_train" in records:
            continue
        test = records.get(f"{base}_test") if name.endswith("_train") else None
        table = _table(root, base if test else name, record, test)
        tables[table.name] = table
    return tables


def _records(index: Path) -> dict[str, Mapping[str, Any]]:
    with reading(index):
        records = read_json(index)
        for record in records if isinstance(records, list) else [records]:
            for key, kind in _KEYS.items():
                if not isinstance(record, dict) or not isinstance(record.get(key), kind):
                    raise DataError(f"{index} has an entry without {key!r}: {str(record)[:60]}")
            if _task(record) not in _TASKS:
                raise DataError(f"{index} has the task {record['task']!r}; expected {_TASKS}")
    return {record["name"]: record for record in records}


def _table(
    root: Path, name: str, record: Mapping[str, Any], test: Mapping[str, Any] | None
) -> Indexed:
    drop = tuple(record.get("drop_before_modelling", ()))
    return Indexed(
        name=name,
        rows=record["rows"] + (test["rows"] if test else 0),
        columns=record["columns"] - 1 - len(drop),
        task=cast(Kind, _task(record)),
        description=record.get("notes", ""),
        source=record.get("source_repo", ""),
        license=record.get("license", record.get("licence", "")),
        file=root / record["file"],
        test_file=root / test["file"] if test else None,
        target=record["target"],
        drop=drop,
    )


def _task(record: Mapping[str, Any]) -> str:
    """Return the first word of the task, e.g. of "multiclass classification (26)"."""
    return str(record["task"]).partition(" ")[0]
