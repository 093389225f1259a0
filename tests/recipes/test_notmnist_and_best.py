"""NotMNIST and the known good models: what is declared, and (heavy) that figures are reached."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from wellfit.datasets import Dataset
from wellfit.recipes import RecipeContext, recipes, reproduce
from wellfit.recipes.notmnist import AGAINST_KERAS, letters

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


@pytest.mark.parametrize("name", NAMES)
def test_figures_have_a_place_and_names_of_their_own(name):
    figures = _named(name).figures
    assert figures
    assert all(figure.place for figure in figures)
    assert len({figure.what for figure in figures}) == len(figures)
    assert all(0 < figure.value < 1 for figure in figures if figure.metric.is_share)


@pytest.mark.parametrize("recipe", NOTMNIST, ids=lambda recipe: recipe.name)
def test_each_figure_has_a_setting_of_the_source_and_settings_of_ours(recipe):
    whats = {figure.what for figure in recipe.figures}
    assert whats == set(recipe.settings) == set(recipe.ours)
    assert "Keras" in recipe.remark
    assert "can't be compared" in recipe.remark


def test_the_best_has_to_be_a_point_better_than_any_setting_of_the_source_in_keras():
    (bar,) = _named("notmnist-best").figures
    best = max(figure.value for recipe in NOTMNIST for figure in recipe.figures)
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
    assert told[AGAINST_KERAS] > 0.9  # ten blots are told apart with ease
    assert told[AGAINST_KERAS.replace("test", "training")] > 0.9
    assert len(context.curves[AGAINST_KERAS]["loss"]) == 10


@pytest.mark.heavy
@pytest.mark.skipif(DATA is None, reason="needs WELLFIT_DATA")
@pytest.mark.parametrize("name", NAMES)
def test_figures_are_reached_by_the_short_way(name):
    done = reproduce(_named(name), data_dir=Path(DATA), way="better", seeds=(0,))
    assert done.reached, done.to_document()
