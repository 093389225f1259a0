"""The source's training: the network of Nielsen's chapter 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from wellfit.nn import LecunNormal
from wellfit.optim import SGD
from wellfit.recipes.base import Publication, Recipe, Reference
from wellfit.recipes.context import RecipeContext
from wellfit.recipes.tips.common import TIPS
from wellfit.training import EarlyStopping


class Chapter(Recipe, name="tips-chapter-3"):
    """784-100-10 of sigmoids with weight decay, until 100 epochs bring nothing."""

    source: ClassVar[Publication] = TIPS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(
            "validation accuracy",
            0.9804,
            "Nielsen's chapter 3, whose results the source's code should replicate",
            slack=0.001,
        ),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "training": {
            "hidden_layer_sizes": (100,),
            "activation": "sigmoid",
            "initializer": LecunNormal(),
            "bias_initializer": "zeros",
            "loss": "sigmoid_cross_entropy",
            "dropout": 0.0,
            # Sums over a batch of 500 there, means here: 0.005 · 500, and 2 · 5/500 / 500.
            "optimizer": SGD(2.5),
            "l2": 4e-5,
            "lr_schedule": "constant",
            "batch_size": 500,
            "shuffle": False,
            "epochs": 2000,
        },
        "validation rows": "the last 10,000 of 60,000",
        "stopping": "100 epochs without a lower validation loss, penalty included",
    }
    differs: ClassVar[str] = (
        "The source goes on without a limit to the epochs; here 2,000 are the most. It prints no "
        "result: the figure is the chapter's, for another λ and smaller batches."
    )
    better_way: ClassVar[str] = (
        "Momentum, smaller batches, and one cycle of the learning rate over 25 epochs."
    )

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train until the validation loss hasn't improved for 100 epochs."""
        stopping = EarlyStopping(patience=100, monitor="val_objective", restore_best=False)
        return self._trained(context, early_stopping=stopping)

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train along one cycle."""
        short = {"optimizer": SGD(0.5, momentum=0.9), "lr_schedule": "one_cycle", "epochs": 25}
        best = EarlyStopping(patience=100)
        return self._trained(context, batch_size=100, shuffle=True, early_stopping=best, **short)

    def _trained(self, context: RecipeContext, **changes: Any) -> Mapping[str, float]:
        split = context.mnist(10_000, last=True)
        params = {**self.settings["training"], **changes}
        clf = context.classifier(**params)
        clf.fit(split.X, split.y, X_val=split.X_val, y_val=split.y_val)
        context.keep("784-100-10", clf)
        return {
            "validation accuracy": clf.score(split.X_val, split.y_val),
            "test accuracy": clf.score(split.X_test, split.y_test),
            "epochs": clf.n_epochs_,
        }
