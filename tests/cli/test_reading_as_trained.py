"""Files for a trained model are read as its training file was: columns, labels, numbers."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from wellfit import load_model
from wellfit.cli import load_run_data, new_rows
from wellfit.cli.app import app
from wellfit.cli.plan import Plan
from wellfit.cli.request import Request
from wellfit.cli.source import open_source
from wellfit.inference.table_schema import record_schema, table_schema

check_module = import_module("wellfit.cli.check")  # wellfit.cli.app has the command by its name
Wellfit = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("undrawn")

KINDS = {
    "code": ("01", "02", "A1"),
    "flag": ("True", "False", "unknown"),
    "day": ("2024-01-01", "2024-02-01", "never"),
    "amount": ("1.5", "2.5", "none or many"),
}


def rows(levels: Mapping[str, tuple[str, ...]], count: int, y: bool = True) -> str:
    """Return a csv whose target is the place of the level in every column."""
    draw = random.Random(0)
    names = list(levels)
    lines = [",".join([*names, *(["y"] if y else [])])]
    for _ in range(count):
        place = draw.randrange(min(map(len, levels.values())))
        label = [KINDS["code"][place]] if y else []
        lines.append(",".join([*(levels[name][place] for name in names), *label]))
    return "\n".join(lines) + "\n"


def run_wellfit(*words: str) -> Result:
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what ``check`` does once the data are read."""
    passed = SimpleNamespace(outcome="pass")
    monkeypatch.setattr(check_module, "_checked", lambda *_: passed)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on columns of text codes, booleans, dates and numbers, each with a stray level."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "train.csv").write_text(rows(KINDS, 240))
    words = ["--target", "y", "--hidden", "16", "--epochs", "20", "--quiet"]
    run_wellfit("train", str(folder / "train.csv"), *words, "--run", str(folder / "run"))
    return folder / "run"


FEW = {name: levels[:2] for name, levels in KINDS.items()}


def forget_schema(run: Path, copy: Path) -> Path:
    """Return a copy of a run whose model and settings have no schema, as older ones."""
    shutil.copytree(run, copy)
    config = json.loads((copy / "config.json").read_text())
    del config["data"]["schema"], config["request"]["schema"]
    (copy / "config.json").write_text(json.dumps(config))
    model = load_model(run / "model")
    record_schema(model, None)
    shutil.rmtree(copy / "model")
    model.save(copy / "model")
    return copy


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_columns_keep_their_kinds_where_cells_look_otherwise(
    kept: bool, ending: str, trained: Path, here: Path, wellfit: Wellfit
) -> None:
    run = trained if kept else forget_schema(trained, here / "old")
    text = rows(FEW, 60)
    if ending == "parquet":
        pd.read_csv(io.StringIO(text), dtype=str).to_parquet(here / "new.parquet")
    else:
        (here / f"new.{ending}").write_text(text.replace(",", "," if ending == "csv" else "\t"))
    done = wellfit("predict", str(run), f"new.{ending}", "--out", "o.csv")
    assert done.exit_code == 0, done.output
    assert "accuracy 100.0 % against y" in done.stderr
    found = pd.read_csv("o.csv", dtype=str)["prediction"]
    assert found.tolist() == pd.read_csv(io.StringIO(text), dtype=str)["y"].tolist()


def test_a_model_folder_alone_knows_how_files_are_read(
    trained: Path, here: Path, wellfit: Wellfit
) -> None:
    shutil.copytree(trained / "model", here / "alone")
    (here / "new.csv").write_text(rows(FEW, 30))
    done = wellfit("predict", "alone", "new.csv", "--out", "-")
    assert "accuracy 100.0 % against y" in done.stderr


def test_columns_without_a_known_level_are_named(
    trained: Path, here: Path, wellfit: Wellfit
) -> None:
    (here / "new.csv").write_text(rows({**FEW, "code": ("1", "2"), "flag": ("", "")}, 30))
    done = wellfit("predict", str(trained), "new.csv", "--out", "-")
    assert "no value of column 'code'" in done.stderr
    assert "which have '01', '02', 'A1'" in done.stderr
    assert "column 'flag'" not in done.stderr
    assert "column 'day'" not in done.stderr


