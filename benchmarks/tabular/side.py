"""One of the compared ways to learn from a table, and all of them by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from benchmarks.tabular import peers

# (the training rows' features, whether the target is a number) -> an estimator with fit and
# predict or predict_proba
Make = Callable[[pd.DataFrame, bool], Any]


class Side(NamedTuple):
    """A library with its settings."""

    title: str
    package: str  # whose version stands in the results
    make: Make


def all_sides() -> dict[str, Side]:
    """Return every side that a module of ``peers`` declares, by its name on the command line."""
    names = sorted(module.name for module in pkgutil.iter_modules(peers.__path__))
    modules = [importlib.import_module(f"{peers.__name__}.{name}") for name in names]
    return {name: Side(*side) for module in modules for name, side in module.SIDES.items()}
