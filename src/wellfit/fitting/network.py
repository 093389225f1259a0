"""FittedNetwork: what a training leaves behind, and all that predictions need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from wellfit.core.errors import HyperparameterError
from wellfit.fitting.averaged import AveragedNetworks
from wellfit.fitting.calibration import temperature
from wellfit.fitting.features import Numbers
from wellfit.fitting.job import Compute, TrainingJob
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.fitting.record import record_of, report_trouble
from wellfit.fitting.targets import ClassTargets
from wellfit.training import Result, Weights
from wellfit.training.sparse import pruned


@dataclass(frozen=True, eq=False)
class FittedNetwork(AveragedNetworks):
    """A trained network, with the encoders that it was trained with.

    Several may predict by their mean: see :class:`~wellfit.fitting.averaged.AveragedNetworks`,
    which also says what its other attributes are.

    A value: estimators keep one and are nothing without it, files hold one, and whoever predicts,
    exports, examines or goes on training starts from one.

    Attributes:
        settings: the estimator's parameters that predictions depend on.
        borrowed: the layers that it took from another network, if any.
        result: all that is needed to go on training with the optimizer's memory, if it is kept.
        seed: of everything random in its training; None where nobody knows.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    borrowed: BorrowedLayers | None = None
    result: Result | None = None
    seed: int | None = None

    @classmethod
    def of(cls, job: TrainingJob, result: Result, precision: str) -> Self:
        """Return what a job's training has led to.

        Args:
            job: the training.
            result: of one member.
            precision: that it was trained in.

        Raises:
            DivergedError: the loss became infinite before any epoch was worth keeping.
        """
        report_trouble(result)
        whole = result if job.prefix is None else job.prefix.joined(result)
        network = cls(
            weights=whole.weights(),
            features=job.features,
            targets=job.targets,
            record=record_of(whole, precision, job.pretrained),
            split=job.split,
            settings=job.settings,
            name=job.name,
            borrowed=job.borrowed,
            result=whole,
            seed=job.stream.seed,
        )
        held, rows = job.stream.judged, (job.full_job or job).rows
        if job.calibration is None or held is None:
            return network
        weight = None if rows.weight is None else rows.weight[held]
        return network.calibrated(rows.x[held], rows.y[held], weight, job.compute)

    # Variants.

    def pruned(self, threshold: float, share: float) -> Self:
        """Return the network with small weights set to zero, which predicts sparsely.

        Raises:
            HyperparameterError: a number out of its range.
        """
        if not threshold >= 0 or not 0 <= share < 1:
            raise HyperparameterError(
                f"threshold is {threshold!r} and share {share!r}; expected a threshold of at "
                "least 0 and a share in [0, 1)"
            )
        weights, *others = (pruned(each, threshold=threshold, share=share) for each in self.stacks)
        # SciPy's products are of one network.
        alone = self.n_networks == 1
        return replace(self, weights=weights, others=tuple(others), sparse=alone, conformal=None)

    def tempered(self, by: float) -> Self:
        """Return the network with its logits divided by a number: its last layer's weights are.

        Of submodels, it is each one's logits, before the mean of their predictions.
        """
        weights, *others = (_tempered(each, by) for each in self.stacks)
        record = replace(self.record, temperature=by * (self.record.temperature or 1.0))
        return replace(self, weights=weights, others=tuple(others), record=record, conformal=None)

    @property
    def uncalibrated(self) -> Self:
        """The network with the logits that it was trained to have, for training to go on."""
        by = self.record.temperature
        if by is None:
            return self
        network = self.tempered(1 / by)
        return replace(network, record=replace(self.record, temperature=None))

    def calibrated(
        self,
        x: Numbers,
        y: NDArray[np.generic],
        weight: NDArray[np.float64] | None,
        compute: Compute,
    ) -> Self:
        """Return a classifier's network at the temperature that suits some rows best.

        Args:
            x: the encoded rows.
            y: their encoded targets.
            weight: (n_rows,) or None.
            compute: where and how to compute.
        """
        assert isinstance(self.targets, ClassTargets)
        logits, shares = self.separate_logits(x, compute), self.separate_shares
        return self.tempered(temperature(self.targets, logits, y, weight, shares=shares))

    def without_memory(self) -> Self:
        """Return the network without what only more training would need."""
        return replace(self, result=None)


def _tempered(weights: Weights, by: float) -> Weights:
    """Return a copy of weights, whose last layer's are divided: what more training needs stays."""
    copied = weights.select(torch.arange(weights.members, device=weights.parameters.device))
    views = copied.network.parameters.views(copied.parameters, copied.members)
    next(view for view in reversed(views) if view.numel()).div_(by)
    return copied
