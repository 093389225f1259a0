"""A run that is killed is gone on with, and ends as if nothing had happened."""

from __future__ import annotations

import contextlib
import json
import random
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from processes import said, start
from wellfit.cli.app import app
from wellfit.cli.live_callbacks import MetricsWriter
from wellfit.core.locking import lock
from wellfit.estimators import load_model
from wellfit.training import EpochLogs

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")

INCOME = ("train", "adult.csv", "--target", "income", "--drop", "pay", "--hidden", "8")
EVERY = ("--checkpoint-every", "0")
# Whatever remembers something: moments, running statistics, random masks, a plateau, patience.
DIGITS = (
    "train digits --hidden 16 --batch-norm --dropout 0.2 --optimizer adam --learning-rate 0.003 "
    "--lr-schedule reduce_lr_on_plateau --set lr_schedule__patience=2 --patience 40 "
    "--ema-decay 0.9 --batch-size 8 --scoring f1_macro --run run --checkpoint-every 0"
)


def ended(run: Path) -> tuple[bytes, list[dict[str, Any]], dict[str, Any]]:
    """Return a run's weights, metrics and result, without what a clock has told."""
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    result = json.loads((run / "result.json").read_text())
    for told in (*metrics, result):
        del told["seconds"]
    return (run / "model" / "weights.safetensors").read_bytes(), metrics, result


def progress(run: Path) -> tuple[int, int]:
    """Return how far a run has come, as its newest checkpoint's name tells."""
    with contextlib.suppress(FileNotFoundError):
        names = sorted(path.stem.split("-") for path in run.glob("checkpoints/*.safetensors"))
        if names:
            return int(names[-1][1]), int(names[-1][3]) if len(names[-1]) > 2 else 0
    return 0, 0


def killed(words: list[str], folder: Path, moments: random.Random) -> bool:
    """Kill a training some moments after it has written something; say whether it still ran."""
    before = progress(folder / "run")
    process = start(*words, cwd=folder)
    while process.is_alive() and progress(folder / "run") == before:
        time.sleep(0.001)
    time.sleep(moments.uniform(0, 0.05))
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), said(folder)
    return process.exitcode != 0


def finished(words: list[str], folder: Path) -> None:
    process = start(*words, cwd=folder)
    process.join()
    assert process.exitcode == 0, said(folder)


def survives(kills: int, epochs: int, folder: Path) -> None:
    whole, torn = folder / "whole", folder / "torn"
    moments = random.Random(0)
    for place in (whole, torn):
        place.mkdir()
    words, done = [*shlex.split(DIGITS), "--epochs", str(epochs)], 0
    finished(words, whole)
    for _ in range(kills):
        done += killed(words, torn, moments)
        words = ["train", "--resume", "run", "-q"]
    assert done == kills
    finished(words, torn)
    for one, other in zip(ended(whole / "run"), ended(torn / "run"), strict=True):
        assert one == other
    assert not (torn / "run" / "checkpoints").exists()


def test_two_kills_change_nothing(tmp_path: Path) -> None:
    survives(2, 12, tmp_path)


@pytest.mark.heavy
def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    survives(20, 60, tmp_path)


# --- within one process ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, adult: Path) -> Path:
    """A run of five epochs that nothing has cut off."""
    run = tmp_path_factory.mktemp("whole") / "run"
    words = [str(adult) if word == "adult.csv" else word for word in INCOME]
    done = CliRunner().invoke(app, [*words, "--epochs", "5", *EVERY, "--run", str(run)])
    assert done.exit_code == 0, done.output
    return run


class Cut(Exception):
    """The power fails."""


