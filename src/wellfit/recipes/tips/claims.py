"""The source's tips, each tested by an experiment.

The source states its claims in words. Here each claim is a ratio that has to exceed 1, or a
difference that has to exceed 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from wellfit.augment import Augmentation, Shift
from wellfit.nn import (
    Constant,
    Dropout,
    Initializer,
    LecunNormal,
    Loss,
    Normal,
    Sigmoid,
    SigmoidCrossEntropy,
    SigmoidSquaredError,
    Zeros,
    mlp,
)
from wellfit.optim import L2, SGD, OneCycle, Optimizer
from wellfit.recipes.base import Reference
from wellfit.recipes.context import RecipeContext
from wellfit.recipes.tips.common import Claim, claim
from wellfit.training import Member, Rows, Status, Stream, train


class CrossEntropyClaim(Claim, name="tips-cross-entropy"):
    """Sigmoid units that start saturated and wrong: the bias is 2 or 5, the target 0."""

    data: ClassVar[str] = ""
    figures: ClassVar[tuple[Reference, ...]] = (
        claim(
            "steps by quadratic cost over cross-entropy, from 2", "Takeaway on cross-entropy", 1.0
        ),
        claim(
            "steps by quadratic cost over cross-entropy, from 5", "Takeaway on cross-entropy", 1.0
        ),
        claim("the latter ratio over the former", "Takeaway on cross-entropy", 1.0),
    )
    remark: ClassVar[str] = "Both costs take the same learning rate, 0.15, as Nielsen does."
    settings: ClassVar[Mapping[str, Any]] = {
        "network": "a sigmoid neuron that reads 1",
        "weights": "0, biases of 2 and 5",
        "target": 0,
        "learning rate": 0.15,
    }

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Count steps until the output is below 0.2; nothing is drawn, so that seeds agree."""
        # What each cost is at an output of 0.2.
        costs = ((SigmoidSquaredError(), 0.5 * 0.2**2), (SigmoidCrossEntropy(), -np.log(1 - 0.2)))
        quadratic, entropy = (_steps(context, loss, low) for loss, low in costs)
        ratios = [slow / quick for slow, quick in zip(quadratic, entropy, strict=True)]
        names = (figure.what for figure in self.figures)
        return dict(zip(names, (*ratios, ratios[1] / ratios[0]), strict=True))


class InitializationClaim(Claim, name="tips-initialization"):
    """784-30-10 from weights of N(0, 1), and of N(0, 1/n) for n units read; ten epochs."""

    figures: ClassVar[tuple[Reference, ...]] = (
        claim("accuracy gained by 1/√n, after one epoch", "Takeaway on initialization", 0.0),
        claim("accuracy gained by 1/√n, after ten epochs", "Takeaway on initialization", 0.0),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "network": "784-30-10, sigmoid",
        "rows": "the first 10,000",
        "learning rate": 0.5,
        "batch size": 10,
        "epochs": 10,
    }

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train both as one stack, by batches of 10."""
        starts = {"N(0, 1/n)": LecunNormal(), "N(0, 1)": Normal(1.0)}
        members = {
            name: _member(context, SGD(0.5), epochs=10, batch_size=10, initializer=start)
            for name, start in starts.items()
        }
        good, bad = _train(context, members)
        gains = np.subtract(good["val_accuracy"], bad["val_accuracy"])
        return {self.figures[0].what: gains[0], self.figures[1].what: gains[-1]}


class MomentumClaim(Claim, name="tips-momentum"):
    """784-30-10 on 1,000 rows, all of them a step: no momentum, momentum 0.9, and Nesterov's."""

    figures: ClassVar[tuple[Reference, ...]] = (
        claim("loss without momentum over that with it", "on momentum and NAG", 1.0),
        claim("loss with momentum over that with Nesterov's", "on momentum and NAG", 1.0),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "network": "784-30-10, sigmoid",
        "rows": "the first 1,000, all of them a step",
        "learning rate": 0.1,
        "momentum": "0, 0.9, and 0.9 by Nesterov",
        "steps": 150,
    }

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train 150 steps; the first two are one stack, Nesterov's rule is another."""
        rules = {
            "none": SGD(0.1),
            "momentum": SGD(0.1, momentum=0.9),
            "Nesterov": SGD(0.1, momentum=0.9, nesterov=True),
        }
        members = {
            name: _member(context, rule, epochs=150, batch_size=1000)
            for name, rule in rules.items()
        }
        ahead = {"Nesterov": members.pop("Nesterov")}
        plain, heavy = _train(context, members, rows=1000)
        (nesterov,) = _train(context, ahead, rows=1000)
        names = (figure.what for figure in self.figures)
        losses = [history["loss"][-1] for history in (plain, heavy, nesterov)]
        return dict(zip(names, np.divide(losses[:-1], losses[1:]).tolist(), strict=True))


