"""Published experiments, each a small class: the source's figure, and how to reach it here."""

from wellfit.recipes import best, cs109b, deep_nets, indaba, notmnist, tips
from wellfit.recipes.base import Figure, Recipe, Source
from wellfit.recipes.kitchen import Kitchen, Split
from wellfit.recipes.reproducing import Measured, Reproduction, recipes, reproduce

__all__ = [
    "Figure",
    "Kitchen",
    "Measured",
    "Recipe",
    "Reproduction",
    "Source",
    "Split",
    "best",
    "cs109b",
    "deep_nets",
    "indaba",
    "notmnist",
    "recipes",
    "reproduce",
    "tips",
]
