"""What a terminal shows while a network trains, and the command as a process of its own."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import Result

from processes import said, start
from wellfit.cli.live_callbacks import LiveDisplay, ProgressLines
from wellfit.training import EpochLogs, Run

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")

RUN = Run(members=1, epochs=40, per_epoch=10, first_epoch=0, has_validation=True)
MAKEFILE = Path(__file__).parents[2] / "Makefile"
MOST_BYTES = 1.5 * 2**30


def logs(epoch: int) -> EpochLogs:
    values = {"loss": 2 / epoch, "accuracy": 1 - 0.7 / epoch, "val_loss": 2.1 / epoch}
    values |= {"val_accuracy": 1 - 0.8 / epoch, "learning_rate": 0.001}
    metrics = {name: np.array([value]) for name, value in values.items()}
    return EpochLogs(epoch, 0.5 * epoch, np.array([True]), metrics)


def shown(text: str) -> str:
    """Return what stays of a terminal's output: without colours and moves of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", text)


def watched(epochs: int, width: int = 80, height: int = 24) -> list[str]:
    """Return the lines of each frame."""
    file, time = io.StringIO(), iter(range(10_000))
    console = Console(file=file, force_terminal=True, width=width, height=height)
    show, state, frames = LiveDisplay(console, "validation", lambda: next(time)), {}, []
    show.on_train_begin(RUN, state)
    for epoch in range(1, epochs + 1):
        show.on_batches_end(epoch, 10, 10, state)
        show.on_epoch_end(logs(epoch), state)
        frames.append(shown(file.getvalue()))
        file.truncate(0)
    show.on_train_end(state)
    return [*frames, shown(file.getvalue())]


def test_a_terminal_shows_the_bar_the_time_left_and_growing_curves() -> None:
    frames = watched(40)
    for told in ("epoch 20/40", "left", "learning rate 0.001", "validation 0.1", "training"):
        assert told in frames[19], told
    assert "epoch 40/40" in frames[-1]
    assert "left" not in frames[-1]
    assert len(set(frames)) > 30


def test_a_frame_fits_a_terminal_of_24_lines() -> None:
    console, state = Console(width=80, height=24), {}
    show = LiveDisplay(console, "validation")
    show.on_train_begin(RUN, state)
    show.on_batches_end(1, 10, 10, state)
    show.on_epoch_end(logs(1), state)
    frame = console.render_lines(show.frame(state))
    show.on_train_end(state)
    assert len(frame) < 24
    assert all(sum(segment.cell_length for segment in line) <= 80 for line in frame)


def test_a_terminal_that_is_too_small_is_survived() -> None:
    assert watched(3, width=20, height=4)


def test_a_log_gets_about_ten_lines_however_many_epochs() -> None:
    for epochs in (1, 3, 10, 95, 1000):
        file = io.StringIO()
        lines, state = ProgressLines(Console(file=file, width=200), "validation"), {}
        lines.on_train_begin(Run(1, epochs, 10, 0, True), state)
        for epoch in range(1, epochs + 1):
            lines.on_epoch_end(logs(epoch), state)
        lines.on_train_end(state)
        told = file.getvalue().splitlines()
        assert min(epochs, 10) <= len(told) <= 20
        assert f"epoch {epochs}/{epochs}" in told[-1]
        assert told[-1].endswith("0.0 s left")


def test_a_terminal_is_recognized(here: Path, wellfit: Wellfit) -> None:
    words = ("train", "adult.csv", "--target", "income", "--hidden", "8", "--epochs", "4")
    done = wellfit(*words, env={"FORCE_COLOR": "1", "TERM": "xterm-256color"})
    assert done.exit_code == 0, done.output
    text = shown(done.stdout)
    assert "epoch 4/4" in text
    assert "━" in text
    # The curves were drawn while it trained, and are not drawn again.
    assert text.split("finished after")[1].count("┤") == 0


def test_a_terminal_of_ascii_is_survived(here: Path) -> None:
    words = ["train", "diabetes", "--hidden", "8", "--epochs", "2"]
    process = start(*words, cwd=here, encoding="ascii")
    process.join()
    assert process.exitcode == 0, said(here)
    assert said(here, "out").isascii()
    assert "* training" in said(here, "out")


def test_exit_codes_reach_the_shell(here: Path, wellfit: Wellfit) -> None:
    def code(*words: str) -> int:
        command = [sys.executable, "-m", "wellfit", *words]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert code("--version") == 0
    assert code("watch", "nothing") == 2
    assert wellfit("--help").exit_code == 0
    assert wellfit("--no-such-option").exit_code == 2


def test_the_demo_reaches_97_5_per_cent(here: Path, wellfit: Wellfit) -> None:
    demo = re.search(r"^DEMO := wellfit (train digits .*)$", MAKEFILE.read_text(), re.MULTILINE)
    assert demo is not None
    done = wellfit(*shlex.split(demo[1]), "--run", "runs/demo")
    assert done.exit_code == 0, done.output
    result = json.loads((here / "runs" / "demo" / "result.json").read_text())
    accuracy = next(score for score in result["test"] if score["name"] == "accuracy")
    assert accuracy["value"] >= 0.975


# The command line's checks, verdict and pictures besides take half a minute.
FIT = """
import sys
from wellfit import MLPClassifier
from wellfit.datasets import load
data = load("mnist", data_dir=sys.argv[1])
MLPClassifier((64,), epochs=1).fit(data.X, data.y).score(data.X_test, data.y_test)
"""
TRAIN = ("-m", "wellfit", "train", "mnist", "--hidden", "64", "--epochs", "1", "-q", "--data-dir")


@pytest.mark.parametrize("words", [("-c", FIT), pytest.param(TRAIN, marks=pytest.mark.heavy)])
def test_mnist_takes_little_memory(
    words: tuple[str, ...], data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    process = subprocess.Popen([sys.executable, *words, str(data_dir)])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    unit = 1 if sys.platform == "darwin" else 1024
    assert used.ru_maxrss * unit < MOST_BYTES
