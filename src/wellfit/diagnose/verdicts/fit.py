"""Diagnoses of the fit: over- and under-fitting, regularization, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from wellfit.core.calibration import calibration_errors
from wellfit.core.hyper import hyper
from wellfit.core.metrics import Metric
from wellfit.core.parameter import is_auto
from wellfit.core.words import percent
from wellfit.diagnose.base import Finding, Outcome
from wellfit.diagnose.verdicts.base import Diagnosis, Suggestion
from wellfit.diagnose.verdicts.descent import FASTER
from wellfit.diagnose.verdicts.scores import LEAST, Mean
from wellfit.diagnose.verdicts.training import Chances, Training, is_wide

_NEAR = 0.1  # way of the weights, over their first length, on which little can be learned
_HARDLY = (
    0.95  # of the baseline's loss: a training loss above it shows that nothing is learned yet
)
_DRAWS = 500  # of labels that a calibrated network could have had


class OverFitting(Diagnosis, name="over_fitting"):
    """The network does far better on its training rows than on others.

    The gap between the scores on training and unseen rows, for the weights in use, has to be wide
    beyond chance; or the gap between the losses, where the scores have a gap too; or the
    validation loss has to have come a long way up from its lowest point, at weights in use.
    """

    rank: ClassVar[int] = 3
    headline: ClassVar[str] = "Over-fitted"
    action: ClassVar[str] = "compared scores and losses on training rows with those on unseen ones"
    needs: ClassVar[str] = "validation rows"
    explained_by: ClassVar[tuple[str, ...]] = ("diverging", "outliers")

    gap: float = hyper("of losses, as a share of the baseline's loss", default=0.2, low=0)
    errors: float = hyper("standard errors of that gap", default=2.5, low=0)
    least: float = hyper("gap of scores beside which the losses' counts", default=0.05, low=0)
    worse: float = hyper("rise of the validation loss, as a share", default=0.1, low=0)

    def examine(self, training: Training) -> Finding | None:
        """Warn where a gap is wide beyond chance."""
        seen, unseen, scores = training.learned, training.unseen, training.scores
        if seen is None or unseen is None:
            return None
        gap, chance = unseen.value - seen.value, training.chance
        error = max(float(np.hypot(seen.error, unseen.error)), 1e-12)
        lower = scores.gap if scores else None
        pair = [scores.pair] if scores and lower else []
        wide = gap / chance > self.gap and gap / error > self.errors
        wide = wide and (lower is None or lower.value > self.least)
        risen = _risen(training) / chance
        ill = wide or (lower is not None and is_wide(lower)) or (risen > self.worse and gap > 0)
        ill = ill and not _has_learned_nothing(training)
        return self.finding(
            Outcome.WARN if ill else Outcome.PASS,
            "; ".join([*pair, _losses(seen, unseen, training.kind), *_rise(risen, self.worse)]),
            "regularize it more, stop earlier, or give it more rows",
            gap=gap / chance,
            errors=gap / error,
            risen=risen,
            **({} if lower is None else {"score_gap": lower.value}),
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return regularization that isn't in use yet."""
        given = training.settings
        tried = [
            ("early_stopping", "True", "it keeps the weights of the best epoch on held-out rows: "
             "the usual remedy, at the cost of a tenth of the rows"),
            ("dropout", "0.5", "units can't rely on one another; it helps networks with many "
             "weights most"),
            ("l2", "1e-4, then more", "it penalizes large weights: start small, and raise it "
             "until the training loss rises"),
            ("rows", "more of them, or augment those you have", "more data regularize "
             "better than any penalty"),
            ("hidden_layer_sizes", "half as many", "fewer weights can memorize less"),
        ]  # fmt: skip
        lacking = [
            Suggestion(*suggestion)
            for suggestion in tried
            if not _in_use(given.get(suggestion[0]), suggestion[0])
        ]
        return lacking[:3]


