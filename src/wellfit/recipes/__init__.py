"""Published experiments as classes, with the published figures and the training."""

from wellfit.recipes import cs109b, deep_nets, indaba, notmnist, reference_models, tips
from wellfit.recipes.base import Figure, Recipe, Source
from wellfit.recipes.context import RecipeContext, Split
from wellfit.recipes.runner import Measured, Reproduction, recipes, reproduce

__all__ = [
    "Figure",
    "Measured",
    "Recipe",
    "RecipeContext",
    "Reproduction",
    "Source",
    "Split",
    "cs109b",
    "deep_nets",
    "indaba",
    "notmnist",
    "recipes",
    "reference_models",
    "reproduce",
    "tips",
]
