"""A small table to train on, the command line to call, and one run for the tests that need one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from shortcuts import draw_nothing, judge_by_few_trees
from wellfit.cli.app import app

Wellfit = Callable[..., Result]

QUICK = ("--hidden", "8", "--epochs", "3")


def make_table(rows: int = 120) -> pd.DataFrame:
    """Return a table with a number, a category, gaps, and targets of each kind."""
    rng = np.random.default_rng(0)
    age, job = rng.integers(18, 70, rows), rng.choice(["cook", "clerk", "nurse"], rows)
    pay = (100 * age + rng.normal(0, 50, rows)).round(1)
    table = pd.DataFrame({"age": age, "job": job, "hours": rng.normal(40, 5, rows).round(1)})
    table["income"] = np.where(age + 10 * (job == "nurse") > 45, "high", "low")
    table.loc[::10, "hours"] = np.nan
    return table.assign(pay=pay)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in, with the table ``adult.csv``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WELLFIT_DATA", raising=False)
    monkeypatch.delenv("WELLFIT_DEBUG", raising=False)
    make_table().to_csv(tmp_path / "adult.csv", index=False)
    return tmp_path


@pytest.fixture
def wellfit() -> Wellfit:
    """Call the command line with these words."""

    def call(*words: str, env: dict[str, str] | None = None) -> Result:
        return CliRunner().invoke(app, list(words), env={"COLUMNS": "100", **(env or {})})

    return call


@pytest.fixture
def drawn() -> None:
    """Ask for pictures that are drawn, where ``undrawn`` leaves them out."""


@pytest.fixture
def undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing, see :func:`draw_nothing`."""
    if "drawn" not in request.fixturenames:
        draw_nothing(monkeypatch)


@pytest.fixture(scope="module", autouse=True)
def _judged_by_few_trees(few_trees: None) -> None:
    """Most commands of these tests train, and so print a verdict."""


@pytest.fixture(scope="session")
def adult(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table ``adult.csv``, for runs that several tests share."""
    path = tmp_path_factory.mktemp("table") / "adult.csv"
    make_table().to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def classifier(adult: Path) -> Path:
    """A run that classifies ``income`` by age, job and hours, beside its table."""
    run = adult.parent / "run"
    words = ["train", str(adult), "--target", "income", "--drop", "pay"]
    with pytest.MonkeyPatch.context() as patch:
        judge_by_few_trees(patch)
        done = CliRunner().invoke(app, [*words, "--run", str(run), *QUICK])
    assert done.exit_code == 0, done.output
    return run
