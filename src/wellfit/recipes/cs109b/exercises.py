"""Exercises that the lab leaves to its readers, and its way of saving a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wellfit import MLPClassifier
from wellfit.model_selection import GridSearchCV
from wellfit.optim import SGD, Adam, Cosine, Exponential, RMSProp
from wellfit.recipes.base import Publication, Recipe, Reference
from wellfit.recipes.context import RecipeContext, Split
from wellfit.recipes.cs109b.common import CS109B, NETWORK, NO_FIGURE, network, tested


class ExponentialDecay(Recipe, name="cs109b-exponential"):
    """The exercise of step 2: a rate of 0.1 exp(-k t), t in steps, falling to a hundredth."""

    source: ClassVar[Publication] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("test accuracy", None, "Step 2, exercise: exponential decay"),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "training": {
            **NETWORK,
            "optimizer": SGD(0.1, momentum=0.8),
            "lr_schedule": Exponential(0.01, every=20),
            "batch_size": 28,
            "epochs": 20,
        }
    }
    differs: ClassVar[str] = f"{NO_FIGURE} k and the number of epochs are chosen here."
    better_way: ClassVar[str] = "8 epochs in batches of 100."
    remark: ClassVar[str] = "The lab's decay by time reaches 97.57 % in 60 epochs."

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train for 20 epochs."""
        return self._trained(context)

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train for 8 epochs."""
        return self._trained(
            context, lr_schedule=Exponential(0.01, every=8), batch_size=100, epochs=8
        )

    def _trained(self, context: RecipeContext, **changes: Any) -> Mapping[str, float]:
        clf = network(context, **{**self.settings["training"], **changes})
        return tested(context, "64-64, exponential decay", clf)


class Restarts(Recipe, name="cs109b-restarts"):
    """The exercise of step 5: random restarts in one stack, the best by validation; and warm ones.

    A random restart starts again from other weights; a warm one, as the lab's hint has it, puts
    the learning rate up again and goes on from where it is.
    """

    source: ClassVar[Publication] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("test accuracy, best of 8 restarts", None, "Step 5: Random restarts"),
        Reference("test accuracy, warm restarts", None, "Step 5: Random restarts"),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "network": NETWORK,
        "random restarts": "8, Adam at 0.005 along one cycle of 7 epochs",
        "warm restarts": "cosine cycles of 1, 2 and 4 epochs, Adam at 0.003",
        "batch size": 100,
    }
    differs: ClassVar[str] = f"{NO_FIGURE} Optimizer, rates and epochs are chosen here."
    better_way: ClassVar[str] = "3 epochs in place of 7."

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Run both for 7 epochs, and evaluate on the test set."""
        return self._both(context, epochs=7)

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Run both for 3 epochs, and evaluate on the test set."""
        return self._both(context, epochs=3)

    def _both(self, context: RecipeContext, epochs: int) -> Mapping[str, float]:
        split = context.mnist()
        measured = self._random(context, split, epochs)
        # Cycles of 1, 2 and 4 epochs end together with the run.
        warm = network(
            context,
            optimizer=Adam(0.003),
            lr_schedule=Cosine(period=1.0, multiplier=2.0),
            batch_size=100,
            epochs=epochs,
        ).fit(split.X, split.y)
        context.keep("64-64, warm restarts", warm)
        return {
            **measured,
            "test accuracy, warm restarts": warm.score(split.X_test, split.y_test),
        }

    def _random(self, context: RecipeContext, split: Split, epochs: int) -> dict[str, float]:
        """Return the test accuracy of the best of eight, and how far the eight lie apart."""
        clf = network(context, optimizer=Adam(0.005), batch_size=100, epochs=epochs)
        X, y = np.concatenate([split.X, split.X_val]), np.concatenate([split.y, split.y_val])
        rows = np.split(np.arange(len(y)), [len(split.y)])
        seeds = [1000 * context.seed + number for number in range(8)]
        found = GridSearchCV(clf, {"random_state": seeds}, cv=[tuple(rows)]).fit(X, y)
        scores = found.cv_results_["mean_test_score"]
        return {
            "test accuracy, best of 8 restarts": found.score(split.X_test, split.y_test),
            "validation accuracy, best restart": scores.max(),
            "validation accuracy, worst restart": scores.min(),
        }


class GridSearch(Recipe, name="cs109b-grid"):
    """Exercise 1: learning rates, momenta from 0.1 to 0.9 and numbers of epochs, three folds."""

    source: ClassVar[Publication] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("accuracy, best of the grid", None, "Exercise 1"),
        Reference("accuracy, worst of the grid", None, "Exercise 1"),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "network": NETWORK,
        "grid": "rates 0.001, 0.01, 0.1; momenta 0.1, 0.3, 0.5, 0.7, 0.9; epochs 5, 10, 20",
        "folds": "3, of the first 12,000 images",
        "batch size": 32,
    }
    differs: ClassVar[str] = (
        f"{NO_FIGURE} All 60,000 images would take five times as long: 12,000 are taken."
    )
    better_way: ClassVar[str] = "2,000 images in place of 12,000."

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Search on 12,000 images."""
        return self._searched(context, 12_000)

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Search on 2,000 images."""
        return self._searched(context, 2_000)

    def _searched(self, context: RecipeContext, rows: int) -> Mapping[str, float]:
        """Search 3 rates, 5 momenta and 3 numbers of epochs: 135 networks."""
        split = context.mnist(validation=0).first(rows)
        grid = {
            "optimizer__learning_rate": [0.001, 0.01, 0.1],
            "optimizer__momentum": [0.1, 0.3, 0.5, 0.7, 0.9],
            "epochs": [5, 10, 20],
        }
        clf = network(context, optimizer=SGD(momentum=0.5), lr_schedule="constant", batch_size=32)
        found = GridSearchCV(clf, grid, cv=3, refit=False).fit(split.X, split.y)
        scores = found.cv_results_["mean_test_score"]
        best = found.cv_results_["params"][int(scores.argmax())]
        return {
            "accuracy, best of the grid": scores.max(),
            "accuracy, worst of the grid": scores.min(),
            "best rate": best["optimizer__learning_rate"],
            "best momentum": best["optimizer__momentum"],
            "best number of epochs": best["epochs"],
        }


@dataclass(frozen=True)
class Reloaded:
    """Predictions of a model before saving and after loading.

    Attributes:
        before, after: probabilities (rows, classes).
        files: names of what was written.
    """

    before: NDArray[Any]
    after: NDArray[Any]
    files: tuple[str, ...]


def saved_and_loaded(clf: MLPClassifier, X: NDArray[Any]) -> Reloaded:
    """Save a fitted classifier to a folder of JSON and weights, load it, and predict by both."""
    with TemporaryDirectory() as folder:
        path = clf.save(Path(folder) / "model")
        files = tuple(sorted(file.name for file in path.iterdir()))
        again = MLPClassifier.load(path)
    return Reloaded(clf.predict_proba(X), again.predict_proba(X), files)


class Saved(Recipe, name="cs109b-saved"):
    """A model written as JSON and weights, and read again: the same predictions."""

    source: ClassVar[Publication] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(
            "predictions changed",
            0.0,
            "Save Your Neural Network Model to JSON",
            "lower",
            origin="required",
        ),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "network": NETWORK,
        "optimizer": RMSProp(0.001),
        "epochs": 2,
        "rows": "the first 10,000",
        "batch size": 32,
    }
    differs: ClassVar[str] = (
        "The lab shows the code without running it, and keeps the weights as HDF5; here they are "
        "in a safetensors file beside the JSON."
    )
    better_way: ClassVar[str] = "None: it is a matter of files."
    remark: ClassVar[str] = "Every probability must be the same number, to the last bit."

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train for two epochs on 10,000 images, save, load, and count differing predictions."""
        split = context.mnist(validation=0).first(10_000)
        clf = network(context, optimizer=RMSProp(0.001), batch_size=32, epochs=2)
        clf.fit(split.X, split.y)
        reloaded = saved_and_loaded(clf, split.X_test)
        return {"predictions changed": float((reloaded.before != reloaded.after).any(1).sum())}
