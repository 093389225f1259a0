"""The lab's own trainings and its minimization, with their figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from wellfit.landscapes import Beale, compare_optimizers
from wellfit.model_selection import GridSearchCV
from wellfit.optim import LBFGS, SGD, Adam, OneCycle, RMSProp, TimeBased
from wellfit.recipes.base import Publication, Recipe, Reference
from wellfit.recipes.context import RecipeContext
from wellfit.recipes.cs109b.common import CS109B, NETWORK, network, tested

_BEALE = "Part 1: Beale's function"
_DECAY = "Step 2: Adjusting the learning rate, epoch 60"
_RMSPROP = "Step 4: batch size and number of epochs"
_GRID = "Trying different weight initializations"
_MACHINE = (
    "seconds on the clock, there on two or more cores, here on a machine that did other work too; "
    "compare the CPU time of the whole recipe"
)
_EPOCHS = 60

# The means over three folds that the lab publishes, with the deviations of the folds, by the
# initializer's name here.
INITIALIZERS = {
    "uniform": (0.946117, 0.002852),
    "lecun_uniform": (0.948400, 0.001192),
    "normal": (0.948117, 0.001310),
    "zeros": (0.112367, 0.002416),
    "glorot_normal": (0.948367, 0.002593),
    "glorot_uniform": (0.948967, 0.002210),
    "he_normal": (0.947400, 0.002060),
    "he_uniform": (0.946983, 0.002908),
}

ADAM = "Eight epochs of Adam along one cycle of the learning rate, the same network."


class BealeByLBFGS(Recipe, name="cs109b-beale"):
    """From (4, 4) down Beale's function by L-BFGS-B, to its minimum at (3, 0.5)."""

    source: ClassVar[Publication] = CS109B
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("height of the start", 68891.203125, _BEALE, "near", 1e-6),
        Reference("x", 3.0, _BEALE, "near", 1e-4),
        Reference("y", 0.5, _BEALE, "near", 1e-4),
        Reference("height", 2.068e-12, f"{_BEALE}, fun", "lower", 1e-9),
        Reference("evaluations", 60, f"{_BEALE}, nfev", "near", 6, way="published"),
        Reference("evaluations", 60, f"{_BEALE}, nfev", "lower", way="better"),
        Reference("iterations", 14, f"{_BEALE}, nit", "near", 1, way="published"),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "minimizer": "scipy.optimize.minimize with bounds, hence L-BFGS-B",
        "derivatives": "differences",
        "start": "(4, 4)",
        "bounds": "-4.5 to 4.5",
    }
    differs: ClassVar[str] = "Only SciPy's version: its L-BFGS-B has been rewritten since."
    better_way: ClassVar[str] = (
        "Exact derivatives: the lab's differences cost two more evaluations each."
    )

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Let SciPy's minimizer run on the function's values alone."""
        beale, (left, right, bottom, top) = Beale(), Beale.window

        def height(point: NDArray[np.float64]) -> float:
            x, y = torch.as_tensor(point, dtype=torch.float64)
            return float(beale.value(x, y))

        start = np.array([4.0, 4.0])
        found = minimize(height, start, bounds=((left, right), (bottom, top)))
        return {
            "height of the start": height(start),
            "x": found.x[0],
            "y": found.x[1],
            "height": found.fun,
            "evaluations": found.nfev,
            "iterations": found.nit,
        }

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Let SciPy's minimizer run with derivatives."""
        (path,) = compare_optimizers(Beale(), [LBFGS()], [(4.0, 4.0)])
        x, y = path.points[-1]
        return {
            "height of the start": path.heights[0],
            "x": x,
            "y": y,
            "height": path.heights[-1],
            "evaluations": len(path.points),
        }


def _trained_figures(
    place: str, test: tuple[float, float], training: tuple[float, float], seconds: float
) -> tuple[Reference, ...]:
    """Return the figures of a training: accuracy and loss on both sets, and the time."""
    return (
        Reference("test accuracy", test[0], place, slack=0.003),
        Reference("test loss", test[1], place, "lower", 0.03),
        Reference("training accuracy", training[0], place, "near", 0.002, way="published"),
        Reference("training loss", training[1], place, "near", 0.004, way="published"),
        Reference("seconds", seconds, place, "lower", not_comparable=_MACHINE),
    )


