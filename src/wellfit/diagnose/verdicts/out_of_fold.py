"""Trainings with folds, that validated one network or of which several are averaged.

Their unseen rows are the training rows, each as predicted by a network that hasn't seen it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wellfit.diagnose.verdicts import baselines, measured
from wellfit.diagnose.verdicts.fitted import FittedTraining, RowSubset, numbers_of
from wellfit.diagnose.verdicts.scores import Baseline
from wellfit.diagnose.verdicts.training import OUT_OF_FOLD, Chances
from wellfit.estimators.base import BaseMLP
from wellfit.fitting import ClassTargets, Compute
from wellfit.fitting.validation import validate_features
from wellfit.nn.links import link_of, logits_of


def is_judged_by_folds(estimator: BaseMLP, y: Any) -> bool:
    """Say whether there are out-of-fold outputs for these targets' rows."""
    network = estimator.network_
    if network.split is None or network.oob is None or y is None:
        return False
    return len(network.oob) == len(y)


class OutOfFoldTraining(FittedTraining):
    """A fitted estimator's training on all rows, judged by its out-of-fold outputs.

    Args:
        estimator: fitted, and validated by folds, or an average of networks of a fold each. Of
            these the first one's curves and layers stand for all.
        X: the rows it was fitted to.
        y: their targets.
    """

    _averages = False  # while the first of several networks is read

    def __init__(self, estimator: BaseMLP, X: Any, y: Any) -> None:
        super().__init__(estimator, X, y, None, None)
        self._averages = self.estimator is not estimator
        self.estimator, split = estimator, estimator.network_.split
        assert split is not None
        self._training = X, np.asarray(y), split.train
        self._learned, self.training_rows = self._part(*self._training), len(split.train)
        self._kind, self.repeated = OUT_OF_FOLD, 0
        # The very rows that were learned from: no matter how many are looked at, they are pairs.
        self._unseen = self._part(*self._training)
        self.validation_rows = len(self._unseen.ids)

    @cached_property
    def _outputs(self) -> NDArray[np.floating]:
        """The out-of-fold outputs (n_rows, n_outputs) of the unseen rows."""
        oob = self.estimator.network_.oob
        assert oob is not None
        assert self._unseen is not None
        return np.asarray(oob[self._unseen.ids])

    def _logits(self, part: RowSubset) -> list[tuple[Tensor, Tensor]]:
        if part is not self._unseen and not self._averages:
            return super()._logits(part)
        found = self._outputs if part is self._unseen else self._outputs_of_average(part)
        outputs = torch.from_numpy(found.astype(np.float32)).T[None]
        ids = torch.arange(len(part.rows))
        targets = part.rows.targets(ids, self._loss, self.weights.network.outputs)
        return [(logits_of(outputs, link_of(self._loss)), targets)]

    def _outputs_of_average(self, part: RowSubset) -> NDArray[np.floating]:
        network = self.estimator.network_
        x = validate_features(self.estimator, part.X, network.features)
        return network.outputs(x, Compute.of(self.estimator))

    def _pair(self, part: RowSubset) -> tuple[NDArray[Any], NDArray[Any]]:
        if part is not self._unseen:
            return super()._pair(part)
        encoder = self.estimator.network_.targets
        decoded = (
            encoder.probabilities(self._outputs)
            if isinstance(encoder, ClassTargets)
            else encoder.decode(self._outputs)
        )
        truth = measured.targets(self.estimator, part.y)
        return truth, measured.as_predictions(self.estimator, decoded)

    def _baselines(self) -> Iterator[Baseline]:
        assert self._training is not None
        X, y, ids = self._training
        rows = self._part(X, y, ids)
        truth = measured.targets(self.estimator, rows.y)
        # A row's own target isn't in its means: the same columns serve all folds.
        extra, _ = measured.encoded_by_target(self.estimator, rows.X, truth, rows.X)
        table = baselines.BaselineRows(numbers_of(rows.rows), extra, truth)
        yield from baselines.compare_by_folds(self.metric, table, self._unseen_errors)

    @cached_property
    def chances(self) -> Chances | None:
        """The confidence in the classes of unseen rows, and whether they are right."""
        known = self.estimator.network_.targets
        if self._unseen is None or not isinstance(known, ClassTargets) or not known.one_label:
            return None
        given = known.probabilities(self._outputs)
        right = known.classes[given.argmax(axis=1)] == self._unseen.y
        return Chances(given.max(axis=1).astype(np.float64), np.asarray(right))