def test_labels_that_no_class_has_are_told(trained: Path, here: Path, wellfit: Wellfit) -> None:
    (here / "new.csv").write_text(rows(FEW, 30).replace(",01\n", ",1\n").replace(",02\n", ",2\n"))
    done = wellfit("predict", str(trained), "new.csv", "--out", "o.csv")
    assert done.exit_code == 0
    assert "accuracy 0.0 % against y" in done.stderr
    assert "no value of y is a class of the model, such as '01'" in done.stderr


def test_a_bad_cell_is_named_before_anything_is_written(
    here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_rows, "_MOST_ROWS", 10)
    numbers = {"x": ("1", "2", "3"), "day": ("2024-01-01", "2024-01-02", "2024-01-03")}
    (here / "train.csv").write_text(rows(numbers, 60))
    run_wellfit("train", "train.csv", "--target", "y", "--epochs", "1", "--run", "run", "-q")
    good = rows(numbers, 30, y=False)
    (here / "o.csv").write_text("kept")
    for cell, told in [
        ("?,2024-01-01", "column 'x' holds '?' in row 31 (line 32 of new.csv); expected a number"),
        ("inf,2024-01-01", "column 'x' holds inf in row 31 (line 32 of new.csv)"),
        ("1,05.01.2024", "column 'day' holds '05.01.2024' in row 31 (line 32 of new.csv)"),
    ]:
        (here / "new.csv").write_text(f"{good}{cell}\n")
        done = wellfit("predict", "run", "new.csv", "--out", "o.csv")
        assert done.exit_code == 2
        assert told in done.stderr
        assert (here / "o.csv").read_text() == "kept"
        assert not list(here.glob(".*new"))
    (here / "bare.csv").write_text(good.partition("\n")[2])
    done = wellfit("predict", "run", "bare.csv", "--out", "o.csv")
    assert "has no column 'x'" in done.stderr
    assert "If its first line holds data: --no-header" in done.stderr
    done = wellfit("predict", "run", "bare.csv", "--out", "-", "--no-header")
    assert len(done.stdout.splitlines()) == 31
    done = wellfit("predict", "run", "new.csv", "--out", "-", "--na", "05.01.2024")
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 32


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_are_predicted_in_blocks(
    ending: str, trained: Path, here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = rows(KINDS, 45)
    path = here / f"new.{ending}"
    table = pd.read_csv(io.StringIO(text), dtype=str)
    path.write_text(text) if ending == "csv" else table.to_parquet(path)
    whole = wellfit("predict", str(trained), str(path), "--out", "-")
    sizes: list[int] = []
    predictions = new_rows.NewRows.blocks

    def watched(self: new_rows.NewRows, model: object) -> object:
        for block in predictions(self, model):
            sizes.append(len(block.X))
            yield block

    monkeypatch.setattr(new_rows, "_MOST_ROWS", 10)
    monkeypatch.setattr(new_rows.NewRows, "blocks", watched)
    cut = wellfit("predict", str(trained), str(path), "--out", "-")
    assert sizes == [10, 10, 10, 10, 5]
    assert cut.stderr == whole.stderr
    found, expected = (pd.read_csv(io.StringIO(done.stdout)) for done in (cut, whole))
    pd.testing.assert_frame_equal(found, expected)


def test_test_rows_are_read_as_the_training_rows(here: Path, wellfit: Wellfit) -> None:
    flags = {"x": ("0.5", "1.5", "2.5"), "label": ("False", "True", "maybe")}
    (here / "train.csv").write_text(rows(flags, 240, y=False))
    (here / "test.csv").write_text(rows({n: v[:2] for n, v in flags.items()}, 60, y=False))
    words = ("--target", "label", "--hidden", "32", "--epochs", "60", "--quiet", "--run", "run")
    done = wellfit("train", "train.csv", "--test", "test.csv", *words)
    assert done.exit_code == 0, done.output
    result = json.loads(Path("run/result.json").read_text())
    assert result["test"][0]["value"] > 0.9
    assert result["test_rows"] == 60
    done = wellfit("predict", "run", "test.csv", "--out", "o.csv")
    assert done.exit_code == 0
    share = re.search(r"accuracy (\S+) % against label", done.stderr)
    assert share
    assert float(share[1]) > 90
    found = load_run_data.load_run_data(Path("run"), None)
    assert found.test_predictions is not None
    assert set(found.test_predictions.y.tolist()) == {"False", "True"}


@pytest.mark.parametrize(
    ("train", "test", "told"),
    [
        ("1", "?", "column 'x' holds '?' in row 3 (line 4 of test.csv); expected a number"),
        ("1", "inf", "column 'x' holds inf in row 3 (line 4 of test.csv)"),
        ("1", "1e39", "column 'x' holds 1e+39 in row 3 (line 4 of test.csv)"),
        ("True", "yes", "column 'x' holds 'yes' in row 3 (line 4 of test.csv)"),
        ("2024-01-01", "1.1.2024", "column 'x' holds '1.1.2024' in row 3 (line 4 of test.csv)"),
    ],
)
def test_test_rows_are_read_before_training_begins(
    train: str, test: str, told: str, here: Path, wellfit: Wellfit
) -> None:
    (here / "train.csv").write_text("x,z,y\n" + f"{train},1,a\n{train},2,b\n" * 20)
    (here / "test.csv").write_text(f"x,z,y\n{train},1,a\n{train},1,b\n{test},1,a\n")
    words = ("--target", "y", "--epochs", "1", "--run", "run")
    done = wellfit("train", "train.csv", "--test", "test.csv", *words)
    assert done.exit_code == 2
    assert told in done.stderr
    assert not Path("run").exists()


def test_rows_that_are_held_out_are_read_before_training_begins(
    here: Path, wellfit: Wellfit
) -> None:
    lines = [f"{n},{n % 7},{'ab'[n % 2]}" for n in range(100)]
    (here / "a.csv").write_text("x,z,y\n" + "\n".join(lines) + "\n")
    source = open_source(Request("a.csv", target="y"))
    for part in (source.data.X, source.data.X_test):
        row = int(part.index[3])
        inf = [*lines[:row], "inf,1,a", *lines[row + 1 :]]
        (here / "a.csv").write_text("x,z,y\n" + "\n".join(inf) + "\n")
        done = wellfit("train", "a.csv", "--target", "y", "--epochs", "1", "--run", "run")
        assert done.exit_code == 2
        assert f"column 'x' holds inf in row {row + 1} (line {row + 2} of a.csv)" in done.stderr
        assert not Path("run").exists()


def test_missing_test_values_are_told_first_where_nothing_fills_them_in(
    here: Path, wellfit: Wellfit
) -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    X_test = X[:5].copy()
    X_test[3, 1] = np.nan
    y = np.arange(40) % 2
    np.savez("data.npz", x_train=X, y_train=y, x_test=X_test, y_test=y[:5])
    words = ("--epochs", "1", "--hidden", "4", "--run", "run", "--set", "preprocess=None")
    done = wellfit("train", "data.npz", *words)
    assert done.exit_code == 2
    assert "column 1 is missing in row 4 of the test set" in done.stderr


@pytest.mark.parametrize("label", [1e12, 123456789012345.0])
def test_predictions_have_the_digits_that_read_back_the_same(
    label: float, here: Path, wellfit: Wellfit
) -> None:
    x = np.random.default_rng(0).normal(size=200)
    pd.DataFrame({"x": x, "y": np.where(x > 0, label, 2 * label)}).to_parquet("a.parquet")
    words = ("--target", "y", "--task", "classification", "--epochs", "20", "--hidden", "8", "-q")
    assert wellfit("train", "a.parquet", *words, "--run", "run").exit_code == 0
    done = wellfit("predict", "run", "a.parquet", "--out", "-")
    found = pd.read_csv(io.StringIO(done.stdout))
    model = load_model("run/model")
    X = pd.DataFrame({"x": x})
    assert found["prediction"].tolist() == model.predict(X).tolist()
    chances = found.filter(like="probability").to_numpy(np.float32)
    np.testing.assert_allclose(chances, model.predict_proba(X), rtol=1e-5)


def test_numbers_far_from_0_keep_what_tells_them_apart(here: Path, wellfit: Wellfit) -> None:
    x = np.random.default_rng(0).normal(size=200)
    pd.DataFrame({"x": x, "y": 2451545 + 0.001 * x}).to_csv("a.csv", index=False)
    words = ("--target", "y", "--epochs", "10", "--hidden", "8", "-q", "--run", "run")
    assert wellfit("train", "a.csv", *words).exit_code == 0
    done = wellfit("predict", "run", "a.csv", "--out", "-")
    found = pd.read_csv(io.StringIO(done.stdout))["prediction"]
    expected = load_model("run/model").predict(pd.DataFrame({"x": x}))
    # Small tables are predicted without PyTorch: float32 rounds otherwise.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)
    assert found.nunique() > 150


HEADERLESS = "".join(f"{n / 7:.2f},{n % 5},{'big' if n > 30 else 'small'}\n" for n in range(2, 62))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "command", [("data", "show"), ("check",), ("train",), ("search", "--candidates", "1")]
)
def test_a_first_line_that_looks_like_data_is_told(
    command: tuple[str, ...], here: Path, wellfit: Wellfit
) -> None:
    (here / "a.data").write_text(HEADERLESS)
    words = [] if command == ("data", "show") else ["--target", "small", "--n-threads", "1"]
    words += ["--run", "r"] if command[0] in ("train", "search") else []
    words += ["--epochs", "1", "--hidden", "4", "-q"] if command[0] in ("train", "search") else []
    first, *options = command if command[0] != "data" else ("data show",)
    done = wellfit(*first.split(), "a.data", *options, *words)
    assert "the first line of a.data looks like data (0.29, 2, small, …)" in done.stderr
    assert "--no-header reads it as a row" in done.stderr
    words = [word if word != "small" else "column_3" for word in words]
    done = wellfit(*first.split(), "a.data", *options, *words, "--no-header", "--na", "9.9")
    assert "looks like data" not in done.stderr
    if command[0] == "train":
        assert done.exit_code == 2  # the run of the first one is there


