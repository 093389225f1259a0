"""Shared parts of the deep-nets recipes: the source, its settings as an estimator's, its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from wellfit import MLPClassifier
from wellfit.nn import LecunNormal
from wellfit.optim import SGD
from wellfit.recipes.base import Publication, Recipe, Reference
from wellfit.recipes.context import RecipeContext, Split
from wellfit.training import EarlyStopping

DEEP_NETS = Publication(
    "deep-nets", "Chapter 11: Training Deep Neural Nets, notes", "TensorFlow 1"
)
VALIDATION, TEST, TRAINING = "validation accuracy", "test accuracy", "training accuracy"
SLACK = 0.004  # of one run: about two standard errors of a difference on 5,000 rows
PLAIN, MOMENTUM = SGD(0.01, momentum=0.0), SGD(0.01, momentum=0.9)
# TensorFlow 1's variance_scaling_initializer has a variance of 1 / fan_in by default: not He's.
HE_THERE = LecunNormal()
NOT_HE = (
    "The source's he_init is TensorFlow 1's variance_scaling_initializer, which draws with a "
    "variance of 1 / fan_in, half of He's: here it is LeCun's initializer, not truncated at two "
    "standard deviations."
)


class DeepNets(Recipe):
    """A recipe of these notes, which all run on MNIST."""

    source: ClassVar[Publication] = DEEP_NETS
    data: ClassVar[str] = "mnist"


def with_threshold(what: str, published: float, place: str, threshold: float) -> Reference:
    """Return a required value of the better way, beside what the source publishes.

    >>> with_threshold("test accuracy", 0.624, "exercise 9 b", threshold=0.76).reference
    'required: at least 76.00 %'
    """
    shown = Reference(what, published, place).format(published)
    why = f"{place} publishes {shown}"
    return Reference(what, threshold, why, origin="required", way="better")


def published(
    what: str, value: float, place: str, slack: float = SLACK, outside: str = ""
) -> Reference:
    """Return a figure that only the source's own experiment is compared with."""
    return Reference(what, value, place, "near", slack, way="published", outside=outside)


def network(context: RecipeContext, sizes: Sequence[int], **params: Any) -> MLPClassifier:
    """Return a classifier without dropout and early stopping."""
    return context.classifier(**{"hidden_layer_sizes": sizes, "dropout": 0.0, **params})


def as_published(context: RecipeContext, settings: Mapping[str, Any], rows: int) -> MLPClassifier:
    """Return a classifier with settings of the source, whose batches are all of one size.

    Args:
        context: of the run.
        settings: parameters of :class:`~wellfit.MLPClassifier`.
        rows: training rows, which the batches share evenly.
    """
    params = {**settings, "batch_size": even_batches(rows, settings["batch_size"])}
    return network(context, params.pop("hidden_layer_sizes", ()), **params)


def even_batches(rows: int, batch_size: int) -> int:
    """Return the largest batch where the source's function makes ``rows // batch_size`` of them.

    >>> even_batches(55_000, 200), even_batches(500, 140)
    (200, 167)
    """
    return -(-rows // max(1, rows // batch_size))


def stopping(rounds: int, *, restore_best: bool = True) -> dict[str, Any]:
    """Return the parameters of the source's rule: the training loss, seen every fifth epoch.

    The training rows have to be given as validation rows too: see :func:`fit_like_the_source`.
    """
    rule = EarlyStopping(patience=5 * rounds, monitor="val_loss", restore_best=restore_best)
    return {"epochs": 500, "eval_every": 5, "early_stopping": rule}


def fit_like_the_source(
    context: RecipeContext, name: str, clf: MLPClassifier, split: Split
) -> MLPClassifier:
    """Train until the rule of :func:`stopping` ends it, and store the curves."""
    clf.fit(split.X, split.y, X_val=split.X, y_val=split.y)
    context.keep(name, clf)
    return clf


def validated(context: RecipeContext, name: str, clf: MLPClassifier, split: Split) -> float:
    """Train, store the curves, and return the validation accuracy."""
    clf.fit(split.X, split.y, X_val=split.X_val, y_val=split.y_val)
    context.keep(name, clf)
    return float(clf.score(split.X_val, split.y_val))


def first_and_last(context: RecipeContext, name: str, suffix: str = "") -> dict[str, float]:
    """Return the validation accuracies of the first epoch, and of the last, of stored curves."""
    curve = context.curves[name]["val_accuracy"]
    return {
        f"{VALIDATION}{suffix}": float(curve[-1]),
        f"{VALIDATION}{suffix}, first epoch": float(curve[0]),
    }
