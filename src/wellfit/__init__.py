"""wellfit: feed-forward networks, well fit.

Public names are imported when first used, so that ``import wellfit`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wellfit.estimators import MLPClassifier, MLPRegressor, load_model
    from wellfit.model_selection import MLPEnsembleClassifier, MLPEnsembleRegressor

__version__ = "0.1.0"

_home = {
    "MLPClassifier": "wellfit.estimators",
    "MLPEnsembleClassifier": "wellfit.model_selection",
    "MLPEnsembleRegressor": "wellfit.model_selection",
    "MLPRegressor": "wellfit.estimators",
    "load_model": "wellfit.estimators",
}

__all__ = [
    "MLPClassifier",
    "MLPEnsembleClassifier",
    "MLPEnsembleRegressor",
    "MLPRegressor",
    "__version__",
    "load_model",
]


def __getattr__(name: str) -> Any:
    if name in _home:
        return getattr(importlib.import_module(_home[name]), name)
    raise AttributeError(f"module 'wellfit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