class TimeDecay(Recipe, name="cs109b-sgd"):
    """64-64 by SGD with momentum 0.8 and a rate that time decays, 60 epochs in batches of 28."""

    source: ClassVar[Publication] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Reference, ...]] = _trained_figures(
        _DECAY, (0.9757, 0.0853), (0.9967, 0.0170), 152
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "training": {
            **NETWORK,
            "optimizer": SGD(0.1, momentum=0.8),
            # By 0.1/60 a step, of which there are 2,143 an epoch.
            "lr_schedule": TimeBased(0.1 / _EPOCHS, every=1 / math.ceil(60_000 / 28)),
            "batch_size": 28,
            "epochs": _EPOCHS,
        }
    }
    differs: ClassVar[str] = (
        "Keras's momentum sums up steps, ours gradients, which differs while the rate falls."
    )
    better_way: ClassVar[str] = ADAM

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train with the lab's settings, and evaluate on the test set."""
        clf = network(context, **self.settings["training"])
        return tested(context, "64-64, SGD", clf)

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train along one cycle, and evaluate on the test set."""
        short = {"optimizer": Adam(0.005), "batch_size": 100, "dropout": 0.05, "epochs": 8}
        return tested(context, "64-64, Adam", network(context, **short))


class ByRMSProp(Recipe, name="cs109b-rmsprop"):
    """64-64 by RMSProp at the constant rate 0.001, 20 epochs in batches of 32."""

    source: ClassVar[Publication] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Reference, ...]] = (
        *_trained_figures(_RMSPROP, (0.9759, 0.1504), (0.9934, 0.0266), 50.7),
        Reference("test R²", 0.9542, f"{_RMSPROP}, of one-hot classes", slack=0.005),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "training": {
            **NETWORK,
            "optimizer": RMSProp(0.001),
            "lr_schedule": "constant",
            "batch_size": 32,
            "epochs": 20,
        }
    }
    differs: ClassVar[str] = "Only the random numbers: initial weights and the order of rows."
    better_way: ClassVar[str] = "RMSProp along one cycle, 8 epochs in batches of 100."

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train with the lab's settings, and evaluate on the test set."""
        clf = network(context, **self.settings["training"])
        return tested(context, "64-64, RMSProp", clf)

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train along one cycle, and evaluate on the test set."""
        short = {"optimizer": RMSProp(0.003), "batch_size": 100, "dropout": 0.05, "epochs": 8}
        return tested(context, "64-64, RMSProp", network(context, **short))


class Initializers(Recipe, name="cs109b-initializers"):
    """Eight initializers, three folds each, dropout 0.5, 10 epochs: 24 networks in one stack."""

    source: ClassVar[Publication] = CS109B
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Reference, ...]] = (
        *(
            Reference(
                f"accuracy, {name}",
                mean,
                _GRID,
                "near" if name == "zeros" else "higher",
                slack=0.003,
            )
            for name, (mean, _) in INITIALIZERS.items()
        ),
        *(
            Reference(f"deviation of folds, {name}", deviation, _GRID, "near", 0.003)
            for name, (_, deviation) in INITIALIZERS.items()
        ),
        Reference("seconds", 96, _GRID, "lower", not_comparable=_MACHINE),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "training": {
            **NETWORK,
            "initializer": "one of eight",
            "dropout": 0.5,
            "optimizer": RMSProp(0.001),
            "lr_schedule": "constant",
            "batch_size": 128,
            "epochs": 10,
        },
        "folds": "3",
    }
    differs: ClassVar[str] = "Only the random numbers: initial weights and the order of rows."
    better_way: ClassVar[str] = (
        "3 epochs of Adam along one cycle, without dropout, which takes more epochs."
    )
    remark: ClassVar[str] = (
        "Accuracies are means over three folds of the training images. With zeros no unit ever "
        "differs from its neighbours: 11 % is the share of the commonest digit."
    )

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Search the grid with the lab's settings."""
        return self._searched(context, {**self.settings["training"], "initializer": "uniform"})

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Search the grid along one cycle."""
        cycle = {"optimizer": Adam(0.005), "lr_schedule": OneCycle(0.15), "batch_size": 128}
        return self._searched(context, {"epochs": 3, **cycle})

    def _searched(self, context: RecipeContext, params: Mapping[str, Any]) -> dict[str, float]:
        """Return each initializer's mean over the folds, and the deviation of the folds."""
        split, began = context.mnist(validation=0), perf_counter()
        grid = {"initializer": list(INITIALIZERS)}
        clf = network(context, **params)
        found = GridSearchCV(clf, grid, cv=3, refit=False).fit(split.X, split.y)
        measured = {"seconds": perf_counter() - began}
        for place, name in enumerate(INITIALIZERS):
            measured[f"accuracy, {name}"] = found.cv_results_["mean_test_score"][place]
            measured[f"deviation of folds, {name}"] = found.cv_results_["std_test_score"][place]
        return measured
