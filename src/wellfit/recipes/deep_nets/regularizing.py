"""Batch norm, L1, dropout and max-norm on MNIST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from wellfit import MLPClassifier
from wellfit.core.errors import DivergedError
from wellfit.fitting import run
from wellfit.nn import BatchNorm
from wellfit.optim import L1, Adam, Constraint
from wellfit.recipes.base import Reference
from wellfit.recipes.context import RecipeContext
from wellfit.recipes.deep_nets.common import (
    MOMENTUM,
    PLAIN,
    SLACK,
    VALIDATION,
    DeepNets,
    as_published,
    first_and_last,
    network,
    published,
    validated,
)

FIRST = f"{VALIDATION}, first epoch"
WIDE, NARROW = "784-300-10", "784-300-100-10"
UNTOLD = "what the regularizer does; not in the source"
LIMIT = 1.0  # of the source, on norms of outgoing weights
ZEROS, TINY = "share of weights at 0", "share of weights within ±0.001"


class BatchNormalized(DeepNets, name="deep-batch-norm"):
    """784-300-100-10, ELU and batch norm, also of the logits, 20 epochs of plain SGD."""

    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(VALIDATION, 0.9696, "Implementing Batch Normalization, epoch 19", slack=SLACK),
        published(FIRST, 0.8842, "Implementing Batch Normalization, epoch 0", slack=0.01),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "hidden_layer_sizes": (300, 100),
        "activation": "elu",
        "batch_norm": BatchNorm(momentum=0.9, epsilon=1e-3, output=True),
        "initializer": "glorot_uniform",
        "lr_schedule": "constant",
        "optimizer": PLAIN,
        "batch_size": 200,
        "epochs": 20,
    }
    differs: ClassVar[str] = (
        "The source updates the running statistics after a step, with the batch's biased "
        "variance; here they are updated in the step, with the unbiased one."
    )
    better_way: ClassVar[str] = "4 epochs of Adam along one cycle."

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train, and evaluate on the validation set, as the source does."""
        split = context.mnist()
        validated(context, "batch norm", as_published(context, self.settings, len(split.y)), split)
        return first_and_last(context, "batch norm")

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train, and evaluate on the validation set."""
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


class Sparse(DeepNets, name="deep-l1"):
    """An L1 penalty of 0.001 on 784-300-10 and 784-300-100-10, and how many weights it removes.

    A gradient of the penalty only makes weights jump around 0. The better way shrinks them by the
    proximal step, after which they are 0.
    """

    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(
            f"{VALIDATION}, {WIDE}", 0.9052, "L1 and L2 Regularization, epoch 19", slack=SLACK
        ),
        Reference(
            f"{VALIDATION}, {NARROW}",
            0.9174,
            "L1 and L2 Regularization, by l1_regularizer, epoch 19",
            slack=SLACK,
        ),
        published(
            f"{VALIDATION}, {WIDE}, first epoch",
            0.831,
            "L1 and L2 Regularization, epoch 0",
            0.02,
            outside="three seeds were alike by chance; twelve have 82.22 % ± 0.46",
        ),
        published(
            f"{VALIDATION}, {NARROW}, first epoch",
            0.8176,
            "L1 and L2 Regularization, by l1_regularizer, epoch 0",
            0.02,
        ),
        *(Reference(f"{TINY}, {name}", None, UNTOLD) for name in (WIDE, NARROW)),
        *(Reference(f"{ZEROS}, {name}", None, UNTOLD) for name in (WIDE, NARROW)),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        name: {
            "hidden_layer_sizes": sizes,
            "activation": "relu",
            "l1": 0.001,
            "initializer": "glorot_uniform",
            "lr_schedule": "constant",
            "optimizer": PLAIN,
            "batch_size": 200,
            "epochs": 20,
        }
        for name, sizes in ((WIDE, (300,)), (NARROW, (300, 100)))
    }
    differs: ClassVar[str] = (
        "Of the first network, nothing: the penalty is on the weights of all layers and on no "
        "bias, and a step follows its gradient, λ sign w. No weight ends at 0 that way, but most "
        "end next to it; of the initial weights, 1.3 % are as small. The "
        "source's second form rectifies the logits too, by its partial(); here they aren't. With "
        "it, a digit whose logits are never positive isn't learned: a copy in PyTorch ends at "
        "91.7 % with one seed, as the source does, and at 65.6 % with another."
    )
    better_way: ClassVar[str] = "4 epochs of Adam along one cycle, with L1 by proximal steps."

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train both, and count small weights."""
        split, told = context.mnist(), dict[str, float]()
        for name, settings in self.settings.items():
            clf = as_published(context, settings, len(split.y))
            validated(context, name, clf, split)
            told |= first_and_last(context, name, f", {name}") | _small(clf, name)
        return told

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train both, so that weights end at 0."""
        split, told = context.mnist(), {}
        for name, settings in self.settings.items():
            clf = network(
                context,
                settings["hidden_layer_sizes"],
                l1=L1(0.05, decoupled=True),
                optimizer=Adam(0.003),
                batch_size=200,
                epochs=4,
            )
            told[f"{VALIDATION}, {name}"] = validated(context, name, clf, split)
            told |= _small(clf, name)
        return told


def _small(clf: MLPClassifier, name: str) -> dict[str, float]:
    """Return the shares of weights that are 0, and that are next to it."""
    size = np.abs(np.concatenate([weights.ravel() for weights in clf.coefs_]))
    return {
        f"{ZEROS}, {name}": float((size == 0).mean()),
        f"{TINY}, {name}": float((size <= 0.001).mean()),
    }


class UnusedDropout(DeepNets, name="deep-dropout"):
    """784-300-100-10 with dropout of the inputs and of both hidden layers, as the source means it.

    The source trains without: it never sets ``training``, by which its dropout would work.
    """

    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(VALIDATION, 0.9732, "Dropout, epoch 19", slack=SLACK),
        published(FIRST, 0.9022, "Dropout, epoch 0", slack=0.01),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "hidden_layer_sizes": (300, 100),
        "activation": "relu",
        "dropout": 0.0,
        "initializer": "glorot_uniform",
        "lr_schedule": "constant",
        "optimizer": PLAIN,
        "batch_size": 50,
        "epochs": 20,
    }
    differs: ClassVar[str] = (
        "The source writes a dropout of 0.5, and its training never feeds training=True: its "
        "figures are those of a network without dropout, which is trained here too. The same "
        "network with the dropout at work stands beside it."
    )
    better_way: ClassVar[str] = (
        "6 epochs of Adam along one cycle; a dropout of 0.2, of inputs 0.1."
    )

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train without dropout, as the source does, and with what it writes."""
        split, written = context.mnist(), {"dropout": 0.5, "input_dropout": 0.5}
        validated(context, "off", as_published(context, self.settings, len(split.y)), split)
        clf = as_published(context, {**self.settings, **written}, len(split.y))
        at_work = validated(context, "at work", clf, split)
        return first_and_last(context, "off") | {f"{VALIDATION}, dropout at work": at_work}

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