@pytest.mark.parametrize("words", [(), ("--target", "column_3"), ("--target", "y")])
def test_a_target_that_is_not_named_in_a_first_line_of_data_is_told(
    words: tuple[str, ...], here: Path, wellfit: Wellfit
) -> None:
    (here / "a.data").write_text(HEADERLESS)
    done = wellfit("train", "a.data", *words)
    assert done.exit_code == 2
    told = " ".join(done.stderr.split())
    assert "The first line of the file looks like data: --no-header reads it as a row" in told
    (here / "b.csv").write_text("size,kind\n" + "1.5,small\n2.5,big\n" * 20)
    assert "looks like data" not in wellfit("train", "b.csv", *words).stderr


def test_names_that_the_model_knows_are_not_taken_for_data(here: Path, wellfit: Wellfit) -> None:
    lines = [
        f"{n / 7:.2f},{'k' if n % 2 else 'm'},{'big' if n > 30 else 'small'}" for n in range(60)
    ]
    (here / "a.csv").write_text("\n".join(["x,k,y", *lines]))
    (here / "new.csv").write_text("x,k\n,k\n,m\n")
    options = ("--target", "y", "--epochs", "1", "--hidden", "4", "-q", "--run", "r")
    assert wellfit("train", "a.csv", *options).exit_code == 0
    done = wellfit("predict", "r", "new.csv", "-o", "out.csv")
    assert done.exit_code == 0
    assert "looks like data" not in done.stderr


