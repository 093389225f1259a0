"""Diagnoses by the scores of baselines: outliers, no skill, worse than a simpler model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from wellfit.core.hyper import hyper
from wellfit.core.metrics import Metric
from wellfit.core.words import percent
from wellfit.diagnose.base import Finding, Outcome
from wellfit.diagnose.verdicts.base import Diagnosis, Suggestion
from wellfit.diagnose.verdicts.descent import more_rows
from wellfit.diagnose.verdicts.training import OUT_OF_FOLD, Training

_CAUSES = (
    "diverging",
    "learning_rate_high",
    "learning_rate_low",
    "outliers",
    "over_fitting",
    "dead_units",
    "batch_norm_off",
    "over_regularized",
    "still_improving",
    "under_fitting",
)
_NAMED = 5  # rows that a sentence names
_ONE_SIDED = 1.64  # standard errors that chance exceeds in 5 cases of 100
_FEW = 30  # rows by which nothing can be shown to be no better than chance
_SOME = 0.05  # of the baseline's loss: what few rows can't prove may be there all the same


class Outliers(Diagnosis, name="outliers"):
    """A few unseen rows make most of the squared error, and decide the score.

    The 1 % of the rows with the largest errors is left out, and R² computed again. Where a
    baseline is better on all rows by more than that, these rows aren't what is wrong.
    """

    rank: ClassVar[int] = 2
    headline: ClassVar[str] = "A few rows decide the score"
    at_end: ClassVar[bool] = True
    action: ClassVar[str] = "left out the 1 % of unseen rows with the largest errors"
    needs: ClassVar[str] = "50 unseen rows and a network that estimates means"
    explained_by: ClassVar[tuple[str, ...]] = ("diverging",)

    share: float = hyper("of the squared error that these rows make", default=0.5, low=0, high=1)
    change: float = hyper("of the score, without them", default=0.05, low=0)

    def applies(self, training: Training) -> bool:
        """Say whether errors are squared, as far as is known."""
        return training.scores is None or training.scores.metric == "R²"

    def examine(self, training: Training) -> Finding | None:
        """Warn where a hundredth of the rows makes most of the error and moves the score."""
        found, scores = training.outlying, training.scores
        if found is None or scores is None or scores.unseen is None:
            return None
        moved = found.without - scores.unseen
        decide = found.share > self.share and moved > self.change
        lead = scores.best.better if scores.best else 0.0
        decide = decide and lead < moved  # else a model copes with these very rows
        rows = ", ".join(map(str, found.places[:_NAMED].tolist()))
        more = " and others" if len(found.places) > _NAMED else ""
        return self.finding(
            Outcome.WARN if decide else Outcome.PASS,
            f"{len(found.places)} of {scores.unseen_rows:,} {scores.kind} rows make "
            f"{percent(found.share, 0)} of the squared error; {scores.metric} is "
            f"{scores.format(scores.unseen)}, and {scores.format(found.without)} without them "
            f"(rows {rows}{more}, counted from 0)",
            "inspect these rows: wrong targets, another unit, or a target with a long tail",
            share=found.share,
            without=found.without,
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return to check the rows, then robust losses and scales."""
        check = Suggestion(
            "rows",
            "check those with the largest errors",
            "with squared errors one wrong target can outweigh a thousand right ones",
        )
        log = Suggestion(
            "target",
            "predict its logarithm (TransformedTargetRegressor)",
            "then the errors of a long-tailed target are of similar size",
        )
        loss = Suggestion(
            "loss", '"huber"', "then large errors count by their size, not by its square"
        )
        return check, log, loss


