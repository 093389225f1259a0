"""``wellfit card``: what a model card holds, and what it leaves to people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import Result

from wellfit.report.card.markdown import escaped
from wellfit.report.card.subgroups import subgroups

Wellfit = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("undrawn")

TRAIN = ("train", "adult.csv", "--target", "income", "--hidden", "8", "--epochs", "3", "--quiet")


def test_a_card_has_data_scores_calibration_limits_and_how_to_load(
    here: Path, wellfit: Wellfit
) -> None:
    assert wellfit(*TRAIN, "--scoring", "roc_auc", "--run", "run").exit_code == 0
    result = json.loads((here / "run" / "result.json").read_text())
    done = wellfit("card", "run", "--by", "hours")
    assert done.exit_code == 0, done.output
    assert "wrote run/MODEL_CARD.md" in done.output
    card = (here / "run" / "MODEL_CARD.md").read_text()
    sections = [line[3:] for line in card.splitlines() if line.startswith("## ")]
    assert sections == [
        "Model details",
        "Intended use",
        "Training data",
        "Evaluation data",
        "Metrics",
        "Calibration",
        "Limits found by checks",
        "Ethical considerations",
        "How to load",
    ]
    area = result["test"][0]
    assert f"| ROC AUC | {area['value']:.3f} | {area['low']:.3f} to " in card
    for told in (
        "| target | income |",
        "24 test rows: a random 20 % of the rows, seed 0.",
        "By class, with 95 % intervals:",
        "By `hours`, with 95 % intervals:",
        "Expected calibration error on the test rows:",
        "*To be filled in: what is it for, and who are its users?*",
        "model = load_model('run/model')",
    ):
        assert told in card, told


def test_the_average_of_several_networks_is_told_as_such(here: Path, wellfit: Wellfit) -> None:
    given = ("--bagging", "2", "--learning-rate", "1", "--run", "run")
    done = wellfit(*[each for each in TRAIN if each != "--quiet"], *given)
    assert done.exit_code == 0, done.output
    assert "the average of 2 networks" in " ".join(done.output.split())
    ended = json.loads((here / "run" / "result.json").read_text())
    assert ended["best_epoch"] < ended["epochs"]  # so that there is something to say of it
    assert f"median best epoch {ended['best_epoch']}" in done.output
    assert wellfit("card", "run").exit_code == 0
    card = (here / "run" / "MODEL_CARD.md").read_text()
    assert "| `bagging` | 2 |" in card
    median = f"the median is {ended['best_epoch']}"
    assert f"2 networks with the weights of their best epochs, {median}" in card
    assert "weights of epoch" not in card


def test_a_card_that_was_filled_in_is_not_replaced(here: Path, wellfit: Wellfit) -> None:
    assert wellfit(*TRAIN, "--run", "run").exit_code == 0
    assert wellfit("card", "run").exit_code == 0
    card = here / "run" / "MODEL_CARD.md"
    card.write_text("filled in")
    refused = wellfit("card", "run")
    assert refused.exit_code == 2
    assert "may have been filled in" in refused.stderr
    assert card.read_text() == "filled in"
    assert wellfit("card", "run", "--overwrite").exit_code == 0
    assert "## Metrics" in card.read_text()
    # It is the run's own: the run may still be replaced.
    assert wellfit(*TRAIN, "--run", "run", "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("card", "nothing"), "there is no run"),
        (("card", "run", "--by", "hour"), "unknown column 'hour'; did you mean 'hours'?"),
        (("card", "run", "--out", "no/card.md"), "the folder no doesn't exist"),
    ],
)
def test_what_cannot_be_is_refused(
    here: Path, wellfit: Wellfit, words: tuple[str, ...], told: str
) -> None:
    assert wellfit(*TRAIN, "--run", "run").exit_code == 0
    done = wellfit(*words)
    assert done.exit_code == 2
    assert told in done.stderr.replace("\n", " ")
    assert not (here / "run" / "MODEL_CARD.md").exists()


def test_a_regression_has_no_calibration_and_its_data_may_be_gone(
    here: Path, wellfit: Wellfit
) -> None:
    words = ("--target", "pay", "--hidden", "4", "--epochs", "2", "--run", "run", "--quiet")
    assert wellfit("train", "adult.csv", *words).exit_code == 0
    (here / "adult.csv").rename(here / "moved.csv")
    done = wellfit("card", "run", "--by", "hours")
    assert done.exit_code == 0, done.output
    card = (here / "run" / "MODEL_CARD.md").read_text()
    assert "## Calibration" not in card
    assert "| RMSE |" in card
    assert "The test rows are missing, so subgroups can't be compared." in card
    assert "predict_proba" not in card


def test_numbers_are_cut_at_their_quartiles_and_rare_values_are_one_group() -> None:
    table = pd.DataFrame({"n": range(100), "kind": [*"abcdefgh"] * 12 + ["x", "y", "z", None]})
    parts = {name: len(rows) for name, rows in subgroups(table, "n")}
    assert list(parts) == ["0 to 24.8", "24.8 to 49.5", "49.5 to 74.2", "74.2 to 99"]
    assert list(parts.values()) == [25, 25, 25, 25]
    kinds = {name: len(rows) for name, rows in subgroups(table, "kind")}
    assert kinds == {**dict.fromkeys("abcdefgh", 12), "all others": 3, "missing": 1}


def test_names_of_the_data_do_no_harm() -> None:
    assert escaped("a|b\n# c <img>") == r"a\|b \# c \<img\>"
