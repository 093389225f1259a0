"""Unsupervised pretraining with 1,000 labels, which the source describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from wellfit.optim import Adam
from wellfit.recipes.base import Reference
from wellfit.recipes.context import RecipeContext
from wellfit.recipes.deep_nets.common import TEST, DeepNets, network
from wellfit.transfer import AutoencoderPretraining, Pretrained, RBMPretraining

SIZES = (500, 500)
NO_FIGURE = "describes it without an experiment"
GAINED = "accuracy gained by pretraining"


def compared(context: RecipeContext, pretrained: Pretrained, **params: Any) -> dict[str, float]:
    """Return the test accuracy with pretraining less that without, and both."""
    few = context.mnist().each(100, context.seed)
    usual = {"optimizer": Adam(0.003), "batch_size": 32, "epochs": 40}
    reached = [
        network(context, SIZES, pretrained=start, **usual, **params)
        .fit(few.X, few.y)
        .score(few.X_test, few.y_test)
        for start in (pretrained, None)
    ]
    return {
        GAINED: reached[0] - reached[1],
        TEST: reached[0],
        f"{TEST}, from scratch": reached[1],
    }


class Autoencoders(DeepNets, name="deep-autoencoders"):
    """Stacked denoising autoencoders first, then 100 labelled images of each digit.

    The gain is the mean of five seeds with ``--seeds 5``.
    """

    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(GAINED, 0.01, f"Unsupervised Training {NO_FIGURE}", origin="required"),
    )
    better_way: ClassVar[str] = f"Unsupervised Training {NO_FIGURE}; this is wellfit's own."

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Pretrain without labels, then train with and without pretrained layers."""
        rows = context.mnist().X[:20_000]
        pretraining = AutoencoderPretraining(
            SIZES,
            noise=0.5,
            epochs=10,
            batch_size=128,
            optimizer=Adam(0.003),
            random_state=context.seed,
        ).fit(rows)
        return compared(context, Pretrained(pretraining, layerwise_lr_decay=0.3), dropout=0.4)


class Machines(DeepNets, name="deep-machines"):
    """Stacked restricted Boltzmann machines first, then 100 labelled images of each digit."""

    better_way: ClassVar[str] = Autoencoders.better_way
    remark: ClassVar[str] = "Rectified units reach as much without any pretraining."

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Pretrain without labels, then train with and without that start."""
        rows = context.mnist().X[:10_000]
        pretraining = RBMPretraining(
            SIZES, learning_rate=0.05, n_iter=3, batch_size=50, random_state=context.seed
        ).fit(rows)
        return compared(context, Pretrained(pretraining), activation="sigmoid")
