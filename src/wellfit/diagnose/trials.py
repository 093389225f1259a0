"""Checks by short trainings: whether the network can learn, and whether it generalizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone

from wellfit.core.hyper import hyper
from wellfit.core.rng import derive
from wellfit.core.words import percent
from wellfit.diagnose.base import Check, Finding, Outcome, Stage, graded
from wellfit.diagnose.context import CheckContext
from wellfit.diagnose.lr_range_test import RangeTest, planned, range_test
from wellfit.diagnose.start import best_losses
from wellfit.estimators.base import BaseMLP
from wellfit.fitting import TrainingJob
from wellfit.fitting.runner import train_members
from wellfit.optim import Adam, Minimizer
from wellfit.training import Callback, Decision, EarlyStopping, Result, Rows, Stream
from wellfit.training.callbacks.base import EpochLogs, State
from wellfit.training.prediction import Predictor

# The estimator's own rate is another check's business: here, the best of these counts.
_RATES = (0.001, 0.003, 0.01)
_MANY = 1000  # rows, of which a fifth is enough to judge by


class _Learned(Callback):
    """Stops all members as soon as one has come down to some loss."""

    loss: float = field()

    def on_epoch_end(self, logs: EpochLogs, state: State) -> Decision:
        """Stop all, or none."""
        return Decision(stop=bool((logs.metrics["loss"] <= self.loss).any()))


class OverfitsFew(Check, name="overfits_few"):
    """A network that can't memorize a few rows can't learn many.

    Trains on a small part of the rows by Adam at three rates, one stack, with no regularization,
    until one has learned nearly all. The final loss is reported as a share of the baseline's.
    """

    stage: ClassVar[Stage] = "trial"
    action: ClassVar[str] = "tried to memorize a few rows"

    rows: int = hyper("how many", default=50, low=2)
    epochs: int = hyper("at most", default=200, low=1)
    enough: float = hyper("share of the loss at which to stop", default=0.02, low=0, high=1)
    warn: float = hyper("share of the loss that may be left", default=0.35, low=0, high=1)
    fail: float = hyper("share of the loss that is most of it", default=0.5, low=0, high=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn where the rows aren't learned; fail where hardly anything is."""
        ids = context.sample[: self.rows]
        loss, outputs = context.member.loss, context.member.network.outputs
        target = context.rows.targets(
            torch.as_tensor(ids, device=context.rows.device), loss, outputs
        )
        chance = best_losses(loss, outputs, target.cpu()).mean()
        floor = best_losses(loss, outputs, target.cpu(), each=True).mean()
        if chance - floor < 1e-6:
            return None
        members = [
            context.plain(optimizer=Adam(rate), batch_size=16, epochs=self.epochs)
            for rate in _RATES
        ]
        stop = _Learned(floor + self.enough * (chance - floor))
        result = train_members(
            context.prepared, members, [Stream(ids)], callbacks=[stop], rows=context.rows
        )
        lowest = min(np.nanmin(result.history(k)["loss"]) for k in range(len(members)))
        took = int(result.epochs.max())
        left = float((lowest - floor) / (chance - floor))
        return self.finding(
            graded(left, self.warn, self.fail),
            f"after {took} epochs on {len(ids)} rows the loss is {_share_text(left)} of the "
            "baseline's",
            "give it more units, or see the checks of its initial weights; if these pass, look "
            "for rows that differ only in their targets",
            left=left,
        )


