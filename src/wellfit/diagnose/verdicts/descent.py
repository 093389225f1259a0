"""Diagnoses of the descent: divergence, learning rates, unfinished or noisy training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from wellfit.core.hyper import hyper
from wellfit.core.words import percent, pluralize
from wellfit.diagnose.base import Finding, Outcome, graded
from wellfit.diagnose.verdicts.base import Diagnosis, Suggestion
from wellfit.diagnose.verdicts.curves import Curve, noise, rise, trend
from wellfit.diagnose.verdicts.training import OUT_OF_FOLD, Training

_LAST = 3  # epochs whose median is the end of a curve
_CURVE = 6  # epochs in which jumps can be told from a trend
_NOISE = 0.05  # gap of losses, as a share of the baseline's, that isn't chance
_RISES = 0.2  # share of epochs at which a curve has to rise, to be more than bent
FASTER = Suggestion(
    "learning_rate",
    "ten times larger",
    "too small a rate makes the loss fall too slowly; raise it until the loss begins to swing, "
    "and stay below that. wellfit.diagnose.learning_rate_range tries many at once",
)
SLOWER = Suggestion(
    "learning_rate",
    "ten times smaller",
    "too large a rate makes the loss swing and never settle; begin with a small one that works. "
    "wellfit.diagnose.learning_rate_range tries many at once",
)
_LONGER = Suggestion("epochs", "twice as many", "the loss still falls at the end")


def more_rows(training: Training) -> Suggestion:
    """Return how to judge by more rows: by held-out ones, unless all judge already."""
    why = "the error of a mean falls with √rows"
    if training.kind == OUT_OF_FOLD:
        return Suggestion("rows", "more of them", f"all judge already, out of fold; {why}")
    return Suggestion("validation_fraction", "twice as large", why)


class Diverging(Diagnosis, name="diverging"):
    """The training loss ends above its start, or isn't finite."""

    rank: ClassVar[int] = 0
    headline: ClassVar[str] = "Diverging"
    action: ClassVar[str] = "compared the last training losses with the first"

    most: float = hyper("times the first loss at which a training ends", default=1.3, low=1)

    def examine(self, training: Training) -> Finding | None:
        """Fail where the loss is infinite, undefined or far above its start."""
        if not training.epochs:
            return None
        last = float(np.median(training.loss[-_LAST:]))
        start = max(training.chance, float(training.loss[0]))
        lost = training.status == "diverged" or not np.isfinite(training.loss).all()
        lost = lost or not np.isfinite(training.validation).all()
        times = float("inf") if lost else last / start
        first = f"{training.loss[0]:.3g} in the first epoch"
        return self.finding(
            graded(times, self.most, self.most),
            f"the loss became infinite or undefined, after {first}"
            if lost
            else f"the training loss is {last:.3g} at the end, after {first}",
            "make the learning rate smaller",
            times=times,
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return a smaller rate, clipped gradients, scaled inputs."""
        clip = Suggestion(
            "gradient_clipping", "1", "then one huge gradient can't move the weights far"
        )
        scale = Suggestion(
            "preprocess", '"auto"', "inputs on a large scale make all gradients large"
        )
        return SLOWER, clip, *((scale,) if training.settings.get("preprocess") is None else ())


class LearningRateHigh(Diagnosis, name="learning_rate_high"):
    """The loss swings and climbs instead of settling.

    Measures how much the loss rises from epoch to epoch, which is little in a healthy training,
    and how far it climbs above its lowest point, as shares of the baseline's loss. Where there are
    validation rows, both curves have to rise: dropout alone lets the training loss swing, and
    over-fitting lets the validation loss climb.
    """

    rank: ClassVar[int] = 1
    by_harm: ClassVar[bool] = True
    headline: ClassVar[str] = "The learning rate is too high"
    action: ClassVar[str] = "measured how far the loss rises between epochs"
    needs: ClassVar[str] = "a learning rate and more than 3 epochs"

    swing: float = hyper("mean rise from epoch to epoch", default=0.012, low=0)
    climb: float = hyper("climb above the lowest point so far", default=0.08, low=0)
    far: float = hyper("climb that harms whatever the scores are", default=1.0, low=0)
    learned: float = hyper("share of the loss below which it got there", default=0.1, low=0)

    def examine(self, training: Training) -> Finding | None:
        """Warn where one of the two is too large."""
        curves = [training.loss, *([training.validation] if len(training.validation) else [])]
        lost = any(not np.isfinite(curve).all() for curve in curves)
        early = not training.epochs or (training.epochs <= _LAST and not lost)
        if early or not training.has_rate:
            return None
        swing = min(_swing(curve) for curve in curves) / training.chance
        climb = min(rise(curve) for curve in curves) / training.chance
        message = (
            f"from epoch to epoch the loss rises by {percent(swing)} of the baseline's loss on "
            "average"
        )
        if climb > self.climb:
            message += f"; its longest climb is {percent(climb, 0)} of it"
        learned = training.learned
        there = learned is not None and learned.value < self.learned * training.chance
        ill = (swing > self.swing or climb > self.climb) and not there
        far = not lost and climb > self.far
        return self.finding(
            Outcome.FAIL if far else Outcome.WARN if lost or ill else Outcome.PASS,
            "the loss became infinite or undefined" if lost else message,
            "try a learning rate ten times smaller",
            swing=swing,
            climb=climb,
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return smaller steps, a schedule, larger batches."""
        decay = Suggestion(
            "lr_schedule", '"one_cycle"', "small steps at the end let the loss converge"
        )
        batch = Suggestion(
            "batch_size", "twice as large", "gradients over more rows are less noisy"
        )
        given = training.settings.get("lr_schedule", "constant")
        constant = getattr(given, "name", given) == "constant"
        return SLOWER, *((decay,) if constant else ()), batch


class LearningRateLow(Diagnosis, name="learning_rate_low"):
    """After many steps the loss is still high, and still falls steadily.

    That is: the loss falls as fast at the end as at the beginning, or the weights have hardly
    moved. Time is measured by the sum of learning rates, so that the end of a schedule doesn't
    look like convergence. Too few steps are another fault: see ``still_improving``.
    """

    rank: ClassVar[int] = 5
    by_harm: ClassVar[bool] = True
    explained_by: ClassVar[tuple[str, ...]] = (
        "diverging",
        "learning_rate_high",
        "over_fitting",
        "over_regularized",
    )
    headline: ClassVar[str] = "The learning rate is too low"
    action: ClassVar[str] = (
        "compared how fast the training loss fell in both halves of the training"
    )
    needs: ClassVar[str] = "a learning rate and 6 epochs or more"

    steps: int = hyper("below which a training is too short to be judged", default=400, low=1)
    left: float = hyper("share of the loss that may be left", default=0.4, low=0, high=1)
    steady: float = hyper("speed at last over speed at first", default=0.45, low=0, high=1)
    moved: float = hyper("way of the weights over their first length", default=0.1, low=0)
    near: float = hyper("way beyond which a slow loss has other causes", default=0.3, low=0)

    def examine(self, training: Training) -> Finding | None:
        """Warn where the loss falls slowly and steadily, or weights hardly move."""
        loss = training.loss
        if len(loss) < 2 * _LAST or not np.isfinite(loss).all() or not training.has_rate:
            return None
        left, moved = float(np.median(loss[-_LAST:])) / training.chance, training.moved
        steady = _steadiness(training)
        near = moved is None or moved < self.near  # else it has gone far, and is slow for others
        ill = (steady > self.steady and near) or (moved is not None and moved < self.moved)
        ill = ill and left > self.left and training.steps >= self.steps
        ill = ill and not _fits_noise(training)
        way = (
            "" if moved is None else f"; the weights moved by {percent(moved, 0)} of their length"
        )
        return self.finding(
            Outcome.WARN if ill else Outcome.PASS,
            f"the training loss is {percent(left, 0)} of the baseline's; in the second half of "
            f"the training it fell by {percent(max(steady, 0), 0)} of its fall in the first half"
            f"{way}",
            "try a learning rate ten times larger",
            left=left,
            steady=steady,
            **({} if moved is None else {"moved": moved}),
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return larger steps, then more of them."""
        return FASTER, _LONGER


class StillImproving(Diagnosis, name="still_improving"):
    """Training ended while the loss still fell; on validation rows, where there are any.

    The fall of the last third, by the median of all slopes, is extrapolated for as long again, and
    compared with the baseline's loss and with the epochs' noise. The curve of a few validation
    rows may fall for these alone, however smoothly: then nothing is called so.
    """

    rank: ClassVar[int] = 6
    explained_by: ClassVar[tuple[str, ...]] = (
        "diverging",
        "learning_rate_high",
        "over_fitting",
        "over_regularized",
    )
    headline: ClassVar[str] = "Stopped too early"
    at_end: ClassVar[bool] = True
    action: ClassVar[str] = "extrapolated the last third of the curve for as long again"

    most: float = hyper("fall, as a share of the baseline's loss", default=0.1, low=0)
    rows: int = hyper("validation rows whose fall shows that of others", default=30, low=1)

    def examine(self, training: Training) -> Finding | None:
        """Warn where a large fall is still to come."""
        values, epochs = training.validation, training.judged
        unseen = len(values) >= 2
        if not unseen:
            values, epochs = training.loss, np.arange(training.epochs)
        if len(values) < 2 or not np.isfinite(values).all():
            return None
        time = training.time[epochs]
        last = min(int(np.searchsorted(time, 2 / 3)), max(len(values) - 4, 0))
        found = trend(values[last:], time[last:], float(time[-1] - time[last]))
        # No loss falls below 0: what is left bounds what is to come.
        more = min(found.fall, max(float(values[-1]), 0.0)) / training.chance
        sure = found.least > 0 and found.fall > noise(values[last:])
        stopped = training.status == "early_stopped"
        kind = "validation" if unseen else "training"
        count = training.validation_rows if unseen else None
        few = count is not None and count < self.rows
        ill = sure and more > self.most and not stopped and not few
        return self.finding(
            Outcome.WARN if ill else Outcome.PASS,
            f"extrapolating the last epochs, the {kind} loss would fall by a further "
            f"{percent(max(more, 0))} of the baseline's loss"
            + (f", on {pluralize(count or 0, 'row')} only" if few else ""),
            "train for longer",
            more=more,
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return more epochs, with early stopping; then larger steps."""
        stop = Suggestion("early_stopping", "True", "with it, too many epochs do no harm")
        has = bool(training.settings.get("early_stopping"))
        return _LONGER, *(() if has else (stop,)), FASTER


class NoisyValidation(Diagnosis, name="noisy_validation"):
    """The validation loss jumps from epoch to epoch, or the accuracy rests on too few rows.

    The jumps are the residuals of the curve without its trend. Rows are too few where the standard
    error of the accuracy is large.
    """

    rank: ClassVar[int] = 10
    explained_by: ClassVar[tuple[str, ...]] = ("diverging",)
    headline: ClassVar[str] = "The validation is noisy"
    action: ClassVar[str] = (
        "measured the jumps of the validation loss and the standard error of the accuracy"
    )
    needs: ClassVar[str] = "validation losses of 6 epochs or more"

    jumps: float = hyper("of the loss, as a share of its level", default=0.07, low=0)
    error: float = hyper("standard error of the accuracy", default=0.06, low=0)

    def examine(self, training: Training) -> Finding | None:
        """Warn of jumps, or of few rows."""
        values, scores = training.validation, training.scores
        if not len(values) or not np.isfinite(values).all():
            return None
        error = training.right.error if training.right else 0.0
        few, over = error > self.error, training.status != "running"
        if len(values) < _CURVE and not (few and over):
            return None
        jumps = _jumps(values, training.chance) if len(values) >= _CURVE else 0.0
        # Where the score on rows that chose no epoch is known and good, jumps did no harm.
        known = training.harmless and training.kind != "validation"
        jumpy = jumps > self.jumps and not known
        texts = [f"the validation loss jumps by {percent(jumps)} of its level between epochs"]
        if few and scores is not None:
            texts = [scores.interval, *(texts if jumpy else [])]
        return self.finding(
            Outcome.WARN if few or jumpy else Outcome.PASS,
            "; ".join(texts),
            "hold out more rows, or make steps smaller",
            jumps=jumps,
            error=error,
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return more validation rows, and steadier weights."""
        calm = Suggestion("ema_decay", "0.999", "averaged weights jump less from epoch to epoch")
        error = training.right.error if training.right else 0.0
        # Smaller steps don't make few rows more.
        rows = more_rows(training)
        return (rows,) if error > self.error else (SLOWER, calm, rows)


def _jumps(values: Curve, chance: float) -> float:
    """Return what is left of a curve without its trend, as a share of its level."""
    half = values[len(values) // 4 :]
    if np.mean(np.diff(half) > 0) < _RISES:  # a curve that bends while it falls isn't noisy
        return 0.0
    level = float(np.clip(np.median(half) / chance, 0.35, 0.5)) * chance
    return noise(half) / level


def _fits_noise(training: Training) -> bool:
    """Return whether there is only noise to learn: by the baselines' scores, or by the loss."""
    if training.scores is not None and training.scores.is_hopeless:
        return True
    seen, unseen, gain = training.learned, training.unseen, training.gain
    if seen is None or unseen is None or gain is None:
        return False
    return gain.value < 0 and unseen.value - seen.value > _NOISE * training.chance


def _steadiness(training: Training) -> float:
    """Return the fall of the loss in the second half of its way over that in the first.

    It is 0 where the loss falls by no more than noise, or hardly at all.
    """
    loss, start = training.loss, float(training.loss[0])
    middle, end = float(np.interp(0.5, training.time, loss)), float(np.median(loss[-_LAST:]))
    fell, late = start - end, training.time >= 0.5
    if noise(loss) > 0.25 * fell or fell < 0.005 * training.chance:
        return 0.0
    # A flat curve's halves are two draws of noise, whose ratio can be anything.
    if trend(loss[late], training.time[late], 0.5).least <= 0:
        return 0.0
    return (middle - end) / (start - middle) if start > middle else float("inf")


def _swing(curve: Curve) -> float:
    """Return the mean rise from epoch to epoch; the first one, from random weights, is left out.

    >>> _swing(np.array([9.0, 2, 1, 3, 1]))
    0.6666666666666666
    """
    return float(np.maximum(np.diff(curve[1:]), 0).mean()) if len(curve) > 2 else 0.0
