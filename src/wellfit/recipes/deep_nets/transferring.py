"""Exercise 9: from the digits 0 to 4 to 5 to 9, with 100 images of each.

The source's training function runs the initializer after the layers were restored. So the layers
that it freezes are random, and are so here; what transfer is worth stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
import torch

from wellfit import MLPClassifier
from wellfit.nn import ELU, Activate, Activation
from wellfit.optim import Adam
from wellfit.recipes.base import Reference
from wellfit.recipes.context import RecipeContext, Split
from wellfit.recipes.deep_nets.common import (
    HE_THERE,
    NOT_HE,
    TEST,
    DeepNets,
    as_published,
    fit_like_the_source,
    network,
    published,
    with_threshold,
)
from wellfit.recipes.deep_nets.digits import BEST_THERE, LEAKY, found_there, trunk
from wellfit.transfer import FittedLayer, Pretrained

SIZES = (100,) * 5
EPOCHS = 100
TRUE = f"{TEST}, true transfer"
RANDOM = (
    "Nothing, but for the initializer: the source restores the layers and then initializes them "
    "again, so that what it freezes is random, and so it is here. The same training on layers "
    f"that have learned 0 to 4 stands beside it (true transfer). {NOT_HE}"
)


def few(context: RecipeContext) -> Split:
    """Return 100 images of each of 5 to 9, and the test images of those."""
    return context.mnist().only(range(5, 10)).each(100, context.seed)


def first_few(context: RecipeContext) -> Split:
    """Return the first 100 images of each of 5 to 9, as the source does."""
    split = context.mnist().only(range(5, 10))
    kept = np.sort(np.concatenate([np.flatnonzero(split.y == y)[:100] for y in range(5, 10)]))
    return replace(split, X=split.X[kept], y=split.y[kept])


def random_layers(seed: int, activation: Activation) -> list[FittedLayer]:
    """Return five hidden layers of 110 units as they are initialized."""
    generator, parts = torch.Generator().manual_seed(seed), []
    for inputs in (784, 110, 110, 110, 110):
        weights = HE_THERE.sample(inputs, 110, generator).numpy()
        parts += [FittedLayer.linear(weights), FittedLayer(Activate(activation))]
    return parts


def learned_layers(context: RecipeContext, activation: Activation) -> list[FittedLayer]:
    """Return the hidden layers that have learned 0 to 4, with an activation of one's own."""
    clf, parts = found_there(context.data_dir, context.seed), []
    for weights, bias in zip(clf.coefs_[:-1], clf.intercepts_[:-1], strict=True):
        parts += [FittedLayer.linear(weights, bias), FittedLayer(Activate(activation))]
    return parts


def started(
    context: RecipeContext, rate: float, pretrained: dict[str, Any], **params: Any
) -> MLPClassifier:
    """Return a network on layers that have learned 0 to 4."""
    taken = Pretrained(trunk(context.data_dir, context.seed), **pretrained)
    usual = {"optimizer": Adam(rate), "batch_size": 20, "epochs": EPOCHS}
    return network(context, SIZES, pretrained=taken, **{**usual, **params})


def transferred(context: RecipeContext, frozen: int, rate: float) -> Mapping[str, float]:
    """Train with so many layers frozen, and return the test accuracy."""
    split = few(context)
    clf = started(context, rate, {"freeze": frozen}).fit(split.X, split.y)
    context.keep(f"{frozen} frozen", clf)
    return {TEST: clf.score(split.X_test, split.y_test)}


class Transfer(DeepNets):
    """A part of exercise 9, whose layers are frozen as they were initialized.

    Attributes:
        frozen: how many of the five layers.
    """

    # Tolerances of one run: 2 √2 standard deviations of six seeds' random layers.
    frozen: ClassVar[int] = 5
    differs: ClassVar[str] = RANDOM

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train on random layers, as the source does, and on pretrained ones."""
        return {
            TEST: self.above(context, "random layers"),
            TRUE: self.above(context, "true transfer"),
        }

    def above(self, context: RecipeContext, name: str) -> float:
        """Train what isn't frozen, and return the test accuracy."""
        split, activation = first_few(context), self.settings["activation"]
        if name == "random layers":
            below = random_layers(context.seed, activation)
        else:
            below = learned_layers(context, activation)
        start = {"pretrained": Pretrained(below, freeze=self.frozen)}
        clf = as_published(context, {**self.settings, **start}, len(split.y))
        fit_like_the_source(context, name, clf, split)
        return float(clf.score(split.X_test, split.y_test))


