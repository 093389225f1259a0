"""Shared parts of the deep-nets recipes: the source, figures with thresholds, training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wellfit import MLPClassifier
from wellfit.recipes.base import Figure, Source
from wellfit.recipes.context import RecipeContext, Split

DEEP_NETS = Source("deep-nets", "Chapter 11: Training Deep Neural Nets, notes", "TensorFlow 1")
VALIDATION, TEST = "validation accuracy", "test accuracy"


def with_threshold(what: str, published: float, place: str, threshold: float) -> Figure:
    """Return a required value of the better way, beside what the source publishes.

    >>> with_threshold("test accuracy", 0.624, "exercise 9 b", threshold=0.76).reference
    'required: at least 76.00 %'
    """
    shown = Figure(what, published, place).format(published)
    why = f"{place} publishes {shown}"
    return Figure(what, threshold, why, origin="required", way="better")


def network(context: RecipeContext, sizes: Sequence[int], **params: Any) -> MLPClassifier:
    """Return a classifier without dropout and early stopping."""
    usual = {"dropout": 0.0, "early_stopping": False, "random_state": context.seed}
    return MLPClassifier(sizes, **{**usual, **params})


def validated(context: RecipeContext, name: str, clf: MLPClassifier, split: Split) -> float:
    """Train, store the curves, and return the validation accuracy."""
    clf.fit(split.X, split.y, X_val=split.X_val, y_val=split.y_val)
    context.keep(name, clf)
    return float(clf.score(split.X_val, split.y_val))
