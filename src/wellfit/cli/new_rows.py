"""Reading new rows for a fitted model in the same way as its training table, in blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wellfit import store
from wellfit.cli.console import note
from wellfit.cli.reading_notes import header_note, unknown_note
from wellfit.cli.source import select
from wellfit.core.errors import DataError, InputError
from wellfit.core.model_folder import is_model
from wellfit.core.words import pluralize
from wellfit.datasets import TableSchema, load, read_features
from wellfit.datasets.arrays import is_pickle
from wellfit.datasets.cells import number_of, read_as
from wellfit.datasets.class_selection import choose_classes, has_class
from wellfit.datasets.files import ending, stem
from wellfit.datasets.splitting import take_rows
from wellfit.datasets.table_files import folder_columns, table_files
from wellfit.datasets.table_parts import FilePart
from wellfit.datasets.tables import PARQUET, column_names, is_table, place_in, refuse_missing
from wellfit.datasets.typed import refuse_infinity
from wellfit.inference.table_schema import known_levels, table_schema

if TYPE_CHECKING:
    import pandas as pd

    from wellfit.datasets.dataset import Rows
    from wellfit.datasets.task import Labels

_CELLS = 2**21  # values in a block: 16 MiB of float64
_MOST_ROWS = 2**15  # text takes more than a float64, and several copies of a block are made


class Block(NamedTuple):
    """A block of rows, their target if the file has it, and the columns that name them."""

    X: Rows
    y: Labels | None
    ids: pd.DataFrame | None = None


@dataclass(frozen=True)
class NewRows:
    """The rows to predict, as the user gave them.

    Args:
        name: a file, or the name of a data set.
        data_dir: a folder with named data sets.
        target: the column that the model predicts.
        na_values: cell values that mean missing, in addition to those of the training table.
        header: whether the first line of a csv is a header; None as in training.
        classes: the classes whose rows to predict, such as ``"0-4"``; None for all rows.
        allow_pickle: whether to read pickled arrays, whose test set then counts.
        ids: columns that name the rows; None for those of training, as far as they are there.
        constants: columns that the file's folders hold, as in ``day=2024-02-29``.
    """

    name: str
    data_dir: Path | None = None
    target: str | None = None
    na_values: Sequence[str] = ()
    header: bool | None = None
    classes: str | None = None
    allow_pickle: bool = False
    ids: tuple[str, ...] | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)

    def blocks(self, model: Any) -> Iterator[Block]:
        """Return blocks of rows with the model's input columns.

        Raises:
            DataError: a column is missing, a cell doesn't have its column's type (the message
                names its row and line), or no row has one of the classes.
        """
        columns = [str(name) for name in getattr(model, "feature_names_in_", ())]
        schema = self._schema(model)
        path = Path(self.name)
        if is_table(path) and columns and schema is not None:
            found = self._table(path, columns, schema, _UnknownLevels(model, schema))
            return found if self.classes is None else self._of_classes(found, model)
        if self.ids:
            raise InputError(
                f"--id {self.ids[0]} needs a csv or parquet file, and a model with column names"
            )
        return self._whole(path, columns, schema, model)

    def _of_classes(
        self, blocks: Iterable[Block], model: Any, names: Sequence[str] | None = None
    ) -> Iterator[Block]:
        """Yield the rows of blocks that are in the classes asked for."""
        if self.classes is None:
            yield from blocks
            return
        known = getattr(model, "classes_", None)
        if known is None:
            raise InputError("--classes needs a classifier, and the model is a regression")
        chosen = choose_classes(self.classes, np.asarray(known).tolist(), "the model", names)
        empty = True
        for X, y, ids in blocks:
            if y is None:
                raise InputError(
                    f"--classes needs the classes of the rows, and {self.name} has none"
                )
            rows = has_class(y, chosen)
            if rows.any():
                empty = False
                yield Block(X[rows], y[rows], None if ids is None else ids[rows])
        if empty:
            raise DataError(f"no row of {self.name} is in the classes {self.classes}")

    def _schema(self, model: Any) -> TableSchema | None:
        schema = table_schema(model, self.target)
        if schema is not None:
            return schema.adding(self.na_values, self.header)
        if self.na_values or self.header is False:
            raise InputError("--na and --no-header need a model with column names")
        return None

    def _table(
        self, path: Path, columns: Sequence[str], schema: TableSchema, levels: _UnknownLevels
    ) -> Iterator[Block]:
        there = refuse_lacking(path, columns, schema, self.name, self.constants)
        target = schema.target if schema.target in there else None
        target = None if target in columns else target
        ids = self._ids(there, schema)
        left = [name for name in there if name not in {*columns, *ids, target}]
        if left:
            shown = ", ".join(left[:5]) + (", …" if len(left) > 5 else "")
            note(f"ignored {pluralize(len(left), 'column')} that the model doesn't use: {shown}")
        read = list(dict.fromkeys([*columns, *([target] if target else []), *ids]))
        # An unreadable label doesn't prevent predictions, so the target is read as text.
        texts = [name for name in (target, *ids) if name is not None and name not in columns]
        loose = replace(schema, types={**schema.types, **dict.fromkeys(texts, "text")})
        place = place_in(path, schema)
        part = FilePart(path, 0, dict.fromkeys(there, "empty"), self.constants)
        for at, table in enumerate(part.blocks(loose, read, _rows(len(read)))):
            X = table[list(columns)]
            # The column names match the model: only numeric names suggest a missing header.
            numbered = any(number_of(name) is not None for name in there)
            if at == 0 and numbered and schema.header and ending(path) not in PARQUET:
                for doubt in header_note(table, path):
                    note(doubt)
            refuse_infinity(X, place)
            levels.look(X)
            y = None if target is None else _labels(table[target], target, schema)
            yield Block(X, y, table[list(ids)] if ids else None)
        levels.print_notes()

    def _ids(self, there: Sequence[str], schema: TableSchema) -> Sequence[str]:
        """Return the columns that name the rows; a note says which training had and aren't there.

        Raises:
            DataError: a column that was asked for isn't there; names the nearest one.
        """
        if self.ids is not None:
            refuse_missing(there, self.ids, self.name)
            return self.ids
        gone = [name for name in schema.ids if name not in there]
        if gone:
            note(f"{self.name} has no column {gone[0]!r}, so predictions don't name their rows")
        return [name for name in schema.ids if name in there]

    def _whole(
        self, path: Path, columns: Sequence[str], schema: TableSchema | None, model: Any
    ) -> Iterator[Block]:
        """Return blocks of an array's rows, or of the test set of a named or pickled data set."""
        y: Labels | None = None
        names: Sequence[str] | None = None
        if path.is_file() and not is_pickle(path):
            X = read_features(path, schema)
        else:
            data = load(
                self.name,
                data_dir=self.data_dir,
                allow_pickle=self.allow_pickle,
                schema=schema,
            )
            X, y = (data.X, data.y) if data.X_test is None else (data.X_test, data.y_test)
            names = data.class_names
        if columns:
            X = select(X, columns, self.name)
        size = _rows(X.shape[1])
        parts = (slice(first, first + size) for first in range(0, len(X), size))
        found = (Block(take_rows(X, p), None if y is None else take_rows(y, p)) for p in parts)
        return self._of_classes(found, model, names)


