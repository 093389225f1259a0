"""Plain values are read as a table of them is, column by column and row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellfit import MLPClassifier
from wellfit.core.errors import DataError
from wellfit.datasets import TableSchema
from wellfit.datasets.tables import refuse_unreadable, typed_values
from wellfit.datasets.typed import refuse_infinity
from wellfit.inference import read_numpy_model
from wellfit.inference.cells import CellReader, ReadCells

SCHEMA = TableSchema(
    {"age": "number", "job": "text", "member": "boolean", "since": "date", "void": "empty"},
    na_values=("?", "-9"),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "age": st.none() | st.integers(-10, 10) | st.floats(-1e30, 1e30) | st.sampled_from(["7", "?"]),
    "job": st.none()
    | st.sampled_from(["cook", " cook ", "clerk", "?", "", "NA", "é", "7", 7, 7.5]),
    "member": st.none() | st.booleans() | st.sampled_from(["true", "no", 1, 0.0]),
    "since": st.none() | st.sampled_from(["2024-02-29", "2024-02-29T12:00Z", "soon", 3]),
    "void": st.none() | st.sampled_from(["x", 1]),
}
NAMES = list(VALUES)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> CellReader:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"age": rng.normal(size=40), "job": np.resize(["cook", "clerk", None], 40)}
    )
    table["member"] = table["age"] > 0
    table["since"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(40), unit="D")
    table["void"] = np.nan
    table.loc[3, "age"] = np.nan
    clf = MLPClassifier(
        (4,), epochs=1, random_state=0, early_stopping=False, validation_folds=None
    )
    path = clf.fit(table, table["member"]).save(tmp_path_factory.mktemp("cells") / "model")
    model = read_numpy_model(path)
    assert model is not None
    return CellReader(model, SCHEMA)


def place(row: int) -> str:
    return f"row {row + 1}"


def by_table(reader: CellReader, columns: list[list[Any]]) -> ReadCells:
    """Read values through pandas, as those of a parquet file."""
    table = pd.DataFrame(dict(zip(NAMES, columns, strict=True)))
    refuse_unreadable(table, "the request")
    table = typed_values(table, SCHEMA, place)
    refuse_infinity(table, place)
    return reader.read_table(table)


@given(st.lists(st.tuples(*VALUES.values()), min_size=1, max_size=4))
def test_values_are_read_as_a_table_is(reader: CellReader, rows: list[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    try:
        expected: ReadCells | str = by_table(reader, columns)
    except DataError as error:
        expected = str(error)
    try:
        found: ReadCells | str = reader.read(columns, place)
    except DataError as error:
        found = str(error)
    if isinstance(expected, str) or isinstance(found, str):
        # Of two faults either may be named.
        assert isinstance(expected, str)
        assert isinstance(found, str)
        return
    for name in ("numbers", "flags", "places"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_rows_of_several_join(reader: CellReader) -> None:
    first: list[list[Any]] = [[1.0], ["cook"], [True], ["2024-02-29"], [None]]
    second: list[list[Any]] = [[None], ["unknown"], [None], [None], [None]]
    joined = ReadCells.joined([reader.read(first, place), reader.read(second, place)])
    both = [[*a, *b] for a, b in zip(first, second, strict=True)]
    assert len(joined) == 2
    np.testing.assert_array_equal(reader.encode(joined), reader.encode(reader.read(both, place)))


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (0, "old", "column 'age' holds 'old' in row 1; expected a number"),
        (0, -1e31, "column 'age' holds -1e\\+31 in row 1; expected numbers between"),
        (1, ["cook"], "column 'job' of the request contains lists"),
        (2, "yes", "column 'member' holds 'yes' in row 1; expected True or False"),
        (3, "soon", "column 'since' holds 'soon' in row 1; expected a date"),
    ],
)
def test_a_value_of_another_type_is_named(
    reader: CellReader, at: int, value: Any, message: str
) -> None:
    columns: list[list[Any]] = [[None]] * 5
    columns[at] = [value]
    with pytest.raises(DataError, match=message):
        reader.read(columns, place)
