"""``wellfit train`` as torchrun starts it: several processes train one network."""

from __future__ import annotations

import json
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import Result

from processes import free_port, launch_environment, said, start

Wellfit = Callable[..., Result]
DIGITS = (
    "train digits --hidden 16 --batch-norm --dropout 0.2 --batch-size 64 --patience 40 "
    "--precision float64 --run run --checkpoint-every 0 -q"
)


def begun(words: str, *places: Path, restarts: int = 0) -> list[Any]:
    """Start a process in each of some folders, as torchrun does in one."""
    port = free_port()
    processes = []
    for rank, place in enumerate(places):
        environment = launch_environment(rank, len(places), port)
        environment["TORCHELASTIC_RESTART_COUNT"] = str(restarts)
        processes.append(start(*shlex.split(words), cwd=place, environment=environment))
    return processes


def codes(processes: list[Any]) -> list[int]:
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def metrics(run: Path) -> pd.DataFrame:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return pd.DataFrame(lines).drop(columns="seconds")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes that nothing has cut off."""
    place = tmp_path_factory.mktemp("whole")
    assert codes(begun(f"{DIGITS} --epochs 20", place, place)) == [0, 0], said(place)
    return place


def test_the_run_is_that_of_one_process_and_the_first_alone_prints(
    whole: Path, tmp_path: Path, undrawn: None
) -> None:
    assert codes([start(*shlex.split(f"{DIGITS} --epochs 20"), cwd=tmp_path)]) == [0]
    one, two = metrics(tmp_path / "run"), metrics(whole / "run")
    pd.testing.assert_frame_equal(two, one, rtol=1e-9)
    assert said(whole, "out").count("run folder") == 1
    assert json.loads((whole / "run" / "config.json").read_text())["processes"] == 2
    assert (
        said(whole).strip() == "note: 2 processes train one network, each by its share of a batch"
    )


def test_a_killed_process_ends_all_and_their_next_start_goes_on(
    whole: Path, tmp_path: Path
) -> None:
    processes = begun(f"{DIGITS} --epochs 20", tmp_path, tmp_path)
    # The second epoch's checkpoints follow the first's metrics.
    while not list(tmp_path.glob("run/checkpoints/epoch-000001*.safetensors")):
        assert processes[1].is_alive(), said(tmp_path)
        time.sleep(0.001)
    processes[1].kill()
    assert codes(processes) == [1, -signal.SIGKILL]
    assert "error: another process of this training has ended" in said(tmp_path)
    done = len(metrics(tmp_path / "run"))
    assert 0 < done < 20
    again = begun(f"{DIGITS} --epochs 20", tmp_path, tmp_path, restarts=1)
    assert codes(again) == [0, 0], said(tmp_path)
    # Rows of one batch are summed in the same order each time: to the bit.
    pd.testing.assert_frame_equal(metrics(tmp_path / "run"), metrics(whole / "run"), rtol=0)


def test_a_process_that_fails_says_so_and_ends_the_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    table = pd.DataFrame({"x": rng.normal(size=40), "y": rng.integers(0, 2, 40)})
    table.to_csv(first / "table.csv", index=False)
    found = codes(begun("train table.csv --target y -q", first, second))
    assert found == [1, 2]
    assert "error: process 1: 'table.csv' is neither a file nor" in said(second)


@pytest.mark.usefixtures("here")
def test_commands_for_one_process_are_refused(wellfit: Wellfit) -> None:
    result = wellfit("data", "show", "adult.csv", env=launch_environment(0, 2, 1))
    assert result.exit_code == 2
    assert "torchrun has started 2 processes of `wellfit data`, which works" in result.stderr