class LearningRateClaim(Claim, name="tips-learning-rate"):
    """784-30-10 at rates from 0.01 to 30, one stack, ten epochs of 10,000 rows."""

    figures: ClassVar[tuple[Reference, ...]] = (
        claim("loss at the smallest rate over the lowest", "Learning rate", 1.0),
        claim("loss at the largest rate over the lowest", "Learning rate", 1.0),
        claim("epochs at the largest rate in which the loss rose", "Learning rate", 1.0),
        claim("epochs at the best rate in which the loss rose", "Learning rate", 0.0, "lower"),
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "network": "784-30-10, sigmoid",
        "rows": "the first 10,000",
        "learning rates": "0.01 to 30",
        "batch size": 100,
        "epochs": 10,
    }

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train all rates together."""
        rates = (0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
        members = {
            f"rate {rate:g}": _member(context, SGD(rate), epochs=10, batch_size=100)
            for rate in rates
        }
        losses = np.array([history["loss"] for history in _train(context, members)])
        rises = (np.diff(losses) > 0).sum(axis=1)
        last = losses[:, -1]
        best = int(np.nanargmin(last))
        told = (last[0] / last[best], last[-1] / last[best], rises[-1], rises[best])
        names = (figure.what for figure in self.figures)
        return {
            **dict(zip(names, map(float, told), strict=True)),
            "best learning rate": rates[best],
        }


class BatchSizeClaim(Claim, name="tips-batch-size"):
    """784-30-10 by batches of 1, 10, 100 and 1,000 rows at one rate, three epochs each."""

    figures: ClassVar[tuple[Reference, ...]] = (
        claim("seconds of an epoch, batches of 1 over 100", "Mini-batch size", 1.0),
        claim("loss after three epochs, batches of 1,000 over 100", "Mini-batch size", 1.0),
    )
    remark: ClassVar[str] = (
        "Larger batches cost less time an epoch, smaller ones learn more in it; that smaller ones "
        "avoid local minima is not tested."
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "network": "784-30-10, sigmoid",
        "rows": "the first 10,000",
        "learning rate": 0.3,
        "batch sizes": "1, 10, 100 and 1,000",
        "epochs": 3,
    }

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train one after the other: a stack has one batch size."""
        time, loss = {}, {}
        for size in (1, 10, 100, 1000):
            member = _member(context, SGD(0.3), epochs=3, batch_size=size)
            (history,) = _train(context, {f"batches of {size}": member})
            time[size] = float(np.diff(history["seconds"]).min())
            loss[size] = history["loss"][-1]
        names = (figure.what for figure in self.figures)
        return dict(zip(names, (time[1] / time[100], loss[1000] / loss[100]), strict=True))


