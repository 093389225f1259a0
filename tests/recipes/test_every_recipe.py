"""Laws of every recipe: what it declares, and that it says what it can't do."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest

from wellfit.recipes import Recipe, recipes
from wellfit.recipes.base import Origin

EVERY = recipes()
OWN = "wellfit"  # its known good models are of no other source


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


@pytest.mark.parametrize("recipe", EVERY, ids=named)
def test_no_way_has_two_reference_values_of_one_name(recipe: Recipe) -> None:
    for way in recipe.ways:
        names = sorted(one.what for one in recipe.figures if one.way in ("both", way))
        assert all(first != second for first, second in pairwise(names)), way


@pytest.mark.parametrize("recipe", EVERY, ids=named)
def test_every_recipe_has_a_way(recipe: Recipe) -> None:
    assert recipe.ways
