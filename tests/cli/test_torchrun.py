"""``torchrun`` itself: processes are killed, and the training comes to its end all the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from processes import alive, children, wait

pytestmark = pytest.mark.heavy
KILLS = 10
# `--` keeps torchrun from taking --run for its own --run-path.
TRAIN = (
    "-m -- wellfit train digits --hidden 64 --batch-norm --dropout 0.2 --batch-size 32 "
    "--patience 400 --epochs 100 --run run --checkpoint-every 0.2 -q"
)


def started(*options: str, cwd: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", *options]
    with (cwd / "log").open("wb") as log:
        return subprocess.Popen(
            [*command, *TRAIN.split()], cwd=cwd, stdout=log, stderr=log, env=dict(os.environ)
        )


def losses(cwd: Path) -> pd.DataFrame:
    return pd.read_json(cwd / "run" / "metrics.jsonl", lines=True).drop(columns="seconds")


def newest(cwd: Path) -> str:
    return max((path.name for path in cwd.glob("run/checkpoints/*.safetensors")), default="")


def killed(agent: subprocess.Popen[bytes], cwd: Path, moments: random.Random) -> None:
    """Kill one of the two processes some moments after they have written a checkpoint."""
    before, workers = newest(cwd), children(agent.pid)
    wait(lambda: len(children(agent.pid)) >= 2 and newest(cwd) > before)
    time.sleep(moments.uniform(0, 0.3))
    workers = children(agent.pid)[:2]
    os.kill(moments.choice(workers), signal.SIGKILL)
    wait(lambda: not any(map(alive, workers)))


@pytest.mark.timeout(1800)
def test_ten_kills_change_nothing(tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    whole.mkdir()
    torn.mkdir()
    assert started(cwd=whole).wait() == 0, (whole / "log").read_text()
    moments = random.Random(0)
    agent = started(f"--max-restarts={KILLS}", cwd=torn)
    for _ in range(KILLS):
        killed(agent, torn, moments)
    assert agent.wait() == 0, (torn / "log").read_text()
    pd.testing.assert_frame_equal(losses(torn), losses(whole), rtol=0)