def test_a_run_without_a_header_reads_all_rows_ever_after(here: Path, wellfit: Wellfit) -> None:
    (here / "a.data").write_text(HEADERLESS)
    words = ("--target", "column_3", "--epochs", "2", "--hidden", "4", "-q", "--run", "run")
    assert wellfit("train", "a.data", "--no-header", *words).exit_code == 0
    config = json.loads(Path("run/config.json").read_text())
    assert config["data"]["training_rows"] + config["data"]["test_rows"] == 60
    done = wellfit("predict", "run", "a.data", "--out", "o.csv")
    assert "60 predictions" in done.output
    assert "against column_3" in done.stderr
    (here / "new.data").write_text(
        "".join(line.rpartition(",")[0] + "\n" for line in HEADERLESS.splitlines())
    )
    done = wellfit("predict", "run", "new.data", "--out", "o.csv")
    assert "60 predictions" in done.output
    (here / "named.csv").write_text("column_2,column_1\n1,0.5\n")
    done = wellfit("predict", "run", "named.csv", "--out", "o.csv")
    assert "no header and 2 columns" not in done.stderr
    assert "line 1 of named.csv, which was read as data and not as a header" in done.stderr
    done = wellfit("predict", "run", "named.csv", "--out", "o.csv", "--header")
    assert "1 prediction" in done.output


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("command", ["train", "check", "data show"])
def test_columns_of_numbers_but_for_a_few_cells_are_named(
    command: str, here: Path, wellfit: Wellfit
) -> None:
    lines = [f"{n / 4},2024-01-{n % 28 + 1:02d},{'ab'[n % 2]}" for n in range(100)]
    lines[40] = "about 10,later,a"
    (here / "a.csv").write_text("x,day,y\n" + "\n".join(lines) + "\n")
    words = [] if command == "data show" else ["--target", "y"]
    words += ["--epochs", "1", "--hidden", "4", "--run", "r", "-q"] if command == "train" else []
    done = wellfit(*command.split(), "a.csv", *words)
    for told in (
        "column 'x' holds numbers but for 1 cell of 100, such as 'about 10' in row 41 (line 42 of "
        "a.csv), and was read as text; --na 'about 10' reads these cells as missing",
        "column 'day' holds dates but for 1 cell of 100, such as 'later' in row 41 (line 42 of",
    ):
        assert told in done.stderr
    done = wellfit(*command.split(), "a.csv", *words, "--na", "about 10", "--na", "later")
    assert "but for" not in done.stderr


