"""Gradient clipping, optimizers and schedules, which the source shows without results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from wellfit.core.errors import DivergedError
from wellfit.optim import (
    SGD,
    AdaGrad,
    Adam,
    ClipByValue,
    ConstantSchedule,
    Exponential,
    OneCycle,
    PiecewiseConstant,
    Power,
    RMSProp,
)
from wellfit.recipes.base import Recipe, Source
from wellfit.recipes.context import RecipeContext
from wellfit.recipes.deep_nets.common import DEEP_NETS, VALIDATION, network, validated
from wellfit.training import ReduceLROnPlateau

ROWS = 20_000  # to learn from: enough to tell these apart
EPOCHS = 4
NO_FIGURES = "the source shows how to write it, and prints no accuracy"

OPTIMIZERS = {
    "plain": SGD(0.01, momentum=0.0),
    "momentum": SGD(0.01, momentum=0.9),
    "Nesterov": SGD(0.01, momentum=0.9, nesterov=True),
    "AdaGrad": AdaGrad(0.01),
    "RMSProp": RMSProp(0.1, rho=0.9, momentum=0.9, epsilon=1.0),
    "Adam": Adam(0.001),
}
SCHEDULES = {
    "constant": ConstantSchedule(),
    "piecewise": PiecewiseConstant(boundaries=(2,), factors=(1, 0.1)),
    "performance": ReduceLROnPlateau(0.1, patience=1),
    "exponential": Exponential(0.1, every=2),
    "power": Power(every=1),
    "one cycle": OneCycle(),
}


def compared(context: RecipeContext, each: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the validation accuracy of 784-300-100-10 with each of some ways to train it."""
    split, told = context.mnist().first(ROWS), {}
    for name, params in each.items():
        usual = {"lr_schedule": "constant", "batch_size": 100, "epochs": EPOCHS}
        clf = network(context, (300, 100), **{**usual, **params})
        told[f"{VALIDATION}, {name}"] = _or_chance(context, name, clf, split)
    return told


def _or_chance(context: RecipeContext, name: str, clf: Any, split: Any) -> float:
    """Return the accuracy, or that of guessing where the loss became infinite."""
    try:
        return validated(context, name, clf, split)
    except DivergedError:
        return 0.1


class Clipped(Recipe, name="deep-clipping"):
    """Gradients cut to -1…1, at the source's learning rate, and at one that is too large.

    The large one is compared without clipping and with gradients cut to a thousandth of that.
    """

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    remark: ClassVar[str] = NO_FIGURES

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train three times."""
        slow, fast = SGD(0.01, momentum=0.0), SGD(1.0, momentum=0.9)
        cut = {"activation": "elu", "gradient_clipping": ClipByValue(1.0)}
        return compared(
            context,
            {
                "clipped": {**cut, "optimizer": slow},
                "too fast, clipped": {
                    **cut,
                    "gradient_clipping": ClipByValue(0.001),
                    "optimizer": fast,
                },
                "too fast": {"activation": "elu", "optimizer": fast},
            },
        )


class Optimizers(Recipe, name="deep-optimizers"):
    """The source's update rules with its numbers, 4 epochs of 20,000 images each."""

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    remark: ClassVar[str] = NO_FIGURES

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train once with each."""
        return compared(context, {name: {"optimizer": one} for name, one in OPTIMIZERS.items()})


class Schedules(Recipe, name="deep-schedules"):
    """The source's schedules of SGD with momentum, from 0.1, and one cycle beside them."""

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    remark: ClassVar[str] = NO_FIGURES

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train once with each."""
        fast = SGD(0.1, momentum=0.9)
        return compared(
            context,
            {name: {"optimizer": fast, "lr_schedule": one} for name, one in SCHEDULES.items()},
        )
