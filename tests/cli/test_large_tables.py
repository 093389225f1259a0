"""Commands on folders of tables, larger than the memory that they may take."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import Result

from wellfit.cli import sampling
from wellfit.cli.live_callbacks import MetricsWriter
from wellfit.estimators import load_model
from wellfit.training import EpochLogs

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")

QUICK = ("--hidden", "8", "--epochs", "3")
TRAIN = ("train", "adults", "--target", "income", "--drop", "pay", *QUICK)
SMALL = ("--memory", "1kB")


@pytest.fixture
def adults(here: Path) -> Path:
    """A folder of parquet files, whose rows are those of ``adult.csv``."""
    for at, rows in enumerate(np.array_split(np.arange(120), 3)):
        place = here / "adults" / f"part={at}"
        place.mkdir(parents=True)
        table = pd.read_csv(here / "adult.csv").iloc[rows]
        table.to_parquet(place / "rows.parquet", index=False)
    return here / "adults"


def test_a_folder_trains_alike_in_blocks_and_in_memory(adults: Path, wellfit: Wellfit) -> None:
    blocks = wellfit(*TRAIN, *SMALL, "--run", "blocks")
    assert blocks.exit_code == 0, blocks.output
    assert "3 files of 120 rows are read in blocks" in " ".join(blocks.stderr.split())
    assert "96 training, 24 test" in blocks.output
    result = json.loads((adults.parent / "blocks" / "result.json").read_text())
    assert result["test_rows"] == 24
    assert (adults.parent / "adults.rows" / "training" / "rows" / "rows.json").is_file()
    memory = wellfit(*TRAIN, "--run", "memory")
    assert "read in blocks" not in memory.stderr
    assert json.loads((adults.parent / "memory" / "result.json").read_text())["test_rows"] == 24


@pytest.mark.parametrize("split", [("--time-column", "hours"), ("--group-column", "part")])
def test_splits_by_a_column_and_without_validation_rows(
    adults: Path, wellfit: Wellfit, split: tuple[str, str]
) -> None:
    for path in adults.rglob("*.parquet"):
        pd.read_parquet(path).ffill().bfill().to_parquet(path, index=False)
    found = wellfit(*TRAIN, *SMALL, *split, "--run", "run", "--no-early-stopping")
    assert found.exit_code == 0, found.output
    both = wellfit(*TRAIN, *split, "--run", "whole", "--no-early-stopping")
    runs = [
        json.loads((adults.parent / run / "result.json").read_text()) for run in ("run", "whole")
    ]
    assert runs[0]["test_rows"] == runs[1]["test_rows"], both.output


def test_a_run_in_blocks_is_resumed_to_the_bit(
    adults: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*TRAIN, *SMALL, "--epochs", "5", "--checkpoint-every", "0")
    assert wellfit(*words, "--run", "whole").exit_code == 0

    def interrupt(self: MetricsWriter, record: EpochLogs, *_: object) -> None:
        if record.epoch == 3:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(MetricsWriter, "on_decisions_applied", interrupt)
        cut = wellfit(*words, "--run", "cut")
    assert "wellfit train --resume cut" in cut.output
    assert (
        json.loads((adults.parent / "cut" / "config.json").read_text())["request"]["memory"]
        == 1000
    )
    again = wellfit("train", "--resume", "cut")
    assert again.exit_code == 0, again.output
    assert "read in blocks" in again.stderr
    weights = [
        (adults.parent / run / "model" / "weights.safetensors").read_bytes()
        for run in ("whole", "cut")
    ]
    assert weights[0] == weights[1]


def test_a_folder_is_predicted_file_by_file(adults: Path, wellfit: Wellfit) -> None:
    assert wellfit(*TRAIN, *SMALL, "--run", "run").exit_code == 0
    found = wellfit("predict", "run", "adults", "--out", "scores")
    assert found.exit_code == 0, found.output
    assert "120 predictions in all" in found.stdout
    assert "against income" in found.stderr
    model = load_model(adults.parent / "run" / "model")
    for at, rows in enumerate(np.array_split(np.arange(120), 3)):
        whole = pd.read_csv(adults.parent / "adult.csv")
        table = whole.iloc[rows].assign(part=at).drop(columns=["income", "pay"])
        written = pd.read_csv(adults.parent / "scores" / f"part={at}" / "rows.csv")
        assert written["prediction"].tolist() == model.predict(table).tolist()
    refused = wellfit("predict", "run", "adults", "--out", "-")
    assert refused.exit_code == 2
    assert "adults is a folder; expected a folder to write into" in refused.stderr


def test_what_looks_at_a_sample_says_so(
    adults: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MOST_ROWS", 50)
    shown = wellfit("data", "show", "adults", "--target", "income", *SMALL)
    assert "this summary looked at a sample: 50 of 120 training rows" in shown.stderr
    assert "120" in shown.stdout.split("columns")[0]
    shown = wellfit("data", "show", "adults")
    assert "this summary looked at a sample: 50 of 120 rows" in shown.stderr
    checked = wellfit("check", "adults", "--target", "income", *SMALL, "--hidden", "8")
    assert "the checks looked at a sample: 50 of 96 training rows" in checked.stderr
    assert "adults: 96 rows" in checked.stdout
    trained = wellfit(*TRAIN, *SMALL, "--run", "run")
    assert "scores and figures looked at a sample: 50 of 96 training rows" in trained.stderr
    assert wellfit("report", "run").exit_code == 0
    page = (adults.parent / "run" / "report.html").read_text()
    assert "This report looked at a sample: 50 of 96 training rows." in page


def test_passes_over_the_rows_show_how_far_they_are(
    adults: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    @contextmanager
    def spinner(what: str) -> Iterator[Any]:
        said.append(what)
        yield SimpleNamespace(update=said.append)
        said.append("over")

    monkeypatch.setattr(sampling, "spinner", spinner)
    assert wellfit(*TRAIN, *SMALL, "--run", "run").exit_code == 0
    passes = " | ".join(said).split(" | over")
    assert passes[0].startswith("reading 96 rows | reading 96 rows: ")
    assert passes[0].endswith("reading 96 rows: 100 % ...")
    assert passes[1].startswith(" | encoding 96 rows | encoding 96 rows: ")
    assert passes[1].endswith("encoding 96 rows: 100 % ...")


def test_a_search_reads_blocks(adults: Path, wellfit: Wellfit) -> None:
    words = ("search", *TRAIN[1:], *SMALL, "--candidates", "2", "--cv", "2", "--run", "run")
    found = wellfit(*words)
    assert found.exit_code == 0, found.output
    assert "adults.rows holds the encoded rows" in " ".join(found.stderr.split())
    # Those of folds are gone, and those of all rows are kept for the next training.
    kept = [path.parent.name for path in (adults.parent / "adults.rows").rglob("rows.json")]
    assert kept == ["rows"]
    result = json.loads((adults.parent / "run" / "result.json").read_text())
    assert (result["search"]["candidates"], result["test_rows"]) == (2, 24)


def test_files_that_cannot_be_meant_are_refused_at_once(adults: Path, wellfit: Wellfit) -> None:
    part = adults / "part=1" / "rows.parquet"
    pd.read_parquet(part)[:0].to_parquet(part, index=False)
    noted = wellfit(*TRAIN, *SMALL, "--run", "run")
    assert "part=1/rows.parquet has no rows: left out" in noted.stderr
    pd.DataFrame({"age": ["old"]}).to_parquet(part, index=False)
    refused = wellfit(*TRAIN, *SMALL)
    assert refused.exit_code == 2
    assert "part=1/rows.parquet has no column 'job'" in refused.stderr
    assert wellfit(*TRAIN, "--memory", "much").exit_code == 2
