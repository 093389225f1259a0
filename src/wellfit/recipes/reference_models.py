"""Reference models: wellfit's best settings for the data sets of the sources and others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from wellfit import (
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
)
from wellfit.augment import Mixup, Rotation, Scale, Shear, Shift
from wellfit.datasets import train_test_split
from wellfit.nn import SoftmaxCrossEntropy
from wellfit.optim import Adam
from wellfit.recipes.base import Publication, Recipe, Reference
from wellfit.recipes.context import RecipeContext, Split
from wellfit.recipes.notmnist import letters

OWN = Publication("wellfit", "Known good models", "wellfit")
NO_SOURCE = "No source publishes this model: settings and experiment are wellfit's own."
AFFINE = (Shift(2.0, whole=False), Rotation(12.0), Scale(0.12), Shear(10.0))


class Digits(Recipe):
    """A network for MNIST, trained on all 60,000 images, without a validation set.

    Attributes:
        short: what the shorter version changes.
    """

    source: ClassVar[Publication] = OWN
    data: ClassVar[str] = "mnist"
    differs: ClassVar[str] = NO_SOURCE
    settings: ClassVar[Mapping[str, Any]] = {}
    short: ClassVar[Mapping[str, Any]] = {}

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train, and evaluate on the test set."""
        return self._trained(context, {})

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train the shorter version, and evaluate it on the test set."""
        return self._trained(context, self.short)

    def _trained(self, context: RecipeContext, changes: Mapping[str, Any]) -> Mapping[str, float]:
        options = {**self.settings["training"], **changes}
        clf = context.classifier(**options)
        return _judged(context, self.name, clf, self._split(context))

    def _split(self, context: RecipeContext) -> Split:
        return context.mnist(validation=0)


def _judged(
    context: RecipeContext, name: str, clf: MLPClassifier, split: Split
) -> dict[str, float]:
    clf.fit(split.X, split.y)
    context.keep(name, clf)
    accuracy = clf.score(split.X_test, split.y_test)
    return {"test accuracy": accuracy, "parameters": clf.n_parameters_}


class Fast(Digits, name="mnist-98-fast"):
    """784-512-10 in a few seconds: six epochs of Adam along one cycle."""

    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("test accuracy", 0.98, "its name", origin="required"),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "training": {
            "hidden_layer_sizes": (512,),
            "optimizer": Adam(0.002),
            "batch_size": 128,
            "epochs": 6,
        }
    }
    better_way: ClassVar[str] = "The same: it is short already."


class Augmented(Digits, name="mnist-99-augmented"):
    """784-1024-1024-10 with batch norm on slightly shifted, rotated, scaled and sheared images."""

    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("test accuracy", 0.99, "its name", origin="required"),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "training": {
            "hidden_layer_sizes": (1024, 1024),
            "batch_norm": True,
            "dropout": 0.1,
            "loss": SoftmaxCrossEntropy(0.05),
            "augment": AFFINE,
            "image_shape": (28, 28),
            "optimizer": Adam(0.004),
            "batch_size": 250,
            "epochs": 26,
            "precision": "auto",
        }
    }
    short: ClassVar[Mapping[str, Any]] = {
        "hidden_layer_sizes": (512, 512),
        "batch_size": 200,
        "epochs": 8,
        "dropout": 0.0,
        "precision": "float32",
    }
    better_way: ClassVar[str] = "512 units a layer, 8 epochs in place of 26, without dropout."


class PermutationInvariant(Digits, name="mnist-permutation-invariant"):
    """784-1024-1024-10 with batch norm, dropout and mixup; it ignores pixel positions."""

    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("test accuracy", 0.984, "Simard, Steinkraus and Platt, 2003: no distortions"),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "training": {
            "hidden_layer_sizes": (1024, 1024),
            "batch_norm": True,
            "dropout": 0.3,
            "input_dropout": 0.2,
            "augment": Mixup(0.4),
            "optimizer": Adam(0.004),
            "batch_size": 250,
            "epochs": 36,
            "precision": "auto",
        }
    }
    short: ClassVar[Mapping[str, Any]] = {
        "hidden_layer_sizes": (512, 512),
        "batch_norm": False,
        "dropout": 0.2,
        "input_dropout": 0.1,
        "augment": (),
        "batch_size": 128,
        "epochs": 8,
        "precision": "float32",
    }
    better_way: ClassVar[str] = (
        "512 units a layer, 8 epochs in place of 36, less dropout, neither batch norm nor mixup."
    )


class Letters(Digits, name="notmnist-best"):
    """784-1024-1024-10 with batch norm and dropout on distorted letters."""

    data: ClassVar[str] = "notmnist"
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(
            "test accuracy",
            0.9082,
            "a point above 89.82 %, the best of the source's settings in Keras",
            origin="required",
        ),
        Reference(
            "test accuracy",
            0.971,
            "Deep Learning, assignment 3, Problem 4: the best that it has heard of",
            not_comparable="learned from 200,000 images, tested on others",
        ),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "training": {
            "hidden_layer_sizes": (1024, 1024),
            "batch_norm": True,
            "dropout": 0.2,
            "loss": SoftmaxCrossEntropy(0.05),
            "augment": AFFINE,
            "image_shape": (28, 28),
            "optimizer": Adam(0.004),
            "batch_size": 128,
            "epochs": 60,
            "precision": "auto",
        }
    }
    short: ClassVar[Mapping[str, Any]] = {
        "hidden_layer_sizes": (512, 512),
        "epochs": 16,
        "precision": "float32",
    }
    better_way: ClassVar[str] = "512 units a layer, 16 epochs in place of 60."

    def _split(self, context: RecipeContext) -> Split:
        # The settings were chosen by the validation rows, which are therefore left out.
        return letters(context.load("notmnist"))


class TabularModel(Recipe):
    """An ensemble of default networks for a table, with a fifth of the rows as the test set.

    The seed also chooses the test rows, unless the data have a test set.

    Attributes:
        members: number of networks in the ensemble.
        regression: whether the task is a regression.
    """

    source: ClassVar[Publication] = OWN
    differs: ClassVar[str] = NO_SOURCE
    better_way: ClassVar[str] = "A single network in place of four."
    settings: ClassVar[Mapping[str, Any]] = {
        "model": "an ensemble of four default estimators",
        "embedding of numeric columns, average of weights": "none",
        "test rows": "a fifth, drawn by the seed",
    }
    members: ClassVar[int] = 4
    regression: ClassVar[bool] = False

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train an ensemble, and evaluate it on the test set."""
        return self._trained(context, self.members)

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train a single network, and evaluate it on the test set."""
        return self._trained(context, 1)

    def _trained(self, context: RecipeContext, members: int) -> Mapping[str, float]:
        data = train_test_split(context.load(self.data), 0.2, context.seed)
        model = self._model(members, context.seed).fit(data.X, data.y)
        for number, one in enumerate(model.estimators_):
            context.keep(f"{self.name} {number}", one)
        parameters = sum(one.n_parameters_ for one in model.estimators_)
        what = "test R²" if self.regression else "test accuracy"
        return {what: model.score(data.X_test, data.y_test), "parameters": parameters}

    def _model(self, members: int, seed: int) -> Any:
        options: dict[str, Any] = {"n_estimators": members, "random_state": seed}
        plain: dict[str, Any] = {"numeric_embedding": None, "ema_decay": 0.0}
        if self.regression:
            return MLPEnsembleRegressor(MLPRegressor(**plain), **options)
        return MLPEnsembleClassifier(MLPClassifier(**plain), **options)


_SKLEARN = "scikit-learn's default MLP, mean of five other splits"
_UNSCALED = f"{_SKLEARN}; it leaves the target unscaled"
_SCALED = "the same with the target scaled, on the splits of seeds 0, 1 and 2"


def measured(what: str, value: float, place: str = _SKLEARN) -> Reference:
    """Return a score of scikit-learn's default MLP that this project measured."""
    return Reference(what, value, place, origin="measured with scikit-learn")