class OverRegularized(Diagnosis, name="over_regularized"):
    """A penalty has shrunk the weights to a fraction of their initial norm, and little is learned.

    Because of the penalty units are silent, and outputs nearly constant.
    """

    rank: ClassVar[int] = 3
    headline: ClassVar[str] = "The penalty on the weights is too strong"
    action: ClassVar[str] = "compared the norm of the weights with that of the initial ones"
    needs: ClassVar[str] = "the fitted network as it was trained"
    by_harm: ClassVar[bool] = True
    explained_by: ClassVar[tuple[str, ...]] = ("diverging", "over_fitting", "outliers")

    shrunk: float = hyper("length of the weights over their first", default=0.5, low=0, high=1)
    left: float = hyper("share of the loss that is much", default=0.5, low=0, high=1)

    def applies(self, training: Training) -> bool:
        """Say whether there is a penalty, as far as is known."""
        return any(_in_use(training.settings.get(name), name) for name in ("l1", "l2"))

    def examine(self, training: Training) -> Finding | None:
        """Warn where the weights are small and the loss is high."""
        seen, shrunk = training.learned, training.shrunk
        if seen is None or shrunk is None:
            return None
        left = seen.value / training.chance
        return self.finding(
            Outcome.WARN if shrunk < self.shrunk and left > self.left else Outcome.PASS,
            f"the norm of the weights is {percent(shrunk, 0)} of the initial one; the training "
            f"loss is {percent(left, 0)} of the baseline's",
            "make the penalty weaker",
            shrunk=shrunk,
            left=left,
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return weaker penalties."""
        return [
            Suggestion(
                name, "ten times smaller, or 0", "it keeps the weights from fitting the data"
            )
            for name in ("l2", "l1")
            if _in_use(training.settings.get(name), name)
        ]


class UnderFitting(Diagnosis, name="under_fitting"):
    """The score on training rows is below that of a simple model on unseen rows.

    The simple models are a linear one and small ensembles of trees, trained on the same rows.
    Without rows, the training loss has to be close to the baseline's.
    """

    rank: ClassVar[int] = 7
    headline: ClassVar[str] = "Under-fitted"
    at_end: ClassVar[bool] = True
    by_baselines: ClassVar[bool] = True
    action: ClassVar[str] = "compared the training score with the scores of simple models"
    explained_by: ClassVar[tuple[str, ...]] = (
        "diverging",
        "over_fitting",
        "outliers",
        "over_regularized",
    )

    left: float = hyper("share of the loss that is most of it", default=0.8, low=0, high=1)

    def examine(self, training: Training) -> Finding | None:
        """Warn where more could have been learned."""
        seen, scores = training.learned, training.scores
        if seen is None or not np.isfinite(seen.value):
            return None
        left = seen.value / training.chance
        best = scores.best if scores else None
        compared = scores is not None and len(scores.baselines) > 1
        learned = (scores.training or 0.0) if scores else 0.0
        below = best is not None and learned < best.score - LEAST
        ill = below if compared else left > self.left
        text = [scores.pair, scores.compared] if scores and compared else []
        return self.finding(
            Outcome.WARN if ill else Outcome.PASS,
            "; ".join([*text, f"the training loss is {percent(left, 0)} of the baseline's"]),
            "use more units or epochs, and less regularization",
            left=left,
            better=best.better if best else 0.0,
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return larger steps if little was learned; else less regularization, more units."""
        given = training.settings
        brakes = [
            Suggestion(
                name, "ten times smaller, or 0", "it keeps the weights from fitting the data"
            )
            for name in ("l2", "l1")
            if _in_use(given.get(name), name)
        ]
        units = Suggestion("hidden_layer_sizes", "twice as many", "more weights can fit more")
        longer = Suggestion("epochs", "twice as many", "it may not have converged")
        drop = Suggestion("dropout", "0", "it is meant for networks that over-fit")
        has = _in_use(given.get("dropout"), "dropout")
        still = training.moved is not None and training.moved < _NEAR
        if still and training.has_rate:  # more units wouldn't move either
            return [FASTER, longer]
        seen = training.learned
        stuck = seen is not None and seen.value > _HARDLY * training.chance
        if stuck and training.has_rate:
            return [FASTER, *brakes, units]
        return [*brakes, units, longer, *([drop] if has else [])]


class Miscalibrated(Diagnosis, name="miscalibrated"):
    """Predicted probabilities differ from the observed frequencies.

    ECE = Σ_b n_b / n · |right_b - sure_b| over 15 bins of the probability of the
    predicted class. It isn't 0 even where every probability is right: so it is compared with the
    ECEs of labels drawn with these very probabilities.

    Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.
    """

    rank: ClassVar[int] = 11
    headline: ClassVar[str] = "The probabilities are miscalibrated"
    action: ClassVar[str] = "compared the confidence of predictions with their accuracy"
    needs: ClassVar[str] = "20 unseen rows, and classes"

    most: float = hyper("calibration error beyond what chance makes", default=0.04, low=0)
    level: float = hyper("share of draws below it", default=0.99, low=0, high=1)
    bins: int = hyper("of chances", default=15, low=1)

    def applies(self, training: Training) -> bool:
        """Say whether there are classes, as far as is known."""
        return training.scores is None or Metric.of(training.scores.metric).is_share

    def examine(self, training: Training) -> Finding | None:
        """Warn of probabilities that are too high or too low."""
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
            f"expected calibration error {percent(error)} on {len(chances.right):,} "
            f"{training.kind} rows ({percent(float(np.median(drawn)))} expected by chance); "
            f"mean confidence {percent(float(chances.given.mean()))}, accuracy "
            f"{percent(float(chances.right.mean()))}" + (f": {way}" if ill else ""),
            f"it is {way}: rely on the ranking of its probabilities, not on their values",
            error=error,
            excess=excess,
            over=over,
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return what makes a network more or less confident."""
        chances = training.chances
        underconfident = chances is not None and chances.given.mean() < chances.right.mean()
        after = Suggestion(
            "probabilities",
            "sklearn.calibration.CalibratedClassifierCV on them",
            "a single temperature, fitted to held-out rows, often suffices",
        )
        if underconfident:
            longer = Suggestion("epochs", "twice as many", "confidence grows with training")
            return (
                longer,
                Suggestion("dropout", "less", "regularization lowers the confidence"),
                after,
            )
        stop = Suggestion(
            "early_stopping", "True", "the last epochs raise confidence, not accuracy"
        )
        return stop, after, Suggestion("l2", "more", "large weights make large logits")


def calibration_error(chances: Chances, bins: int) -> float:
    """Return the expected calibration error of given chances.

    >>> calibration_error(Chances(np.array([0.9, 0.9]), np.array([True, False])), 15)
    0.4
    """
    return float(calibration_errors(chances.given, chances.right[None].astype(float), bins)[0])


def _drawn_errors(chances: Chances, bins: int) -> NDArray[np.float64]:
    """Return the errors (draws,) of labels that come true as often as they should."""
    rng = np.random.default_rng(0)
    hits = rng.random((_DRAWS, len(chances.given))) < chances.given
    return calibration_errors(chances.given, hits.astype(float), bins)


def _risen(training: Training) -> float:
    """Return how far validation rose from its lowest point to the weights in use, in calm."""
    used = training.judged < training.best_epoch
    values = training.validation[used]
    if len(values) < 5 or not np.isfinite(values).all():
        return 0.0
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(values, 3), axis=1)
    return float(smooth[-1] - smooth.min())


def _has_learned_nothing(training: Training) -> bool:
    """Return whether loss and score on training rows are no better than the baseline's.

    The score of a network with dead units can be far below it, on unseen rows too.
    """
    seen, scores = training.learned, training.scores
    if seen is None or seen.value < training.chance:
        return False
    if scores is None or scores.training is None or scores.constant is None:
        return True
    return scores.training <= scores.constant.score


def _losses(seen: Mean, unseen: Mean, kind: str) -> str:
    rows = f"{unseen.rows:,} {kind}" if unseen.rows else kind
    return f"loss {seen.value:.3g} on training rows, {unseen.value:.3g} on {rows} rows"


def _rise(risen: float, worse: float) -> list[str]:
    """Return what to say of a validation loss that rose, if it did."""
    if risen <= worse:
        return []
    return [
        f"the validation loss rose after its best epoch by {percent(risen, 0)} of the baseline's"
    ]


def _in_use(value: object, name: str) -> bool:
    """Return whether a kind of regularization is in use."""
    if is_auto(value):  # as far as is known
        return False
    strength = getattr(value, "strength", value)
    return bool(strength) and name not in ("rows", "hidden_layer_sizes")
