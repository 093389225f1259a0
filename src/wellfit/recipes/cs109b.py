"""CS109B lab 3 (Harvard, 2019): optimization, on Beale's function and with a 64-64 network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wellfit import MLPClassifier
from wellfit.landscapes import Beale, compare_optimizers
from wellfit.model_selection import GridSearchCV
from wellfit.optim import LBFGS, SGD, Adam, Cosine, Exponential, OneCycle, RMSProp, TimeBased
from wellfit.recipes.base import Figure, Recipe, Source
from wellfit.recipes.context import RecipeContext, Split

CS109B = Source("cs109b", "CS109B lab 3: Optimization in Artificial Neural Networks", "Keras 2.1")
NO_FIGURE = "An exercise that the lab leaves to its readers: it publishes no figure."

# The means over three folds that the lab publishes, by the initializer's name here.
INITIALIZERS = {
    "uniform": 0.946117,
    "lecun_uniform": 0.948400,
    "normal": 0.948117,
    "zeros": 0.112367,
    "glorot_normal": 0.948367,
    "glorot_uniform": 0.948967,
    "he_normal": 0.947400,
    "he_uniform": 0.946983,
}


def _network(context: RecipeContext, **settings: Any) -> MLPClassifier:
    """Return the lab's network: two layers of 64 rectified units, weights from U(±0.05)."""
    own = {"initializer": "uniform", "dropout": 0.0, "batch_size": 32}
    return MLPClassifier(
        (64, 64), early_stopping=False, random_state=context.seed, **{**own, **settings}
    )


def _short(context: RecipeContext) -> MLPClassifier:
    """Return the same network on the short way: a few epochs along one cycle of Adam's rate."""
    return _network(context, optimizer=Adam(0.005), batch_size=100, dropout=0.05, epochs=8)


def _tested(context: RecipeContext, name: str, clf: MLPClassifier) -> float:
    """Train on all 60,000 images, as the lab does, and return the accuracy on the test's."""
    split = context.mnist(validation=0)
    clf.fit(split.X, split.y)
    context.keep(name, clf)
    return clf.score(split.X_test, split.y_test)


class BealeByLBFGS(Recipe, name="cs109b-beale"):
    """From (4, 4) down Beale's function by L-BFGS-B, to its minimum at (3, 0.5)."""

    source: ClassVar[Source] = CS109B
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("x", 3.0, "Part 1: Beale's function", "near", 1e-4),
        Figure("y", 0.5, "Part 1: Beale's function", "near", 1e-4),
        Figure("evaluations", 60, "Part 1: Beale's function, nfev", "lower"),
    )
    remark: ClassVar[str] = (
        "The lab's derivatives are differences, each worth two more evaluations; ours are exact."
    )

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Let SciPy's minimizer run, and tell where it ends."""
        (path,) = compare_optimizers(Beale(), [LBFGS()], [(4.0, 4.0)])
        x, y = path.points[-1]
        return {"x": x, "y": y, "evaluations": len(path.points), "height": path.heights[-1]}


class TimeDecay(Recipe, name="cs109b-sgd"):
    """64-64 by SGD with momentum 0.8 and a rate that time decays, 60 epochs in batches of 28."""

    source: ClassVar[Source] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("test accuracy", 0.9757, "Step 2: Adjusting the learning rate", slack=0.002),
    )
    remark: ClassVar[str] = "The short way: 8 epochs of Adam along one cycle, the same network."

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train with the lab's settings or the shorter version, and evaluate on the test set."""
        clf = _short(context) if context.quick else decaying(context)
        return {"test accuracy": _tested(context, "64-64, SGD", clf)}


def decaying(context: RecipeContext, epochs: int = 60, rows: int = 60_000) -> MLPClassifier:
    """Return the lab's network under SGD, the rate divided by 1 + decay · step."""
    rate, batch = 0.1, 28
    decay = TimeBased(rate / epochs, every=1 / math.ceil(rows / batch))
    optimizer = SGD(rate, momentum=0.8)
    return _network(
        context, optimizer=optimizer, lr_schedule=decay, batch_size=batch, epochs=epochs
    )


class ByRMSProp(Recipe, name="cs109b-rmsprop"):
    """64-64 by RMSProp at the constant rate 0.001, 20 epochs in batches of 32."""

    source: ClassVar[Source] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("test accuracy", 0.9759, "Step 4: batch size and number of epochs", slack=0.002),
    )
    remark: ClassVar[str] = "The short way: RMSProp along one cycle, 8 epochs in batches of 100."

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train with the lab's settings or the shorter version, and evaluate on the test set."""
        if context.quick:
            clf = _network(
                context, optimizer=RMSProp(0.003), batch_size=100, dropout=0.05, epochs=8
            )
        else:
            clf = _network(context, optimizer=RMSProp(0.001), lr_schedule="constant", epochs=20)
        return {"test accuracy": _tested(context, "64-64, RMSProp", clf)}


