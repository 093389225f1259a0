from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellfit.core.errors import DataError
from wellfit.datasets import load, read_features, read_table
from wellfit.datasets.cells import MISSING

COLOURS = "size,colour,price\n1,red,2.5\n2,None,3\n,?,4\n"


@pytest.fixture
def write(tmp_path):
    def write_text(text, name="data.csv"):
        path = tmp_path / name
        data = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write_text


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz", "DATA.CSV", "Preis-ü.csv.gz"])
def test_a_csv_is_read_packed_or_not(name, write):
    dataset = load(write(COLOURS, name), target="price")
    assert dataset.name == name.split(".")[0]
    assert dataset.target == "price"
    assert dataset.y.tolist() == [2.5, 3, 4]
    assert list(dataset.X.columns) == ["size", "colour"]
    assert dataset.X["colour"].tolist() == ["red", "None", "?"]
    assert dataset.X["size"].isna().tolist() == [False, False, True]


def test_a_packed_file_is_known_by_its_content_not_its_name(write, tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(gzip.compress(COLOURS.encode()))
    pd.testing.assert_frame_equal(read_table(path), read_table(write(COLOURS, "plain.csv")))


@pytest.mark.parametrize("cell", MISSING)
def test_what_counts_as_missing(cell, write):
    table = read_table(write(f"a,b\nx,1\n{cell},{cell}\n"))
    assert table["a"].isna().tolist() == [False, True]
    assert table["b"].dtype == float
    assert table["b"].isna().tolist() == [False, True]


@pytest.mark.parametrize("cell", ["None", "?", "none", "na", "Na", "-", "NULL!", "unknown"])
def test_what_does_not_count_as_missing(cell, write):
    assert read_table(write(f"a,b\nx,1\n{cell},2\n"))["a"].tolist() == ["x", cell]


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=" \t"), min_size=1
).filter(lambda text: not text.isspace() and text == text.strip())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(TEXT.map(lambda text: "w" + text), min_size=1, max_size=5),
    separator=st.sampled_from(",;\t|"),
)
def test_texts_come_back_as_pandas_wrote_them(words, separator, tmp_path):
    path = tmp_path / "words.csv"
    table = pd.DataFrame({"größe": range(len(words)), "wort": words, "x": 0.5})
    table.to_csv(path, index=False, sep=separator)
    pd.testing.assert_frame_equal(read_table(path), table)


def test_empty_cells_survive_between_tabs(write):
    table = read_table(write("a\tb\tc\n1\t\t3\n4\t\t6\n"))
    assert table["c"].tolist() == [3, 6]
    assert table["b"].isna().all()


def test_a_separator_inside_quotes_separates_nothing(write):
    table = read_table(write('"a;b;c",d\n1,2\n'))
    assert list(table.columns) == ["a;b;c", "d"]


def test_blanks_after_commas_and_a_byte_order_mark_are_left_out(write):
    table = read_table(write(b"\xef\xbb\xbfage, job\n39, clerk\n"))
    assert table.to_dict("list") == {"age": [39], "job": ["clerk"]}


def test_a_row_index_that_pandas_wrote_is_no_feature(tmp_path):
    path = tmp_path / "a.csv"
    pd.DataFrame({"x": [1.5, 2.5], "y": [0, 1]}, index=[7, 3]).to_csv(path)
    assert list(read_table(path).columns) == ["x", "y"]
    assert list(read_features(path).columns) == ["x", "y"]


def test_parquet_keeps_its_types(tmp_path):
    table = pd.DataFrame(
        {
            "when": pd.to_datetime(["2024-01-01", "2024-01-02"]),
            "colour": pd.Categorical(["red", "blue"]),
            "count": pd.array([1, None], dtype="Int64"),
            "y": [0.5, 1.5],
        },
        index=[5, 3],
    )
    table.to_parquet(tmp_path / "a.parquet")
    dataset = load(tmp_path / "a.parquet", target="y")
    pd.testing.assert_frame_equal(dataset.X, table.drop(columns="y").reset_index(drop=True))


def test_parquet_without_an_end_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"x": np.arange(100)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="cannot be read"):
        read_table(path)


def test_cells_that_hold_lists_are_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"x": [[1, 2], [3]], "y": [0, 1]}).to_parquet(path)
    with pytest.raises(DataError, match=r"column 'x' .* contains lists"):
        read_table(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "has column names, but no rows"),
        ("a,b,a\n1,2,3\n", "more than one column named 'a'"),
        ("a,b\n1,2,3\n", "rows with more cells than the header"),
        ("a,b\n1,2\n1,2,3\n", "Expected 2 fields in line 3, saw 3"),
        ('a,b\n1,"2\n', "EOF inside string"),
        (b"a,b\n\xff\xfe,2\n", "not text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not text in UTF-8"),
    ],
)
def test_a_csv_that_cannot_be_used_says_why(text, complaint, write):
    with pytest.raises(DataError, match=complaint):
        read_table(write(text))


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz"])
def test_utf_16_is_no_text_that_is_read(name, write):
    with pytest.raises(DataError, match="not text in UTF-8: it contains zero bytes"):
        load(write("a,b\n1,2\n".encode("utf-16-le"), name), target="b")


