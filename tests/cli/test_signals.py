"""Ctrl-C, SIGTERM and SIGHUP: the command ends in a line, and what it began can be resumed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from processes import PATIENCE, children, said, start, wait_for_the_end_of
from wellfit.cli import signals
from wellfit.cli.live_callbacks import MetricsWriter
from wellfit.model_selection.journal import read_journal
from wellfit.training import EpochLogs
from wellfit.training.checkpoint import latest
from wellfit.training.interrupt import Interrupt

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")

# So long between two checkpoints that only what a signal puts aside is there.
TRAIN = ("train", "iris", "--hidden", "8", "--epochs", "600", "--no-early-stopping")
LATER = ("--checkpoint-every", "1000", "--run", "run")
SEARCH = ("search", "digits", "--hidden", "64", "--epochs", "60", "--no-early-stopping")


@pytest.fixture
def listening() -> Iterator[None]:
    """Handle signals in this process as the command does."""
    before = {signum: signal.getsignal(signum) for signum in signals._WORDS}
    # Where the tests run in the background, it is ignored.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signals._handler.__init__()  # type: ignore[misc]
    signals.listen()
    yield
    signals._handler.__init__()  # type: ignore[misc]
    for signum, handler in before.items():
        signal.signal(signum, handler)


def metrics(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_training_that_is_terminated_is_put_aside(
    here: Path,
    wellfit: Wellfit,
    listening: None,
    monkeypatch: pytest.MonkeyPatch,
    signum: int,
    code: int,
) -> None:
    words = (*TRAIN[:-3], "--epochs", "5", "--no-early-stopping")
    assert wellfit(*words, "--run", "whole").exit_code == 0

    def end(self: MetricsWriter, record: EpochLogs, *_: object) -> None:
        if record.epoch == 3:
            signal.raise_signal(signum)

    signals.listen()
    with monkeypatch.context() as patch:
        patch.setattr(MetricsWriter, "on_epoch_end", end)
        done = wellfit(*words, *LATER)
    assert done.exit_code == code
    assert "`wellfit train --resume run` resumes the run" in done.stderr
    newest = latest(here / "run" / "checkpoints")
    assert newest is not None
    assert newest.name == "epoch-000003.safetensors"
    assert not (here / "run" / "result.json").exists()
    assert wellfit("train", "--resume", "run").exit_code == 0
    assert metrics(here / "run") == metrics(here / "whole")
    for name in ("model/weights.safetensors", "learning_curve.png"):
        assert (here / "run" / name).read_bytes() == (here / "whole" / name).read_bytes()


def test_a_process_that_is_terminated_exits_by_143(here: Path) -> None:
    process = start(*TRAIN[:-3], "--epochs", "1000000", *LATER, cwd=here)
    growing = here / "run" / "metrics.jsonl"
    while process.is_alive() and not (growing.exists() and growing.stat().st_size > 1000):
        time.sleep(0.02)
    process.terminate()
    process.join(PATIENCE)
    assert process.exitcode == 143, said(here)
    assert said(here).endswith("note: terminated\n")
    assert latest(here / "run" / "checkpoints") is not None


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found in /proc")
def test_a_search_that_is_terminated_leaves_no_process_and_no_memory(here: Path) -> None:
    shared = Path("/dev/shm")
    before = set(shared.iterdir())
    words = (*SEARCH, "--candidates", "40", "--cv", "3", "--jobs", "2", "--run", "run")
    process = start(*words, cwd=here)
    journal = here / "run" / "journal.jsonl"
    while process.is_alive() and not (journal.exists() and len(children(process.pid)) >= 3):
        time.sleep(0.05)
    time.sleep(0.5)  # two workers and what tracks their files; their jobs are on their way
    below = children(process.pid)
    assert len(below) >= 3
    process.terminate()
    process.join(PATIENCE)
    assert process.exitcode == 143, said(here)
    # Whether there is anything to resume from depends on how far the workers came.
    assert re.search(r"`wellfit search --resume run` (resumes|begins) the run", said(here))
    wait_for_the_end_of(below)
    mine = [path for path in set(shared.iterdir()) - before if str(process.pid) in path.name]
    assert mine == []
    read_journal(journal)  # which raises where it is damaged
    assert not (here / "run" / "result.json").exists()


# --- the start and the end -------------------------------------------------------------------

AT_IMPORT = """
import signal, sys
class Presses:
    def find_spec(self, name, *_):
        if name == {name!r}:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Presses())
sys.argv = ["wellfit", "train", "iris", "--run", "run"]
from wellfit.__main__ import main
main()
"""


@pytest.mark.parametrize("name", ["typer", "rich.console", "torch"])
def test_ctrl_c_while_libraries_are_imported_is_told_in_a_line(here: Path, name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_IMPORT.format(name=name)],
        capture_output=True,
        text=True,
        cwd=here,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr == "note: interrupted\n"
    assert not (here / "run").exists()


def test_presses_in_quick_succession_are_one(listening: None) -> None:
    signals.begin()
    tidied = []

    def pressed_twice() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            tidied.append(True)

    with pytest.raises(signals.Ended) as ended:
        pressed_twice()
    assert ended.value.signum == signal.SIGINT
    assert tidied == [True]


def test_a_later_press_ends_what_takes_too_long(
    listening: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals.begin()
    with pytest.raises(signals.Ended):
        signal.raise_signal(signal.SIGINT)
    monkeypatch.setattr(signals, "_ONE", 0.0)
    with pytest.raises(signals.Ended):
        signal.raise_signal(signal.SIGINT)


def test_what_a_library_makes_of_a_signal_is_told_as_a_signal(
    here: Path, wellfit: Wellfit, listening: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def garble(*_: object, **__: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as error:
            raise ImportError("numpy.core failed to import") from error

    monkeypatch.setattr("wellfit.diagnose.check", garble)
    done = wellfit("check", "iris")
    assert done.exit_code == 143
    assert done.stderr == "note: terminated\n"


def test_ignored_signals_stay_ignored(monkeypatch: pytest.MonkeyPatch, listening: None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signals.listen()
    signals.settle()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_training_leaves_alone_what_the_program_does() -> None:
    """In Python, SIGTERM ends a process at once, unless the program says otherwise."""
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with Interrupt():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_no_ctrl_c_falls_into_the_interpreters_end(listening: None) -> None:
    signals.settle()
    signal.raise_signal(signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
