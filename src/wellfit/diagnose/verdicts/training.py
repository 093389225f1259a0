"""A training as diagnoses see it: its curves, and more where the network is at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellfit.core import registry
from wellfit.core.errors import InputError
from wellfit.diagnose.verdicts.curves import Curve, steps_taken
from wellfit.diagnose.verdicts.scores import CLEAR, Mean, Scores
from wellfit.optim import Minimizer, Optimizer

OUT_OF_FOLD = "out-of-fold"  # the kind of unseen rows that are training rows, by other networks
WIDE = 0.1  # gap of scores on training and unseen rows that anybody would call large
_HARMLESS = 0.05  # difference of scores to be ruled out
_SPREAD = 2.0  # of rows' losses, over their mean: usual for cross-entropies and squared errors


class LayerStatistics(NamedTuple):
    """A hidden layer's health: the shares of its units that are dead, and saturated."""

    number: int
    dead: float
    saturated: float


class Norm(NamedTuple):
    """The distances of a batch norm's statistics from the data's.

    ``shift`` is that of means, in standard deviations; ``factor`` that of standard deviations.
    """

    number: int
    shift: float
    factor: float


class Chances(NamedTuple):
    """The probabilities (N,) of the predicted classes, and whether these were right (N,)."""

    given: NDArray[np.float64]
    right: NDArray[np.bool_]


class Outlying(NamedTuple):
    """The 1 % of the unseen rows with the largest errors, and their effect on the score.

    ``places`` are their positions among the unseen rows, ``share`` is their part of all squared
    errors, ``without`` the score on the other rows.
    """

    places: NDArray[np.integer]
    share: float
    without: float


