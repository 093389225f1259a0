"""Symptoms of the fit: what was learned, and whether it holds for rows it hasn't seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wellfit.core.hyper import hyper
from wellfit.diagnose.base import Finding, Outcome
from wellfit.diagnose.verdicts.base import Knob, Symptom
from wellfit.diagnose.verdicts.training import Chances, Training

_DRAWS = 500  # of labels that a calibrated network could have had


class OverFitting(Symptom, name="over_fitting"):
    """What was learned holds for the training rows far better than for others.

    The gap between the losses on rows seen and unseen, for the weights in use, has to be several
    standard errors wide and a good part of the loss of constant outputs; or the validation loss
    has to have come a long way up from its lowest point, at weights that are in use.
    """

    rank: ClassVar[int] = 5
    says: ClassVar[str] = "Over-fitted"
    did: ClassVar[str] = "compared the loss on training rows with that on unseen ones"
    needs: ClassVar[str] = "validation rows"

    gap: float = hyper("as a share of the loss of constant outputs", default=0.2, low=0)
    errors: float = hyper("standard errors of the gap", default=2.5, low=0)
    worse: float = hyper("rise of the validation loss, as a share", default=0.1, low=0)

    def look(self, training: Training) -> Finding | None:
        """Warn where the gap is wide beyond doubt."""
        seen, unseen = training.learned, training.unseen
        if seen is None or unseen is None:
            return None
        gap, chance = unseen.value - seen.value, training.chance
        error = max(float(np.hypot(seen.error, unseen.error)), 1e-12)
        risen = _risen(training) / chance
        wide = gap / chance > self.gap and gap / error > self.errors
        rows = f" ({unseen.rows} rows): a gap of {gap / error:.1f} standard errors"
        return self.finding(
            Outcome.WARN if wide or (risen > self.worse and gap > 0) else Outcome.PASS,
            f"a loss of {seen.value:.3g} on training rows, of {unseen.value:.3g} on unseen ones"
            f"{rows if unseen.rows else ''}; the validation loss rose by "
            f"{max(risen, 0):.0%} of that of constant outputs after its best epoch",
            "hold it back, or give it more rows",
            gap=gap / chance,
            errors=gap / error,
            risen=risen,
        )

    def knobs(self, training: Training) -> Sequence[Knob]:
        """Return what holds a network back and isn't in use yet."""
        given = training.settings
        tried = [
            ("early_stopping", "True", "the weights of the best epoch on held-out rows are kept: "
             "the commonest way, and it costs nothing"),
            ("dropout", "0.5", "units can't rely on one another: it helps networks with many "
             "weights most"),
            ("l2", "1e-4, then more", "large weights cost: start small, and raise it until the "
             "training loss feels it"),
            ("rows", "more of them, or augment what is there", "more data hold a network back "
             "better than any penalty"),
            ("hidden_layer_sizes", "half as many", "just enough units for the data"),
        ]  # fmt: skip
        lacking = [Knob(*knob) for knob in tried if not _in_use(given.get(knob[0]), knob[0])]
        return lacking[:3]


class UnderFitting(Symptom, name="under_fitting"):
    """Most of the loss is left on the training rows too: it hasn't learned what is there.

    Nobody can call that well fit, even where there is nothing to learn. With rows at hand,
    extremely randomized trees say how much there is: where they predict unseen rows better beyond
    doubt, a smaller part of the loss left is enough.
    """

    rank: ClassVar[int] = 6
    says: ClassVar[str] = "Under-fitted"
    at_end: ClassVar[bool] = True
    did: ClassVar[str] = "looked at what is left of the loss on training rows"

    left: float = hyper("share of the loss that is most of it", default=0.8, low=0, high=1)
    some: float = hyper("share left where trees do better", default=0.15, low=0, high=1)
    errors: float = hyper("standard errors by which they do", default=3.0, low=0)
    better: float = hyper("rows, or variance, that they save", default=0.05, low=0)

    def look(self, training: Training) -> Finding | None:
        """Warn where much is left, and more could have been learned."""
        seen = training.learned
        if seen is None or not np.isfinite(seen.value):
            return None
        left, told = seen.value / training.chance, ""
        rival = training.rival if left > self.some else None
        ill = left > self.left
        if rival is not None:
            sure = rival.better > max(self.errors * rival.error, self.better)
            told = f"; trees save {rival.better:.1%} of the errors on unseen rows" if sure else ""
            if ill and not sure:
                told = "; trees do no better, so the columns may hardly tell the target"
            ill = ill or sure
        return self.finding(
            Outcome.WARN if ill else Outcome.PASS,
            f"{left:.0%} of the loss of constant outputs is left on training rows{told}",
            "give it more units or time, and hold it back less",
            left=left,
            better=rival.better if rival else 0.0,
        )

    def knobs(self, training: Training) -> Sequence[Knob]:
        """Return fewer brakes, more units, more time."""
        given = training.settings
        brakes = [
            Knob(name, "ten times smaller, or 0", "it keeps the weights from fitting the rows")
            for name in ("l2", "l1")
            if _in_use(given.get(name), name)
        ]
        units = Knob("hidden_layer_sizes", "twice as many", "more weights can follow the rows")
        longer = Knob("epochs", "twice as many", "it may not have got there yet")
        drop = Knob("dropout", "0", "it is for networks that learn too much")
        has = _in_use(given.get("dropout"), "dropout")
        return [*brakes, units, longer, *([drop] if has else [])]


