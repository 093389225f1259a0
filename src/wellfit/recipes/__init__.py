"""Published experiments as classes: settings, figures and training, and a shorter way to them."""

from wellfit.core.registry import discover
from wellfit.recipes import cs109b, deep_nets, indaba, notmnist, reference_models, tips
from wellfit.recipes.base import Publication, Recipe, Reference
from wellfit.recipes.context import RecipeContext, Split
from wellfit.recipes.runner import (
    Measured,
    Reproduction,
    SeedRun,
    recipes,
    reproduce,
    run_seed,
)

__all__ = [
    "Measured",
    "Publication",
    "Recipe",
    "RecipeContext",
    "Reference",
    "Reproduction",
    "SeedRun",
    "Split",
    "cs109b",
    "deep_nets",
    "indaba",
    "notmnist",
    "recipes",
    "reference_models",
    "reproduce",
    "run_seed",
    "tips",
]

# A recipe in a new file of this folder needs no line here.
discover(__name__)