class Initializers(Recipe, name="cs109b-initializers"):
    """Eight initializers, three folds each, dropout 0.5, 10 epochs: 24 networks in one stack."""

    source: ClassVar[Source] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = tuple(
        Figure(
            f"accuracy, {name}",
            published,
            "Trying different weight initializations",
            "near" if name == "zeros" else "higher",
            slack=0.003,
        )
        for name, published in INITIALIZERS.items()
    )
    remark: ClassVar[str] = (
        "Accuracies are means over three folds of the training images. With zeros no unit ever "
        "differs from its neighbours: 11 % is the share of the commonest digit. The short way: "
        "9 epochs of Adam along one cycle."
    )

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Search the grid, and return each initializer's mean."""
        split = context.mnist(validation=0)
        grid = {"initializer": list(INITIALIZERS)}
        found = GridSearchCV(self._start(context), grid, cv=3, refit=False).fit(split.X, split.y)
        scores = found.cv_results_["mean_test_score"]
        return {f"accuracy, {name}": scores[place] for place, name in enumerate(INITIALIZERS)}

    def _start(self, context: RecipeContext) -> MLPClassifier:
        if context.quick:
            way = {"optimizer": Adam(0.01), "lr_schedule": OneCycle(0.15), "batch_size": 256}
            return _network(context, dropout=0.5, epochs=9, **way)
        way = {"optimizer": RMSProp(0.001), "lr_schedule": "constant", "batch_size": 128}
        return _network(context, dropout=0.5, epochs=10, **way)


class ExponentialDecay(Recipe, name="cs109b-exponential"):
    """The exercise of step 2: a rate of 0.1 exp(-k t), t in steps, falling to a hundredth."""

    source: ClassVar[Source] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("test accuracy", None, "Step 2, exercise: exponential decay"),
    )
    remark: ClassVar[str] = f"{NO_FIGURE} Its decay by time reaches 97.57 % in 60 epochs."

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train for 20 epochs, or for 8."""
        epochs = 8 if context.quick else 20
        clf = _network(
            context,
            optimizer=SGD(0.1, momentum=0.8),
            lr_schedule=Exponential(0.01, every=epochs),
            batch_size=100 if context.quick else 28,
            epochs=epochs,
        )
        return {"test accuracy": _tested(context, "64-64, exponential decay", clf)}


class Restarts(Recipe, name="cs109b-restarts"):
    """The exercise of step 5: random restarts in one stack, the best by validation; and warm ones.

    A random restart starts again from other weights; a warm one, as the lab's hint has it, puts
    the learning rate up again and goes on from where it is.
    """

    source: ClassVar[Source] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("test accuracy, best of 8 restarts", None, "Step 5: Random restarts"),
        Figure("test accuracy, warm restarts", None, "Step 5: Random restarts"),
    )
    remark: ClassVar[str] = f"{NO_FIGURE} The short way: 3 epochs in place of 7."

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Run both, and evaluate on the test set."""
        split = context.mnist()
        told = self._random(context, split)
        # Cycles of 1, 2 and 4 epochs end together with the run.
        warm = _network(
            context,
            optimizer=Adam(0.003),
            lr_schedule=Cosine(period=1.0, multiplier=2.0),
            batch_size=100,
            epochs=self._epochs(context),
        ).fit(split.X, split.y)
        context.keep("64-64, warm restarts", warm)
        return {
            **told,
            "test accuracy, warm restarts": warm.score(split.X_test, split.y_test),
        }

    def _random(self, context: RecipeContext, split: Split) -> dict[str, float]:
        """Return the test accuracy of the best of eight, and how far the eight lie apart."""
        clf = _network(
            context, optimizer=Adam(0.005), batch_size=100, epochs=self._epochs(context)
        )
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

    def _epochs(self, context: RecipeContext) -> int:
        return 3 if context.quick else 7


class Grid(Recipe, name="cs109b-grid"):
    """Exercise 1: learning rates, momenta from 0.1 to 0.9 and numbers of epochs, three folds."""

    source: ClassVar[Source] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("accuracy, best of the grid", None, "Exercise 1"),
        Figure("accuracy, worst of the grid", None, "Exercise 1"),
    )
    remark: ClassVar[str] = (
        f"{NO_FIGURE} Accuracies are means over three folds, of 12,000 training images (all "
        "60,000 would take some minutes); the short way takes 3,000 of them."
    )

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Search 3 rates, 5 momenta and 3 numbers of epochs: 135 networks."""
        split = context.mnist(validation=0).first(3_000 if context.quick else 12_000)
        grid = {
            "optimizer__learning_rate": [0.001, 0.01, 0.1],
            "optimizer__momentum": [0.1, 0.3, 0.5, 0.7, 0.9],
            "epochs": [5, 10, 20],
        }
        clf = _network(context, optimizer=SGD(momentum=0.5), lr_schedule="constant")
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

    source: ClassVar[Source] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("predictions changed", 0.0, "Save Your Neural Network Model to JSON", "lower"),
    )
    remark: ClassVar[str] = "Every probability must be the same number, to the last bit."

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train for two epochs on 10,000 images, save, load, and count differing predictions."""
        split = context.mnist(validation=0).first(10_000)
        clf = _network(context, optimizer=RMSProp(0.001), epochs=2).fit(split.X, split.y)
        reloaded = saved_and_loaded(clf, split.X_test)
        return {"predictions changed": float((reloaded.before != reloaded.after).any(1).sum())}
