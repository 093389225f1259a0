"""The lazy table of public names: where each is defined, for whoever may not import it yet.

``import wellfit`` imports none of them, and files on lower floors reach those above by name only:
figures, say, which take a while to import.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import Any

HOME = MappingProxyType(
    {
        "MLPAutoencoder": "wellfit.transfer",
        "MLPClassifier": "wellfit.estimators",
        "MLPEnsembleClassifier": "wellfit.model_selection",
        "MLPEnsembleRegressor": "wellfit.model_selection",
        "MLPRegressor": "wellfit.estimators",
        "ModelPlots": "wellfit.report.plotting",
        "Pretrained": "wellfit.transfer",
        "SearchPlots": "wellfit.report.plotting",
        "explain": "wellfit.explanation",
        "landscape_figure": "wellfit.report.landscape",
        "load_model": "wellfit.estimators",
        "show_versions": "wellfit.diagnose.versions",
    }
)


def public(name: str) -> Any:
    """Return what a name of the table stands for, imported now.

    >>> public("MLPClassifier").__name__
    'MLPClassifier'
    """
    return getattr(import_module(HOME[name]), name)
