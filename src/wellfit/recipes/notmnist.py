"""Regularization on notMNIST: letters A to J in thousands of fonts, many of them mislabelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.model_selection import train_test_split

from wellfit import MLPClassifier
from wellfit.datasets import Dataset
from wellfit.optim import Adam, Exponential
from wellfit.recipes.base import Figure, Recipe, Source
from wellfit.recipes.context import RecipeContext, Split

NOTMNIST = Source("notmnist", "Deep Learning, assignment 3: Regularization", "TensorFlow 1")
AGAINST_KERAS = "test accuracy, beside Keras's on the same rows"
REMARK = (
    "The source learned from 200,000 images and was tested on others, so that its own figures "
    "can't be compared. Ours stand beside those of its settings in Keras on the same 9,804 "
    "distinct images of the smaller set, the means of three seeds (`python -m "
    "benchmarks.notmnist`)."
)
TEST, VALIDATION, SEED = 2000, 1000, 0


@dataclass(frozen=True)
class Setting:
    """The source's training: 3,001 steps of gradient descent with batches of 128 rows.

    Attributes:
        hidden: units of the hidden layers.
        l2: strength λ of λ/2 Σw².
        dropout: dropout rate of the hidden units.
        rows: number of training rows; None for all.
        decay: whether the learning rate falls by 10 % every 1,000 steps.
    """

    hidden: tuple[int, ...] = (1024,)
    l2: float = 0.005
    dropout: float = 0.0
    rows: int | None = None
    decay: bool = False

    def cut(self, split: Split) -> Split:
        """Return only the training rows and the test rows."""
        return split if self.rows is None else split.first(self.rows)


def letters(data: Dataset) -> Split:
    """Return distinct images: 6,804 for training, 1,000 for validation, 2,000 for testing.

    Of images that are there twice the first is kept, lest the test holds what was learned from.
    The parts are drawn at random, once and for all, each with every letter in its share.

    Args:
        data: (10000, 784) images and their labels.
    """
    X, y = np.asarray(data.X), np.asarray(data.y)
    rows = np.sort(np.unique(X, axis=0, return_index=True)[1])
    rows, test = train_test_split(rows, test_size=TEST, random_state=SEED, stratify=y[rows])
    rows, chosen = train_test_split(
        rows, test_size=VALIDATION, random_state=SEED, stratify=y[rows]
    )
    return Split(X[rows], y[rows], X[chosen], y[chosen], X[test], y[test])


class Regularized(Recipe):
    """A network of the source's, regularized as there, trained by settings of our own.

    Attributes:
        settings: what the source trained, by the name of our accuracy.
        ours: what our training adds; its ``l2`` replaces the source's, which is for its own steps.
    """

    source: ClassVar[Source] = NOTMNIST
    data: ClassVar[str] = "notmnist"
    remark: ClassVar[str] = REMARK
    settings: ClassVar[Mapping[str, Setting]] = {}
    ours: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train each network, and evaluate it on the test and training sets."""
        split, told = letters(context.load("notmnist")), {}
        for what, setting in self.settings.items():
            rows = setting.cut(split)
            clf = _network(setting, self.ours[what], context.seed).fit(rows.X, rows.y)
            context.keep(what, clf)
            told[what] = clf.score(rows.X_test, rows.y_test)
            told[what.replace("test", "training")] = clf.score(rows.X, rows.y)
        return told


def _network(setting: Setting, ours: Mapping[str, Any], seed: int) -> MLPClassifier:
    options = {"dropout": setting.dropout, "optimizer": Adam(0.004), "epochs": 8, **ours}
    return MLPClassifier(
        setting.hidden, batch_size=128, early_stopping=False, random_state=seed, **options
    )


class Logistic(Regularized, name="notmnist-logistic"):
    """Logistic regression with L2."""

    figures: ClassVar[tuple[Figure, ...]] = (
        Figure(AGAINST_KERAS, 0.7917, "Problem 1, first network; 85.4 % there, on other rows"),
    )
    settings: ClassVar[Mapping[str, Setting]] = {AGAINST_KERAS: Setting((), l2=0.05)}
    ours: ClassVar[Mapping[str, Mapping[str, Any]]] = {AGAINST_KERAS: {"l2": 1e-3, "epochs": 10}}


class Penalized(Regularized, name="notmnist-l2"):
    """784-1024-10 with L2."""

    figures: ClassVar[tuple[Figure, ...]] = (
        Figure(AGAINST_KERAS, 0.8710, "Problem 1, second network; 90.8 % there, on other rows"),
    )
    settings: ClassVar[Mapping[str, Setting]] = {AGAINST_KERAS: Setting()}
    ours: ClassVar[Mapping[str, Mapping[str, Any]]] = {AGAINST_KERAS: {"l2": 1e-3}}


class FewRows(Regularized, name="notmnist-overfitting"):
    """784-1024-10 on 3,000 images: without regularization, with L2, with L2 and dropout."""

    PLAIN: ClassVar[str] = f"without either: {AGAINST_KERAS}"
    L2: ClassVar[str] = f"L2: {AGAINST_KERAS}"
    DROPOUT: ClassVar[str] = f"L2 and dropout: {AGAINST_KERAS}"

    figures: ClassVar[tuple[Figure, ...]] = (
        Figure(PLAIN, 0.8732, "Problem 2; the source doesn't train it"),
        Figure(L2, 0.8688, "Problem 2; 88.6 % there, on other rows"),
        Figure(DROPOUT, 0.8982, "Problem 3; the source asks for it, and takes all rows instead"),
    )
    settings: ClassVar[Mapping[str, Setting]] = {
        PLAIN: Setting(l2=0.0, rows=3000),
        L2: Setting(rows=3000),
        DROPOUT: Setting(dropout=0.5, rows=3000),
    }
    ours: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        PLAIN: {"epochs": 12},
        L2: {"l2": 3e-3, "epochs": 12},
        DROPOUT: {"l2": 3e-4, "epochs": 12},
    }


class DroppedOut(Regularized, name="notmnist-dropout"):
    """784-1024-10 with L2 and dropout."""

    figures: ClassVar[tuple[Figure, ...]] = (
        Figure(AGAINST_KERAS, 0.8848, "Problem 3; 90.5 % there, on other rows"),
    )
    settings: ClassVar[Mapping[str, Setting]] = {AGAINST_KERAS: Setting(dropout=0.5)}
    ours: ClassVar[Mapping[str, Mapping[str, Any]]] = {AGAINST_KERAS: {"l2": 3e-4}}


class RateDecay(Regularized, name="notmnist-decay"):
    """The same, with a learning rate that falls from the first step on."""

    figures: ClassVar[tuple[Figure, ...]] = (
        Figure(AGAINST_KERAS, 0.8922, "Problem 4; 90.8 % there, on other rows"),
    )
    settings: ClassVar[Mapping[str, Setting]] = {AGAINST_KERAS: Setting(dropout=0.5, decay=True)}
    ours: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        AGAINST_KERAS: {
            "l2": 3e-4,
            "optimizer": Adam(0.002),
            "lr_schedule": Exponential(decay=0.7),
        }
    }
