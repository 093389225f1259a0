"""wellfit: feed-forward networks, well fit.

Public names are imported when first used, so that ``import wellfit`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wellfit.core.lazy import public
from wellfit.core.version import __version__

if TYPE_CHECKING:
    from wellfit.diagnose.versions import show_versions
    from wellfit.estimators import MLPClassifier, MLPRegressor, load_model
    from wellfit.explanation import explain
    from wellfit.model_selection import MLPEnsembleClassifier, MLPEnsembleRegressor

__all__ = [
    "MLPClassifier",
    "MLPEnsembleClassifier",
    "MLPEnsembleRegressor",
    "MLPRegressor",
    "__version__",
    "explain",
    "load_model",
    "show_versions",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return public(name)
    raise AttributeError(f"module 'wellfit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
