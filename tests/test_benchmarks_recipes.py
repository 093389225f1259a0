"""The arithmetic of the recipes' benchmark; nothing here takes the time of anything."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/ is no installed package

from benchmarks.recipes import __main__ as command
from benchmarks.recipes import report, scikit_learn, wellfit_mlp
from benchmarks.recipes.task import TASKS, Images, Run

TASK = replace(TASKS["cs109b"], target=0.97)
OURS = Run([2.0], [0.98])
THEIRS = Run([10.0, 20.0, 30.0], [0.95, 0.97, 0.969])


def images() -> Images:
    """Return rows like MNIST's, of which the brighter half tells the class."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 400)
    X = rng.integers(0, 60, (400, 784)).astype(np.uint8)
    for label in range(10):
        X[y == label, 70 * label : 70 * label + 70] += 190
    return Images(X[100:], y[100:], X[:100], y[:100], X[:100], y[:100])


def test_ratios_are_of_the_whole_recipe_and_to_the_first_epoch_that_is_as_good() -> None:
    assert report.ratios(TASK, [THEIRS], [OURS]) == (15.0, 10.0)


def test_ours_counts_only_if_every_seed_is_as_good() -> None:
    assert report.ratios(TASK, [THEIRS], [OURS, Run([1.0], [0.96])]) == (None, None)


def test_a_recipe_cut_short_has_no_ratio_as_a_whole() -> None:
    assert report.ratios(TASK, [replace(THEIRS, complete=False)], [OURS]) == (None, 10.0)


def test_a_recipe_that_never_is_as_good_counts_as_a_whole_alone() -> None:
    assert report.ratios(TASK, [Run([8.0], [0.9])], [OURS]) == (4.0, None)


def test_runs_are_done_again_where_the_whole_is_asked_for_and_they_were_cut() -> None:
    whole, cut = asdict(OURS), asdict(replace(OURS, complete=False))
    assert command.missing([whole], seeds=3, epochs=None)
    assert command.missing([cut], seeds=1, epochs=None)
    assert not command.missing([cut], seeds=1, epochs=2)
    assert not command.missing([whole], seeds=1, epochs=None)


def test_the_table_survives_the_way_through_the_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "runs.json"
    document = command.read(path)
    document["runs"]["cs109b:wellfit"] = {"runs": [asdict(OURS)]}
    document["runs"]["cs109b:keras"] = {"runs": [asdict(THEIRS)]}
    command.write(path, document)
    text = "\n".join(command.tables(command.read(path)))
    assert "| keras | 3 | 96.90% | 97.00% | 30.00 | not reached | 0.0 | 15.0 | – |" in text


@pytest.mark.parametrize(
    ("fit", "told"), [(scikit_learn.fit, 6), (wellfit_mlp.fit, 1)], ids=["scikit-learn", "wellfit"]
)
def test_a_tool_trains_and_tells_it_when_cut_short(fit, told: int) -> None:
    run = fit(TASKS["indaba-glorot"], images(), 6, 0)
    assert len(run.seconds) == len(run.accuracies) == told
    assert not run.complete
    assert run.accuracies[-1] > 0.3
