from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import wellfit.datasets
from wellfit.core.errors import DataError
from wellfit.datasets import list_datasets, load
from wellfit.datasets.catalog import NAMED

RECORD = {
    "name": "pets",
    "file": "tabular/pets.csv",
    "rows": 4,
    "columns": 4,
    "target": "kind",
    "task": "binary classification",
    "drop_before_modelling": ["id"],
    "notes": "all friendly",
}


@pytest.fixture
def indexed(tmp_path):
    """A data folder with a table in its index."""

    def write(*records):
        (tmp_path / "tabular").mkdir()
        (tmp_path / "tabular" / "index.json").write_text(json.dumps(records))
        for record in records:
            text = "id,age,weight,kind\n1,2,4,cat\n2,3,,dog\n3,9,5,cat\n4,7,30,dog\n"
            (tmp_path / str(record.get("file", "x"))).write_text(text)
        return tmp_path

    return write


def test_an_indexed_table_knows_its_target_and_what_to_drop(indexed):
    dataset = load("pets", data_dir=indexed(RECORD))
    assert list(dataset.X.columns) == ["age", "weight"]
    assert dataset.y.tolist() == ["cat", "dog", "cat", "dog"]
    assert (dataset.task, dataset.description) == ("binary", "all friendly")
    assert "pets" not in [entry.name for entry in list_datasets()]


def test_an_indexed_table_is_listed(indexed):
    (entry,) = [e for e in list_datasets(indexed(RECORD)) if e.name not in NAMED]
    assert (entry.name, entry.kind, entry.rows, entry.columns) == ("pets", "table", 4, 2)
    assert (entry.task, entry.where) == ("binary", "local")


def test_an_indexed_table_can_be_asked_another_question(indexed):
    folder = indexed(RECORD)
    dataset = load("pets", data_dir=folder, target="age")
    assert dataset.y.tolist() == [2, 3, 9, 7]
    assert dataset.task is None
    with pytest.raises(DataError, match="no column 'id'"):  # dropped: it must not be learnt
        load("pets", data_dir=folder, target="id")


def test_train_and_test_files_are_one_data_set(indexed):
    train = {**RECORD, "name": "pets_train", "file": "tabular/a.csv"}
    test = {**RECORD, "name": "pets_test", "file": "tabular/b.csv"}
    folder = indexed(train, test)
    dataset = load("pets", data_dir=folder)
    assert len(dataset.X) == len(dataset.X_test) == 4
    names = [entry.name for entry in list_datasets(folder)]
    assert names[len(NAMED) :] == ["pets"]
    assert list_datasets(folder)[-1].rows == 8


def test_a_test_file_alone_keeps_its_name(indexed):
    folder = indexed({**RECORD, "name": "pets_test"})
    assert load("pets_test", data_dir=folder).X_test is None


def test_an_index_cannot_take_a_known_name(indexed):
    folder = indexed({**RECORD, "name": "iris"})
    assert len(load("iris", data_dir=folder).X) == 150
    assert [entry.name for entry in list_datasets(folder)] == list(NAMED)


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ({**RECORD, "rows": "many"}, "without 'rows'"),
        ({"name": "pets"}, "without 'file'"),
        ({**RECORD, "task": "clustering"}, "the task 'clustering'; expected"),
    ],
)
def test_a_damaged_index_is_told(record, complaint, indexed):
    folder = indexed(record)
    with pytest.raises(DataError, match=complaint):
        list_datasets(folder)


def test_an_index_that_is_no_json_is_told_but_spoils_no_file(indexed, monkeypatch):
    folder = indexed(RECORD)
    (folder / "tabular" / "index.json").write_text("{")
    with pytest.raises(DataError, match=r"index\.json cannot be read"):
        load("pets", data_dir=folder)
    monkeypatch.setenv("WELLFIT_DATA", str(folder))
    assert len(load(folder / "tabular" / "pets.csv", target="kind").X) == 4


def test_an_unknown_source_gets_the_nearest_name():
    with pytest.raises(
        DataError, match="'irsi' is neither a file nor a known data set; did you mean 'iris'"
    ):
        load("irsi")
    with pytest.raises(DataError, match=r"Known: breast_cancer, .*wine"):
        load("xyzzy")


def test_an_unknown_file_gets_the_nearest_file(tmp_path, monkeypatch):
    (tmp_path / "adult.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=rf"did you mean '{re.escape(str(tmp_path))}/adult\.csv'"):
        load(tmp_path / "adullt.csv")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"did you mean 'adult\.csv'"):
        load("adullt.csv")


def test_a_name_comes_before_a_file_and_a_path_is_a_file(tmp_path, monkeypatch):
    (tmp_path / "iris").write_text("a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    assert len(load("iris").X) == 150
    for source in ("./iris", Path("iris")):
        with pytest.raises(DataError, match="iris has an unknown file type; expected csv"):
            load(source)


def test_an_empty_file_and_an_unknown_ending_are_refused(tmp_path):
    (tmp_path / "a.npz").touch()
    with pytest.raises(DataError, match=r"a\.npz is empty"):
        load(tmp_path / "a.npz")
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    for read in (load, wellfit.datasets.read_features):
        with pytest.raises(DataError, match=r"a\.xlsx has an unknown file type"):
            read(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match=r"a\.xlsx has an unknown file type"):
        load(tmp_path / "a.xlsx", target="price")


def test_importing_the_floor_imports_nothing_heavy():
    heavy = (
        "torch",
        "pandas",
        "sklearn",
        "scipy",
        "matplotlib",
        "pooch",
        "rich",
        "PIL",
        "pyarrow",
    )
    code = f"import sys, wellfit.datasets; print(*(m for m in {heavy} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_tables_of_the_data_folder_are_as_their_index_says(data_dir: Path):
    records = {r["name"]: r for r in json.loads((data_dir / "tabular/index.json").read_text())}
    tables = [entry for entry in list_datasets(data_dir) if entry.name not in NAMED]
    assert len(tables) == 15
    for entry in tables:
        dataset = load(entry.name, data_dir=data_dir)
        record = records.get(entry.name) or records[f"{entry.name}_train"]
        assert dataset.X.shape[1] == entry.columns
        assert len(dataset.X) == record["rows"]
        assert len(dataset.X) + len([] if dataset.X_test is None else dataset.X_test) == entry.rows
        missing = dataset.X.isna().sum()
        expected = {k: v for k, v in record["missing_columns"].items() if k in dataset.X}
        assert missing[missing > 0].to_dict() == expected
        assert dataset.y.notna().all()
        if "target_counts" in record:
            counts = dataset.y.value_counts()
            assert {str(k): v for k, v in counts.items()} == record["target_counts"]
        else:
            assert dataset.y.mean() == pytest.approx(record["target_summary"]["mean"])
    assert "None" in set(load("ames", data_dir=data_dir).X["Mas.Vnr.Type"])
    assert isinstance(load("adult", data_dir=data_dir).X_test, pd.DataFrame)
