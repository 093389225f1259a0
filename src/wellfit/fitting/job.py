"""TrainingJob: everything that one training needs, ready to run alone or in a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wellfit.fitting.encoded import EncodedRows
from wellfit.fitting.features import FeatureEncoder
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.fitting.pretrained.prefix import FrozenPrefix
from wellfit.fitting.scoring import ScorerMetric
from wellfit.fitting.targets import TargetEncoder
from wellfit.training import Callback, Member, Result, Rows, Stream, Weights
from wellfit.training.precision import device_of, dtype_of


@dataclass(frozen=True)
class Compute:
    """Where and how numbers are computed.

    Attributes:
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``…
        precision: ``"float32"``, ``"float64"``, ``"bfloat16"`` or ``"auto"``.
        n_threads: of the processor; None for as many as PyTorch would take.
        processes: ``"auto"`` for all that torchrun started; ``"dask"`` for a cluster's workers;
            None for this one alone.

    >>> Compute(device="cpu", precision="float64").dtype
    torch.float64
    """

    device: str = "auto"
    precision: str = "float32"
    n_threads: int | None = None
    processes: str | None = None

    @classmethod
    def of(cls, estimator: Any) -> Compute:
        """Return what an estimator's parameters ask for."""
        processes = getattr(estimator, "processes", None)  # which not all pretraining has
        return cls(estimator.device, estimator.precision, estimator.n_threads, processes)

    @property
    def dtype(self) -> torch.dtype:
        """The type that weights and batches are kept in."""
        return dtype_of(self.precision)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The type that features are encoded to."""
        return np.dtype(str(self.dtype).removeprefix("torch."))

    @property
    def torch_device(self) -> torch.device:
        """The device, ``"auto"`` resolved."""
        return device_of(self.device)


@dataclass(frozen=True)
class RowSplit:
    """Which rows of X a network learned from, and which it was validated on, by position.

    Attributes:
        train: of the training rows.
        held_out: of the validation rows; None where they were given apart, or there are none.
        n_samples: the rows of X; None where nobody asks.
        conformal: of the rows that calibrate intervals or sets; None where there are none.
    """

    train: NDArray[np.integer]
    held_out: NDArray[np.integer] | None = None
    n_samples: int | None = None
    conformal: NDArray[np.integer] | None = None

    def is_of(self, n_samples: int) -> bool:
        """Say whether all positions are below a number of rows."""
        ids = self.train if self.held_out is None else np.append(self.train, self.held_out)
        return bool(len(ids)) and int(ids.max()) < n_samples


@dataclass(frozen=True)
class TrainingJob:
    """One training: what an estimator's parameters and data come to.

    A value that knows nothing of the estimator: :func:`wellfit.fitting.run` trains it, alone or
    stacked with others, and returns a :class:`~wellfit.fitting.FittedNetwork`.

    Attributes:
        rows: all rows, encoded; jobs that share them are trained on one copy.
        stream: which of them to train on, and to be validated on.
        member: the training itself: network, loss, optimizer, epochs, seed.
        features: the encoder of the rows' features.
        targets: the encoder of their targets.
        y: all rows' targets as :meth:`TargetEncoder.read` returns them; None where nobody asks.
        compute: device, precision and threads.
        callbacks: that are called at every epoch.
        metrics: of scikit-learn's scorers, by name, computed at every epoch.
        eval_every: epochs from one evaluation to the next, at least 1.
        eval_steps: steps from one evaluation to the next, where they aren't counted in epochs.
        val_metrics: validation metrics that are known beforehand, by name, a value for each
            epoch, in place of validation rows.
        split: the rows' positions in X.
        start: the weights to begin with, where they aren't drawn.
        resume: a result to go on from, in place of a beginning.
        calibration: ``"temperature"`` for logits scaled by validation rows; None for none.
        conformal_rows: positions of the rows that calibrate intervals or sets; None for none.
        settings: the estimator's parameters that predictions depend on.
        name: of what is trained, such as ``"MLPClassifier"``.
        saved_as: the name and the parameters that files hold of its estimator, as plain data; None
            where no file can hold it.
        borrowed: the layers taken from another network, if any.
        pretrained: how these are used, in words and numbers; see ``pretrained_``.
        prefix: the frozen layers whose outputs are the rows, if any.
        full_job: the whole training, where ``prefix`` stands for its lowest layers.
    """

    rows: EncodedRows
    stream: Stream
    member: Member
    features: FeatureEncoder
    targets: TargetEncoder
    y: NDArray[Any] | None = None
    compute: Compute = field(default_factory=Compute)
    callbacks: tuple[Callback, ...] = ()
    metrics: Mapping[str, ScorerMetric] = field(default_factory=dict)
    eval_every: int = 1
    eval_steps: int | None = None
    val_metrics: Mapping[str, Sequence[float]] | None = None
    split: RowSplit | None = None
    start: Weights | None = None
    resume: Result | None = None
    calibration: str | None = None
    conformal_rows: NDArray[np.integer] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    saved_as: Mapping[str, Any] | None = None
    borrowed: BorrowedLayers | None = None
    pretrained: Mapping[str, Any] | None = None
    prefix: FrozenPrefix | None = None
    full_job: TrainingJob | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what goes to other processes: not all rows once more."""
        return {**self.__dict__, "full_job": None}

    def on_device(self) -> Rows:
        """Return the rows on the device."""
        return Rows(
            self.rows.x,
            self.rows.y,
            self.rows.weight,
            dtype=self.compute.dtype,
            device=self.compute.torch_device,
            pixel_max=self.features.pixel_max,
        )


def without_exclusive_files(job: TrainingJob) -> TrainingJob:
    """Return a job without the callbacks whose files take a single training only."""
    return replace(
        job, callbacks=tuple(each for each in job.callbacks if not each.exclusive_files)
    )
