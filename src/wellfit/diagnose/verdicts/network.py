"""Diagnoses of the trained network: dead units, stale batch-norm statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from wellfit.core.hyper import hyper
from wellfit.core.words import percent
from wellfit.diagnose.base import Finding, Outcome, graded
from wellfit.diagnose.verdicts.base import Diagnosis, Suggestion
from wellfit.diagnose.verdicts.descent import SLOWER
from wellfit.diagnose.verdicts.training import Training


class DeadUnits(Diagnosis, name="dead_units"):
    """Hidden units that are dead or saturated for all rows, and learn no more.

    A unit is dead whose slope is 0 in all training rows, and saturated where it is below 0.01 in
    95 of 100.
    """

    rank: ClassVar[int] = 4
    explained_by: ClassVar[tuple[str, ...]] = ("over_fitting", "over_regularized")
    by_harm: ClassVar[bool] = True
    headline: ClassVar[str] = "Many units are dead"
    action: ClassVar[str] = "counted the hidden units whose slope is flat, on training rows"
    needs: ClassVar[str] = "a fitted network and rows"

    warn: float = hyper("share of a layer", default=0.4, low=0, high=1)
    fail: float = hyper("share of a layer that is nearly all", default=0.9, low=0, high=1)

    def examine(self, training: Training) -> Finding | None:
        """Warn of a layer with many dead units; fail where nearly all are."""
        if not training.layers:
            return None
        worst = max(training.layers, key=lambda layer: max(layer.dead, layer.saturated))
        share = max(worst.dead, worst.saturated)
        kind = "dead" if worst.dead >= worst.saturated else "saturated"
        return self.finding(
            graded(share, self.warn, self.fail),
            f"{percent(share, 0)} of the units of hidden layer {worst.number} are {kind}",
            "train again with a smaller learning rate",
            dead=worst.dead,
            saturated=worst.saturated,
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return smaller steps, and layers that let gradients through."""
        leaky = Suggestion("activation", '"leaky_relu"', "its slope is never 0, so no unit dies")
        norm = Suggestion(
            "batch_norm", "True", "it keeps inputs of the activation where its slope is steep"
        )
        return SLOWER, leaky, norm


class BatchNormOff(Diagnosis, name="batch_norm_off"):
    """The running statistics of batch norm differ from those of the data.

    The statistics of the training rows, as the layer gets them when predicting, are compared with
    the running ones: the usual unit's distance of means in standard deviations, and the factor
    between standard deviations.
    """

    rank: ClassVar[int] = 4
    by_harm: ClassVar[bool] = True
    headline: ClassVar[str] = "Batch norm's running statistics are off"
    action: ClassVar[str] = "compared batch norm's running statistics with those of training rows"
    needs: ClassVar[str] = "a fitted network with batch norm, and rows"

    shift: float = hyper("distance of means, in standard deviations", default=0.3, low=0)
    factor: float = hyper("between standard deviations", default=1.4, low=1)

    def applies(self, training: Training) -> bool:
        """Say whether the network has batch norm, as far as is known."""
        return training.norms is None or len(training.norms) > 0

    def examine(self, training: Training) -> Finding | None:
        """Warn where one of the two is too large in a layer."""
        if not training.norms:
            return None
        shift = max(norm.shift for norm in training.norms)
        factor = max(norm.factor for norm in training.norms)
        ill = shift > self.shift or factor > self.factor
        return self.finding(
            Outcome.WARN if ill else Outcome.PASS,
            f"running means are {shift:.2f} standard deviations off, and standard deviations by "
            f"a factor of {factor:.2f}",
            "lower batch norm's momentum, or train for longer",
            shift=shift,
            factor=factor,
        )

    def suggestions(self, training: Training) -> Sequence[Suggestion]:
        """Return fresher statistics, then steadier ones."""
        momentum = Suggestion(
            "batch norm's momentum", "0.9, or lower", "then statistics follow the weights sooner"
        )
        longer = Suggestion("epochs", "twice as many", "statistics need some steps to catch up")
        batch = Suggestion("batch_size", "twice as large", "statistics of more rows vary less")
        return momentum, longer, batch