class OutgoingNorm(Constraint):
    """‖w‖₂ ≤ limit for the weights that lead out of each unit: rows of a weight matrix."""

    def apply(self, weight: Tensor, limit: float | Tensor) -> None:
        """Scale the rows that are too long."""
        norm = torch.linalg.vector_norm(weight, dim=2, keepdim=True)
        weight.mul_((limit / norm.clamp_(min=1e-30)).clamp_(max=1))


class NormLimited(DeepNets, name="deep-max-norm"):
    """784-300-50-10 with the norm of weights limited to 1, and without a limit.

    The better way limits the weights into a unit, as max-norm is meant, by a number that is
    reached, where dropout makes weights long.
    """

    figures: ClassVar[tuple[Reference, ...]] = (
        Reference(VALIDATION, 0.9844, "Max-Norm Regularization, epoch 19", slack=SLACK),
        Reference(
            f"{VALIDATION}, no limit",
            0.9822,
            "Max-Norm Regularization, by a regularizer, epoch 19",
            slack=SLACK,
        ),
        published(FIRST, 0.9568, "Max-Norm Regularization, epoch 0", slack=0.01),
        published(
            f"{VALIDATION}, no limit, first epoch",
            0.9562,
            "Max-Norm Regularization, by a regularizer, epoch 0",
            slack=0.01,
        ),
        Reference("largest norm out of a pixel", None, UNTOLD, way="published"),
        Reference("largest norm out of a pixel, no limit", None, UNTOLD, way="published"),
        Reference("largest norm into a unit", None, UNTOLD, way="better"),
        Reference("largest norm into a unit, no limit", None, UNTOLD, way="better"),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "hidden_layer_sizes": (300, 50),
        "activation": "relu",
        "initializer": "glorot_uniform",
        "lr_schedule": "constant",
        "optimizer": MOMENTUM,
        "batch_size": 50,
        "epochs": 20,
    }
    differs: ClassVar[str] = (
        "Nothing. The source's clip_by_norm(axes=1) limits the weights that lead out of a unit, "
        "not into it, and so does this. Its second form looks its limits up by another name than "
        "it stores them by, so that none is at work: no limit here. (Its formula takes the larger "
        "of r / ‖w‖ and 1; the smaller is meant.)"
    )
    better_way: ClassVar[str] = (
        "7 epochs of Adam along one cycle, dropout, and a limit of 1 on the weights into a unit."
    )

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train with the limit on outgoing weights, and without one."""
        told = dict[str, float]()
        limit = OutgoingNorm(LIMIT, only=(0, 1))
        for suffix, limits in (("", (limit,)), (", no limit", ())):
            clf = self._limited(context, limits)
            context.keep(f"max-norm{suffix}", clf)
            told |= first_and_last(context, f"max-norm{suffix}", suffix)
            told[f"largest norm out of a pixel{suffix}"] = _longest(clf, axis=1)
        return told

    def _limited(self, context: RecipeContext, limits: tuple[Constraint, ...]) -> MLPClassifier:
        """Return the source's network, trained within limits that max_norm= doesn't know."""
        split = context.mnist()
        clf = as_published(context, self.settings, len(split.y))
        job = clf.prepare(split.X, split.y, X_val=split.X_val, y_val=split.y_val)
        (fitted,) = run([replace(job, member=job.member.replace(constraints=limits))])
        if isinstance(fitted, DivergedError):
            raise fitted
        return clf.keep(fitted)

    def run_better(self, context: RecipeContext) -> Mapping[str, float]:
        """Train with a limit and without."""
        split, told = context.mnist(), {}
        for suffix, limit in (("", 1.0), (", no limit", None)):
            clf = network(
                context,
                (300, 50),
                max_norm=limit,
                dropout=0.1,
                input_dropout=0.1,
                optimizer=Adam(0.003),
                batch_size=128,
                epochs=7,
            )
            told[f"{VALIDATION}{suffix}"] = validated(context, f"max-norm {limit}", clf, split)
            told[f"largest norm into a unit{suffix}"] = _longest(clf, axis=0)
        return told


def _longest(clf: MLPClassifier, axis: int) -> float:
    return float(np.linalg.norm(clf.coefs_[0], axis=axis).max())
