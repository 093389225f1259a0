"""Regularization on notMNIST: letters A to J in thousands of fonts, many of them mislabelled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from wellfit import MLPClassifier
from wellfit.datasets import Dataset
from wellfit.nn import TruncatedNormal
from wellfit.optim import SGD, Adam, Exponential
from wellfit.recipes.base import Publication, Recipe, Reference
from wellfit.recipes.context import RecipeContext, Split

NOTMNIST = Publication("notmnist", "Deep Learning, assignment 3: Regularization", "TensorFlow 1")
DIFFERS = (
    "The source learned from 200,000 images and was tested on 10,000 others. At hand are 9,804 "
    "distinct images of its smaller set: 6,804 for training, 2,000 for testing. So its accuracies "
    "can't be compared; ours stand beside those of the same settings in Keras on the same rows, "
    "the means of three seeds (`python -m benchmarks.notmnist`), which take the rows in random "
    "order and end with an epoch, hence with its small last batch; the source and ours take a "
    "fixed order, in which the source's batches start at other rows in each epoch."
)
OTHER_ROWS = "30 times as many training rows, other test rows"
OTHER_IMAGES = (
    "it depends on the images by the gradients of the first steps, and the source's own runs on "
    "200,000 and on 3,000 images are 1 % apart"
)
ONE_BATCH = "the cost of one batch of other images; little of it is the penalty"
TEST, VALIDATION, SEED = 2000, 1000, 0
STEPS, BATCH = 3001, 128


@dataclass(frozen=True)
class Setting:
    """The source's training: 3,001 steps of gradient descent with batches of 128 rows.

    Attributes:
        hidden: units of the hidden layers.
        l2: strength λ of λ/2 Σw².
        dropout: dropout rate of the hidden units.
        rows: number of training rows.
        decay: whether the learning rate falls by 10 % every 1,000 steps.
    """

    hidden: tuple[int, ...] = (1024,)
    l2: float = 0.005
    dropout: float = 0.0
    rows: int = 6804
    decay: bool = False

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch."""
        return math.ceil(self.rows / BATCH)

    @property
    def params(self) -> dict[str, Any]:
        """Parameters of :class:`~wellfit.MLPClassifier`."""
        decay = Exponential(0.9, every=1000, unit="steps")
        return {
            "hidden_layer_sizes": self.hidden,
            "activation": "relu",
            "initializer": TruncatedNormal(1.0),
            "bias_initializer": "zeros",
            "preprocess": None,
            "l2": self.l2,
            "dropout": self.dropout,
            "optimizer": SGD(0.5),
            "lr_schedule": decay if self.decay else "constant",
            "batch_size": BATCH,
            "shuffle": False,
            "max_steps": STEPS,
        }


def settings_of(trainings: Mapping[str, Setting]) -> dict[str, Any]:
    """Return the source's settings as a recipe declares them."""
    return {
        **{what: {"rows": one.rows, **one.params} for what, one in trainings.items()},
        "pixels": "from -0.5 to 0.5",
    }


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