def refuse_lacking(
    path: Path,
    columns: Sequence[str],
    schema: TableSchema,
    name: str,
    constants: Iterable[str] = (),
) -> list[str]:
    """Return the names of a table's columns, which have to include those of a model.

    Args:
        path: its file.
        columns: those of the model.
        schema: how it is read.
        name: of the data, for messages.
        constants: columns that the file's folders hold.

    Raises:
        DataError: a column is missing; names the nearest one.
    """
    there = [*column_names(path, schema), *constants]
    try:
        refuse_missing(there, columns, name)
    except DataError as error:
        if any(number_of(each) is not None for each in there):
            raise DataError(f"{error}. If its first line holds data: --no-header") from error
        raise
    return there


def refuse_other_columns(folder: Path, name: str, header: bool | None) -> None:
    """Raise a DataError if a table lacks a column of a model, before the model is loaded.

    Args:
        folder: of the model; of a checkpoint nothing is known yet.
        name: of the table's file; other data are left to whoever reads them.
        header: whether the first line of a csv is a header; None as in training.
    """
    path = Path(name)
    if not is_table(path) or not is_model(folder):
        return
    document = store.load_document(folder)
    try:
        first = document.get("members", [document])[0]  # an ensemble's have the same columns
        columns, inputs = first["feature_names_in"], first["inputs"]
        schema = TableSchema.from_document(inputs["schema"]) if "schema" in inputs else None
    except (AttributeError, LookupError, TypeError, DataError):
        return  # loading the model says what is wrong with it
    if columns:
        own = schema or TableSchema(dict.fromkeys(columns, "number"))
        refuse_lacking(path, columns, own.adding(header=header), name)


def rows_of_folder(rows: NewRows, out: Path) -> Iterator[tuple[NewRows, Path]]:
    """Yield the rows of each table below a folder, and the csv file for its predictions.

    Args:
        rows: of the folder.
        out: the folder to write into, in which the files are named as they are in the other.

    Raises:
        DataError: there are no tables.
        InputError: two files have names that differ in their endings only.
    """
    base = Path(rows.name).expanduser()
    files = table_files(base)
    if not files:
        raise DataError(f"the folder {base} holds no tables; expected parquet or csv files")
    places = [out / path.relative_to(base).with_name(f"{stem(path)}.csv") for path in files]
    twice = next((path for path in places if places.count(path) > 1), None)
    if twice is not None:
        raise InputError(f"two files of {base} would have their predictions in {twice}")
    parquet = all(ending(path) in PARQUET for path in files)
    constants = folder_columns(base, files) if parquet else [{}] * len(files)
    for path, place, more in zip(files, places, constants, strict=True):
        yield replace(rows, name=str(path), constants=more), place


def _rows(columns: int) -> int:
    """Return the features of a block."""
    return min(max(_CELLS // columns, 1), _MOST_ROWS)


def _labels(cells: pd.Series[Any], target: str, schema: TableSchema) -> pd.Series[Any]:
    """Return the target with the type of the model's classes; unreadable cells are missing."""
    return read_as(cells, schema.types[target], schema.decimal(target))[0]


class _UnknownLevels:
    """Finds text columns that have no category known to the model."""

    def __init__(self, model: Any, schema: TableSchema) -> None:
        levels = known_levels(model)
        self._levels = {name: levels[name] for name in levels if schema.types[name] == "text"}
        self._examples: dict[str, str] = {}

    def look(self, X: pd.DataFrame) -> None:
        """Check more rows; columns with a known category are finished."""
        for name in list(self._levels):
            cells = X[name].dropna()
            if cells.isin(self._levels[name]).any():
                del self._levels[name]
                self._examples.pop(name, None)
            elif len(cells):
                self._examples.setdefault(name, str(cells.iloc[0]))

    def print_notes(self) -> None:
        """Print a note for each column without a known category."""
        for name, example in self._examples.items():
            note(unknown_note(name, example, self._levels[name]))
