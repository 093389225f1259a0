"""Floor 3: test functions, and comparisons of optimizers on them."""

from wellfit.core.registry import discover
from wellfit.landscapes.comparison import (
    OptimizerPath,
    OptimizerPaths,
    at_best_rate,
    compare_optimizers,
)
from wellfit.landscapes.functions import (
    Ackley,
    Beale,
    Himmelblau,
    Landscape,
    Rastrigin,
    Ravine,
    Rosenbrock,
    Saddle,
)

__all__ = [
    "Ackley",
    "Beale",
    "Himmelblau",
    "Landscape",
    "OptimizerPath",
    "OptimizerPaths",
    "Rastrigin",
    "Ravine",
    "Rosenbrock",
    "Saddle",
    "at_best_rate",
    "compare_optimizers",
]

# An algorithm in a new file of this folder needs no line here.
discover(__name__)
