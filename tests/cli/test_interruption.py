"""Ctrl-C and full disks: what is done is kept, what was there survives."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from processes import PATIENCE, in_child, let_files_grow_to, said, start
from wellfit.cli.app import app
from wellfit.cli.live_callbacks import MetricsWriter
from wellfit.core.writing import write
from wellfit.estimators import load_model

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")

TRAIN = ("train", "adult.csv", "--target", "income", "--hidden", "8", "--run", "run")
AGAIN = (*TRAIN, "--overwrite")


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def with_small_files(size: int, here: Path, *words: str) -> tuple[int, str]:
    """Call the command in this process, whose files can't grow; return its code and its errors."""
    os.chdir(here)
    let_files_grow_to(size)
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.stderr


# --- Ctrl-C ----------------------------------------------------------------------------------


def test_ctrl_c_ends_a_training_and_keeps_its_model(here: Path) -> None:
    process = start(*TRAIN, "--epochs", "100000", "--no-early-stopping", cwd=here)
    metrics = here / "run" / "metrics.jsonl"
    while process.is_alive() and not (metrics.exists() and metrics.stat().st_size > 1000):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    process.join(PATIENCE)
    assert process.exitcode == 0, said(here)
    assert "interrupted" in said(here)
    result = json.loads((here / "run" / "result.json").read_text())
    assert result["status"] == "interrupted"
    assert 1 < result["epochs"] < 100000
    assert f"interrupted after {result['epochs']:,} epochs" in said(here, "out")
    assert len(metrics.read_text().splitlines()) == result["epochs"]
    model = load_model(here / "run" / "model")
    assert model.n_epochs_ == result["epochs"]
    assert len(model.predict(pd.read_csv("adult.csv").drop(columns="income"))) == 120


def test_ctrl_c_in_the_first_epoch_is_survived(
    here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        MetricsWriter, "on_batches_end", lambda *_: signal.raise_signal(signal.SIGINT)
    )
    done = wellfit(*TRAIN, "--batch-size", "1", "--epochs", "5")
    assert done.exit_code == 0, done.output
    assert json.loads((here / "run" / "result.json").read_text())["epochs"] <= 1
    assert load_model(here / "run" / "model")


def test_a_second_ctrl_c_ends_the_program_and_spares_the_earlier_model(
    here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wellfit(*TRAIN, "--epochs", "2").exit_code == 0
    before = contents(here / "run" / "model")

    def twice(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(MetricsWriter, "on_epoch_end", twice)
    done = wellfit(*AGAIN, "--epochs", "5")
    assert done.exit_code == 130
    assert "is still the model of an earlier run" in done.stderr
    assert contents(here / "run" / "model") == before


# --- full disks ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [400, 100_000])
def test_a_full_disk_spares_the_earlier_model(here: Path, wellfit: Wellfit, size: int) -> None:
    assert wellfit(*TRAIN, "--epochs", "2").exit_code == 0
    before = contents(here / "run" / "model")
    # No room for the settings, or none for the weights.
    words = (*AGAIN, "--epochs", "2", "--hidden", "256,256")
    code, told = in_child(with_small_files, size, here, *words)
    assert code == 1
    assert "File too large" in told
    assert contents(here / "run" / "model") == before
    assert load_model(here / "run" / "model").hidden_layer_sizes == (8,)
    assert not list(here.rglob("*.new"))


def test_metrics_that_find_no_room_stop_no_training(here: Path, wellfit: Wellfit) -> None:
    (here / "run").mkdir()
    (here / "run" / "metrics.jsonl").symlink_to("/dev/full")
    done = wellfit(*AGAIN, "--epochs", "2")
    assert done.exit_code == 1
    assert "metrics.jsonl: No space left on device" in done.stderr
    # The epochs were too short for a checkpoint.
    nothing = "there is nothing to resume from yet; `wellfit train --resume run` begins"
    assert nothing in done.stderr
    assert load_model(here / "run" / "model").n_epochs_ == 2
    # A run that lacks lines is not done; with room again, it gets them.
    assert not (here / "run" / "result.json").exists()
    assert wellfit("train", "--resume", "run").exit_code == 0
    assert len((here / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    assert json.loads((here / "run" / "result.json").read_text())["status"] == "finished"


def test_predictions_are_written_whole_or_not_at_all(classifier: Path, here: Path) -> None:
    (here / "p.csv").write_text("earlier")
    words = ("predict", str(classifier), "adult.csv", "--out", "p.csv")
    code, told = in_child(with_small_files, 1000, here, *words)
    assert code == 1
    assert "p.csv: File too large" in told
    assert (here / "p.csv").read_text() == "earlier"
    assert not list(here.glob(".*"))


def test_a_disk_that_is_read_only_is_told_by_the_files_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OSError, match="Read-only") as told:
        write(tmp_path / "report.html", b"")
    assert told.value.filename == str(tmp_path / "report.html")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(here: Path, wellfit: Wellfit) -> None:
    here.chmod(0o500)
    done = wellfit(*TRAIN, "--epochs", "2")
    here.chmod(0o700)
    assert done.exit_code == 1
    assert "Permission denied" in done.stderr


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("wellfit.diagnose.check", ("check", "iris")),
        ("wellfit.cli.run_folder.read_run", ("report", "run")),
    ],
)
def test_ctrl_c_is_told_in_a_line(
    place: str, words: tuple[str, ...], wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, lambda *_, **__: signal.raise_signal(signal.SIGINT))
    done = wellfit(*words)
    assert done.exit_code == 130
    assert done.stderr.endswith("note: interrupted\n")
