"""Requests for data on the command line: source, roles of the columns, and split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from wellfit.core.errors import InputError, UnknownNameError
from wellfit.core.memory import bytes_in
from wellfit.datasets import TableSchema
from wellfit.datasets.schema import CellType
from wellfit.datasets.tables import column_names, is_table

_TYPES: Mapping[str, CellType] = MappingProxyType(
    {
        "number": "number",
        "boolean": "boolean",
        "date": "date",
        "duration": "duration",
        "category": "text",
        "text": "text",
    }
)


@dataclass(frozen=True)
class Request:
    """A request for data, as the user gave it.

    Args:
        name: a file, a folder, or the name of a data set.
        target: the column to predict.
        data_dir: a folder with named data sets.
        allow_pickle: whether to read pickle files.
        drop: columns to leave out.
        test: a file with the test set.
        test_fraction: fraction of the rows for the test set, if none is given.
        task: "auto", "classification" or "regression".
        seed: seed of the split.
        time_column: columns by which the latest rows become the test set.
        group_column: column whose values are groups that a split keeps together.
        split_by: column of dates or of groups; its values decide which.
        weights: column with the weights of the training rows.
        validation_fraction: fraction of the other rows for validation, if the split isn't random.
        classes: the classes whose rows to use, such as ``"0-4"``; None for all.
        schema: how tables are read: what the command says of missing values, types, ids and of
            the header, and in a run that goes on, the types of all columns.
        memory: the bytes that a table may take; None for half of what is free.
    """

    name: str
    target: str | None = None
    data_dir: Path | None = None
    allow_pickle: bool = False
    drop: tuple[str, ...] = ()
    test: Path | None = None
    test_fraction: float = 0.2
    task: str = "auto"
    seed: int = 0
    time_column: tuple[str, ...] = ()
    group_column: str | None = None
    split_by: str | None = None
    weights: str | None = None
    validation_fraction: float = 0.0
    classes: str | None = None
    schema: TableSchema = field(default_factory=TableSchema)
    memory: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.test_fraction < 1:
            given = f"{self.test_fraction:g}"
            raise InputError(f"--test-fraction is {given}; expected a number between 0 and 1")
        splits = {
            "--test": self.test,
            "--split-by": self.split_by,
            "--time-column": self.time_column,
            "--group-column": self.group_column,
        }
        first, second, *_ = *(option for option, value in splits.items() if value), "", ""
        if second:
            raise InputError(f"{first} and {second} are both given; expected only one")
        self._refuse_double_use()
        if self.seed >= 2**32:
            raise InputError(f"--seed is {self.seed}; expected a number below {2**32}")
        if self.classes is not None and self.task == "regression":
            raise InputError(
                "--classes and --task regression are both given; a regression has no classes"
            )

    def _refuse_double_use(self) -> None:
        """Refuse a column with two roles."""
        ids = self.schema.ids
        named = [("--target", self.target), ("--weights", self.weights)]
        named += [("--id", name) for name in dict.fromkeys(ids)]
        seen: dict[str, str] = {}
        for option, name in named:
            if name is None:
                continue
            if name in seen:
                raise InputError(
                    f"{seen[name]} and {option} both name column {name!r}; expected another one"
                )
            seen[name] = option

    @property
    def aside(self) -> tuple[str, ...]:
        """The columns that are no features: ids and weights."""
        weights = () if self.weights is None else (self.weights,)
        return (*self.schema.ids, *weights)

    @property
    def named_columns(self) -> Mapping[str, str]:
        """The columns besides the target that a command names, each with its option."""
        named = dict.fromkeys(self.drop, "--drop")
        named |= dict.fromkeys(self.schema.types, "--types") if self.partial else {}
        named |= dict.fromkeys(self.time_column, "--time-column")
        for option in ("group_column", "split_by", "weights"):
            if (name := getattr(self, option)) is not None:
                named[name] = f"--{option.replace('_', '-')}"
        return named | dict.fromkeys(self.schema.ids, "--id")

    @property
    def partial(self) -> bool:
        """Whether the schema is from a command's options, and describes some columns only."""
        return self.schema.target is None

    @classmethod
    def from_options(
        cls, given: Mapping[str, Any], parameters: Mapping[str, Any], *, validates: bool = True
    ) -> Request:
        """Return the request from a command's options, and the estimator's parameters in them.

        Without ``validates``, a split by columns sets no validation set aside.
        """
        schema = schema_of(given)
        same = (
            *("target", "data_dir", "allow_pickle", "test", "test_fraction", "classes"),
            *("weights", "task", "seed"),
        )
        return cls(
            given["data"],
            drop=tuple(given["drop"] or ()),
            schema=schema,
            time_column=tuple(given.get("time_column") or ()),
            group_column=given.get("group_column"),
            split_by=given.get("split_by"),
            validation_fraction=_validation(parameters) if validates else 0.0,
            memory=None if given["memory"] is None else bytes_in(given["memory"]),
            **{name: given[name] for name in same},
        )


def schema_of(given: Mapping[str, Any]) -> TableSchema:
    """Return what a command's options say of how a table is read.

    Raises:
        InputError: no type of a column, or one that isn't known.

    >>> schema_of({"na": None, "types": ["zip=category,age=number"], "no_header": False}).types
    {'zip': 'text', 'age': 'number'}
    """
    ids = tuple(dict.fromkeys(given.get("ids") or ()))
    types: dict[str, Any] = dict.fromkeys(ids, "text")  # 007 stays what it is
    for pair in ",".join(given.get("types") or ()).split(",") if given.get("types") else ():
        column, equals, name = (part.strip() for part in pair.rpartition("="))
        if not equals or not column:
            raise InputError(f"--types {pair}: expected COLUMN=TYPE, such as zip=category")
        if name not in _TYPES:
            raise UnknownNameError(f"type of column {column!r}", name, _TYPES)
        types[column] = _TYPES[name]
    na_values = tuple(given["na"] or ())
    return TableSchema(types, na_values=na_values, header=not given["no_header"], ids=ids)


def _validation(given: Mapping[str, Any]) -> float:
    """Return the fraction of rows that training would hold out for validation."""
    asked = given.get("validation_fraction")
    return asked if asked is not None else 0.0 if given.get("early_stopping") is False else 0.1


def refuse_untyped(path: Path, schema: TableSchema) -> None:
    """Raise an error for a column whose type is given, and that a table's file doesn't have."""
    if not schema.types:
        return
    if not is_table(path):
        raise InputError(f"--types {next(iter(schema.types))} needs a csv or parquet file")
    there = column_names(path, schema)
    for name in schema.types:
        if name not in there:
            raise UnknownNameError("column for --types", name, there)


def by_time_or_groups(wanted: Request, X: Any) -> Request:
    """Return a request whose split is by time or by groups, as the values of a column are.

    Raises:
        InputError: numbers, which may be either.
    """
    name = wanted.split_by
    if name is None:
        return wanted
    column = X[name]
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return replace(wanted, split_by=None, time_column=(name,))
    if pd.api.types.is_numeric_dtype(column.dtype) and column.dtype.kind != "b":
        raise InputError(
            f"--split-by {name} holds numbers, which may be times or groups; expected "
            f"--time-column {name} or --group-column {name}"
        )
    return replace(wanted, split_by=None, group_column=name)