def centred(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Return pixels from -0.5 to 0.5, as the source has them."""
    return ((pixels.astype(np.float32) - 127.5) / 255).astype(np.float32)


def cost_at(history: Mapping[str, Any], per_epoch: int, step: int) -> float:
    """Return the loss with its penalty at a step, between the ends of two epochs.

    The penalty falls by the same factor at every step, so that its logarithm is a line. The last
    epoch may be shorter than the others.
    """
    costs = np.log(history["objective"])
    ends = np.minimum(per_epoch * np.arange(1, len(costs) + 1), STEPS)
    return float(np.exp(np.interp(step, ends, costs)))


class Regularized(Recipe):
    """A network of the source's, regularized as there; and trained by settings of our own.

    Attributes:
        trainings: what the source trained, by the name of the test accuracy.
        short: what the better way changes; its ``l2`` replaces the source's, which is for its
            own steps.
    """

    source: ClassVar[Publication] = NOTMNIST
    data: ClassVar[str] = "notmnist"
    differs: ClassVar[str] = DIFFERS
    better_way: ClassVar[str] = (
        "Eight to twelve epochs of Adam along one cycle, from Glorot's weights, with a weaker L2."
    )
    trainings: ClassVar[Mapping[str, Setting]] = {}
    short: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train each network as the source does, and evaluate it on all three sets."""
        split, measured = letters(context.load("notmnist")), {}
        for what, setting in self.trainings.items():
            rows = split.first(setting.rows)
            clf = context.classifier(**setting.params)
            clf.fit(centred(rows.X), rows.y)
            context.keep(what, clf)
            parts = {"test": (rows.X_test, rows.y_test), "training": (rows.X, rows.y)}
            parts["validation"] = rows.X_val, rows.y_val
            for name, (X, y) in parts.items():
                measured[what.replace("test", name)] = clf.score(centred(X), y)
            if setting.l2:
                for step in (500, 1000):
                    cost = cost_at(clf.history_, setting.per_epoch, step)
                    measured[what.replace("test accuracy", f"training cost, step {step}")] = cost
        return measured

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train each network, and evaluate it on the test and training sets."""
        split, measured = letters(context.load("notmnist")), {}
        for what, setting in self.trainings.items():
            rows = split.first(setting.rows)
            clf = _short(context, setting, self.short[what]).fit(rows.X, rows.y)
            context.keep(what, clf)
            measured[what] = clf.score(rows.X_test, rows.y_test)
            measured[what.replace("test", "training")] = clf.score(rows.X, rows.y)
        return measured


def _short(context: RecipeContext, setting: Setting, changes: Mapping[str, Any]) -> MLPClassifier:
    options = {"dropout": setting.dropout, "optimizer": Adam(0.004), "epochs": 8, **changes}
    return context.classifier(hidden_layer_sizes=setting.hidden, batch_size=BATCH, **options)


def figures_of(
    place: str,
    what: str,
    published: float | None,
    keras: float,
    slack: float = 0.01,
    costs: Mapping[int, float] | None = None,
) -> tuple[Reference, ...]:
    """Return the figures of a training: the source's, Keras's, and costs by step."""
    found = [Reference(what, keras, place, slack=slack, origin="measured with Keras")]
    if published is not None:
        found.append(Reference(what, published, place, not_comparable=OTHER_ROWS))
    for step, cost in (costs or {}).items():
        name = what.replace("test accuracy", f"training cost, step {step}")
        # Nearly all of a network's cost is the penalty of weights that begin as N(0, 1).
        outside, other = (OTHER_IMAGES, "") if cost > 10 else ("", ONE_BATCH)
        figure = Reference(
            name, cost, place, "near", 0.03 * cost, way="published", outside=outside
        )
        found.append(replace(figure, not_comparable=other))
    return tuple(found)


class Logistic(Regularized, name="notmnist-logistic"):
    """Logistic regression with L2."""

    figures: ClassVar[tuple[Reference, ...]] = figures_of(
        "Problem 1, first network", "test accuracy", 0.854, 0.7917, 0.02, {500: 0.944785}
    )
    trainings: ClassVar[Mapping[str, Setting]] = {"test accuracy": Setting((), l2=0.05)}
    settings: ClassVar[Mapping[str, Any]] = settings_of(trainings)
    short: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "test accuracy": {"l2": 1e-3, "epochs": 10}
    }


class Penalized(Regularized, name="notmnist-l2"):
    """784-1024-10 with L2."""

    figures: ClassVar[tuple[Reference, ...]] = figures_of(
        "Problem 1, second network",
        "test accuracy",
        0.908,
        0.8710,
        0.05,
        {500: 126.945297, 1000: 10.868656},
    )
    trainings: ClassVar[Mapping[str, Setting]] = {"test accuracy": Setting()}
    settings: ClassVar[Mapping[str, Any]] = settings_of(trainings)
    short: ClassVar[Mapping[str, Mapping[str, Any]]] = {"test accuracy": {"l2": 1e-3}}


class FewRows(Regularized, name="notmnist-overfitting"):
    """784-1024-10 on 3,000 images: without regularization, with L2, with L2 and dropout."""

    PLAIN: ClassVar[str] = "test accuracy, without either"
    L2: ClassVar[str] = "test accuracy, L2"
    DROPOUT: ClassVar[str] = "test accuracy, L2 and dropout"

    figures: ClassVar[tuple[Reference, ...]] = (
        *figures_of("Problem 2, which the source doesn't train", PLAIN, None, 0.8732),
        *figures_of("Problem 2", L2, 0.886, 0.8688, 0.09, {500: 128.225174, 1000: 10.765879}),
        *figures_of("Problem 3; the source takes all rows instead", DROPOUT, None, 0.8982),
    )
    trainings: ClassVar[Mapping[str, Setting]] = {
        PLAIN: Setting(l2=0.0, rows=3000),
        L2: Setting(rows=3000),
        DROPOUT: Setting(dropout=0.5, rows=3000),
    }
    settings: ClassVar[Mapping[str, Any]] = settings_of(trainings)
    short: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        PLAIN: {"epochs": 12},
        L2: {"l2": 3e-3, "epochs": 12},
        DROPOUT: {"l2": 3e-4, "epochs": 12},
    }


class DropoutWithL2(Regularized, name="notmnist-dropout"):
    """784-1024-10 with L2 and dropout."""

    figures: ClassVar[tuple[Reference, ...]] = figures_of(
        "Problem 3",
        "test accuracy",
        0.905,
        0.8848,
        costs={500: 128.232056, 1000: 10.991631},
    )
    trainings: ClassVar[Mapping[str, Setting]] = {"test accuracy": Setting(dropout=0.5)}
    settings: ClassVar[Mapping[str, Any]] = settings_of(trainings)
    short: ClassVar[Mapping[str, Mapping[str, Any]]] = {"test accuracy": {"l2": 3e-4}}


class RateDecay(Regularized, name="notmnist-decay"):
    """The same, with a learning rate that falls from the first step on."""

    figures: ClassVar[tuple[Reference, ...]] = figures_of(
        "Problem 4",
        "test accuracy",
        0.908,
        0.8922,
        costs={500: 137.231522, 1000: 13.910622},
    )
    trainings: ClassVar[Mapping[str, Setting]] = {
        "test accuracy": Setting(dropout=0.5, decay=True)
    }
    settings: ClassVar[Mapping[str, Any]] = settings_of(trainings)
    short: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "test accuracy": {
            "l2": 3e-4,
            "optimizer": Adam(0.002),
            "lr_schedule": Exponential(decay=0.7),
        }
    }
