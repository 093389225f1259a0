"""``--classes``: train, check, search and predict on the rows of some classes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import Result

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")


def trained(wellfit: Wellfit, *more: str) -> Result:
    return wellfit("train", "digits", "--hidden", "8", "--epochs", "2", "--run", "run", *more)


def test_a_model_of_some_classes(here: Path, wellfit: Wellfit) -> None:
    done = trained(wellfit, "--classes", "0-2,7")
    assert done.exit_code == 0, done.output
    counted = json.loads((here / "run" / "result.json").read_text())["confusion"]
    assert counted["classes"] == [0, 1, 2, 7]
    config = json.loads((here / "run" / "config.json").read_text())
    assert config["request"]["classes"] == "0-2,7"

    predicted = wellfit("predict", "run", "digits", "--out", "all.csv")
    assert "rows of 1,797 have a class that the model doesn't know" in predicted.output
    assert len(pd.read_csv("all.csv")) == 1797
    one = wellfit("predict", "run", "digits", "--out", "some.csv", "--classes", "1,7")
    assert one.exit_code == 0
    assert "doesn't know" not in one.output
    assert len(pd.read_csv("some.csv")) == 182 + 179
    wrong = wellfit("predict", "run", "digits", "--out", "no.csv", "--classes", "1,8")
    assert (wrong.exit_code, Path("no.csv").exists()) == (2, False)
    assert "the model has no class '8'" in wrong.output
    assert "Its classes: 0, 1, 2, 7" in wrong.output


def test_a_run_of_some_classes_is_resumed_with_them(here: Path, wellfit: Wellfit) -> None:
    assert trained(wellfit, "--classes", "3-4").exit_code == 0
    before = (here / "run" / "metrics.jsonl").read_text().splitlines()
    (here / "run" / "result.json").unlink()
    resumed = wellfit("train", "--resume", "run")
    assert resumed.exit_code == 0, resumed.output
    after = (here / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["loss"] for line in after] == [
        json.loads(line)["loss"] for line in before
    ]


def test_check_and_search_use_the_same_rows(here: Path, wellfit: Wellfit) -> None:
    checked = wellfit("check", "digits", "--classes", "0,1", "--hidden", "4")
    assert "digits: 288 rows" in checked.output
    words = ("--candidates", "2", "--cv", "2", "--hidden", "4", "--epochs", "2", "--run", "s")
    searched = wellfit("search", "digits", "--classes", "0,1", *words)
    assert searched.exit_code == 0, searched.output
    assert json.loads((here / "s" / "config.json").read_text())["data"]["training_rows"] == 288


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("train digits --classes 0-12", "digits has no class '12'"),
        ("train adult.csv --target income --classes hihg", "did you mean 'high'?"),
        ("train adult.csv --target pay --classes 0-4", "so it has no classes"),
        ("train digits --classes 0-4 --task regression", "are both given"),
        ("check digits --classes 3", "expected at least two"),
    ],
)
def test_classes_that_can_not_be_had(
    command: str, told: str, here: Path, wellfit: Wellfit
) -> None:
    done = wellfit(*command.split())
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())


def test_predicting_some_classes_needs_classes(
    here: Path, wellfit: Wellfit, classifier: Path
) -> None:
    pd.read_csv("adult.csv").drop(columns="income").to_csv("new.csv", index=False)
    words = ("predict", str(classifier), "--out", "p.csv", "--classes", "low")
    assert "new.csv has none" in wellfit(*words, "new.csv").output
    assert wellfit(*words, "adult.csv").exit_code == 0
    table = pd.read_csv("adult.csv")
    assert len(pd.read_csv("p.csv")) == (table.income == "low").sum()