class OverfittingClaim(Claim, name="tips-overfitting"):
    """784-100-10 on 1,000 rows: bare, with L2, with dropout, with shifts; five of each, one stack.

    One stack holds all, as they differ in numbers only, some of which are 0.
    """

    figures: ClassVar[tuple[Reference, ...]] = (
        claim(
            "validation loss at the end over the lowest",
            "Takeaways on early stopping, weight decay, dropout and augmentation",
            1.0,
        ),
        claim(
            "accuracy gained by L2",
            "Takeaways on early stopping, weight decay, dropout and augmentation",
            0.0,
        ),
        claim(
            "accuracy gained by dropout",
            "Takeaways on early stopping, weight decay, dropout and augmentation",
            0.0,
        ),
        claim(
            "accuracy gained by shifts",
            "Takeaways on early stopping, weight decay, dropout and augmentation",
            0.0,
        ),
    )
    remark: ClassVar[str] = (
        "The first figure is what early stopping saves: how far a bare network's loss rises again "
        "after its best epoch. The others are of validation rows, after the last epoch."
    )
    settings: ClassVar[Mapping[str, Any]] = {
        "network": "784-100-10, relu",
        "rows": "the first 1,000",
        "learning rate": "0.1, momentum 0.9, one cycle",
        "l2": 0.005,
        "dropout": 0.5,
        "shifts": "1 pixel",
        "batch size": 50,
        "epochs": 40,
        "repetitions": 5,
    }

    def run(self, context: RecipeContext) -> Mapping[str, float]:
        """Train all, and compare the means over five seeds."""
        kinds = {"bare": (0.0, 0.0, 0.0), "L2": (0.005, 0.0, 0.0)}
        kinds |= {"dropout": (0.0, 0.5, 0.0), "shifts": (0.0, 0.0, 1.0)}
        members, shifts = {}, []
        for repeat in range(5):
            for name, (l2, dropout, shift) in kinds.items():
                members[f"{name}, {repeat + 1}"] = Member(
                    mlp(784, (100,), 10, dropout=Dropout(dropout)),
                    optimizer=SGD(0.1, momentum=0.9),
                    lr_schedule=OneCycle(),
                    penalties=(L2(l2),),
                    epochs=40,
                    batch_size=50,
                    seed=5 * context.seed + repeat,
                )
                shifts.append((Shift(shift),))
        histories = _train(context, members, rows=1000, augment=shifts)
        last = np.array([history["val_accuracy"][-1] for history in histories])
        bare, *better = last.reshape(5, -1).mean(axis=0)
        loss = histories[0]["val_loss"]
        told = (loss[-1] / min(loss), *(float(accuracy - bare) for accuracy in better))
        return dict(zip((figure.what for figure in self.figures), told, strict=True))


def _member(
    context: RecipeContext,
    rule: Optimizer,
    *,
    epochs: int,
    batch_size: int,
    initializer: Initializer | None = None,
) -> Member:
    """Return a training of 30 sigmoid units between pixels and digits."""
    start = initializer or LecunNormal()
    return Member(
        mlp(784, (30,), 10, activation=Sigmoid(), initializer=start),
        optimizer=rule,
        epochs=epochs,
        batch_size=batch_size,
        seed=context.seed,
    )


def _train(
    context: RecipeContext,
    members: Mapping[str, Member],
    rows: int = 10_000,
    augment: Sequence[tuple[Augmentation, ...]] = ((),),
) -> list[Mapping[str, list[float]]]:
    """Train members on the first digits, and return their histories with validation metrics."""
    split = context.mnist().first(rows)
    table = Rows(np.concatenate([split.X, split.X_val]), np.concatenate([split.y, split.y_val]))
    ids, held = np.split(np.arange(len(table)), [len(split.y)])
    streams = [
        Stream(ids, held, context.seed, augment=changes, image_shape=(28, 28))
        for changes in augment
    ]
    return _histories(context, members, table, streams)


def _steps(context: RecipeContext, loss: Loss, low: float) -> list[int]:
    """Return the steps until the loss of a neuron is below ``low``, from biases of 2 and 5."""
    members = {
        f"{loss.name} from {start}": Member(
            mlp(1, (), 1, initializer=Zeros(), bias_initializer=Constant(start)),
            loss=loss,
            optimizer=SGD(0.15),
            epochs=1000,
            batch_size=1,
        )
        for start in (2.0, 5.0)
    }
    table = Rows(np.ones((1, 1)), np.zeros((1, 1), dtype=np.float32))
    histories = _histories(context, members, table, [Stream(np.arange(1))])
    return [int((np.array(history["loss"]) >= low).sum()) for history in histories]


def _histories(
    context: RecipeContext, members: Mapping[str, Member], table: Rows, streams: Sequence[Stream]
) -> list[Mapping[str, list[float]]]:
    """Train members as one stack, keep and return their histories."""
    result = train(list(members.values()), table, streams)
    if Status.INTERRUPTED in result.status:
        raise KeyboardInterrupt
    histories = [result.history(k) for k in range(len(members))]
    context.curves.update(zip(members, histories, strict=True))
    return histories
