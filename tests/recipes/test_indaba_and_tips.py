"""The Indaba's practical and the tips: what is declared, what small data show; heavy: figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from wellfit.nn import SigmoidCrossEntropy, SigmoidSquaredError
from wellfit.recipes import Recipe, RecipeContext, Split, recipes, reproduce
from wellfit.recipes.indaba import checks, common, networks, search
from wellfit.recipes.tips import claims
from wellfit.training import Member, Stream

OURS = [*recipes(source="indaba"), *recipes(source="tips")]


def named(recipe: Recipe) -> str:
    return recipe.name


@pytest.fixture
def blots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for MNIST: ten blots of 784 pixels under noise."""
    draw = np.random.default_rng(0)
    middles = draw.integers(0, 256, (10, 784))

    def mnist(self: RecipeContext, validation: int = 5000) -> Split:
        y = np.arange(600) % 10
        X = np.clip(middles[y] + draw.normal(0, 60, (600, 784)), 0, 255).astype(np.uint8)
        return Split(X[:400], y[:400], X[400:500], y[400:500], X[500:], y[500:])

    monkeypatch.setattr(RecipeContext, "mnist", mnist)


# --- what is declared ------------------------------------------------------------------------


def test_the_practical_is_there_as_it_was_published() -> None:
    told = {
        (recipe.name, figure.what): figure.value
        for recipe in recipes(source="indaba")
        for figure in recipe.figures
    }
    first = told["indaba-initial-loss", "loss of the mean probability"]
    assert first == pytest.approx(math.log(10), abs=1e-4)
    assert told["indaba-first-epochs", "test accuracy"] == 0.1226
    assert told["indaba-512", "training cost, epoch 25"] == pytest.approx(3.1298, abs=1e-4)
    assert told["indaba-overfit", "test accuracy"] == 0.8289
    assert told["indaba-linear", "test accuracy"] == 0.91
    assert told["indaba-512", "test accuracy"] == 0.977
    assert told["indaba-512-512", "test accuracy"] == 0.9742
    assert told["indaba-random-search", "best test accuracy"] == 0.9509
    assert told["indaba-500-300", "test accuracy"] == 0.9798
    assert told["indaba-500-300", "test accuracy, best run"] == 0.9802


@pytest.mark.parametrize("recipe", [one for one in OURS if not one.data], ids=named)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_needs_no_data_reaches_its_figures(recipe: Recipe, seed: int) -> None:
    for way in recipe.ways:
        done = reproduce(recipe, way=way, seeds=(seed,))
        missed = [measured.figure.what for measured in done.figures if not measured.reached]
        assert missed == [], way


# --- what is measured is what it is called ---------------------------------------------------


def neuron(delta: Callable[[float], float], bias: float) -> int:
    """Count the steps of a neuron that reads 1, by the textbook's formulas, until a < 0.2."""
    weight, steps = 0.0, 0
    while (a := 1 / (1 + math.exp(-weight - bias))) >= 0.2:
        weight, bias = weight - 0.15 * delta(a), bias - 0.15 * delta(a)
        steps += 1
    return steps


def test_steps_of_saturated_neurons_are_those_of_the_formulas() -> None:
    told = reproduce(claims.CrossEntropyClaim(), seeds=(0,))
    ratios = [
        neuron(lambda a: a * a * (1 - a), bias) / neuron(lambda a: a, bias) for bias in (2.0, 5.0)
    ]
    expected = [*ratios, ratios[1] / ratios[0]]
    assert [measured.result for measured in told.figures] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    "loss", [SigmoidSquaredError(), SigmoidCrossEntropy()], ids=lambda loss: loss.name
)
def test_the_cost_at_which_steps_end_is_that_of_an_output_of_a_fifth(loss: object) -> None:
    z, target = torch.logit(torch.tensor([[0.2]])), torch.zeros(1, 1)
    expected = {"sigmoid_squared_error": 0.02, "sigmoid_cross_entropy": -math.log(0.8)}
    assert float(loss.value(z, target)) == pytest.approx(expected[loss.name])  # type: ignore[attr-defined]


def test_large_first_weights_cost_what_they_are_expected_to() -> None:
    done = {measured.figure.what: measured for measured in _initial().figures}
    # λ/2 Σ w² of 7,840 weights of N(0, 1), on top of the loss.
    added = done["the same with L2"].result - done["loss from weights of N(0, 1)"].result
    assert added == pytest.approx(7840 / 2, abs=4 * math.sqrt(7840 / 2 / 10))


def _initial():
    return reproduce(checks.LossOnNoise(), seeds=range(10))


