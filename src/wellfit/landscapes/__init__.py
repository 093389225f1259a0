"""Floor 3: test functions, and races of the engine's own update rules down them."""

from wellfit.core.registry import discover
from wellfit.landscapes.functions import (
    Beale,
    Himmelblau,
    Landscape,
    Rastrigin,
    Ravine,
    Rosenbrock,
    Saddle,
)
from wellfit.landscapes.racing import Path, at_best_rate, race

__all__ = [
    "Beale",
    "Himmelblau",
    "Landscape",
    "Path",
    "Rastrigin",
    "Ravine",
    "Rosenbrock",
    "Saddle",
    "at_best_rate",
    "race",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
