"""The notes on training deep nets: what is declared, and (heavy) that figures are reached."""

from __future__ import annotations

import numpy as np
import pytest

from wellfit.recipes import Measured, RecipeContext, Split, recipes, reproduce
from wellfit.recipes.deep_nets import comparing, digits, reusing, transferring
from wellfit.recipes.deep_nets.common import with_threshold

NOTES = recipes(source="deep-nets")
NAMES = [recipe.name for recipe in NOTES]


@pytest.fixture
def small(monkeypatch):
    """Stand in for MNIST: 10 blots of 784 pixels, told apart with ease; it learns 0 to 9."""
    draw = np.random.default_rng(0)
    blots = draw.integers(0, 256, (10, 784))

    def mnist(self, validation=5000):
        y = np.arange(1200) % 10
        X = np.clip(blots[y] + draw.normal(0, 30, (1200, 784)), 0, 255).astype(np.uint8)
        return Split(X[:800], y[:800], X[800:1000], y[800:1000], X[1000:], y[1000:])

    monkeypatch.setattr(RecipeContext, "mnist", mnist)
    for shared in (digits.trunk, reusing.trained):
        shared.cache_clear()
    yield
    for shared in (digits.trunk, reusing.trained):
        shared.cache_clear()


def test_every_experiment_of_the_notes_has_a_recipe():
    assert {name.partition("-")[0] for name in NAMES} == {"deep"}
    wanted = (
        "batch-norm clipping l1 dropout max-norm optimizers schedules reuse frozen digits "
        "digits-searched digits-batch-norm digits-dropout transfer-frozen transfer-cached "
        "transfer-four transfer-unfrozen transfer-auto pairs pairs-softmax autoencoders machines"
    )
    assert sorted(NAMES) == sorted(f"deep-{name}" for name in wanted.split())


def test_a_bar_is_required_and_the_published_figure_stands_beside_it():
    figure = with_threshold("test accuracy", 0.7, "page 1", threshold=0.8)
    assert figure.reference == "required: at least 80.00 %"
    assert "70.00 %" in figure.place
    verdicts = [Measured(figure, (value,)).verdict for value in (0.75, 0.7999, 0.8001)]
    assert verdicts == ["missed", "missed", "reached"]


def test_exercise_9_runs_on_what_exercise_8_has_trained(small):
    split = transferring.few(RecipeContext())
    assert sorted(set(split.y)) == [5, 6, 7, 8, 9]
    told = transferring.ThreeFrozen().run_better(RecipeContext())
    assert digits.trunk.cache_info().misses == 1
    assert (
        transferring.FourFrozen().run_better(RecipeContext())["test accuracy"]
        > 0.9
        < told["test accuracy"]
    )
    assert digits.trunk.cache_info().misses == 1


def test_frozen_layers_computed_once_learn_as_well(small):
    told = reusing.Frozen().run_better(RecipeContext())
    assert min(told.values()) > 0.9


def test_a_training_that_breaks_counts_as_guessing(small):
    wild = {"wild": {"optimizer": comparing.SGD(1e9, momentum=0.9), "epochs": 1}}
    assert comparing.compared(RecipeContext(), wild) == {"validation accuracy, wild": 0.1}


@pytest.mark.heavy
@pytest.mark.parametrize("recipe", NOTES, ids=NAMES)
def test_the_short_way_reaches_what_was_published(recipe, data_dir):
    done = reproduce(recipe, data_dir=data_dir, way="better", seeds=(0,))
    assert done.reached, [(figure.figure.what, figure.result) for figure in done.figures]
