"""Shared parts of the Indaba's recipes: its training with its costs, and the short training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from time import process_time
from typing import Any, ClassVar

import numpy as np

from wellfit import MLPClassifier
from wellfit.nn import Normal
from wellfit.optim import Adam
from wellfit.recipes.base import Publication, Recipe, Reference
from wellfit.recipes.context import RecipeContext
from wellfit.training import EarlyStopping

INDABA = Publication("indaba", "Deep Learning Indaba 2017, practical 2", "TensorFlow 1")

COST = "training cost"  # of a batch, with the penalty: what the source prints
STOP = "where the validation cost, with its penalty, is not below that of the epoch before"
DIFFERS = (
    "The text omits the initial weights: its costs in the first epochs are those of weights of "
    "N(0, 1); biases are 0 here. "
)
BATCHES = (
    "It also omits the batch size: its costs in the first two epochs are those of batches of 100. "
)
PENALTY = (
    "The penalty in an epoch's training cost is the mean of the penalties at its two ends; the "
    "source adds up that of every batch."
)
FIRST_ROWS = "The validation rows are the first 5,000 of 60,000, as in TensorFlow's tutorial."


def settings(sizes: Sequence[int], **changes: Any) -> dict[str, Any]:
    """Return parameters of :class:`~wellfit.MLPClassifier` for the source's training."""
    shared = {
        "hidden_layer_sizes": tuple(sizes),
        "activation": "relu",
        "initializer": Normal(1.0),
        "bias_initializer": "zeros",
        "dropout": 0.0,
        "l2": 0.0,
        "optimizer": Adam(0.001),
        "lr_schedule": "constant",
        "batch_size": 100,
        "shuffle": True,
    }
    return {**shared, **changes}


def as_published(
    context: RecipeContext, params: Mapping[str, Any], *, rows: int | None = None, stops: bool
) -> dict[str, float]:
    """Train as the source does; return costs and accuracies by epoch, and the test accuracy.

    Args:
        context: data, seed and a place for curves.
        params: parameters of the classifier.
        rows: number of training rows; None for all.
        stops: whether the source's rule for stopping is at work.
    """
    split, sizes = context.mnist(), params["hidden_layer_sizes"]
    # Each epoch's cost is below that of the epoch before, or training ends: a patience of 1.
    stopping = EarlyStopping(patience=1, monitor="val_objective", restore_best=False)
    clf = context.classifier(**params, early_stopping=stopping if stops else False)
    began = process_time()  # what else the machine does must not count
    clf.fit(split.X[:rows], split.y[:rows], X_val=split.X_val, y_val=split.y_val)
    seconds = process_time() - began
    context.keep("-".join(map(str, (784, *sizes, 10))), clf)
    costs = training_costs(clf.history_, params["l2"], sizes)
    measured = {f"{COST}, epoch {epoch}": cost for epoch, cost in enumerate(costs, 1)}
    measured[f"{COST}, last epoch"] = costs[-1]
    for epoch, accuracy in enumerate(clf.history_["val_accuracy"], 1):
        measured[f"validation accuracy, epoch {epoch}"] = accuracy
    measured["test accuracy"] = clf.score(split.X_test, split.y_test)
    measured["epochs"] = clf.n_epochs_
    measured["CPU seconds"] = seconds
    return measured


def training_costs(history: Mapping[str, Any], l2: float, sizes: Sequence[int]) -> list[float]:
    """Return the mean cost of each epoch, its penalty being the mean of those at its two ends."""
    loss = np.asarray(history["loss"])
    ends = np.asarray(history.get("objective", loss)) - loss
    # Σw² of initial weights of N(0, 1) is about their number.
    initial = l2 / 2 * sum(a * b for a, b in pairwise((784, *sizes, 10)))
    starts = np.concatenate([[initial], ends[:-1]])
    return list(loss + (starts + ends) / 2)


def by_epoch(
    place: str,
    costs: Mapping[int | str, tuple[float, float]],
    accuracies: Mapping[int, float],
    costs_not_comparable: str = "",
    accuracies_outside: str = "",
) -> tuple[Reference, ...]:
    """Return figures of some epochs, costs with their tolerance for one seed.

    Args:
        place: where the source prints them.
        costs: cost and tolerance by epoch, of the ``"last"`` too.
        accuracies: validation accuracies by epoch.
        costs_not_comparable: why the costs can't be compared; empty if they can.
        accuracies_outside: why the accuracies may lie outside the seeds' interval.
    """
    found = []
    for epoch, (cost, slack) in costs.items():
        what = f"{COST}, last epoch" if epoch == "last" else f"{COST}, epoch {epoch}"
        figure = Reference(what, cost, place, "near", slack, way="published")
        found.append(replace(figure, not_comparable=costs_not_comparable))
    for number, accuracy in accuracies.items():
        # From weights of N(0, 1), the first epochs go up and down by several points.
        slack = 0.1 if number <= 10 else 0.015
        what = f"validation accuracy, epoch {number}"
        figure = Reference(what, accuracy, place, "near", slack, way="published")
        found.append(replace(figure, outside=accuracies_outside))
    return tuple(found)


class Published(Recipe):
    """A training of the source, and a shorter one with other settings.

    Attributes:
        rows: number of training rows; None for all.
        stops: whether the source's rule for stopping is at work.
    """

    source: ClassVar[Publication] = INDABA
    data: ClassVar[str] = "mnist"
    rows: ClassVar[int | None] = None
    stops: ClassVar[bool] = True

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train as the source does; return what the figures ask for, and a little more."""
        measured = as_published(
            context, self.settings["training"], rows=self.rows, stops=self.stops
        )
        wanted = {figure.what for figure in self.figures if figure.way != "better"}
        wanted |= {"test accuracy", "epochs"}
        # An epoch that wasn't reached has no cost.
        return {what: measured.get(what, math.nan) for what in sorted(wanted)}


def short_classifier(
    context: RecipeContext, sizes: Sequence[int], **changes: Any
) -> MLPClassifier:
    """Return a classifier with the settings that most better ways here share."""
    shared = {
        "l2": 1e-5,
        "optimizer": Adam(0.004),
        "batch_size": 128,
        "epochs": 5,
    }
    return context.classifier(hidden_layer_sizes=sizes, **{**shared, **changes})


def short_training(
    context: RecipeContext, sizes: Sequence[int], rows: int | None = None, **changes: Any
) -> tuple[MLPClassifier, float]:
    """Train on MNIST or its first rows, store the curves, and return the test accuracy too."""
    split, clf = context.mnist(), short_classifier(context, sizes, **changes)
    clf.fit(split.X[:rows], split.y[:rows], X_val=split.X_val, y_val=split.y_val)
    context.keep("-".join(map(str, (784, *sizes, 10))), clf)
    return clf, clf.score(split.X_test, split.y_test)
