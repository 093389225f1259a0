"""NotMNIST and the known good models: what is declared, and (heavy) that figures are reached."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from wellfit import MLPClassifier
from wellfit.datasets import Dataset
from wellfit.recipes import RecipeContext, recipes, reproduce
from wellfit.recipes.notmnist import cost_at, letters

DATA = os.environ.get("WELLFIT_DATA")
NOTMNIST = recipes(source="notmnist")
OWN = recipes(source="wellfit")
NAMES = [recipe.name for recipe in [*NOTMNIST, *OWN]]


def _named(name: str):
    return recipes([name])[0]


@pytest.fixture(scope="module")
def drawn() -> Dataset:
    """Stand in for notMNIST: distinct rows of 784 pixels, ten blots, and 196 that are copies."""
    draw = np.random.default_rng(0)
    y = np.arange(9804) % 10
    X = np.clip(draw.integers(0, 256, (10, 784))[y] + draw.normal(0, 30, (9804, 784)), 0, 255)
    X, copies = X.astype(np.uint8), draw.choice(9804, 196, replace=False)
    return Dataset("notmnist", np.concatenate([X, X[copies]]), np.concatenate([y, y[copies]]))


def test_the_experiments_of_the_source_and_our_best_have_recipes():
    wanted = {"logistic", "l2", "overfitting", "dropout", "decay"}
    assert {recipe.name for recipe in NOTMNIST} == {f"notmnist-{name}" for name in wanted}
    mnist = {"mnist-98-fast", "mnist-99-augmented", "mnist-permutation-invariant"}
    tables = {"adult", "california", "letter", "bike-hour", "diamonds"}
    assert {recipe.name for recipe in OWN} == {*mnist, *tables, "notmnist-best"}


@pytest.mark.parametrize("recipe", NOTMNIST, ids=lambda recipe: recipe.name)
def test_each_training_stands_beside_keras_and_the_source_cant_be_compared(recipe):
    keras = {one.what for one in recipe.figures if one.origin == "measured with Keras"}
    assert keras == set(recipe.trainings) == set(recipe.short)
    printed = [one for one in recipe.figures if one.origin == "published"]
    assert all(one.not_comparable or "cost" in one.what for one in printed)
    assert "can't be compared" in recipe.differs


@pytest.mark.parametrize("recipe", NOTMNIST, ids=lambda recipe: recipe.name)
def test_each_training_has_the_steps_of_the_source(recipe, drawn):
    split = letters(drawn)
    for setting in recipe.trainings.values():
        rows = split.first(setting.rows)
        member = MLPClassifier(**setting.params).prepare(rows.X, rows.y).member
        assert member.steps(setting.per_epoch) == 3001


def test_a_cost_between_epochs_lies_on_the_line_of_its_logarithm():
    history = {"objective": [8.0, 4.0, 2.0]}
    assert [cost_at(history, 10, step) for step in (10, 15, 30)] == pytest.approx([8, 32**0.5, 2])


def test_the_last_epoch_ends_with_the_last_step():
    history = {"objective": [8.0, 4.0]}
    assert cost_at(history, 3000, 3001) == pytest.approx(4)


def test_the_best_has_to_be_a_point_better_than_any_setting_of_the_source_in_keras():
    bar, _ = _named("notmnist-best").figures
    keras = [one for recipe in NOTMNIST for one in recipe.figures if "Keras" in one.origin]
    best = max(figure.value for figure in keras)
    assert bar.value == pytest.approx(best + 0.01)
    assert bar.origin == "required"


def test_letters_are_distinct_and_every_part_has_all_in_their_shares(drawn):
    split = letters(drawn)
    parts = [split.X, split.X_val, split.X_test]
    assert [len(part) for part in parts] == [6804, 1000, 2000]
    assert len(np.unique(np.concatenate(parts), axis=0)) == 9804
    for y in (split.y, split.y_val, split.y_test):
        np.testing.assert_allclose(np.bincount(y) / len(y), 0.1, atol=0.001)


def test_the_split_is_always_the_same(drawn):
    for name in ("X", "y_val", "X_test"):
        first, second = (getattr(letters(drawn), name) for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_a_recipe_tells_both_accuracies_and_keeps_the_curve(drawn, monkeypatch):
    monkeypatch.setattr(RecipeContext, "load", lambda self, name: drawn)
    context = RecipeContext(seed=0)
    told = _named("notmnist-logistic").run_better(context)
    assert told["test accuracy"] > 0.9  # ten blots are told apart with ease
    assert told["training accuracy"] > 0.9
    assert len(context.curves["test accuracy"]["loss"]) == 10


@pytest.mark.heavy
@pytest.mark.skipif(DATA is None, reason="needs WELLFIT_DATA")
@pytest.mark.parametrize("name", NAMES)
def test_figures_are_reached_by_the_short_way(name):
    done = reproduce(_named(name), data_dir=Path(DATA), way="better", seeds=(0,))
    assert done.reached, done.to_document()