class Training:
    """A training, finished or not, described by its curves.

    Args:
        history: metrics by name, a value for each epoch: ``loss``, and ``val_loss``,
            ``accuracy``, ``val_accuracy``, ``learning_rate`` where there are any.
        settings: the estimator's parameters by name, as far as they are known.
        status: how it ended, as :class:`~wellfit.training.Status` says.
        best_epoch: the epoch, from 1, whose weights are in use; the last where not given.
        chance: the loss of the best constant outputs; by default the first epoch's loss.
        training_rows: how many.
        validation_rows: how many.

    Attributes:
        repeated: unseen rows left out of all scores, since they occur among the training rows.
    """

    repeated: int = 0

    def __init__(
        self,
        history: Mapping[str, Sequence[float]],
        settings: Mapping[str, Any] | None = None,
        *,
        status: str = "running",
        best_epoch: int | None = None,
        chance: float | None = None,
        training_rows: int | None = None,
        validation_rows: int | None = None,
    ) -> None:
        self.history = {name: _curve(name, values) for name, values in _pairs(history)}
        self.settings, self.status = dict(settings or {}), status
        self.epochs = len(self.loss)
        self.best_epoch = best_epoch or self.epochs
        self._chance = chance
        self.training_rows, self.validation_rows = training_rows, validation_rows

    def curve(self, name: str) -> Curve:
        """Return a metric's values (epochs,); empty where there is none."""
        return self.history.get(name, np.empty(0))

    @property
    def loss(self) -> Curve:
        """The training loss of every epoch, with dropout and other noise."""
        return self.curve("loss")

    @cached_property
    def judged(self) -> NDArray[np.intp]:
        """The epochs, from 0, whose validation loss is known."""
        return np.flatnonzero(np.isfinite(self.curve("val_loss")[: self.epochs]))

    @property
    def validation(self) -> Curve:
        """The validation loss of the epochs that were ``judged``."""
        return self.curve("val_loss")[self.judged]

    @cached_property
    def time(self) -> Curve:
        """How far training was after each epoch, by the learning rates so far."""
        return steps_taken(self.curve("learning_rate"), self.epochs)

    @property
    def steps(self) -> float:
        """How many steps were taken; infinite where that isn't known."""
        batch = self.settings.get("batch_size")
        if self.training_rows is None or not isinstance(batch, int):
            return np.inf
        return self.epochs * -(-self.training_rows // batch)

    @property
    def has_rate(self) -> bool:
        """Whether its update rule has a learning rate, as far as is known."""
        given = self.settings.get("optimizer")
        name = given.get("name") if isinstance(given, Mapping) else getattr(given, "name", given)
        if not isinstance(name, str) or name not in registry.names(Optimizer.family):
            return True
        return not issubclass(registry.lookup(Optimizer.family, name), Minimizer)

    @cached_property
    def chance(self) -> float:
        """The loss of the best constant outputs, by which losses are divided."""
        if self._chance is not None and self._chance > 0:
            return self._chance
        finite = self.loss[np.isfinite(self.loss)]
        return max(float(finite[0]), 1e-12) if len(finite) else 1.0

    # The weights in use.

    @property
    def learned(self) -> Mean | None:
        """The loss on training rows, or None before the end of the first epoch."""
        return self._at_best(self.loss, self.training_rows)

    @property
    def unseen(self) -> Mean | None:
        """The loss on unseen rows, or None where there are none."""
        return self._at_best(self.curve("val_loss"), self.validation_rows)

    @property
    def right(self) -> Mean | None:
        """The accuracy on unseen rows, or None."""
        found = self._at_best(self.curve("val_accuracy"), self.validation_rows)
        if found is None:
            return None
        return Mean.share(found.value, found.rows)

    @property
    def scores(self) -> Scores | None:
        """The scores on training and unseen rows, and of baselines there, as far as known."""
        learned, unseen = self._at_best(self.curve("accuracy"), self.training_rows), self.right
        if learned is None and unseen is None:
            return None
        first = Mean.share(learned.value, learned.rows) if learned else None
        return Scores(
            "accuracy",
            first and first.value,
            unseen and unseen.value,
            first.rows if first else 0,
            unseen.rows if unseen else 0,
            unseen.error if unseen else 0.0,
            first.error if first else 0.0,
            "validation",
        )

    @property
    def kind(self) -> str:
        """The kind of the unseen rows: validation, test, or just unseen."""
        return self.scores.kind if self.scores else "unseen"

    @property
    def gain(self) -> Mean | None:
        """How much lower the loss on unseen rows is than that of constant outputs, if known."""
        if self._chance is None or self.unseen is None:
            return None
        return self.unseen._replace(value=self.chance - self.unseen.value)

    @property
    def harmless(self) -> bool:
        """Whether the scores show no harm: no baseline is better, and the gap is small.

        Then odd curves or layers did no harm. False where scores aren't known, or rest on too few
        rows to rule out that a baseline is better.
        """
        scores, gap = self.scores, self.scores.gap if self.scores else None
        if scores is None or gap is None or scores.constant is None or scores.unseen is None:
            return False
        above = scores.unseen > scores.constant.score and not is_wide(gap)
        return above and scores.best is None and scores.bound < _HARMLESS

    def _at_best(self, curve: Curve, rows: int | None) -> Mean | None:
        known = np.flatnonzero(np.isfinite(curve[: self.best_epoch]))
        if not len(known):
            return None
        value = float(curve[known[-1]])
        return Mean(value, _SPREAD * abs(value) / np.sqrt(rows) if rows else 0.0, rows or 0)

    # Evidence that needs weights and rows.

    @property
    def chances(self) -> Chances | None:
        """The confidence in the predictions of unseen rows, and whether they are right."""
        return None

    @property
    def layers(self) -> Sequence[LayerStatistics] | None:
        """The health of the hidden layers."""
        return None

    @property
    def moved(self) -> float | None:
        """The distance of the weights from the initial ones, over the norm of these."""
        return None

    @property
    def shrunk(self) -> float | None:
        """The norm of the weights over that of the initial ones."""
        return None

    @property
    def norms(self) -> Sequence[Norm] | None:
        """The distances of batch norms from the data; empty where there are none."""
        return None

    @property
    def outlying(self) -> Outlying | None:
        """The unseen rows whose errors are largest, where errors are squared."""
        return None


def is_wide(gap: Mean) -> bool:
    """Return whether a score is much lower on unseen rows, beyond chance.

    >>> [is_wide(Mean(*one)) for one in ((0.25, 0.03, 300), (0.25, 0.2, 10), (0.03, 0.005, 900))]
    [True, False, False]
    """
    return gap.value >= WIDE and gap.value > CLEAR * gap.error


def _pairs(history: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(history, Mapping):
        raise InputError(
            f"the history is {history!r:.80}; expected metrics by name, a value for each epoch, "
            "as {'loss': [1.2, 0.9]}"
        )
    return history.items()


def _curve(name: str, values: Any) -> Curve:
    """Return a metric's values (epochs,), NaN where there is None."""
    try:
        curve = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    except (TypeError, ValueError):
        curve = np.empty((0, 0))
    if curve.ndim != 1:
        raise InputError(f"{name} is {values!r:.80}; expected a number for each epoch")
    return curve
