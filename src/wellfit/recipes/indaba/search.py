"""The practical's random search over networks, penalties, learning rates and momenta."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from scipy.stats import loguniform
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning

from wellfit.core.errors import DivergedError
from wellfit.model_selection import RandomizedSearchCV
from wellfit.optim import SGD
from wellfit.recipes.base import Publication, Recipe, Reference
from wellfit.recipes.context import RecipeContext
from wellfit.recipes.indaba.common import (
    BATCHES,
    DIFFERS,
    INDABA,
    STOP,
    as_published,
    settings,
    short_classifier,
)

_SEARCH = "Hyperparameter Selection, the sorted results"
_DRAWN = "it depends on the rates and momenta drawn, which the source doesn't print"
_CHANCE = 0.098  # TensorFlow classifies all rows as 0 where the weights are undefined
_SHORT_ROWS = 10_000

# Hidden layers, strength of L2 and test accuracy, as the source prints them.
RUNS = (
    ((128, 128), 0.0066110195159220803, 0.9509),
    ((256,), 0.00064575036694946794, 0.9418),
    ((128, 128), 0.013143246333050255, 0.9235),
    ((256,), 0.034917746813186976, 0.8925),
    ((128, 128), 0.0011477153620692811, 0.8652),
    ((256,), 0.0029062557341502037, 0.7168),
    ((256,), 0.017639122106750327, 0.6939),
    ((256,), 0.00071915651503389648, 0.2881),
    ((256,), 0.00012706891665017044, 0.2093),
    ((128, 128), 0.00017646189551092479, 0.1135),
)


class RandomSearch(Recipe, name="indaba-random-search"):
    """Ten networks of the source's sizes and penalties, with rates and momenta drawn at random."""

    source: ClassVar[Publication] = INDABA
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("best test accuracy", RUNS[0][2], _SEARCH, slack=0.03),
        Reference("best less worst accuracy", RUNS[0][2] - RUNS[-1][2], _SEARCH, slack=0.1),
        *(
            Reference(
                f"test accuracy, rank {rank}",
                accuracy,
                _SEARCH,
                "near",
                way="published",
                not_comparable=_DRAWN,
            )
            for rank, (_, _, accuracy) in enumerate(RUNS, 1)
        ),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "networks and l2": "; ".join(f"{sizes}, {l2:.3g}" for sizes, l2, _ in RUNS),
        "learning rate": "log-uniform, 0.00001 to 1",
        "momentum": "log-uniform, 0.5 to 1",
        "training": settings((), optimizer=SGD(momentum=0.5), epochs=20),
        "stopping": STOP,
    }
    differs: ClassVar[str] = (
        "The source doesn't print the rates and momenta that it drew: here others are drawn, so "
        "that only the sorted accuracies can be compared, and they depend on luck. "
        f"{DIFFERS}{BATCHES}"
    )
    better_way: ClassVar[str] = (
        "A search over the source's ranges from Glorot's weights, on 10,000 rows, 5 epochs each, "
        "as one stack."
    )
    remark: ClassVar[str] = "The test rows say which network is best, there and here."

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train each network, and sort the test accuracies."""
        rng = np.random.default_rng(context.seed)
        accuracies = []
        for sizes, l2, _ in RUNS:
            rate, momentum = loguniform(1e-5, 1).rvs(random_state=rng), _momentum(rng)
            params = {
                **self.settings["training"],
                "hidden_layer_sizes": sizes,
                "l2": l2,
                "optimizer": SGD(rate, momentum=momentum),
            }
            accuracies.append(_accuracy(context, params))
        ordered = np.sort(accuracies)[::-1]
        ranks = {f"test accuracy, rank {rank}": one for rank, one in enumerate(ordered, 1)}
        return {**_summary(ordered), **ranks}

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Search; training rows are one fold to learn from, test rows one to judge by."""
        split, rows = context.mnist(), _SHORT_ROWS
        fold = np.arange(rows), rows + np.arange(len(split.y_test))
        clf = short_classifier(
            context,
            (),
            optimizer=SGD(momentum=0.9),
            lr_schedule="constant",
            dropout=0.0,
            batch_size=100,
            epochs=5,
        )
        search = RandomizedSearchCV(
            clf, _space(), n_iter=10, cv=[fold], refit=False, random_state=context.seed
        )
        with warnings.catch_warnings():  # of networks whose loss becomes infinite, as it may here
            for kind in (ConvergenceWarning, FitFailedWarning, UserWarning):
                warnings.simplefilter("ignore", kind)
            search.fit(
                np.concatenate([split.X[:rows], split.X_test]),
                np.concatenate([split.y[:rows], split.y_test]),
            )
        scores = np.nan_to_num(search.cv_results_["mean_test_score"], nan=_CHANCE)
        return _summary(np.sort(scores)[::-1])


def _momentum(rng: np.random.Generator) -> float:
    return float(loguniform(0.5, 1).rvs(random_state=rng))


def _accuracy(context: RecipeContext, params: Mapping[str, Any]) -> float:
    """Return a network's test accuracy; where its loss becomes infinite, that of guessing."""
    alone = RecipeContext(context.data_dir, context.seed)  # ten curves would hide each other
    try:
        return as_published(alone, params, stops=True)["test accuracy"]
    except DivergedError:
        return _CHANCE


def _summary(accuracies: Any) -> dict[str, float]:
    """Return the best of sorted accuracies, and how far the worst is from it."""
    return {
        "best test accuracy": accuracies[0],
        "best less worst accuracy": accuracies[0] - accuracies[-1],
    }


def _space() -> dict[str, Any]:
    """Return the source's ranges; momentum is below 1 here, and log-uniform as there."""
    sizes = (128, 256)
    pairs = [(first, second) for first in sizes for second in sizes]
    return {
        "hidden_layer_sizes": [*((size,) for size in sizes), *pairs],
        "optimizer__learning_rate": loguniform(1e-5, 1),
        "optimizer__momentum": loguniform(0.5, 1),
        "l2": loguniform(1e-5, 1),
    }