def test_further_missing_values_go_with_the_model(here: Path, wellfit: Wellfit) -> None:
    lines = [f"{n / 4 if n % 9 else '?'},{'ab'[n % 2]}" for n in range(100)]
    (here / "a.csv").write_text("x,y\n" + "\n".join(lines) + "\n")
    words = ("--target", "y", "--epochs", "1", "--hidden", "4", "-q", "--run", "run")
    assert wellfit("train", "a.csv", "--na", "?", *words).exit_code == 0
    schema = table_schema(load_model("run/model"))
    assert schema is not None
    assert schema.na_values == ("?",)
    done = wellfit("predict", "run", "a.csv", "--out", "o.csv")
    assert "100 predictions" in done.output


def test_a_decimal_comma_goes_with_the_model(here: Path, wellfit: Wellfit) -> None:
    lines = [f"{n / 4:.2f};{'ab'[n > 50]}".replace(".", ",") for n in range(100)]
    (here / "a.csv").write_text("x;y\n" + "\n".join(lines) + "\n")
    words = ("--target", "y", "--epochs", "3", "--hidden", "4", "-q", "--run", "run")
    assert wellfit("train", "a.csv", *words).exit_code == 0
    (here / "new.csv").write_text('x,z\n"1.234",0\n"9,5",0\n')
    done = wellfit("predict", "run", "new.csv", "--out", "-")
    model = load_model("run/model")
    expected = model.predict_proba(pd.DataFrame({"x": [1234, 9.5]}))
    found = pd.read_csv(io.StringIO(done.stdout)).filter(like="probability")
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_resumed_run_reads_as_it_began(trained: Path, here: Path) -> None:
    (here / "few.csv").write_text(rows(FEW, 60))
    request = Plan.from_dict(json.loads((trained / "config.json").read_text())).request
    source = open_source(replace(request, name="few.csv"))
    assert set(source.data.X["code"]) == {"01", "02"}
    assert set(source.data.X["flag"]) == {"True", "False"}
    assert set(source.data.y) == {"01", "02"}


def test_a_report_decides_before_it_reads_a_large_table(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_run_data.load_run_data(trained, None).data is not None
    monkeypatch.setattr(load_run_data, "open_source", lambda request: pytest.fail("it was read"))
    size = (trained.parent / "train.csv").stat().st_size
    for most in (size - 1, 100):
        monkeypatch.setattr(load_run_data, "MOST_TOLD", most)
        found = load_run_data.load_run_data(trained, None)
        assert found.data is None
        assert found.test_predictions is None
        assert "too large" in found.notes[-1]


def test_a_report_on_a_run_without_a_schema_reads_as_its_model(trained: Path, here: Path) -> None:
    old = forget_schema(trained, here / "old")
    config = json.loads((old / "config.json").read_text())
    (here / "few.csv").write_text(rows(FEW, 240))
    config["request"]["name"] = str(here / "few.csv")
    (old / "config.json").write_text(json.dumps(config))
    found = load_run_data.load_run_data(old, None)
    assert found.test_predictions is not None
    assert set(found.test_predictions.y.tolist()) == {"01", "02"}
