"""Tables in several files: read in blocks, and compared before any row counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest

from wellfit.core.errors import DataError
from wellfit.datasets import Dataset, StreamedTable, load, train_test_split
from wellfit.datasets.csv_files import csv_types, layout_of
from wellfit.datasets.memory_budget import is_beyond_memory
from wellfit.datasets.schema import TableSchema
from wellfit.datasets.table_files import streamed_files
from wellfit.datasets.tables import table_blocks

N = 100


def table(n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=n), "town": rng.choice(["Bern", "Ulm"], n)})
    frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), unit="D")
    frame["open"] = rng.random(n) < 0.5
    frame.loc[::7, "town"] = None
    return frame.assign(sold=np.arange(n) % 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for at, rows in enumerate(np.array_split(np.arange(N), 3)):
        table().iloc[rows].to_parquet(tmp_path / f"{at}.parquet", index=False)
    return tmp_path


def rewritten(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_parquet(path)).to_parquet(path, index=False)


def test_rows_come_in_the_order_of_the_files(folder: Path) -> None:
    data = Dataset.from_parquet(folder, target="sold")
    assert isinstance(data.X, StreamedTable)
    assert repr(data) == f"<Dataset '{folder.name}': 100 rows, 4 columns>"
    pd.testing.assert_frame_equal(data.X.to_frame(), table().drop(columns="sold"))
    assert data.y.tolist() == table()["sold"].tolist()
    assert [len(block) for block in data.X.blocks(20)] == [20, 14, 20, 13, 20, 13]


@pytest.mark.parametrize("rows", [slice(30, 40), [0, 34, 99], np.array([], int), slice(None)])
def test_some_rows_are_those_of_the_table(folder: Path, rows: object) -> None:
    some = streamed_files(folder)[rows]  # type: ignore[index]
    wanted = table().iloc[rows].reset_index(drop=True)  # type: ignore[call-overload]
    assert some.shape == wanted.shape
    if len(wanted):
        pd.testing.assert_frame_equal(some.to_frame(), wanted)
    again = some[: len(some) // 2]
    assert len(again) == len(wanted) // 2


def test_rows_out_of_order_and_tables_as_arrays_are_refused(folder: Path) -> None:
    every = streamed_files(folder)
    with pytest.raises(DataError, match="expected their numbers in increasing order"):
        every[[3, 1]]
    with pytest.raises(DataError, match="read in blocks, and not as a whole"):
        np.asarray(every)


def test_a_sample_is_uniform_and_in_order(folder: Path) -> None:
    every = streamed_files(folder)
    counts = np.zeros(N)
    for seed in range(100):
        days = every.select(["day"]).sample(30, seed)["day"]
        assert days.is_monotonic_increasing
        counts[(days - pd.Timestamp("2024-01-01")).dt.days] += 1
    assert counts.sum() == 3000
    assert counts.min() > 10  # 30 are expected, with a standard deviation of 4.6
    assert len(every.sample(N)) == N


def test_a_fingerprint_changes_with_files_columns_and_rows(folder: Path) -> None:
    first = streamed_files(folder)
    assert first.fingerprint == streamed_files(folder).fingerprint
    others = {first.fingerprint, first.drop("open").fingerprint, first[1:].fingerprint}
    rewritten(folder / "1.parquet", lambda part: part.assign(sold=1))
    assert len({*others, streamed_files(folder).fingerprint}) == 4


def test_rows_of_one_class_share_its_text(folder: Path) -> None:
    for path in folder.glob("*.parquet"):
        rewritten(path, lambda part: part.assign(sold=part["sold"].map("class {}".format)))
    y = Dataset.from_parquet(folder, target="sold").y
    assert y.tolist() == table()["sold"].map("class {}".format).tolist()
    assert len({id(text) for text in y}) == 3


def test_a_split_keeps_the_order_of_the_files(folder: Path) -> None:
    split = train_test_split(Dataset.from_parquet(folder, target="sold"), 0.25)
    days = pd.concat([split.X.to_frame(), split.X_test.to_frame()])["day"]
    assert sorted(days) == table()["day"].tolist()
    for X, y in ((split.X, split.y), (split.X_test, split.y_test)):
        wanted = table().set_index("day").loc[X.to_frame()["day"], "sold"]
        assert np.asarray(y).tolist() == wanted.tolist()


def test_folders_may_hold_a_column(tmp_path: Path) -> None:
    for day in (1, 2):
        (tmp_path / f"day={day}" / "kind=a b").mkdir(parents=True)
        frame = pd.DataFrame({"x": [1.0 * day], "y": ["no" if day == 1 else "yes"]})
        frame.to_parquet(tmp_path / f"day={day}" / "kind=a b" / "0.parquet")
    (tmp_path / "_notes.parquet").write_text("of another program")
    data = Dataset.from_parquet(tmp_path, target="y")
    assert data.X.to_frame().to_dict("list") == {
        "x": [1.0, 2.0],
        "day": [1, 2],
        "kind": ["a b"] * 2,
    }
    assert data.X.select(["day"]).to_frame()["day"].tolist() == [1, 2]


def without_size(part: pd.DataFrame) -> pd.DataFrame:
    return part.drop(columns="size")


def with_more(part: pd.DataFrame) -> pd.DataFrame:
    return part.assign(more=1)


def as_text(part: pd.DataFrame) -> pd.DataFrame:
    return part.assign(size=part["size"].astype(str))


def with_lists(part: pd.DataFrame) -> pd.DataFrame:
    return part.assign(town=[["Bern"]] * len(part))


def with_a_gap(part: pd.DataFrame) -> pd.DataFrame:
    return part.assign(sold=part["sold"].where(np.arange(len(part)) != 4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_size, "1.parquet has no column 'size', which .*0.parquet has"),
        (with_more, "0.parquet has no column 'more', which .*1.parquet has"),
        (as_text, "column 'size' holds text in .*1.parquet, and numbers in .*0.parquet"),
        (with_lists, "column 'town' of .*1.parquet is of Arrow's type list"),
        (with_a_gap, "'sold' is missing in 1 of 100 rows, first in row 5 of .*1.parquet"),
    ],
)
def test_a_file_that_differs_is_named_with_its_column(
    folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    rewritten(folder / "1.parquet", change)
    with pytest.raises(DataError, match=message):
        Dataset.from_parquet(folder, target="sold")


def test_a_column_may_be_empty_in_some_files(folder: Path) -> None:
    rewritten(folder / "0.parquet", lambda part: part.assign(town=None))
    assert streamed_files(folder).schema.types["town"] == "text"
    assert streamed_files(folder).to_frame()["town"].isna().sum() > 34


def test_files_without_rows_are_left_out_and_empty_ones_refused(folder: Path) -> None:
    rewritten(folder / "2.parquet", lambda part: part[:0])
    with pytest.warns(UserWarning, match=r"2\.parquet has no rows: left out"):
        assert len(streamed_files(folder)) == 67
    (folder / "1.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"1\.parquet is empty"):
        streamed_files(folder)
    (folder / "1.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(DataError, match=r"1\.parquet cannot be read"):
        streamed_files(folder)


def test_files_that_are_not_there_are_named(folder: Path) -> None:
    with pytest.raises(
        DataError, match=r"no file matches .*\*\.pq; the folder .* holds 0\.parquet"
    ):
        streamed_files(str(folder / "*.pq"))
    with pytest.raises(DataError, match="there is no file"):
        streamed_files(folder / "9.parquet")
    (folder / "some").mkdir()
    with pytest.raises(DataError, match="holds no tables"):
        streamed_files(folder / "some")
    table().to_csv(folder / "9.csv", index=False)
    with pytest.raises(DataError, match="files of two types"):
        streamed_files(folder)
    with pytest.raises(DataError, match="has no column 'sould'; did you mean 'sold'"):
        Dataset.from_parquet(folder / "0.parquet", target="sould")
    assert len(streamed_files(str(folder / "[01].parquet"))) == 67
    assert len(streamed_files([folder / "1.parquet", folder / "0.parquet"])) == 67


def test_csv_files_have_the_types_of_all_their_rows(tmp_path: Path) -> None:
    for at, code in enumerate(["7", "A1"]):
        frame = table().assign(code=["1"] * (N - 1) + [code])
        frame.to_csv(tmp_path / f"{at}.csv.gz", index=False)
    found = csv_types(layout_of(tmp_path / "1.csv.gz", TableSchema()), TableSchema(), rows=30)
    assert found[0] == N
    assert found[1] == {
        **dict.fromkeys(("size", "sold"), "number"),
        "town": "text",
        "day": "date",
        "open": "boolean",
        "code": "text",
    }
    with pytest.raises(DataError, match=r"column 'code' holds text in .*1\.csv\.gz, and numbers"):
        Dataset.from_csv(tmp_path, target="sold")
    schema = TableSchema(types={"code": "text"})
    data = Dataset.from_csv(tmp_path, target="sold", schema=schema)
    assert data.X.shape == (2 * N, 5)
    assert data.X[[N - 1, 2 * N - 1]].to_frame()["code"].tolist() == ["7", "A1"]


def test_dask_partitions_are_parts(folder: Path) -> None:
    dask = pytest.importorskip("dask.dataframe")
    data = Dataset.from_dask(dask.from_pandas(table(), npartitions=4), target="sold")
    assert len(data.X.parts) == 4
    wanted = table().drop(columns="sold")
    pd.testing.assert_frame_equal(data.X.to_frame(), wanted, check_dtype=False)


def test_a_folder_is_read_whole_where_it_fits(folder: Path) -> None:
    whole = load(folder, target="sold")
    pd.testing.assert_frame_equal(whole.X, table().drop(columns="sold"))
    assert isinstance(load(folder, target="sold", memory=1000).X, StreamedTable)
    assert isinstance(load(folder / "0.parquet", target="sold", memory=1000).X, StreamedTable)
    table().to_csv(folder / "x.csv", index=False)
    assert isinstance(load(folder / "x.csv", target="sold", memory=1000).X, StreamedTable)
    assert isinstance(load(folder / "x.csv", target="sold").X, pd.DataFrame)
    assert not is_beyond_memory([folder / "0.parquet"], 34 * 5 * 8 * 4)
    assert is_beyond_memory([folder / "0.parquet"], 34 * 5 * 8 * 4 - 1)


def test_a_row_group_is_read_page_by_page(tmp_path: Path) -> None:
    path, n, schema = tmp_path / "one.parquet", 500_000, TableSchema({"a": "number"})
    pd.DataFrame({"a": np.random.default_rng(0).random(n)}).to_parquet(path)
    at_rest = pyarrow.total_allocated_bytes()
    blocks = table_blocks(path, schema, ["a"], 50_000)
    held = [pyarrow.total_allocated_bytes() - at_rest for _ in blocks]
    assert len(held) == n / 50_000
    assert max(held) < 8 * n / 1.2, "the whole row group, and the block, would be more"
