"""Exercise 9: from the digits 0 to 4 to 5 to 9, with 100 images of each."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from wellfit import MLPClassifier
from wellfit.optim import Adam
from wellfit.recipes.base import Figure, Recipe, Source
from wellfit.recipes.context import RecipeContext, Split
from wellfit.recipes.deep_nets.common import DEEP_NETS, TEST, network, with_threshold
from wellfit.recipes.deep_nets.digits import trunk
from wellfit.transfer import Pretrained

SIZES = (100,) * 5
EPOCHS = 100


def few(context: RecipeContext) -> Split:
    """Return 100 images of each of 5 to 9, and the test images of those."""
    return context.mnist().only(range(5, 10)).each(100, context.seed)


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


class AllFrozen(Recipe, name="deep-transfer-frozen"):
    """All five layers frozen: only the output layer learns."""

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        with_threshold(TEST, 0.62353, "exercise 9 b", threshold=0.76),
    )
    remark: ClassVar[str] = "asked for here: 76 %"

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train the output layer."""
        return transferred(context, frozen=5, rate=0.01)


class Cached(Recipe, name="deep-transfer-cached"):
    """What computing frozen layers once is worth: the same training twice.

    Layers that are to thaw only after the last epoch never learn, but can't be computed once.
    """

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        with_threshold(TEST, 0.68772, "exercise 9 c", threshold=0.76),
        with_threshold(
            "times as fast", 8.735 / 6.521, "exercise 9 b and c, 8.7 s and 6.5 s", threshold=2.0
        ),
        Figure("largest difference of weights", 0.0, "asked for here", "near", slack=1e-4),
    )
    remark: ClassVar[str] = "asked for here: 76 %, twice as fast, and the same weights"

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train with the frozen layers computed once, and anew at every step."""
        split = few(context)
        once = started(context, 0.01, {"freeze": 5})
        anew = started(context, 0.01, {"freeze": 5, "unfreeze": EPOCHS + 1})
        times = [_seconds(clf, split) for _ in range(3) for clf in (once, anew)]
        apart = max(np.abs(a - b).max() for a, b in zip(once.coefs_, anew.coefs_, strict=True))
        return {
            TEST: once.score(split.X_test, split.y_test),
            "times as fast": min(times[1::2]) / min(times[::2]),
            "largest difference of weights": float(apart),
        }


def _seconds(clf: MLPClassifier, split: Split) -> float:
    began = perf_counter()
    clf.fit(split.X, split.y)
    return perf_counter() - began


class FourFrozen(Recipe, name="deep-transfer-four"):
    """Four layers frozen: the fifth learns too."""

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        with_threshold(TEST, 0.72290, "exercise 9 d", threshold=0.82),
    )
    remark: ClassVar[str] = "asked for here: 82 %"

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train two layers."""
        return transferred(context, frozen=4, rate=0.005)


class ThreeFrozen(Recipe, name="deep-transfer-unfrozen"):
    """Two hidden layers unfrozen, three frozen."""

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        with_threshold(TEST, 0.85147, "exercise 9 e", threshold=0.86),
    )
    remark: ClassVar[str] = "asked for here: 86 %"

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train three layers."""
        return transferred(context, frozen=3, rate=0.005)


class BestFrozen(Recipe, name="deep-transfer-auto"):
    """As many layers frozen as pay, by cross-validation, against the same network from scratch."""

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("accuracy gained over scratch", 0.0, "asked for here; the source doesn't try"),
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
