"""Batch norm, L1, dropout and max-norm on MNIST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from wellfit.optim import Adam
from wellfit.recipes.base import Figure, Recipe, Source
from wellfit.recipes.context import RecipeContext
from wellfit.recipes.deep_nets.common import DEEP_NETS, VALIDATION, network, validated


class BatchNormalized(Recipe, name="deep-batch-norm"):
    """784-300-100-10, ELU and batch norm: 20 epochs of SGD there, 4 of Adam along a cycle here."""

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure(VALIDATION, 0.9696, "Implementing Batch Normalization, epoch 19"),
    )

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train, and evaluate on the validation set, as the source does."""
        clf = network(
            context,
            (300, 100),
            activation="elu",
            batch_norm=True,
            optimizer=Adam(0.003),
            batch_size=200,
            epochs=4,
        )
        return {VALIDATION: validated(context, "batch norm", clf, context.mnist())}


class Sparse(Recipe, name="deep-l1"):
    """A strong L1 penalty (0.001) on 784-300-10 and 784-300-100-10, and how many weights it zeros.

    The penalty is the source's; the weights that it zeros are those of decoupled L1.
    """

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure(f"{VALIDATION}, 784-300-10", 0.9052, "L1 and L2 Regularization, epoch 19"),
        Figure(f"{VALIDATION}, 784-300-100-10", 0.9174, "the same by l1_regularizer, epoch 19"),
    )

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train both, with penalties as strong as the source's."""
        split, told = context.mnist(), {}
        for name, sizes in (("784-300-10", (300,)), ("784-300-100-10", (300, 100))):
            clf = network(
                context, sizes, l1=0.001, optimizer=Adam(0.003), batch_size=200, epochs=4
            )
            told[f"{VALIDATION}, {name}"] = validated(context, name, clf, split)
        return told


class DroppedOut(Recipe, name="deep-dropout"):
    """784-300-100-10 with dropout of the inputs and of both hidden layers."""

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (Figure(VALIDATION, 0.9732, "Dropout, epoch 19"),)
    remark: ClassVar[str] = (
        "the source never switches its dropout of 0.5 on: its figure is that of a network without"
    )

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train, with less dropout than the source means to use: few epochs can't do with more."""
        clf = network(
            context,
            (300, 100),
            dropout=0.2,
            input_dropout=0.1,
            optimizer=Adam(0.003),
            batch_size=200,
            epochs=6,
        )
        return {VALIDATION: validated(context, "dropout", clf, context.mnist())}


class NormLimited(Recipe, name="deep-max-norm"):
    """784-300-50-10 with max-norm: 20 epochs of SGD with momentum there, 10 along a cycle here."""

    source: ClassVar[Source] = DEEP_NETS
    data: ClassVar[str] = "mnist"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure(VALIDATION, 0.9844, "Max-Norm Regularization, epoch 19", slack=0.002),
        Figure(f"{VALIDATION}, no limit", 0.9822, "the same by a regularizer, epoch 19"),
    )
    remark: ClassVar[str] = (
        "the source's second form looks its limits up by another name than it keeps them by, so "
        "that none is at work; its first limits the weights out of a unit, not into it"
    )

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train with a limit and without."""
        split, told = context.mnist(), {}
        for name, limit in ((VALIDATION, 2.0), (f"{VALIDATION}, no limit", None)):
            clf = network(
                context,
                (300, 50),
                max_norm=limit,
                dropout=0.2,
                input_dropout=0.1,
                optimizer=Adam(0.003),
                batch_size=128,
                epochs=10,
            )
            told[name] = validated(context, f"max-norm {limit or 'off'}", clf, split)
        return told