class LearningRate(Check, name="learning_rate"):
    """The learning rate is neither too high nor too low for the planned steps.

    A :func:`learning_rate_range` of few rates and steps. Too high is a rate far above the
    suggested one that makes less progress. Too low is one that wouldn't get there in all its
    epochs either, where a tenth of the rate takes ten times the steps; schedules halve it.
    """

    stage: ClassVar[Stage] = "trial"
    action: ClassVar[str] = "trained for a few steps at many learning rates at once"

    rates: int = hyper("how many", default=64, low=4)
    steps: int = hyper("of each", default=40, low=10)
    above: float = hyper("times the suggested rate that may be too high", default=5.0, low=1)
    less: float = hyper("progress of a rate that is too high", default=0.95, low=0, high=1)
    little: float = hyper("progress of a rate that is too low", default=0.85, low=0, high=1)

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn of a rate that is too high or too low; fail where the loss rises."""
        if isinstance(context.member.optimizer, Minimizer):
            return None
        test = range_test(context.prepared, context.rows, self.rates, self.steps, context.seed)
        if not test.moves:
            return self._still(test)
        share = test.at(test.rate)
        high = test.rate / test.suggested > self.above and share < self.less
        reached = test.reached(test.rate * max(1.0, planned(context.prepared) / 2 / test.steps))
        low = not high and reached < self.little
        text = "is too high" if high else "is in range"
        if low:
            text = f"is too low (all planned steps would make {percent(max(reached, 0), 0)})"
        fails = high and share <= 0
        return self.finding(
            Outcome.FAIL if fails else Outcome.WARN if high or low else Outcome.PASS,
            f"{test.rate:.2g} {text}: in {test.steps} steps it makes "
            f"{percent(max(share, 0), 0)} of the progress of the best rate; suggested "
            f"{test.suggested:.2g}",
            f"try a learning rate of {test.suggested:.2g}",
            rate=test.rate,
            suggested=test.suggested,
            progress=share,
            reached=reached,
        )

    def _still(self, test: RangeTest) -> Finding:
        return self.finding(
            Outcome.WARN,
            f"no learning rate makes progress in {test.steps} steps",
            "the learning rate isn't the cause: see the checks of columns and initial weights",
            rate=test.rate,
        )


@dataclass(frozen=True)
class Gain:
    """The gain of a network over constant outputs on unseen rows.

    Attributes:
        share: of the constant outputs' loss that is gone.
        surprise: standard errors that the mean gain of a row is above 0.
        rows: how many it was judged on.
    """

    share: float
    surprise: float
    rows: int


class BeatsChance(Check, name="beats_chance"):
    """The network generalizes: it beats constant outputs on unseen rows.

    Trains for a short while by Adam at three rates, one stack; held-out rows say when to stop and
    which rate to take, and others judge it against the best constant outputs.
    """

    stage: ClassVar[Stage] = "trial"
    action: ClassVar[str] = (
        "trained briefly, and compared the loss on held-out rows with the baseline's"
    )

    least: float = hyper("standard errors above chance", default=2.33, low=0)

    def examine(self, context: CheckContext) -> Finding | None:
        """Warn where it does no better than constant outputs."""
        if len(context.sample) < 30 or context.too_few_per_class:
            return None
        gain = gain_of(context.prepared, context.rows, context.sample, context)
        better = gain.surprise > self.least
        return self.finding(
            Outcome.PASS if better else Outcome.FAIL,
            _gain_text(gain),
            "check that each target belongs to its row (shuffled? joined wrongly?), and that the "
            "columns can predict the target at all",
            share=gain.share,
            surprise=gain.surprise,
        )


class ShuffledLabels(Check, name="shuffled_labels"):
    """Shuffled targets can't be predicted, unless the target leaks.

    Everything from preprocessing on is repeated with shuffled targets: any way in which the
    target reaches the network, other than learning, shows here.
    """

    stage: ClassVar[Stage] = "trial"
    action: ClassVar[str] = "repeated the training with shuffled targets"

    most: float = hyper("standard errors above chance", default=4.0, low=0)

    def examine(self, context: CheckContext) -> Finding | None:
        """Fail where shuffled targets can be predicted."""
        if len(context.sample) < 30 or context.too_few_per_class:
            return None
        x, y = context.part(np.sort(context.sample))
        shuffled = context.draw("shuffle").permutation(y)
        own: BaseMLP = clone(context.estimator).set_params(early_stopping=False)
        prepared = own.set_params(validation_fraction=None, subsample=1.0).prepare(x, shuffled)
        ids = context.draw("shuffled rows").permutation(prepared.stream.train)
        gain = gain_of(prepared, prepared.on_device(), ids, context)
        return self.finding(
            Outcome.PASS if gain.surprise < self.most else Outcome.FAIL,
            _gain_text(gain),
            "the target leaks: look for columns or preprocessing computed from it, and for "
            "duplicate rows",
            share=gain.share,
            surprise=gain.surprise,
        )


def gain_of(
    prepared: TrainingJob, rows: Rows, ids: NDArray[np.integer], context: CheckContext
) -> Gain:
    """Train on three fifths of the rows ``ids``, choose by a fifth, and judge by the last.

    Where rows are few, every fifth has its turn to be the last: all turns are one stack.
    """
    turns = _turns(ids, derive(context.seed, "trial"))
    learned = len(turns[0].stream.train)
    batch = min(32, learned)
    epochs = int(np.clip(300 * batch / learned, 6, 40))
    bare = context.plain(
        network=prepared.member.network,
        loss=prepared.member.loss,
        batch_size=batch,
        epochs=epochs,
    )
    members = [bare.replace(optimizer=Adam(rate)) for rate in _RATES] * len(turns)
    streams = [turn.stream for turn in turns for _ in _RATES]
    stop = EarlyStopping(patience=4)
    result = train_members(prepared, members, streams, callbacks=[stop], rows=rows)
    rates = len(_RATES)
    pairs = [
        _judged(result, range(k * rates, (k + 1) * rates), rows, turn)
        for k, turn in enumerate(turns)
    ]
    own, chance = (np.concatenate(losses) for losses in zip(*pairs, strict=True))
    gain = chance - own
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    share = float(gain.mean() / max(abs(chance.mean()), 1e-12))
    return Gain(share, float(gain.mean() / max(error, 1e-12)), len(gain))


class _Turn(NamedTuple):
    """Which rows are learned from and chosen by, and which are judged by."""

    stream: Stream
    judged: NDArray[np.integer]


def _turns(ids: NDArray[np.integer], seed: int) -> list[_Turn]:
    fifths = ids[: len(ids) // 5 * 5].reshape(5, -1)
    turns = [np.roll(fifths, k, axis=0) for k in range(5 if len(ids) < _MANY else 1)]
    return [_Turn(Stream(turn[2:].ravel(), turn[1], seed), turn[0]) for turn in turns]


def _judged(
    result: Result, members: Sequence[int], rows: Rows, turn: _Turn
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each row's loss by the best of some members, and by constant outputs."""
    loss, outputs = result.members[0].loss, result.members[0].network.outputs
    best = min(members, key=lambda k: float(np.nanmin([*result.history(k)["val_loss"], np.inf])))
    there = torch.as_tensor(turn.judged, device=rows.device)
    before = torch.as_tensor(turn.stream.train, device=rows.device)
    target = rows.targets(there, loss, outputs)
    weights = result.weights().select(torch.as_tensor([best], device=rows.device))
    logits = Predictor(weights)(rows.features(there)[None]).transpose(1, 2)
    own = loss.value(logits, target[None])[0].double().cpu().numpy()
    learned = rows.targets(before, loss, outputs).cpu()
    return own, best_losses(loss, outputs, learned, target.cpu(), doubt=1.0)


def _gain_text(gain: Gain) -> str:
    if gain.share <= 0:
        return f"no better than constant outputs on {gain.rows} unseen rows"
    return (
        f"a loss {percent(gain.share, 0)} lower than that of constant outputs on "
        f"{gain.rows} unseen rows ({gain.surprise:.1f} standard errors)"
    )


def _share_text(share: float) -> str:
    return f"{percent(max(share, 0))}" if share <= 1 else "more than all"
