"""Texts of a terminal: years, lines of progress, suggestions of files."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from wellfit.cli.data_summary import columns
from wellfit.cli.live_callbacks import ProgressLines
from wellfit.cli.run_folder import read_run
from wellfit.core.errors import DataError, InputError
from wellfit.datasets import describe, load
from wellfit.diagnose.columns import DuplicateColumns
from wellfit.training import EpochLogs


def printed(what: object) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def test_years_have_no_separators_and_amounts_do() -> None:
    table = pd.DataFrame({"built": [1872, 2010], "pay": [1000.5, 2000.5], "rows": [1500, 9000]})
    text = printed(columns(describe(table)))
    for told in ("1872 to 2010, mean 1941", "1,000 to 2,000", "1,500 to 9,000, mean 5,250"):
        assert told in text


def test_a_line_of_progress_is_short_and_says_which_rows() -> None:
    console, metrics = Console(width=300), {"loss": 0.727, "accuracy": 0.469}
    metrics |= {
        "val_loss": 0.698,
        "val_accuracy": 0.45,
        "val_roc_auc": 0.91,
        "learning_rate": 1e-3,
    }
    live = SimpleNamespace(progress=lambda epoch: f"epoch {epoch}/300")
    logs = EpochLogs(
        10, 2.0, np.array([True]), {name: np.array([value]) for name, value in metrics.items()}
    )
    lines = ProgressLines(console, "validation")
    with console.capture() as captured:
        lines.on_epoch_end(logs, {"epochs": 300, "every": 1, "live": live})
    line = captured.get().rstrip()
    assert line == (
        "epoch 10/300  loss 0.727, validation 0.698  accuracy 46.9 %, validation 45.0 %  "
        "validation ROC AUC 0.910  learning rate 0.001  58.0 s left"
    )


def test_files_are_suggested_of_the_folder_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("iriss.csv", "data/adult.csv", "runs/titanic/config.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("{}")
    with pytest.raises(DataError, match=r"did you mean 'data/adult.csv'\?"):
        load("data/adlt.csv")
    with pytest.raises(DataError, match="known data set\\. Known"):
        load("data/iris")  # neither the data set nor a file of another folder
    with pytest.raises(DataError, match=r"did you mean 'iris'\?"):
        load("irs")
    with pytest.raises(InputError, match=r"did you mean 'runs/titanic'\?"):
        read_run(Path("runs/titanc"))
    with pytest.raises(InputError, match=r"there is no run\.$"):
        read_run(Path("runs/xy"))  # which only shares its folder with the run


def test_columns_that_recode_others_are_named() -> None:
    table = pd.DataFrame({"job": ["cook", "nurse", "clerk"] * 9, "n": np.arange(27.0)})
    coded = table.assign(code=[3, 1, 2] * 9, other=[1, 1, 2] * 9)
    pairs = (
        (table, "no column equals another, nor recodes one"),
        (coded, "no column equals another; the same levels by other names: code and job"),
    )
    for each, told in pairs:
        found = DuplicateColumns().examine(SimpleNamespace(columns=each, pixels=False))
        assert found.observed == told