class NoSkill(Diagnosis, name="no_skill"):
    """On unseen rows it is no better than a baseline that uses no column.

    Below the baseline's score (R² below 0, accuracy below the majority class's) or above its
    loss it is called so, unless the loss is clearly lower than the baseline's and the score is no
    further below than chance explains: where one class is common, few rows cross the threshold,
    and the probabilities tell more than the classes. Else it is where the loss is hardly lower,
    and neither score nor loss is better beyond chance.
    """

    rank: ClassVar[int] = 8
    headline: ClassVar[str] = "No better than a constant prediction"
    at_end: ClassVar[bool] = True
    by_baselines: ClassVar[bool] = True
    action: ClassVar[str] = "compared score and loss on unseen rows with those of the baseline"
    needs: ClassVar[str] = "unseen rows and the baseline's score or loss"
    explained_by: ClassVar[tuple[str, ...]] = _CAUSES

    def examine(self, training: Training) -> Finding | None:
        """Warn where nothing that it learned generalizes."""
        scores, gain = training.scores, training.gain
        constant = scores.constant if scores else None
        if constant is None and gain is None:
            return None
        below = gain is not None and gain.value < 0
        texts = []
        if gain is not None:
            share = percent(1 - gain.value / training.chance, 0)
            texts = [f"the loss on {training.kind} rows is {share} of the baseline's"]
        if scores is not None and scores.unseen is not None and constant is not None:
            floor = constant.score if Metric.of(scores.metric).is_share else 0.0
            lower = scores.unseen < max(floor, constant.score)
            by_chance = constant.better <= _ONE_SIDED * constant.error
            below = below or (lower and not (by_chance and _has_lower_loss(training)))
            texts = [scores.pair, scores.compared, *texts]
        return self.finding(
            Outcome.WARN if below or _is_absent(training) else Outcome.PASS,
            "; ".join(texts),
            "check that columns and target belong together, row by row",
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return possible faults of the data, then of the training."""
        data = Suggestion(
            "columns",
            "use others that are known to matter",
            "if simple models do no better either, these columns don't predict the target",
        )
        order = Suggestion(
            "rows",
            "check that each target belongs to its row",
            "one sorted or shifted column is enough to lose every relation",
        )
        check = Suggestion(
            "wellfit check", "on the same data", "it looks for faults in data and network"
        )
        return data, order, check


class UnprovenSkill(Diagnosis, name="unproven_skill"):
    """By so few unseen rows, nothing shows that it is better than a baseline that uses no column.

    Neither the score nor the loss is better than the baseline's beyond the one-sided 95 % limit
    of chance, though it may well be better: a network like that can't be called well fit.
    """

    rank: ClassVar[int] = 8
    headline: ClassVar[str] = "Too few unseen rows to tell it from a constant prediction"
    at_end: ClassVar[bool] = True
    by_baselines: ClassVar[bool] = True
    action: ClassVar[str] = "compared its lead over the baseline with the lead's standard error"
    needs: ClassVar[str] = "unseen rows and the baseline's score or loss"
    explained_by: ClassVar[tuple[str, ...]] = (*_CAUSES, "no_skill")

    def examine(self, training: Training) -> Finding | None:
        """Warn where the lead over the baseline may be chance."""
        scores = training.scores
        constant = scores.constant if scores else None
        if constant is None and training.gain is None:
            return None
        compared = [scores.pair, scores.compared, scores.interval] if scores else []
        return self.finding(
            Outcome.PASS if _is_shown(training) else Outcome.WARN,
            "; ".join(filter(None, compared)) or f"{_judging_rows(training):,} rows",
            "judge it by more rows"
            if training.kind == OUT_OF_FOLD
            else "judge it by more rows, or by cross-validation",
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return ways to judge by more rows."""
        folds = Suggestion(
            "cross-validation",
            "sklearn.model_selection.cross_val_score",
            "every row is judged by a network that hasn't seen it",
        )
        rows = more_rows(training)
        return (rows,) if training.kind == OUT_OF_FOLD else (folds, rows)


class Outperformed(Diagnosis, name="outperformed"):
    """A linear model or small ensembles of trees are clearly better on the same unseen rows.

    Clearly means by more than 0.02, and beyond the one-sided 95 % limit of chance.
    """

    rank: ClassVar[int] = 9
    headline: ClassVar[str] = "A simpler model is better"
    at_end: ClassVar[bool] = True
    by_baselines: ClassVar[bool] = True
    action: ClassVar[str] = "trained simple models on the same rows, and compared row by row"
    needs: ClassVar[str] = "training rows and unseen rows"
    explained_by: ClassVar[tuple[str, ...]] = (*_CAUSES, "no_skill")

    def examine(self, training: Training) -> Finding | None:
        """Warn where one of them is better."""
        scores = training.scores
        if scores is None or scores.unseen is None or len(scores.baselines) < 2:
            return None
        best = scores.best
        return self.finding(
            Outcome.WARN if best else Outcome.PASS,
            f"{scores.pair}; {scores.compared}",
            f"use the {best.name}, or improve the network" if best else "",
            better=best.better if best else 0.0,
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return what could close the gap to the better model."""
        scores = training.scores
        if scores is not None and scores.best is not None and scores.best.name == "linear model":
            return (
                Suggestion(
                    "hidden_layer_sizes",
                    "half as many, in one layer",
                    "additive effects of the columns need few units",
                ),
                Suggestion("l2", "1e-3, then more", "a smoother function is closer to linear"),
                Suggestion("model", "the linear model", "it is simpler, and better on these rows"),
            )
        return (
            Suggestion(
                "model",
                "gradient boosting or a forest",
                "trees follow jumps at thresholds of the columns with fewer rows",
            ),
            Suggestion(
                "preprocess",
                'TablePreprocessor("robust+quantile")',
                "ranks spread crowded values apart",
            ),
            Suggestion("epochs", "twice as many", "sharp bends are learned last"),
        )


def _is_absent(training: Training) -> bool:
    """Return whether there are rows enough to call the network no better than the baseline."""
    gain, rows = training.gain, _judging_rows(training)
    if rows < _FEW or (gain is not None and gain.value > _SOME * training.chance):
        return False
    return not _is_shown(training)


def _judging_rows(training: Training) -> int:
    gain, scores = training.gain, training.scores
    return gain.rows if gain is not None else scores.unseen_rows if scores else 0


def _is_shown(training: Training) -> bool:
    """Return whether score or loss is better than the baseline's beyond chance."""
    constant = training.scores.constant if training.scores else None
    by_score = constant is not None and -constant.better > _ONE_SIDED * constant.error
    return by_score or _has_lower_loss(training)


def _has_lower_loss(training: Training) -> bool:
    """Return whether the loss is lower than the baseline's beyond chance."""
    gain = training.gain
    return gain is not None and gain.value > _ONE_SIDED * gain.error
