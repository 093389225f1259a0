"""Pretrained lower layers: fine-tuned, frozen, or frozen and computed once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from wellfit import MLPClassifier
from wellfit.optim import Adam
from wellfit.recipes.base import Reference
from wellfit.recipes.context import RecipeContext
from wellfit.recipes.deep_nets.common import (
    PLAIN,
    SLACK,
    VALIDATION,
    DeepNets,
    as_published,
    network,
    published,
    validated,
)
from wellfit.transfer import Pretrained

SIZES = (300, 300, 300, 300)
EPOCHS = 3  # of the better way
THERE: Mapping[str, Any] = {
    "hidden_layer_sizes": SIZES,
    "activation": "relu",
    "initializer": "glorot_uniform",
    "lr_schedule": "constant",
    "optimizer": PLAIN,
    "batch_size": 200,
    "epochs": 20,
}
LAYERS = (
    "The source lists layers of 300, 100, 50 and 20 units, and gives all of them n_hidden1, which "
    "is 300. Its print-outs end in epoch 16 or 17 of 20: the last ones printed are compared."
)


@cache
def trained(data_dir: Path | None, seed: int) -> MLPClassifier:
    """Return the network that the better ways take layers from; they share it."""
    context = RecipeContext(data_dir, seed)
    split = context.mnist()
    clf = network(context, SIZES, optimizer=Adam(0.002), batch_size=200, epochs=2)
    return clf.fit(split.X, split.y)


@cache
def trained_there(data_dir: Path | None, seed: int) -> MLPClassifier:
    """Return the network that the source takes layers from; both recipes share it."""
    context = RecipeContext(data_dir, seed)
    split = context.mnist()
    return as_published(context, THERE, len(split.y)).fit(split.X, split.y)


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


def reused_there(context: RecipeContext, name: str, frozen: int) -> list[float]:
    """Return the validation accuracies of the source's second training, epoch by epoch."""
    split, base = context.mnist(), trained_there(context.data_dir, context.seed)
    layers = {"pretrained": Pretrained(base, n_layers=3, freeze=frozen)}
    validated(context, name, as_published(context, {**THERE, **layers}, len(split.y)), split)
    return list(context.curves[name]["val_accuracy"])


class Reused(DeepNets, name="deep-reuse"):
    """The lower three of four layers of 300 units, reused for the same task, all learning on."""

    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(VALIDATION, 0.9674, "Reusing a TensorFlow Model, epoch 15", slack=SLACK),
        published(
            f"{VALIDATION}, first epoch", 0.9498, "Reusing a TensorFlow Model, epoch 0", 0.01
        ),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "before": THERE,
        "after": {**THERE, "reused layers": 3, "frozen layers": 0},
    }
    differs: ClassVar[str] = LAYERS
    better_way: ClassVar[str] = "2 epochs of Adam before, 3 after, along one cycle each."

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Fine-tune, and evaluate on the validation set after the printed epochs."""
        curve = reused_there(context, "reused", frozen=0)
        return {
            VALIDATION: curve[15],
            f"{VALIDATION}, first epoch": curve[0],
            f"{VALIDATION}, last epoch": curve[-1],
        }

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Fine-tune, and evaluate on the validation set."""
        split = context.mnist()
        return {VALIDATION: reused(context, "reused", 0).score(split.X_val, split.y_val)}


class Frozen(DeepNets, name="deep-frozen"):
    """The same with the lower two layers frozen, which are then computed once for all rows."""

    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(VALIDATION, 0.9600, "Freezing Lower Layers, epoch 16", slack=SLACK),
        Reference(
            f"{VALIDATION}, by a stop",
            0.9580,
            "Freezing Lower Layers, by stop_gradient, epoch 16",
            slack=SLACK,
        ),
        Reference(f"{VALIDATION}, cached", 0.9582, "Caching Frozen Layers, epoch 16", slack=SLACK),
        published(f"{VALIDATION}, first epoch", 0.9532, "Freezing Lower Layers, epoch 0", 0.02),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "before": THERE,
        "after": {**THERE, "reused layers": 3, "frozen layers": 2},
    }
    differs: ClassVar[str] = (
        f"{LAYERS} The source trains three times, which differ in their random numbers only; here "
        "it is one training, since frozen layers are computed once wherever they can be."
    )
    better_way: ClassVar[str] = Reused.better_way

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train what is above the frozen layers, with the source's settings."""
        curve = reused_there(context, "frozen", frozen=2)
        last = {figure.what: curve[16] for figure in self.figures[:3]}
        return last | {f"{VALIDATION}, first epoch": curve[0]}

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train what is above the frozen layers."""
        split = context.mnist()
        reached = reused(context, "frozen", 2).score(split.X_val, split.y_val)
        return {figure.what: reached for figure in self.figures[:3]}
