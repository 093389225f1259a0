"""``wellfit explain``, run as a user runs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from wellfit.cli.app import app


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "150"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table of numbers and text, and new rows with missing and unseen values."""
    where = tmp_path_factory.mktemp("explain")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"age": rng.integers(20, 70, 150), "town": rng.choice(["Bern", "Ulm"], 150)}
    )
    table["noise"] = rng.normal(size=150).round(3)
    high = table["age"] + 20 * (table["town"] == "Ulm") > 50
    table["pay"] = np.where(high, "high", "low")
    table.to_csv(where / "table.csv", index=False)
    new = table.drop(columns="pay")[:3].astype({"age": object})
    new.loc[1, "age"], new.loc[2, "town"] = None, "Paris"
    new.to_csv(where / "new.csv", index=False)
    done = run(
        *("train", where / "table.csv", "--target", "pay", "--hidden", 8, "--epochs", 5),
        *("--quiet", "--run", where / "run"),
    )
    assert done.exit_code == 0, done.output
    return where


def test_a_model_is_explained_by_its_test_rows(folder: Path) -> None:
    done = run("explain", folder / "run")
    assert done.exit_code == 0, done.output
    for part in ("increase in log loss", "95 % interval", "Partial dependence of", "Accumulated"):
        assert part in done.output
    assert "probability of low" in done.output
    written = folder / "run" / "explanation"
    importance = pd.read_csv(written / "importance.csv")
    assert set(importance["column"]) == {"age", "town", "noise"}
    effects = pd.read_csv(written / "effects.csv")
    assert list(effects) == ["column", "kind", "value", "output", "effect"]
    assert set(effects["kind"]) == {"partial dependence", "accumulated local effects"}
    for name in ("importance", "effects"):
        assert (written / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_column_and_a_class_are_asked_for(folder: Path, tmp_path: Path) -> None:
    asked = ("--column", "town", "--class", "high", "--out", tmp_path / "out")
    done = run("explain", folder / "run", *asked)
    assert done.exit_code == 0, done.output
    effects = pd.read_csv(tmp_path / "out" / "effects.csv")
    assert set(effects["column"]) == {"town"}
    assert set(effects["output"]) == {"probability of high"}


def test_rows_are_explained_with_what_was_understood(folder: Path, tmp_path: Path) -> None:
    done = run("explain", folder / "run", folder / "new.csv", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "row 1: probability of low" in done.output
    assert "= baseline" in done.output
    assert "missing, read as" in done.output
    assert "'Paris' isn't among the levels of training" in done.output
    table = pd.read_csv(tmp_path / "out" / "attributions.csv")
    assert len(table) == 3
    np.testing.assert_allclose(table["prediction"], table["baseline"] + table["sum"], atol=1e-4)
    np.testing.assert_allclose(table["sum"], table[["age", "town", "noise"]].sum(axis=1))
    predicted = tmp_path / "predicted.csv"
    assert run("predict", folder / "run", folder / "new.csv", "--out", predicted).exit_code == 0
    np.testing.assert_allclose(
        table["prediction"], pd.read_csv(predicted)["probability_low"], atol=1e-4
    )


def test_the_first_rows_are_explained_where_there_are_many(folder: Path, tmp_path: Path) -> None:
    words = ("--max-rows", 2, "--column", "age", "--scale", "logit", "--out", tmp_path / "out")
    done = run("explain", folder / "run", folder / "table.csv", *words)
    assert done.exit_code == 0, done.output
    assert "explained are the first 2 rows" in done.output
    assert "logit of low" in done.output
    assert "2 others" in done.output
    assert len(pd.read_csv(tmp_path / "out" / "attributions.csv")) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--column", "agee"], "unknown column 'agee'; did you mean 'age'"),
        (["--class", "hihg"], "unknown class 'hihg'; did you mean 'high'"),
        (["no/such/file.csv"], "no/such/file.csv"),
        (["--out", "no/such/folder"], "--out no/such/folder: expected a folder"),
    ],
)
def test_what_cannot_be_explained_is_refused(folder: Path, words: list[Any], message: str) -> None:
    done = run("explain", folder / "run", *words)
    assert done.exit_code == 2
    assert message in done.output


def test_without_data_rows_are_explained_from_zeros(folder: Path, tmp_path: Path) -> None:
    moved = folder / "moved.csv"
    os.rename(folder / "table.csv", moved)
    try:
        done = run("explain", folder / "run", folder / "new.csv", "--out", tmp_path / "out")
        assert done.exit_code == 0, done.output
        assert "the baseline is zeros" in done.output
        refused = run("explain", folder / "run")
        assert refused.exit_code == 2
        assert "test rows, which are missing" in refused.output
    finally:
        os.rename(moved, folder / "table.csv")


def test_a_run_that_is_replaced_loses_its_explanation(folder: Path) -> None:
    written = folder / "run" / "explanation"
    assert run("explain", folder / "run", folder / "new.csv").exit_code == 0
    assert written.is_dir()
    words = ("--target", "pay", "--hidden", 8, "--epochs", 1, "--quiet", "--overwrite")
    done = run("train", folder / "table.csv", *words, "--run", folder / "run")
    assert done.exit_code == 0, done.output
    assert not written.exists()
