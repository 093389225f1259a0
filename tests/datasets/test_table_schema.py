"""Tables read by the schema of an earlier one, and what is inferred where there is none."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wellfit.core.errors import DataError
from wellfit.datasets import TableSchema, load, read_table
from wellfit.datasets.findings import find_stray_cells, header_looks_like_data
from wellfit.datasets.tables import column_names, read_with_schema, table_blocks

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_text(text: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        data = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write_text


def schema_of(path: Path) -> TableSchema:
    return read_with_schema(path, TableSchema())[1]


MIXED = 'code,flag,day,n,price\n01,True,2024-01-01,1,"1,5"\nA1,False,never,2,"2,25"\n'


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "txt"])
def test_columns_have_the_types_of_the_training_table(ending: str, write: Write) -> None:
    schema = schema_of(write(MIXED))
    new = "code,flag,day,n,price\n01,TRUE,2024-01-01,7,1.234\n02,0,2024-02-01,,3\n"
    table = read_table(write(new.replace(",", "\t"), f"new.{ending}"), schema)
    assert table["code"].tolist() == ["01", "02"]
    assert table["flag"].tolist() == [True, False]
    assert table["day"].tolist() == ["2024-01-01", "2024-02-01"]
    np.testing.assert_array_equal(table["n"], [7, np.nan])
    assert table["price"].tolist() == [1234, 3]


def test_columns_that_hold_nothing_are_missing_in_their_own_type(write: Write) -> None:
    schema = schema_of(write("a,b,c,d,e\n1,True,2024-01-01,x,\n2,False,2024-01-02,y,\n"))
    assert schema.types["e"] == "empty"
    table = read_table(write("a,b,c,d,e\n,,,,\n,,,,\n", "new.csv"), schema)
    assert table.isna().all(axis=None)
    assert table["c"].dtype.kind == "M"


BAD = {
    "n": ("x", "a number"),
    "flag": ("maybe", "True or False"),
    "day": ("05.01.2024", "a date such as 2024-02-29"),
    "price": ("1,234.5", "a number such as 1.234,5"),
}


@pytest.mark.parametrize("column", BAD)
def test_a_cell_of_another_type_is_named_with_its_line(column: str, write: Write) -> None:
    schema = schema_of(write('n,flag,day,price\n1,True,2024-01-01,"1,5"\n2,False,2024-01-02,2\n'))
    good = {"n": "1", "flag": "True", "day": "2024-01-01", "price": "3"}
    cell, expected = BAD[column]
    rows = [["remark", *good], ["two\nlines", *good.values()], []]
    rows += [["x", *(good | {column: cell}).values()]]
    text = "\n".join(",".join(f'"{c}"' for c in row) for row in rows)
    path = write(text, "new.csv")
    complaint = rf"column '{column}' holds '{cell}' in row 2 \(line 5 of .*new.csv\); expected "
    with pytest.raises(DataError, match=complaint + expected):
        read_table(path, schema)


def test_a_parquet_file_is_read_as_the_csv_was(tmp_path: Path, write: Write) -> None:
    schema = schema_of(write(MIXED))
    new = pd.DataFrame(
        {
            "code": [1, 2],
            "flag": [1, 0],
            "day": pd.to_datetime(pd.Series(["2024-01-01", None])),
            "n": ["3", " 4"],
            "price": ["1,5", "1.000"],
        }
    )
    new.to_parquet(tmp_path / "new.parquet")
    table = read_table(tmp_path / "new.parquet", schema)
    assert table["code"].tolist() == ["1", "2"]
    assert table["flag"].tolist() == [True, False]
    assert table["day"].tolist() == ["2024-01-01", None] or table["day"].isna().tolist()[1]
    assert table["n"].tolist() == [3, 4]
    assert table["price"].tolist() == [1.5, 1000]
    new.assign(n=pd.to_datetime("2024-01-01")).to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(DataError, match=r"column 'n' holds 2024-01-01.* row 1 of .*bad.parquet"):
        read_table(tmp_path / "bad.parquet", schema)


@pytest.mark.parametrize("missing", ["#N/A", "#DIV/0!", "-nan", "<NA>", "n/a", "1.#IND", "NULL"])
@pytest.mark.parametrize("written", ["{}", " {} ", '"{} "'])
@pytest.mark.parametrize("value", ["1.5", "2024-02-29", "True"])
def test_a_missing_value_leaves_a_column_its_type(
    missing: str, written: str, value: str, write: Write
) -> None:
    table = read_table(write(f"a,b\n{value},x\n{written.format(missing)},y\n"))
    assert table["a"].isna().tolist() == [False, True]
    assert not isinstance(table["a"].iloc[0], str)


@pytest.mark.parametrize("missing", ["Null", "na", "NAN", "None", "none", "#n/a", "nil"])
def test_words_are_missing_values_beside_numbers_and_levels_beside_text(
    missing: str, write: Write
) -> None:
    assert read_table(write(f"a,b\n1,x\n{missing},y\n"))["a"].isna().tolist() == [False, True]
    assert read_table(write(f"a,b\nx,1\n{missing},2\n"))["a"].tolist() == ["x", missing]
    schema = schema_of(write("a,b\n1,x\n2,y\n"))
    assert read_table(write(f"a,b\n{missing},x\n"), schema)["a"].isna().all()


def test_more_spellings_of_missing_values_can_be_declared(tmp_path: Path, write: Write) -> None:
    schema = TableSchema(na_values=("?", "-999"))
    table, found = read_with_schema(write("a,b\n1,x\n-999,?\n3,? \n"), schema)
    np.testing.assert_array_equal(table["a"], [1, np.nan, 3])
    assert table["b"].isna().tolist() == [False, True, True]
    assert found.na_values == ("?", "-999")
    pd.DataFrame({"a": [1.5, -999], "b": ["?", "x"]}).to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet", found).isna().to_numpy().tolist() == [
        [False, True],
        [True, False],
    ]


def test_blanks_around_cells_and_names_are_left_out(write: Write) -> None:
    table = read_table(write('a , b,"c "\n1 ,x ,"y "\n2,x,"  "\n'))
    assert list(table) == ["a", "b", "c"]
    assert table["a"].tolist() == [1, 2]
    assert table["b"].tolist() == ["x", "x"]
    assert table["c"].isna().tolist() == [False, True]
    with pytest.raises(DataError, match="more than one column named 'a'"):
        read_table(write("a,a \n1,2\n"))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a;b\n1,5;1.234\n2;999\n", [1234, 999]),  # a's comma shows that b's point groups
        ("a;b\n1,5;1.234\n2;0.999\n", [1.234, 0.999]),  # which b's own cells rule out
        ('a,b\n"1,5","1,234"\n2,"2,500"\n', [1.234, 2.5]),
        ("a;b\n1.5;1,234\n2;2,500\n", [1234, 2500]),
        ("a;b\nx;1,5e3\ny;2\n", [1500, 2]),
    ],
)
def test_columns_of_a_file_share_their_style_of_numbers(
    text: str, read: list[float], write: Write
) -> None:
    assert read_table(write(text))["b"].tolist() == read


def test_a_style_of_numbers_is_kept_for_later_files(write: Write) -> None:
    schema = schema_of(write("a;b;n\n1.234,5;x;1\n2,5;y;2\n"))
    assert schema.decimals == {"a": ","}
    table = read_table(write("a;b;n\n1.234;x;2.000\n12;y;3\n"), schema)
    assert table["a"].tolist() == [1234, 12]
    assert table["n"].tolist() == [2000, 3]
    english = schema_of(write("a;b\n1.5;x\n2.25;y\n"))
    assert read_table(write("a;b\n1,234;x\n2;y\n"), english)["a"].tolist() == [1234, 2]


def test_a_file_without_a_header_keeps_its_first_row(write: Write) -> None:
    path = write("5.1,2,big\n4.9,3,small\n", "a.data")
    data = load(path, target="column_3", schema=TableSchema(header=False))
    assert data.X.to_numpy().tolist() == [[5.1, 2], [4.9, 3]]
    assert data.y.tolist() == ["big", "small"]
    assert data.schema is not None
    new = read_table(write("6.5,1\n"), data.schema)
    assert list(new) == ["column_1", "column_2"]
    with pytest.raises(DataError, match=r"no header and 4 columns; expected the 3 .*column_1"):
        read_table(write("1,2,3,4\n"), data.schema)


def test_a_file_of_which_the_target_comes_first_may_lack_it(write: Write) -> None:
    data = load(write("y,a,b\nyes,1,2\nno,3,4\n"), target="y")
    assert data.schema is not None
    new = read_table(write("5,6\n7,8\n"), data.schema.adding(header=False))
    assert new.to_dict("list") == {"a": [5, 7], "b": [6, 8]}


def test_a_test_part_by_name_is_read_as_the_training_part(tmp_path: Path) -> None:
    (tmp_path / "tabular").mkdir()
    record = {"rows": 2, "columns": 2, "target": "y", "task": "binary"}
    records = [
        {"name": f"t_{part}", "file": f"tabular/{part}.csv", **record}
        for part in ("train", "test")
    ]
    (tmp_path / "tabular" / "index.json").write_text(pd.Series(records).to_json(orient="values"))
    (tmp_path / "tabular" / "train.csv").write_text("c,y\n01,yes\nA1,no\n")
    (tmp_path / "tabular" / "test.csv").write_text("c,y\n01,yes\n02,no\n")
    data: Any = load("t", data_dir=tmp_path)
    assert data.X_test["c"].tolist() == ["01", "02"]
    assert data.schema.types == {"c": "text", "y": "text"}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_blocks_are_the_table(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    table = pd.DataFrame({"a": np.arange(10.0) / 4, "b": list("abcdefghij"), "c": range(10)})
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    _, schema = read_with_schema(path, TableSchema())
    assert column_names(path, schema) == ["a", "b", "c"]
    blocks = list(table_blocks(path, schema, ["c", "a"], 4))
    assert [len(block) for block in blocks] == [4, 4, 2]
    pd.testing.assert_frame_equal(pd.concat(blocks), table[["c", "a"]], check_dtype=False)


def test_a_bad_cell_of_a_late_block_is_named_by_its_row(tmp_path: Path, write: Write) -> None:
    schema = TableSchema({"a": "number"})
    path = write("a\n" + "1\n" * 9 + "x\n")
    with pytest.raises(DataError, match=r"row 10 \(line 11 of"):
        list(table_blocks(path, schema, ["a"], 4))
    pd.DataFrame({"a": ["1"] * 9 + ["x"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="row 10 of"):
        list(table_blocks(tmp_path / "a.parquet", schema, ["a"], 4))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("types", {"a": "colour"}),
        ("types", ["a"]),
        ("decimals", {"a": ";"}),
        ("na_values", [1]),
        ("na_values", "?"),
        ("header", 1),
        ("target", 3),
    ],
)
def test_a_document_of_another_form_is_refused(field: str, value: object) -> None:
    document = TableSchema({"a": "number"}).to_document()
    with pytest.raises(DataError, match=f"{field} of the table schema"):
        TableSchema.from_document({**document, field: value})
    with pytest.raises(DataError, match="the table schema"):
        TableSchema.from_document([field])


@pytest.mark.parametrize(
    ("names", "rows", "looks"),
    [
        (["5.1", "big"], [[4.9, "big"], [4.7, "small"]], True),
        (["5.1", "3", "x"], [[4.9, 2, "a"], [4.7, 1, "b"]], True),
        (["b", "a"], [["a", "a"], ["b", "b"]], True),
        (["2024-01-01", "x"], [[pd.Timestamp("2024-01-02"), "x"]] * 2, True),
        (["size", "big"], [[4.9, "big"], [4.7, "small"]], False),
        (["2019", "2020"], [[4.9, 3.5], [4.7, 2.5]], False),
        (["0", "1", "2", "label"], [[0, 7, 3, "a"], [1, 2, 5, "b"]], False),
        (["colour", "size"], [["red", 1], ["blue", 2]], False),
        (["other", "kind", "place"], [["other", "a", "b"], ["some", "c", "d"]], False),
    ],
)
def test_a_header_that_looks_like_data(
    names: list[str], rows: list[list[Any]], looks: bool
) -> None:
    assert header_looks_like_data(pd.DataFrame(rows, columns=names)) == looks


@pytest.mark.parametrize(
    ("cells", "kind", "count"),
    [
        (["1"] * 19 + ["x"], "number", 1),
        (["1,5"] * 18 + ["x", "y"], "number", 2),
        (["2024-01-01"] * 10 + ["never"], "date", 1),
        (["True", "false"] * 10 + ["maybe"], "boolean", 1),
        (["1", "2", "3", "4", "x"], "number", 1),
        (["1"] * 15 + ["x"] * 5, None, 0),
        (["01", "02", "A1"] * 9, None, 0),
        (["a", "b"], None, 0),
        ([1.5, 2.5], None, 0),
    ],
)
def test_columns_of_another_type_but_for_a_few_cells(
    cells: list[Any], kind: str | None, count: int
) -> None:
    found = find_stray_cells(pd.DataFrame({"c": cells}))
    assert [(stray.kind, stray.count) for stray in found] == ([(kind, count)] if kind else [])
    if found:
        assert cells[found[0].row] == found[0].example
