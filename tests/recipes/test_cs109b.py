"""CS109B's recipes: what they declare, and those that need no download."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from wellfit import MLPClassifier
from wellfit.recipes import recipes, reproduce
from wellfit.recipes.cs109b import exercises, trainings

OURS = recipes(source="cs109b")


def test_every_part_of_the_lab_has_a_recipe() -> None:
    parts = {"beale", "sgd", "exponential", "rmsprop", "restarts", "initializers", "saved", "grid"}
    assert {recipe.name for recipe in OURS} == {f"cs109b-{part}" for part in parts}


@pytest.mark.parametrize("way", ["published", "better"])
def test_beale_is_solved_in_as_few_evaluations_as_the_labs(way) -> None:
    done = reproduce(trainings.BealeByLBFGS(), way=way, seeds=(0,))
    assert done.reached, [(one.figure.what, one.result) for one in done.figures]
    found = {measured.figure.what: measured.result for measured in done.figures}
    assert (found["x"], found["y"]) == pytest.approx((3.0, 0.5), abs=1e-4)


def test_the_rate_falls_by_the_step_as_in_keras() -> None:
    settings = trainings.TimeDecay.settings["training"]
    schedule = settings["lr_schedule"]
    per_epoch = math.ceil(60_000 / settings["batch_size"])
    steps = torch.tensor([[0.0], [1.0], [5000.0]])
    numbers = [(key, value) for key, value in schedule.values() if not isinstance(value, str)]
    hypers = {key: torch.tensor([value]) for key, value in numbers}
    factor = schedule.factor(steps, torch.tensor([1e5]), per_epoch, hypers).flatten()
    expected = [1 / (1 + 0.1 / 60 * step) for step in (0, 1, 5000)]
    np.testing.assert_allclose(factor, expected, rtol=1e-5)


def test_what_was_saved_and_loaded_predicts_the_same() -> None:
    X, y = load_digits(return_X_y=True)
    clf = MLPClassifier((16,), epochs=2, early_stopping=False, random_state=0).fit(X, y)
    reloaded = exercises.saved_and_loaded(clf, X)
    np.testing.assert_array_equal(reloaded.before, reloaded.after)
    assert any(name.endswith(".json") for name in reloaded.files)
    assert any(name.endswith(".safetensors") for name in reloaded.files)
