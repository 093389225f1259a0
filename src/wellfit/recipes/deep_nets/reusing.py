"""Pretrained lower layers: fine-tuned, frozen, or frozen and computed once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

from wellfit import MLPClassifier
from wellfit.optim import Adam
from wellfit.recipes.base import Figure, Recipe, Source
from wellfit.recipes.context import RecipeContext
from wellfit.recipes.deep_nets.common import DEEP_NETS, VALIDATION, network, validated
from wellfit.transfer import Pretrained

SIZES = (300, 300, 300, 300)  # the source lists others, and then gives all layers those of one
EPOCHS = 3


@cache
def trained(data_dir: Path | None, seed: int) -> MLPClassifier:
    """Return the network that the others take layers from; they share it."""
    context = RecipeContext(data_dir, seed)
    split = context.mnist()
    clf = network(context, SIZES, optimizer=Adam(0.002), batch_size=200, epochs=2)
    return clf.fit(split.X, split.y)


def reused(context: RecipeContext, name: str, frozen: int) -> MLPClassifier:
    """Return a network with three layers of the first, some of them frozen, trained on."""
    clf = network(
        context,
        SIZES,
        pretrained=Pretrained(trained(context.data_dir, context.seed), n_layers=3, freeze=frozen),
        optimizer=Adam(0.002),
        batch_size=200,
        epochs=EPOCHS,
    )
    validated(context, name, clf, context.mnist())
    return clf


class Reused(Recipe, name="deep-reuse"):
    """The lower three of four layers of 300 units, reused for the same task, all learning on."""

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure(VALIDATION, 0.9674, "Reusing a TensorFlow Model, epoch 15, the last in full"),
    )

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Fine-tune, and evaluate on the validation set."""
        split = context.mnist()
        return {VALIDATION: reused(context, "reused", 0).score(split.X_val, split.y_val)}


class Frozen(Recipe, name="deep-frozen"):
    """The same with the lower two layers frozen, which are then computed once for all rows."""

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure(VALIDATION, 0.9600, "Freezing Lower Layers, epoch 16, the last in full"),
        Figure(f"{VALIDATION}, by a stop", 0.9580, "the same by stop_gradient, epoch 16"),
        Figure(f"{VALIDATION}, cached", 0.9582, "Caching Frozen Layers, epoch 16"),
    )
    remark: ClassVar[str] = "one training here: frozen layers are cached wherever they can be"

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train what is above the frozen layers."""
        split = context.mnist()
        reached = reused(context, "frozen", 2).score(split.X_val, split.y_val)
        return {figure.what: reached for figure in self.figures}
