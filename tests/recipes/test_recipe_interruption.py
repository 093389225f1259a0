"""``reproduce`` ended by a signal, and going on, in processes of its own; with made-up recipes."""

from __future__ import annotations

import json
import os
import signal
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.backend import context

import wellfit.recipes
from processes import PATIENCE, SERVER, call, children, said, wait_for_the_end_of
from wellfit.core import declared
from wellfit.recipes import Publication, Recipe, RecipeContext


class Quick(Recipe):
    """Writes down that it ran; without name=, so that nobody else finds it."""

    name: ClassVar[str] = "quick"
    source: ClassVar[Publication] = Publication("nowhere", "made up", "by hand")
    settings: ClassVar[Mapping[str, Any]] = {"network": "none"}

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        with Path("ran").open("a") as file:
            file.write(f"{self.name} {context.seed}\n")
        return {"test accuracy": context.seed / 10}


class Slow(Quick):
    """Waits from its second seed on, until there is a file ``go``."""

    name: ClassVar[str] = "slow"

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        if context.seed and not Path("go").exists():
            Path("waits").touch()
            time.sleep(PATIENCE)
        return super().run(context)


def begun(folder: Path, method: str, *words: str) -> Any:
    process = SERVER.Process(target=_reproduced, args=(folder, method, words))
    process.start()
    return process


def _reproduced(folder: Path, method: str, words: tuple[str, ...]) -> None:
    # Joblib's own method imports PyTorch anew in each process, which takes seconds. Forks are
    # ended and end in the same way.
    warnings.filterwarnings("ignore", "`fork` start method should not be used with `loky`")
    context.set_start_method(method, force=True)
    wellfit.recipes.recipes = lambda names=(), source=None: [Quick(), Slow()]
    declared.refuse_undeclared = lambda family, name: None
    try:
        words = ("reproduce", "--all", "--seeds", "3", "--out", "out", *words)
        call(words, folder, "utf-8", drawn=True)
    finally:  # a fork has no interpreter's exit, which would do this
        get_reusable_executor().shutdown(kill_workers=True)


@pytest.mark.parametrize(
    ("signals", "jobs", "method"),
    [
        ((signal.SIGINT,), 1, "fork"),
        ((signal.SIGINT, signal.SIGINT), 1, "fork"),
        ((signal.SIGTERM,), 1, "fork"),
        ((signal.SIGKILL,), 1, "fork"),
        ((signal.SIGINT,), 2, "fork"),
        ((signal.SIGKILL,), 2, "fork"),
        pytest.param((signal.SIGINT,), 2, "loky", marks=pytest.mark.heavy),
        pytest.param((signal.SIGKILL,), 2, "loky", marks=pytest.mark.heavy),
    ],
)
def test_what_was_finished_is_kept_and_not_run_again(
    tmp_path: Path, signals: tuple[int, ...], jobs: int, method: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    process = begun(here, method, "--jobs", str(jobs))
    unfinished = here / "out" / "unfinished" / "slow-published.json"
    kept = [here / "waits", here / "out" / "results.json", unfinished]
    # A result is written a moment before it is counted and shown.
    while process.is_alive() and not (
        all(path.exists() for path in kept) and "(1 of 2)" in said(here, "out")
    ):
        time.sleep(0.05)
    below = children(process.pid)
    for signum in signals:
        os.kill(process.pid, signum)
    process.join(PATIENCE)
    assert process.exitcode == (-signum if signum == signal.SIGKILL else 128 + signum), said(here)
    if signum != signal.SIGKILL:
        assert "finished seeds are kept in out: the same command continues" in said(here)
        assert "1 of 2 recipes in" in said(here, "out")
    wait_for_the_end_of(below)

    (here / "go").touch()
    process = begun(here, method, "--jobs", str(jobs))
    process.join(PATIENCE)
    assert process.exitcode == 0, said(here)
    assert "2 of 2 recipes in" in said(here, "out")
    ran = (here / "ran").read_text().splitlines()
    assert sorted(ran) == [f"{name} {seed}" for name in ("quick", "slow") for seed in range(3)]
    results = json.loads((here / "out" / "results.json").read_text())
    for name in ("quick", "slow"):
        (figure,) = results[name]["published"]["figures"]
        assert figure["values"] == [0.0, 0.1, 0.2]
    assert not unfinished.parent.exists()
