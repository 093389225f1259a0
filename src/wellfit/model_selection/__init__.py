"""Floor 5: searches whose candidates and folds train together.

Its names are imported when they are first used: who only reads a search's journal needs none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_HOMES = {
    ".ensembles": (
        "Average",
        "Greedy",
        "MLPEnsembleClassifier",
        "MLPEnsembleRegressor",
        "Selection",
    ),
    ".samplers": (
        "CMAES",
        "GaussianProcess",
        "Grid",
        "Grow",
        "Random",
        "Sampler",
        "Sobol",
        "TPE",
    ),
    ".search": ("SearchCV",),
    ".sklearn_searches": (
        "GridSearchCV",
        "HalvingGridSearchCV",
        "HalvingRandomSearchCV",
        "RandomizedSearchCV",
    ),
    ".space_defaults": ("default_space",),
    ".spaces": (
        "Space",
        "read_space",
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module 'wellfit.model_selection' has no attribute {name!r}")
