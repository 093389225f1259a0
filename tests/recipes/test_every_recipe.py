"""Laws of every recipe: what it declares, and that it says what it can't do."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

import wellfit.recipes
from wellfit.recipes import Recipe, RecipeContext, recipes
from wellfit.recipes.base import Origin

EVERY = recipes()
DECLARED = [one for one in EVERY if "published" in one.ways]


def named(recipe: Recipe) -> str:
    return recipe.name


@pytest.mark.parametrize("recipe", EVERY, ids=named)
def test_every_reference_value_has_a_place_and_an_origin(recipe: Recipe) -> None:
    assert recipe.source.key
    assert recipe.source.title
    assert recipe.source.tool
    for figure in recipe.figures:
        assert figure.place or figure.value is None, figure.what
        assert figure.origin in get_args(Origin), figure.what
        assert figure.slack >= 0, figure.what
        assert figure.way == "both" or figure.way in recipe.ways, figure.what
        if figure.metric.is_share and figure.value is not None:
            assert -1 <= figure.value <= 1, figure.what


@pytest.mark.parametrize("recipe", EVERY, ids=named)
def test_no_way_has_one_reference_value_twice(recipe: Recipe) -> None:
    for way in recipe.ways:
        figures = [one for one in recipe.figures if one.way in ("both", way)]
        names = sorted((one.what, one.origin, one.place) for one in figures)
        assert all(first != second for first, second in pairwise(names)), way


@pytest.mark.parametrize("recipe", EVERY, ids=named)
def test_every_recipe_has_a_way_and_says_why_it_lacks_the_other(recipe: Recipe) -> None:
    assert recipe.ways
    assert recipe.better_way
    assert ("better" in recipe.ways) != recipe.better_way.startswith("None: ")


def test_classifiers_have_no_defaults_that_the_sources_lack() -> None:
    clf = RecipeContext(seed=3).classifier(hidden_layer_sizes=(8,))
    assert clf.early_stopping is False
    assert clf.numeric_embedding is None
    assert (clf.ema_decay, clf.random_state) == (0.0, 3)
    folder = Path(wellfit.recipes.__file__).parent
    makers = {path.name for path in folder.rglob("*.py") if "MLPClassifier(" in path.read_text()}
    assert makers == {"context.py", "reference_models.py"}  # the latter's are of ensembles


@pytest.mark.parametrize("recipe", DECLARED, ids=named)
def test_a_published_experiment_shows_its_settings_and_what_differs(recipe: Recipe) -> None:
    assert recipe.settings
    assert recipe.differs
    texts = recipe.settings_text()
    assert all(texts.values())
    assert not any(" object at 0x" in text for text in texts.values())


@pytest.mark.parametrize("recipe", DECLARED, ids=named)
def test_settings_that_are_parameters_are_all_of_the_training(recipe: Recipe) -> None:
    trainings = [one for one in recipe.settings.values() if isinstance(one, Mapping)]
    for one in trainings:
        whole = {"epochs", "max_steps"} & set(one)
        if whole and recipe.source.key != "wellfit":  # of a whole training, not a part
            assert {"optimizer", "batch_size", "lr_schedule", "initializer"} <= set(one)
