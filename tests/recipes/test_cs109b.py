"""CS109B's recipes: what they declare, and those that need no download."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from wellfit import MLPClassifier
from wellfit.recipes import RecipeContext, cs109b, recipes, reproduce

OURS = recipes(source="cs109b")


def test_every_part_of_the_lab_has_a_recipe() -> None:
    parts = {"beale", "sgd", "exponential", "rmsprop", "restarts", "initializers", "saved", "grid"}
    assert {recipe.name for recipe in OURS} == {f"cs109b-{part}" for part in parts}


@pytest.mark.parametrize("recipe", OURS, ids=lambda recipe: recipe.name)
def test_figures_say_where_they_stand_and_how_far_they_may_fall_short(recipe) -> None:
    assert recipe.figures
    assert all(figure.place for figure in recipe.figures)
    assert all(figure.slack <= 0.003 for figure in recipe.figures)


def test_beale_is_solved_in_fewer_evaluations_than_the_labs() -> None:
    done = reproduce(cs109b.BealeByLBFGS(), way="better", seeds=(0,))
    assert done.reached
    found = {measured.figure.what: measured.result for measured in done.figures}
    assert (found["x"], found["y"]) == pytest.approx((3.0, 0.5), abs=1e-5)


def test_the_rate_falls_by_the_step_as_in_keras() -> None:
    clf = cs109b.decaying(RecipeContext(), epochs=60, rows=60_000)
    per_epoch = math.ceil(60_000 / clf.batch_size)
    steps = torch.tensor([[0.0], [1.0], [5000.0]])
    hypers = {key: torch.tensor([value]) for key, value in clf.lr_schedule.values()}
    factor = clf.lr_schedule.factor(steps, torch.tensor([1e5]), per_epoch, hypers).flatten()
    expected = [1 / (1 + 0.1 / 60 * step) for step in (0, 1, 5000)]
    np.testing.assert_allclose(factor, expected, rtol=1e-5)


def test_what_was_saved_and_loaded_predicts_the_same() -> None:
    X, y = load_digits(return_X_y=True)
    clf = MLPClassifier((16,), epochs=2, early_stopping=False, random_state=0).fit(X, y)
    reloaded = cs109b.saved_and_loaded(clf, X)
    np.testing.assert_array_equal(reloaded.before, reloaded.after)
    assert any(name.endswith(".json") for name in reloaded.files)
    assert any(name.endswith(".safetensors") for name in reloaded.files)
