"""Runs to report on: pictures, a hostile table, quantities, a search; each made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from reported import HOSTILE_RUN, Wellfit, call, done, table


@pytest.fixture
def wellfit() -> Wellfit:
    """Call the command line with these words."""
    return call


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose columns, classes and name are markup."""
    folder = tmp_path_factory.mktemp("hostile")
    table().to_csv(folder / "table.csv", index=False)
    run = folder / HOSTILE_RUN
    words = ("--target", "label", "--hidden", "8", "--epochs", "4", "--drop", "pay", "--quiet")
    done("train", folder / "table.csv", *words, "--run", run)
    return run


@pytest.fixture(scope="session")
def quantities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a regression."""
    folder = tmp_path_factory.mktemp("quantities")
    table().to_csv(folder / "table.csv", index=False)
    words = ("--target", "pay", "--hidden", "8,8", "--epochs", "4", "--drop", "label", "--quiet")
    done("train", folder / "table.csv", *words, "--run", folder / "run")
    return folder / "run"


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on images, long enough to have curves, short enough to make mistakes."""
    run = tmp_path_factory.mktemp("images") / "first"
    done("train", "digits", "--hidden", "16", "--epochs", "20", "--quiet", "--run", run)
    return run


@pytest.fixture(scope="session")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of six candidates."""
    run = tmp_path_factory.mktemp("search") / "search"
    words = ("--candidates", "6", "--epochs", "5", "--cv", "2", "--quiet")
    done("search", "iris", *words, "--run", run)
    return run


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write the report of some runs, once for each combination."""
    folder, there = tmp_path_factory.mktemp("reports"), {}

    def write(*runs: Path) -> Path:
        if runs not in there:
            out = folder / f"{len(there)}.html"
            done("report", *runs, "--out", out)
            there[runs] = out
        return there[runs]

    return write
