"""``wellfit check``."""

from __future__ import annotations

import atexit
import gc
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import Result

from wellfit.cli import app as command

Wellfit = Callable[..., Result]


@pytest.fixture
def collector() -> Iterator[None]:
    """Leave the collector of garbage as it is."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
def test_the_command_spares_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else looking through the libraries' objects is a quarter of what a check takes."""
    at_exit: list[object] = []
    monkeypatch.setattr(atexit, "register", at_exit.append)
    monkeypatch.setattr(command, "app", lambda **_: None)
    command.main()
    assert gc.get_threshold()[0] >= 50_000
    assert gc.freeze in at_exit


def test_a_table_is_checked(here: Path, wellfit: Wellfit) -> None:
    done = wellfit("check", "adult.csv", "--target", "income", "--drop", "pay", "--hidden", "16")
    assert "initial loss" in done.output
    assert "checks:" in done.output
    assert done.exit_code == 0, done.output
    assert not list(here.glob("runs*"))


def test_healthy_digits_raise_no_alarm(here: Path, wellfit: Wellfit) -> None:
    done = wellfit("check", "digits", "--hidden", "32", "--rates", "rates.png")
    assert done.exit_code == 0, done.output
    assert "0 warned, 0 failed" in done.output
    told, drawn = re.findall(r"suggested (\S+)|try a learning rate of (\S+)", done.output)
    assert told[0] == drawn[1]
    assert (here / "rates.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--initializer", "zeros"), "identical"),
        (("--optimizer", "sgd", "--learning-rate", "50"), "too high"),
        (("--set", "initializer__std=50", "--initializer", "normal"), "initial loss"),
    ],
)
def test_an_illness_is_told_and_sets_the_exit_code(
    here: Path, wellfit: Wellfit, words: tuple[str, ...], told: str
) -> None:
    done = wellfit("check", "iris", "--hidden", "8", *words)
    assert done.exit_code == 1, done.output
    assert told in done.output
    assert "→" in done.output


def test_a_leaking_column_is_named(here: Path, wellfit: Wellfit) -> None:
    table = pd.read_csv(here / "adult.csv")
    table.assign(verdict=table.income == "high").to_csv(here / "leak.csv", index=False)
    words = ("--target", "income", "--drop", "pay", "--hidden", "8")
    done = wellfit("check", "leak.csv", *words)
    assert done.exit_code == 1, done.output
    assert "verdict" in done.output
    assert wellfit("check", "adult.csv", *words).exit_code == 0


def test_names_with_markup_are_printed_as_they_are(here: Path, wellfit: Wellfit) -> None:
    table = pd.read_csv(here / "adult.csv").rename(columns={"age": "[red]age[/red]"})
    table.assign(**{"[b]same": 1}).to_csv(here / "odd.csv", index=False)
    done = wellfit("check", "odd.csv", "--target", "income", "--drop", "pay", "--hidden", "8")
    assert "[b]same" in done.output


def test_what_cannot_be_checked_says_why(here: Path, wellfit: Wellfit) -> None:
    for words, told in (
        (("nowhere.csv",), "nowhere.csv"),
        (("iris", "--optimizer", "adm"), "did you mean 'adam'"),
        (("adult.csv", "--target", "incme"), "income"),
    ):
        done = wellfit("check", *words)
        assert done.exit_code == 2, done.output
        assert told in done.output


def test_checks_import_neither_pictures_nor_trees_of_many() -> None:
    """Half of a check's time goes to imports; what only verdicts and figures need can wait."""
    program = (
        "import sys, wellfit.cli.settings, wellfit.diagnose\n"
        "print([m for m in ('matplotlib', 'plotly', 'sklearn.ensemble') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"
