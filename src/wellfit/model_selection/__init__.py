"""Floor 5: searches whose candidates and folds train together."""

from wellfit.model_selection.ensembles import (
    Average,
    Greedy,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    Selection,
)
from wellfit.model_selection.samplers import (
    CMAES,
    TPE,
    GaussianProcess,
    Grid,
    Grow,
    Random,
    Sampler,
    Sobol,
)
from wellfit.model_selection.search import SearchCV
from wellfit.model_selection.sklearn_searches import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
from wellfit.model_selection.space_defaults import default_space
from wellfit.model_selection.spaces import Space, read_space

__all__ = [
    "CMAES",
    "TPE",
    "Average",
    "GaussianProcess",
    "Greedy",
    "Grid",
    "GridSearchCV",
    "Grow",
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    "MLPEnsembleClassifier",
    "MLPEnsembleRegressor",
    "Random",
    "RandomizedSearchCV",
    "Sampler",
    "SearchCV",
    "Selection",
    "Sobol",
    "Space",
    "default_space",
    "read_space",
]