@pytest.fixture
def cut(here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Start a run that ends without warning in its third epoch."""

    def begin(*words: str) -> Path:
        def fail(self: MetricsWriter, *_: object) -> None:
            if len((self.folder.path / "metrics.jsonl").read_text().splitlines()) == 3:
                raise Cut
            return

        with monkeypatch.context() as patch:
            patch.setattr(MetricsWriter, "on_decisions_applied", fail)
            done = wellfit(*INCOME, "--epochs", "5", "--run", "run", *words)
        assert done.exit_code == 1
        assert "Cut" in done.stderr
        assert not (here / "run" / "result.json").exists()
        return here / "run"

    return begin


@pytest.mark.parametrize(
    "words",
    [
        EVERY,
        (),  # too short for a checkpoint: from the beginning
        (*EVERY, "--precision", "auto", "--eval-every", "2", "--gradient-clipping", "1"),
        (*EVERY, "--tensorboard", "--set", "schedules={beta_1: ramp}"),
        (*EVERY, "--time-limit", "1000", "--augment", "noise", "--no-shuffle"),
        (*EVERY, "--optimizer", "lbfgs", "--no-early-stopping"),
        (*EVERY, "--eval-every", "4 steps", "--max-steps", "31"),
    ],
    ids=lambda words: words[2] if len(words) > 2 else str(len(words)),
)
def test_a_run_that_was_cut_off_ends_as_one_that_was_not(
    here: Path, wellfit: Wellfit, cut: Callable[..., Path], words: tuple[str, ...]
) -> None:
    if "--tensorboard" in words:
        pytest.importorskip("tensorboard")
    assert wellfit(*INCOME, "--epochs", "5", *words, "--run", "whole").exit_code == 0
    run = cut(*words)
    done = wellfit("train", "--resume", "run")
    assert done.exit_code == 0, done.output
    for one, other in zip(ended(here / "whole"), ended(run), strict=True):
        assert one == other
    assert {path.name for path in run.iterdir()} == {
        path.name for path in (here / "whole").iterdir()
    }


def test_short_trainings_write_no_checkpoints(cut: Callable[..., Path]) -> None:
    assert not list((cut() / "checkpoints").iterdir())


def test_long_ones_write_the_newest_two(cut: Callable[..., Path]) -> None:
    assert len(list((cut(*EVERY) / "checkpoints").iterdir())) == 2


def test_it_is_found_from_any_folder(
    here: Path, wellfit: Wellfit, cut: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cut(*EVERY)
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    assert wellfit("train", "--resume", str(run), "-q").exit_code == 0
    assert [line["epoch"] for line in ended(run)[1]] == [1, 2, 3, 4, 5]


def test_a_folder_called_as_the_data_are_is_not_taken_for_them(
    here: Path, wellfit: Wellfit
) -> None:
    (here / "iris").mkdir()
    done = wellfit("train", "iris", "--run", "iris", "--hidden", "4", "--epochs", "2")
    assert done.exit_code == 0, done.output
    request = json.loads((here / "iris" / "config.json").read_text())["request"]
    assert request["name"] == "iris"


def test_a_torn_line_and_a_torn_checkpoint_are_passed_over(
    here: Path, wellfit: Wellfit, cut: Callable[..., Path], whole: Path
) -> None:
    run = cut(*EVERY)
    newest = max((run / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:-9])
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 4, "lo')
    assert wellfit("train", "--resume", "run").exit_code == 0
    for one, other in zip(ended(whole), ended(run), strict=True):
        assert one == other


def test_what_is_cut_off_after_the_last_epoch_is_judged(
    here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*INCOME, "--epochs", "3", *EVERY)
    assert wellfit(*words, "--run", "whole").exit_code == 0

    def fail(*_: object) -> None:
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr("wellfit.cli.evaluation.evaluate", fail)
        assert wellfit(*words, "--run", "run").exit_code == 1
    assert wellfit("train", "--resume", "run").exit_code == 0
    for one, other in zip(ended(here / "whole"), ended(here / "run"), strict=True):
        assert one == other


def test_ctrl_c_can_be_taken_back(
    here: Path, wellfit: Wellfit, monkeypatch: pytest.MonkeyPatch, whole: Path
) -> None:
    words = (*INCOME, "--epochs", "5", *EVERY)

    def interrupt(self: MetricsWriter, record: EpochLogs, *_: object) -> None:
        if record.epoch == 3:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(MetricsWriter, "on_decisions_applied", interrupt)
        done = wellfit(*words, "--run", "run")
    assert done.exit_code == 0, done.output
    assert "wellfit train --resume run" in done.output
    assert ended(here / "run")[2]["status"] == "interrupted"
    assert wellfit("train", "--resume", "run").exit_code == 0
    for one, other in zip(ended(whole), ended(here / "run"), strict=True):
        assert one == other


def test_a_finished_run_is_left_alone(here: Path, wellfit: Wellfit) -> None:
    assert wellfit(*INCOME, "--epochs", "2", "--run", "run").exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    done = wellfit("train", "--resume", "run")
    assert done.exit_code == 0
    assert "run is finished already, after 2 epochs" in done.output
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before


def test_pictures_that_a_finished_run_lacks_are_drawn(here: Path, wellfit: Wellfit) -> None:
    """An older wellfit that was killed wrote the result before them."""
    words = ("--run", "run", "--epochs", "2", "--keep-checkpoints", *EVERY)
    assert wellfit(*INCOME, *words).exit_code == 0
    run = here / "run"
    before = {path: path.stat().st_mtime_ns for path in run.glob("*.json*")}
    weights = (run / "model" / "weights.safetensors").stat().st_mtime_ns
    for name in ("learning_curve.png", "confusion_matrix.png"):
        (run / name).unlink()
    done = wellfit("train", "--resume", "run")
    assert done.exit_code == 0, done.output
    assert "run is finished already, after 2 epochs" in done.output
    assert (run / "learning_curve.png").is_file()
    assert (run / "confusion_matrix.png").is_file()
    assert {path: path.stat().st_mtime_ns for path in run.glob("*.json*")} == before
    assert (run / "model" / "weights.safetensors").stat().st_mtime_ns == weights
    assert list((run / "checkpoints").iterdir())


def test_residuals_that_a_finished_run_lacks_are_drawn(here: Path, wellfit: Wellfit) -> None:
    words = ("train", "adult.csv", "--target", "pay", "--epochs", "2", "--run", "run")
    assert wellfit(*words).exit_code == 0
    (here / "run" / "residuals.png").unlink()
    assert wellfit("train", "--resume", "run").exit_code == 0
    assert (here / "run" / "residuals.png").is_file()


def test_checkpoints_that_a_finished_run_left_are_removed(here: Path, wellfit: Wellfit) -> None:
    assert wellfit(*INCOME, "--epochs", "2", "--run", "run").exit_code == 0
    left = here / "run" / "checkpoints" / "epoch-000002.safetensors"
    left.parent.mkdir()
    left.write_bytes(b"")
    assert wellfit("train", "--resume", "run").exit_code == 0
    assert not left.parent.exists()


def test_metrics_that_are_missing_come_from_the_checkpoint(
    here: Path, wellfit: Wellfit, cut: Callable[..., Path], whole: Path
) -> None:
    run = cut(*EVERY)
    (run / "metrics.jsonl").write_bytes(b"")
    assert wellfit("train", "--resume", "run").exit_code == 0
    assert ended(run) == ended(whole)


def test_a_folder_with_nothing_but_half_written_settings_is_free(
    here: Path, wellfit: Wellfit
) -> None:
    (here / "run").mkdir()
    (here / "run" / ".config.json.new").write_text("{")
    assert wellfit(*INCOME, "--epochs", "1", "--run", "run").exit_code == 0
    assert not (here / "run" / ".config.json.new").exists()


def test_a_folder_whose_run_has_lost_its_settings_is_not(here: Path, wellfit: Wellfit) -> None:
    words = (*INCOME, "--epochs", "1", "--run", "run")
    assert wellfit(*words).exit_code == 0
    (here / "run" / "config.json").unlink()
    done = wellfit(*words)
    assert done.exit_code == 2
    assert "contains files of a run without its config.json" in done.stderr
    assert wellfit(*words, "--overwrite").exit_code == 0


def test_checkpoints_are_kept_where_asked_for(here: Path, wellfit: Wellfit) -> None:
    words = (*INCOME, "--epochs", "3", *EVERY, "--keep-checkpoints", "--run", "run")
    assert wellfit(*words).exit_code == 0
    assert (here / "run" / "checkpoints" / "epoch-000003.safetensors").is_file()
    assert wellfit(*INCOME, "--epochs", "2", "--run", "run", "--overwrite").exit_code == 0
    assert not (here / "run" / "checkpoints").exists()


def test_the_precision_that_auto_came_to_is_kept(
    here: Path, wellfit: Wellfit, cut: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "wellfit.fitting.runner.choose_precision",
        lambda precision, *_: "bfloat16" if precision == "auto" else precision,
    )
    run = cut(*EVERY, "--precision", "auto")
    assert json.loads((run / "config.json").read_text())["precision"] == "bfloat16"
    monkeypatch.setattr("wellfit.fitting.runner.choose_precision", lambda precision, *_: precision)
    assert wellfit("train", "--resume", "run").exit_code == 0
    assert load_model(run / "model").precision_ == "bfloat16"


# --- refusals --------------------------------------------------------------------------------


def test_other_data_are_refused(here: Path, wellfit: Wellfit, cut: Callable[..., Path]) -> None:
    run = cut(*EVERY)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    table = pd.read_csv("adult.csv")
    table.assign(age=table["age"] + np.arange(120) % 2).to_csv("adult.csv", index=False)
    done = wellfit("train", "--resume", "run")
    assert done.exit_code == 2
    assert "it began with other data" in done.stderr
    table.drop(columns="hours").to_csv("adult.csv", index=False)
    done = wellfit("train", "--resume", "run")
    assert done.exit_code == 2
    assert "can't be resumed" in done.stderr
    (here / "adult.csv").unlink()
    assert wellfit("train", "--resume", "run").exit_code == 2
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_run_that_another_process_writes_is_refused(
    here: Path, wellfit: Wellfit, cut: Callable[..., Path]
) -> None:
    run = cut(*EVERY)
    held = lock(run)
    assert held is not None
    for words in (("--resume", "run"), (*INCOME[1:], "--run", "run", "--overwrite")):
        done = wellfit("train", *words)
        assert done.exit_code == 2
        assert "another process trains in run" in done.stderr
    with pytest.raises(BlockingIOError):
        lock(run)


def test_a_run_of_an_older_format_is_refused(here: Path, wellfit: Wellfit) -> None:
    (here / "run").mkdir()
    (here / "run" / "config.json").write_text('{"format": "wellfit-run"}')
    done = wellfit("train", "--resume", "run")
    assert done.exit_code == 2
    assert "an older wellfit wrote this run, in format 1; expected 2" in done.stderr


def test_altered_settings_are_refused(
    here: Path, wellfit: Wellfit, cut: Callable[..., Path]
) -> None:
    run = cut(*EVERY)
    config = json.loads((run / "config.json").read_text())
    del config["request"]["seed"]
    (run / "config.json").write_text(json.dumps(config))
    done = wellfit("train", "--resume", "run")
    assert done.exit_code == 2
    assert "settings are invalid" in done.stderr


@pytest.mark.parametrize("words", [("adult.csv",), ("--epochs", "9"), ("--run", "other")])
def test_options_beside_resume_are_refused(
    here: Path, wellfit: Wellfit, words: tuple[str, ...]
) -> None:
    done = wellfit("train", "--resume", "run", *words)
    assert done.exit_code == 2
    assert "comes from the run" in done.output


def test_what_is_no_run_is_refused(here: Path, wellfit: Wellfit) -> None:
    assert wellfit(*INCOME, "--epochs", "1", "--run", "run").exit_code == 0
    done = wellfit("train", "--resume", "rum")
    assert done.exit_code == 2
    assert "there is no run; did you mean 'run'?" in done.stderr
    (here / "empty").mkdir()
    assert wellfit("train", "--resume", "empty").exit_code == 2


def test_a_run_is_replaced_only_where_asked_for(
    here: Path, wellfit: Wellfit, cut: Callable[..., Path]
) -> None:
    run = cut(*EVERY)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    done = wellfit(*INCOME, "--run", "run")
    assert done.exit_code == 2
    assert "--overwrite" in done.stderr
    assert "--resume run" in done.stderr
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    done = wellfit(*INCOME, "--overwrite")
    assert done.exit_code == 2
    assert "given no --run" in done.stderr