class AllFrozen(Transfer, name="deep-transfer-frozen"):
    """All five layers frozen: only the output layer learns."""

    figures: ClassVar[tuple[Reference, ...]] = (
        published(TEST, 0.62353, "exercise 9 b", slack=0.1),
        with_threshold(TEST, 0.62353, "exercise 9 b", threshold=0.76),
    )
    settings: ClassVar[Mapping[str, Any]] = BEST_THERE
    better_way: ClassVar[str] = (
        "True transfer of layers of 100 ELU units, 100 epochs of Adam along one cycle."
    )

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train the output layer."""
        return transferred(context, frozen=5, rate=0.01)


class Cached(Transfer, name="deep-transfer-cached"):
    """The same at ten times the learning rate, and what computing frozen layers once is worth."""

    figures: ClassVar[tuple[Reference, ...]] = (
        published(TEST, 0.68772, "exercise 9 c", slack=0.06),
        Reference(
            "times as fast", 8.735 / 6.521, "exercise 9 b and c, 8.7 s and 6.5 s", slack=0.3
        ),
        with_threshold(TEST, 0.68772, "exercise 9 c", threshold=0.76),
        Reference(
            "largest difference of weights",
            0.0,
            "caching changes no result",
            "near",
            slack=1e-4,
            origin="required",
        ),
    )
    settings: ClassVar[Mapping[str, Any]] = {**BEST_THERE, "optimizer": Adam(0.01, beta_2=0.99)}
    differs: ClassVar[str] = (
        f"{RANDOM} The source's 8.7 s are at a learning rate of 0.001 and its 6.5 s at 0.01, each "
        "until its own early stopping, and both include the loss computed by all layers; here "
        "both are the same 50 epochs."
    )
    better_way: ClassVar[str] = AllFrozen.better_way

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train as the source does; then for 50 epochs with the layers computed once, and anew."""
        told = super().run(context)
        split, layers = first_few(context), random_layers(context.seed, LEAKY)
        fixed = {**self.settings, "epochs": 50, "eval_every": 1, "early_stopping": False}
        each = [
            as_published(context, {**fixed, "pretrained": pretrained}, len(split.y))
            for pretrained in (
                Pretrained(layers, freeze=5),
                Pretrained(layers, freeze=5, unfreeze=51),
            )
        ]
        return {**told, **_compared(split, *each)}

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train with the frozen layers computed once, and anew at every step."""
        split = few(context)
        once = started(context, 0.01, {"freeze": 5})
        # Layers that are to unfreeze only after the last epoch never learn, but aren't cached.
        anew = started(context, 0.01, {"freeze": 5, "unfreeze": EPOCHS + 1})
        told = _compared(split, once, anew)
        return {TEST: once.score(split.X_test, split.y_test), **told}


def _compared(split: Split, once: MLPClassifier, anew: MLPClassifier) -> dict[str, float]:
    """Return how much faster the first training is than the second, and how weights differ."""
    times = [_seconds(clf, split) for _ in range(3) for clf in (once, anew)]
    apart = max(np.abs(a - b).max() for a, b in zip(once.coefs_, anew.coefs_, strict=True))
    return {
        "times as fast": min(times[1::2]) / min(times[::2]),
        "largest difference of weights": float(apart),
    }


def _seconds(clf: MLPClassifier, split: Split) -> float:
    began = perf_counter()
    clf.fit(split.X, split.y)
    return perf_counter() - began


class FourFrozen(Transfer, name="deep-transfer-four"):
    """Four layers frozen: the fifth learns too."""

    frozen: ClassVar[int] = 4
    figures: ClassVar[tuple[Reference, ...]] = (
        published(TEST, 0.72290, "exercise 9 d", slack=0.07),
        with_threshold(TEST, 0.72290, "exercise 9 d", threshold=0.82),
    )
    settings: ClassVar[Mapping[str, Any]] = Cached.settings
    remark: ClassVar[str] = (
        "The source's gain of 10 % is 10 points over exercise 9 b, which trained at a tenth of "
        "this learning rate; over 9 c, which trained at the same, it is 3.5."
    )
    better_way: ClassVar[str] = AllFrozen.better_way

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train two layers."""
        return transferred(context, frozen=4, rate=0.005)


class ThreeFrozen(Transfer, name="deep-transfer-unfrozen"):
    """Two hidden layers unfrozen, three frozen; with ELU and batches of 50."""

    frozen: ClassVar[int] = 3
    figures: ClassVar[tuple[Reference, ...]] = (
        published(TEST, 0.85147, "exercise 9 e", slack=0.03),
        with_threshold(TEST, 0.85147, "exercise 9 e", threshold=0.86),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        **Cached.settings,
        "activation": ELU(),
        "batch_size": 50,
    }
    better_way: ClassVar[str] = AllFrozen.better_way

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train three layers."""
        return transferred(context, frozen=3, rate=0.005)


class BestFrozen(DeepNets, name="deep-transfer-auto"):
    """As many layers frozen as pay, by cross-validation, against the same network from scratch."""

    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(
            "accuracy gained over scratch",
            0.0,
            "the source doesn't try; choosing has to pay",
            origin="required",
        ),
    )
    better_way: ClassVar[str] = (
        'The source doesn\'t choose; freeze="auto", dropout, 60 epochs of Adam along one cycle.'
    )

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train with ``freeze="auto"``, and from fresh weights."""
        split = few(context)
        same = {"dropout": 0.3, "l2": 1e-4, "epochs": 60}
        auto = started(context, 0.003, {"freeze": "auto"}, **same).fit(split.X, split.y)
        fresh = network(
            context,
            SIZES,
            activation="elu",
            initializer="he_normal",
            optimizer=Adam(0.003),
            batch_size=20,
            **same,
        ).fit(split.X, split.y)
        reached, scratch = (clf.score(split.X_test, split.y_test) for clf in (auto, fresh))
        return {
            "accuracy gained over scratch": reached - scratch,
            TEST: reached,
            f"{TEST}, from scratch": scratch,
            "layers frozen": float(auto.pretrained_["frozen"]),
        }