def test_other_encodings_are_named(write):
    latin = write("dish,price\ncrêpe,2\n".encode("latin-1"), "menu.csv")
    with pytest.raises(DataError, match=r"Windows-1252, .* 'crêpe'.*`iconv -f WINDOWS-1252"):
        load(latin, target="price")
    utf16 = write("dish,price\ncrêpe,2\n".encode("utf-16"), "menu.csv")
    with pytest.raises(DataError, match=r"is text in UTF-16; .* `iconv -f UTF-16 -t UTF-8 .*menu"):
        load(utf16, target="price")


def test_a_sparse_file_of_100_gib_is_refused_at_once(tmp_path):
    with (tmp_path / "data.csv").open("wb") as file:
        file.truncate(100 * 2**30)
    with pytest.raises(DataError, match="not text in UTF-8"):
        load(tmp_path / "data.csv", target="b")


def test_a_truncated_gz_is_refused(write):
    path = write("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(2000)), "a.csv.gz")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"a\.csv\.gz is truncated"):
        read_table(path)


def test_a_damaged_gz_is_refused(write):
    path = write("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(2000)), "a.csv.gz")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.csv\.gz"):
        read_table(path)


def test_no_target_lists_the_columns_and_suggests_the_last(write):
    with pytest.raises(DataError, match=r"'size', 'colour', 'price'. The last one is 'price'"):
        load(write(COLOURS))


def test_a_wrong_target_suggests_the_nearest(write):
    with pytest.raises(DataError, match="no column 'Prise'; did you mean 'price'"):
        load(write(COLOURS), target="Prise")


def test_many_columns_are_not_all_listed(write):
    names = [f"c{i}" for i in range(500)]
    path = write(",".join(names) + "\n" + ",".join("1" * 500) + "\n")
    with pytest.raises(DataError, match="'c19' and 480 more") as caught:
        load(path)
    assert "'c20'" not in str(caught.value)


def test_a_target_alone_is_refused(write):
    with pytest.raises(DataError, match="no column except 'a'"):
        load(write("a\n1\n2\n"), target="a")


def test_features_need_no_target(write):
    pd.testing.assert_frame_equal(read_features(write(COLOURS)), read_table(write(COLOURS)))


def test_a_file_that_is_not_there_suggests_one_that_is(write):
    path = write(COLOURS, "adult.csv")
    with pytest.raises(DataError, match=r"no file .*adlut.csv; did you mean '.*adult.csv'"):
        read_table(path.with_name("adlut.csv"))
    with pytest.raises(DataError, match="there is no file"):
        read_features(path.parent / "nowhere" / "x.csv")


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(DataError, match="is a folder, not a file"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('a,b\nx,"1,234,567"\ny,"-12,000"\nz,9\n', [1_234_567, -12_000, 9]),
        ('a,b\nx,"1,234.5"\ny,\n', [1234.5, np.nan]),
        ('a,b\nx,"12,5"\ny,"1.234,25"\n', [12.5, 1234.25]),
        ("a;b\nx;1,234\ny;0,5\n", [1.234, 0.5]),
        ("a;b\nx;1,234.5\ny;7\n", [1234.5, 7]),
        ("a\tb\nx\t1,234\ny\t56\n", [1234, 56]),
    ],
)
def test_numbers_as_people_write_them_are_numbers(text, read, write):
    np.testing.assert_array_equal(read_table(write(text))["b"].to_numpy(), read)


@pytest.mark.parametrize(
    "cells",
    [["1,23", "4,567.8"], ["1,234", "x"], ["12:30", "13:00"], ["2024-02-30", "2024-01-01"]],
)
def test_what_is_no_number_and_no_date_stays_text(cells, write):
    rows = "".join(f'"{cell}",1\n' for cell in cells)
    assert read_table(write(f"a,b\n{rows}"))["a"].tolist() == cells


@pytest.mark.parametrize("cell", ["2024-02-29", "2024-02-29T00:00:00", "2024-02-29 01:00+01:00"])
def test_iso_dates_are_dates_of_utc(cell, write):
    table = read_table(write(f"when,x\n{cell},1\n,2\n"))
    assert table["when"].tolist() == [pd.Timestamp("2024-02-29"), pd.NaT]