def test_untrained_networks_are_as_good_as_chance(blots: None) -> None:
    told = checks.Untrained().run(RecipeContext(seed=3))
    assert told["lowest accuracy"] < told["test accuracy"] < told["highest accuracy"]
    assert told["test accuracy"] == pytest.approx(0.1, abs=0.03)


def test_the_search_draws_ten_of_the_sources_networks(
    blots: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Watched(search.RandomizedSearchCV):
        def fit(self, *args, **kwargs):
            seen.append(super().fit(*args, **kwargs))
            return self

    monkeypatch.setattr(search, "RandomizedSearchCV", Watched)
    monkeypatch.setattr(search, "_SHORT_ROWS", 400)
    told = search.RandomSearch().run_better(RecipeContext())
    (done,) = seen
    drawn = done.cv_results_["params"]
    assert len(drawn) == 10
    assert {size for one in drawn for size in one["hidden_layer_sizes"]} <= {128, 256}
    assert all(1e-5 <= one["optimizer__learning_rate"] <= 1 for one in drawn)
    assert all(0.5 <= one["optimizer__momentum"] < 1 for one in drawn)
    assert told["best test accuracy"] > told["best less worst accuracy"] >= 0


def test_one_stack_holds_what_differs_in_numbers_only(
    blots: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def watched(members: list[Member], table: object, streams: list[Stream], **rest: object):
        sizes.append(len(members))
        return real(members, table, streams, **rest)

    real = claims.train
    monkeypatch.setattr(claims, "train", watched)
    for recipe in (
        claims.InitializationClaim(),
        claims.MomentumClaim(),
        claims.LearningRateClaim(),
    ):
        recipe.run(RecipeContext())
    assert sizes == [2, 2, 1, 7]


def test_a_large_rate_is_told_from_the_best(blots: None) -> None:
    told = claims.LearningRateClaim().run(RecipeContext())
    ratios = [told[figure.what] for figure in claims.LearningRateClaim.figures[:2]]
    assert min(ratios) > 1
    assert told["best learning rate"] not in (0.01, 30.0)


# --- the Indaba's training -------------------------------------------------------------------


def test_the_cost_has_the_mean_penalty_of_an_epochs_two_ends() -> None:
    history = {"loss": [2.0, 1.0], "objective": [5.0, 2.0]}
    count = 784 * 3 + 3 * 10  # weights of N(0, 1), whose squares add up to about as many
    costs = common.training_costs(history, 0.01, (3,))
    assert costs == pytest.approx([2 + (0.005 * count + 3) / 2, 1 + (3 + 1) / 2])


def test_training_stops_where_the_cost_rises_and_keeps_the_last_weights(blots: None) -> None:
    params = common.settings((8,), l2=1e-3, optimizer=networks.SGD(0.5), epochs=60)
    context = RecipeContext()
    measured = common.as_published(context, params, stops=True)
    (history,) = context.curves.values()
    costs = np.array(history["val_objective"])
    assert 1 < measured["epochs"] < 60
    assert (np.diff(costs)[:-1] < 0).all()
    assert costs[-1] >= costs[-2]
    last = history["val_accuracy"][-1]
    assert measured[f"validation accuracy, epoch {len(costs)}"] == last


def test_a_published_training_returns_each_figure_and_what_it_never_reached(blots: None) -> None:
    class Short(networks.OneHiddenLayer):
        settings: ClassVar[Mapping[str, Any]] = {
            "training": common.settings((8,), l2=1e-3, epochs=2)
        }

    measured = Short().run(RecipeContext())
    published = {one.what for one in Short.figures if one.way in ("both", "published")}
    assert published <= set(measured)
    assert math.isnan(measured["training cost, epoch 25"])
    assert not math.isnan(measured["training cost, epoch 2"])


def test_the_first_training_compares_its_last_cost_with_its_first(blots: None) -> None:
    measured = networks.FirstEpochs().run(RecipeContext())
    first, last = (measured[f"training cost, epoch {epoch}"] for epoch in (1, 10))
    assert measured["training cost, epoch 10 over epoch 1"] == pytest.approx(last / first)
    assert last < first


# --- real data -------------------------------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.parametrize("recipe", [one for one in OURS if one.data], ids=named)
def test_figures_are_reached_by_the_short_way(recipe: Recipe, data_dir: Path) -> None:
    way = recipe.ways[-1]  # the short one, if there are two
    done = reproduce(recipe, data_dir=data_dir, way=way, seeds=(0,))
    assert [measured.figure.what for measured in done.figures if not measured.reached] == []
    assert done.curves or isinstance(recipe, (checks.Untrained, search.RandomSearch))