class Adult(TabularModel, name="adult"):
    """Income above 50,000 dollars a year, from a census with missing values, numbers and text."""

    data: ClassVar[str] = "adult"
    figures: ClassVar[tuple[Reference, ...]] = (measured("test accuracy", 0.8449),)


class LetterTable(TabularModel, name="letter"):
    """26 letters from 16 measurements of their images."""

    data: ClassVar[str] = "letter"
    figures: ClassVar[tuple[Reference, ...]] = (measured("test accuracy", 0.9511),)


class California(TabularModel, name="california"):
    """Prices of houses, by district."""

    data: ClassVar[str] = "california_housing"
    regression: ClassVar[bool] = True
    figures: ClassVar[tuple[Reference, ...]] = (
        measured("test R²", -1.1022, _UNSCALED),
        measured("test R²", 0.7804, _SCALED),
    )


class Bikes(TabularModel, name="bike-hour"):
    """Bicycles rented in an hour, by weather and calendar."""

    data: ClassVar[str] = "bike_hour"
    regression: ClassVar[bool] = True
    figures: ClassVar[tuple[Reference, ...]] = (
        measured("test R²", 0.6312, _UNSCALED),
        measured("test R²", 0.7336, f"{_SCALED}, dates as text"),
    )


class Diamonds(TabularModel, name="diamonds"):
    """Prices of diamonds."""

    data: ClassVar[str] = "diamonds"
    regression: ClassVar[bool] = True
    figures: ClassVar[tuple[Reference, ...]] = (measured("test R²", 0.9674, _UNSCALED),)
