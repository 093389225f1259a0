"""Checks of models before their first step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from wellfit.diagnose import check
from wellfit.nn import Normal, mlp
from wellfit.recipes.base import Publication, Recipe, Reference
from wellfit.recipes.context import RecipeContext
from wellfit.recipes.indaba.common import INDABA
from wellfit.training import Member, Weights, predict

_RANDOM = "Check the loss of a random model"


class LossOnNoise(Recipe, name="indaba-initial-loss"):
    """A linear model's first loss on noise, without and with L2."""

    source: ClassVar[Publication] = INDABA
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference("loss of the mean probability", 2.30259, _RANDOM, "near", 1e-5, way="published"),
        Reference(
            "loss from small weights",
            2.3026,
            "the source says that a random model's loss should be log 10",
            "near",
            slack=0.01,
            origin="claimed",
            way="better",
        ),
        Reference("loss from weights of N(0, 1)", 46.3142, _RANDOM, "near", slack=10.0),
        Reference("the same with L2", 4025.31, _RANDOM, "near", slack=200.0),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "network": "784-10, weights of N(0, 1)",
        "data": "100 rows of N(0, 1), random labels",
        "l2": 1.0,
    }
    differs: ClassVar[str] = "Only the random numbers."
    better_way: ClassVar[str] = (
        "The model's own loss is log 10 if its weights are small: here of N(0, 0.001²)."
    )
    remark: ClassVar[str] = (
        "The source's 2.30259 is minus the logarithm of the mean of all probabilities, which is "
        "log 10 whatever the weights are: it checks nothing."
    )

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Evaluate an untrained model."""
        X, _ = self._noise(context)
        member = Member(mlp(784, (), 10, initializer=Normal(1.0)), seed=context.seed)
        start = Weights.initial([member], torch.float32, torch.device("cpu"))
        mean = float(predict(start, X, member.loss.predict).mean())
        return {self.figures[0].what: -math.log(mean), **self._losses(context, 1.0)}

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Evaluate untrained models by the checks of `wellfit check`."""
        small = self._losses(context, 0.001)[self.figures[2].what]
        return {self.figures[1].what: small, **self._losses(context, 1.0)}

    def _noise(self, context: RecipeContext) -> tuple[Any, Any]:
        rng = np.random.default_rng(context.seed)
        X = rng.normal(size=(100, 784)).astype(np.float32)
        return X, rng.permutation(np.arange(100) % 10)

    def _losses(self, context: RecipeContext, std: float) -> dict[str, float]:
        """Return the loss of a linear model with weights of N(0, std²), without and with L2."""
        start = {"initializer": Normal(std), "l2": 1.0, "preprocess": None}
        clf = context.classifier(hidden_layer_sizes=(), **start)
        checks = ["initial_loss", "penalty"]
        report = check(clf, *self._noise(context), checks=checks, random_state=context.seed)
        loss, added = report["initial_loss"].numbers["loss"], report["penalty"].numbers["added"]
        return {self.figures[2].what: loss, self.figures[3].what: loss + added}


class Untrained(Recipe, name="indaba-untrained"):
    """32 networks, 784-512-10, before their first step: their accuracy is that of guessing."""

    source: ClassVar[Publication] = INDABA
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(
            "test accuracy",
            0.1,
            "the source says that a random model prefers no class",
            "near",
            slack=0.015,
            origin="claimed",
        ),
    )
    settings: ClassVar[Mapping[str, Any]] = {"network": "784-512-10, weights of N(0, 1)"}
    differs: ClassVar[str] = "The source evaluates no untrained network on images."
    better_way: ClassVar[str] = "None: nothing is trained."

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Initialize the networks as one stack, and evaluate each on 1,000 test rows."""
        split, count = context.mnist(), 32
        network = mlp(784, (512,), 10, initializer=Normal(1.0))
        members = [Member(network, seed=count * context.seed + k) for k in range(count)]
        start = Weights.initial(members, torch.float32, torch.device("cpu"))
        guesses = predict(start, split.X_test[:1000], members[0].loss.predict).argmax(-1)
        right = (guesses == split.y_test[:1000]).mean(-1)
        return {
            "test accuracy": float(right.mean()),
            "lowest accuracy": float(right.min()),
            "highest accuracy": float(right.max()),
        }
