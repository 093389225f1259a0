"""The notes on training deep nets: what is declared, and (heavy) that figures are reached."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from wellfit.recipes import Measured, RecipeContext, Split, recipes, reproduce
from wellfit.recipes.deep_nets import (
    auxiliary,
    common,
    comparing,
    digits,
    regularizing,
    reusing,
    transferring,
)
from wellfit.recipes.deep_nets.common import with_threshold

NOTES = recipes(source="deep-nets")
NAMES = [recipe.name for recipe in NOTES]
FAITHFUL = [recipe for recipe in NOTES if "published" in recipe.ways]
SHARED = (
    digits.trunk,
    digits.found_there,
    reusing.trained,
    reusing.trained_there,
    auxiliary.towers,
    auxiliary.towers_there,
)


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
    for shared in SHARED:
        shared.cache_clear()
    yield
    for shared in SHARED:
        shared.cache_clear()


@pytest.fixture
def shorten(monkeypatch):
    """Let every training of a source end after so many epochs."""
    network = common.network

    def end_after(epochs=2):
        def shorter(context, sizes, **params):
            return network(context, sizes, **{**params, "epochs": epochs})

        monkeypatch.setattr(common, "network", shorter)

    monkeypatch.setitem(auxiliary.TOWERS, "epochs", 2)
    monkeypatch.setattr(auxiliary, "EACH", 30)
    return end_after


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


@pytest.mark.parametrize("recipe", FAITHFUL, ids=lambda recipe: recipe.name)
def test_the_settings_of_the_source_train_and_measure_every_figure(recipe, small, shorten):
    shorten(17 if recipe.settings.keys() == {"before", "after"} else 2)  # looked up in curves
    context = RecipeContext()
    told = recipe.run(context)
    wanted = [each.what for each in recipe.figures if each.way in ("published", "both")]
    assert set(wanted) <= set(told)
    assert all(np.isfinite(value) for value in told.values())
    assert context.curves
    assert recipe.settings
    assert recipe.better_way


def test_without_an_experiment_of_the_source_the_recipe_says_so():
    for recipe in NOTES:
        if recipe not in FAITHFUL:
            assert all(each.origin == "required" for each in recipe.figures)
            assert re.search("without an experiment|doesn't", recipe.better_way)


def test_the_layers_that_exercise_9_freezes_are_random_as_there(small, shorten):
    shorten()
    settings = transferring.AllFrozen.settings
    layers = transferring.random_layers(3, settings["activation"])
    split = transferring.first_few(RecipeContext())
    start = {"pretrained": transferring.Pretrained(layers, freeze=5)}
    clf = common.as_published(RecipeContext(), {**settings, **start}, len(split.y))
    common.fit_like_the_source(RecipeContext(), "random", clf, split)
    for weights, layer in zip(clf.coefs_, layers[::2], strict=False):
        np.testing.assert_allclose(weights, layer.parameters[:-1], rtol=1e-6)
    spread = layers[0].parameters[:-1].std()
    assert spread == pytest.approx(784**-0.5, rel=0.02)  # half of He's variance


def test_limits_are_on_outgoing_weights_as_there(small, shorten, monkeypatch):
    shorten()
    monkeypatch.setattr(regularizing, "LIMIT", 0.5)
    told = regularizing.NormLimited().run(RecipeContext())
    assert told["largest norm out of a pixel"] <= 0.5 + 1e-6
    assert told["largest norm out of a pixel, no limit"] > 0.5
    weight = torch.tensor([[[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]]])
    regularizing.OutgoingNorm(1.0).apply(weight, 1.0)
    expected = [[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]]
    np.testing.assert_allclose(weight[0].numpy(), expected, rtol=1e-6)


def test_only_the_better_ways_l1_removes_weights(small, shorten):
    shorten()
    recipe = regularizing.Sparse()
    there, here = recipe.run(RecipeContext()), recipe.run_better(RecipeContext())
    for name in (regularizing.WIDE, regularizing.NARROW):
        assert there[f"{regularizing.ZEROS}, {name}"] == 0
        assert here[f"{regularizing.ZEROS}, {name}"] > 0


def test_the_sources_rule_stops_by_the_training_loss_and_may_keep_the_best(small):
    split = RecipeContext().mnist()
    settings = {
        "hidden_layer_sizes": (8,),
        "optimizer": comparing.SGD(0.0, momentum=0.0),
        "batch_size": 100,
    }
    for rounds in (1, 3):
        params = {**settings, **common.stopping(rounds)}
        clf = common.as_published(RecipeContext(), params, len(split.y))
        common.fit_like_the_source(RecipeContext(), "still", clf, split)
        assert clf.n_epochs_ == 5 + 5 * rounds  # nothing improves on the first look


def test_pairs_are_drawn_as_there_one_alike_to_five_different():
    y = np.arange(10_000) % 10
    a, b = auxiliary.drawn_there(y, seed=0)
    alike = y[a] == y[b]
    assert (~alike).sum() == 5_000
    assert 800 < alike.sum() < 1200


@pytest.mark.heavy
@pytest.mark.parametrize("recipe", NOTES, ids=NAMES)
def test_the_short_way_reaches_what_was_published(recipe, data_dir):
    done = reproduce(recipe, data_dir=data_dir, way="better", seeds=(0,))
    assert done.reached, [(figure.figure.what, figure.result) for figure in done.figures]
