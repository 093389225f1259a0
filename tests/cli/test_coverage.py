"""What intervals and sets of a training held of the test rows: printed, kept, in the card."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from wellfit import load_model
from wellfit.cli.evaluation import class_table
from wellfit.report import coverage
from wellfit.report.coverage import Coverage
from wellfit.report.scores import Predictions, class_scores
from wellfit.report.scores.intervals import wilson

pytestmark = pytest.mark.usefixtures("undrawn")
WORDS = ("--hidden", "4", "--epochs", "2", "--conformal", "split", "--quiet", "--run", "run")


@pytest.mark.parametrize(("target", "of"), [("pay", "intervals"), ("income", "sets")])
def test_a_calibrated_training_shows_its_coverage(here, wellfit, target, of):
    table = pd.read_csv("adult.csv")
    table[:80].to_csv("adult.csv", index=False)
    table[80:].to_csv("test.csv", index=False)
    done = wellfit("train", "adult.csv", "--target", target, "--test", "test.csv", *WORDS)
    assert done.exit_code == 0, done.output

    model, X, y = load_model("run/model"), table[80:].drop(columns=target), table[target][80:]
    if of == "intervals":
        low, high = model.predict_interval(X, 0.9).T
        share, size = np.mean((low <= y) & (y <= high)), np.mean(high - low)
    else:
        sets = model.predict_set(X, 0.9)
        places = np.searchsorted(model.classes_, y)
        share, size = sets[np.arange(40), places].mean(), sets.sum(axis=1).mean()

    found = json.loads((here / "run" / "result.json").read_text())["coverage"]
    assert (found["of"], found["rows"]) == (of, 40)
    (one,) = [each for each in found["levels"] if each["level"] == 0.9]
    assert one["share"] == share
    assert one["size"] == pytest.approx([size])
    assert (one["low"], one["high"]) == pytest.approx(wilson(40 * share, 40)[:2])

    (line,) = [each for each in done.stdout.splitlines() if each.startswith(f"90 % {of}")]
    assert f"{100 * share:.1f} %" in line
    assert "50 %" not in done.stdout
    assert wellfit("card", "run").exit_code == 0
    card = (here / "run" / "MODEL_CARD.md").read_text()
    assert f"Prediction {of} are calibrated" in card
    assert f"| 90 % | {100 * share:.1f} % | {100 * one['low']:.1f} % to" in card


def test_weights_count_rows_in_shares_and_sizes_and_leave_the_interval_wider():
    model = SimpleNamespace()
    weight = np.array([3.0, 1.0, 1.0, 1.0])
    bounds = np.array([[0.0, 1.0], [0.0, 3.0], [0.0, 1.0], [0.0, 1.0]])
    y = np.array([2.0, 1.0, 0.5, 0.5])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage, "levels_of", lambda model: [0.5])
        patch.setattr(coverage, "intervals_at", lambda model, X, levels: [bounds])
        weighted = Coverage.of_intervals(model, y, y, weight)
        sets = np.array([[True, True], [True, False], [True, False], [True, False]])
        patch.setattr(coverage, "sets_at", lambda model, X, levels: [sets])
        of_sets = Coverage.of_sets(model, y, np.array([1, 0, 0, 1]), weight)
    (one,), (other,) = (each.plain()["levels"] for each in (weighted, of_sets))
    assert (one["share"], one["size"]) == (0.5, [8 / 6])
    assert (other["share"], other["size"]) == (5 / 6, [9 / 6])
    assert (one["low"], one["high"]) == pytest.approx(wilson(0.5 * 3, 3)[:2])  # 6² / (3² + 3)
    assert weighted.chart.marks[1].errors[0] == pytest.approx([0.5 - one["low"]])


def test_a_training_with_weights_shows_weighted_coverage(here, wellfit):
    table = pd.read_csv("adult.csv").assign(w=np.where(np.arange(120) % 3, 0.2, 5.0))
    table[:80].to_csv("adult.csv", index=False)
    table[80:].to_csv("test.csv", index=False)
    given = ("--target", "pay", "--test", "test.csv", "--weights", "w")
    done = wellfit("train", "adult.csv", *given, *WORDS)
    assert done.exit_code == 0, done.output
    low, high = (
        load_model("run/model").predict_interval(table[80:].drop(columns=["pay", "w"]), 0.5).T
    )
    held = (low <= table["pay"][80:]) & (table["pay"][80:] <= high)
    (one, *_) = json.loads((here / "run" / "result.json").read_text())["coverage"]["levels"]
    assert one["share"] == pytest.approx(np.average(held, weights=table["w"][80:]))
    assert one["share"] != held.mean()


def test_targets_have_widths_of_their_own():
    bounds = np.array([[[0.0, 1.0], [0.0, 10.0]], [[1.0, 4.0], [5.0, 5.0]]])
    (one,) = Coverage([0.9], [bounds], [0.75], 2, "intervals").plain()["levels"]
    assert one["size"] == [2.0, 5.0]
    assert one["low"] < 0.75 < one["high"]


@pytest.mark.parametrize("rows", [30, 12_345])
def test_scores_of_classes_fit_the_terminal_or_go_without_intervals(rows):
    for name, bounded in (("versicolor"[: 14 - len(f"{rows:,}")], True), ("a longer name", False)):
        y = np.resize([name, "b", "c"], rows)
        told = np.where(np.arange(rows) % 5, y, "c")
        chances = (told[:, None] == np.array(["b", "c", name])).astype(float)
        scores = class_scores(
            Predictions(y, told, chances, np.array(["b", "c", name])), ["b", "c", name]
        )
        console = Console(width=80)
        with console.capture() as printed:
            console.print(class_table(scores, 80))
        text = printed.get()
        assert ("(with 95 % intervals)" in text, "–" in text) == (bounded, bounded)
        assert "…" not in text
        assert max(map(len, text.splitlines()[1:])) <= 80