class Miscalibrated(Symptom, name="miscalibrated"):
    """The probabilities of classes aren't the shares of rows that turn out so.

    ECE = Σ_b n_b / n · |right_b - sure_b| over 15 bins of the chances given to the predicted
    class. Even where each chance is true it isn't 0: so it is compared with the ECEs of labels
    drawn by these very chances.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.
    """

    rank: ClassVar[int] = 8
    says: ClassVar[str] = "The probabilities are off"
    did: ClassVar[str] = "compared the chances of predicted classes with how often they are right"
    needs: ClassVar[str] = "unseen rows, and classes"

    most: float = hyper("calibration error beyond what chance makes", default=0.04, low=0)
    level: float = hyper("share of draws below it", default=0.99, low=0, high=1)
    bins: int = hyper("of chances", default=15, low=1)

    def look(self, training: Training) -> Finding | None:
        """Warn of probabilities that are too bold or too shy."""
        chances = training.chances
        if chances is None or len(chances.right) < 20:
            return None
        error = calibration_error(chances, self.bins)
        drawn = _drawn_errors(chances, self.bins)
        excess, limit = error - float(np.median(drawn)), float(np.quantile(drawn, self.level))
        over = float(chances.given.mean() - chances.right.mean())
        way = "over-confident" if over > 0 else "under-confident"
        ill = error > limit and excess > self.most
        return self.finding(
            Outcome.WARN if ill else Outcome.PASS,
            f"a calibration error of {error:.1%} on {len(chances.right)} rows, "
            f"{np.median(drawn):.1%} of it by chance; it is {chances.given.mean():.1%} sure and "
            f"{chances.right.mean():.1%} right" + (f": {way}" if ill else ""),
            f"it is {way}: take its order of rows, not its probabilities, at face value",
            error=error,
            excess=excess,
            over=over,
        )

    def knobs(self, training: Training) -> Sequence[Knob]:
        """Return what makes a network bolder or shyer."""
        chances = training.chances
        shy = chances is not None and chances.given.mean() < chances.right.mean()
        after = Knob(
            "probabilities",
            "sklearn.calibration.CalibratedClassifierCV on them",
            "a single temperature, learned on held-out rows, often mends them",
        )
        if shy:
            longer = Knob("epochs", "twice as many", "chances grow while it goes on learning")
            return longer, Knob("dropout", "less", "what holds it back makes it shy"), after
        stop = Knob("early_stopping", "True", "the last epochs make it surer and not better")
        return stop, after, Knob("l2", "more", "large weights make large logits")


def calibration_error(chances: Chances, bins: int) -> float:
    """Return the expected calibration error of given chances.

    >>> calibration_error(Chances(np.array([0.9, 0.9]), np.array([True, False])), 15)
    0.4
    """
    return float(_errors(chances.given, chances.right[None].astype(float), bins)[0])


def _drawn_errors(chances: Chances, bins: int) -> NDArray[np.float64]:
    """Return the errors (draws,) of labels that come true as often as they should."""
    rng = np.random.default_rng(0)
    hits = rng.random((_DRAWS, len(chances.given))) < chances.given
    return _errors(chances.given, hits.astype(float), bins)


def _errors(
    given: NDArray[np.float64], hits: NDArray[np.float64], bins: int
) -> NDArray[np.float64]:
    """Return the calibration error of each row of hits (draws, n)."""
    place = np.clip(np.ceil(given * bins).astype(int) - 1, 0, bins - 1)
    member = np.eye(bins)[place]
    errors: NDArray[np.float64] = np.abs((hits - given) @ member).sum(axis=1) / len(given)
    return errors


def _risen(training: Training) -> float:
    """Return how far validation rose from its lowest point to the weights in use, in calm."""
    used = training.judged < training.best_epoch
    values = training.validation[used]
    if len(values) < 5 or not np.isfinite(values).all():
        return 0.0
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(values, 3), axis=1)
    return float(smooth[-1] - smooth.min())


def _in_use(value: object, name: str) -> bool:
    """Say whether a way of holding a network back is in use."""
    if name == "dropout" and value == "auto":
        return False
    strength = getattr(value, "strength", value)
    return bool(strength) and name not in ("rows", "hidden_layer_sizes")
