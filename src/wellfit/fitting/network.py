"""FittedNetwork: what a training leaves behind, and all that predictions need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from wellfit.core.errors import HyperparameterError
from wellfit.fitting.calibration import temperature
from wellfit.fitting.conformal import IntervalScores, SetScores
from wellfit.fitting.features import FeatureEncoder, Numbers, Table
from wellfit.fitting.job import Compute, RowSplit, TrainingJob
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.fitting.record import TrainingRecord, record_of, report_trouble
from wellfit.fitting.targets import ClassTargets, TargetEncoder
from wellfit.nn import ConcatRows, Layer, Linear
from wellfit.training import Result, Weights, predict
from wellfit.training.precision import threads
from wellfit.training.prediction import Predictor
from wellfit.training.sparse import SparsePredictor, pruned


@dataclass(frozen=True, eq=False)
class TrainedLayers:
    """Layers with what they have learned: a network, or the lower part of one.

    Attributes:
        weights: of one network, as used for predictions.
        features: the encoder of its rows' features; None of layers that read numbers.
        targets: the encoder of its targets; None of layers that end in numbers.
        name: of what was trained, such as ``"MLPClassifier"``.
    """

    weights: Weights
    features: FeatureEncoder | None = None
    targets: TargetEncoder | None = None
    name: str = ""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, from the input to the output."""
        return self.weights.networks[0].layers

    @property
    def parameters(self) -> list[Tensor]:
        """What each layer has learned, (rows, columns)."""
        return self.weights.blocks(0)

    @property
    def statistics(self) -> list[Tensor]:
        """What each layer has tracked, (rows, columns)."""
        weights = self.weights
        views = weights.network.statistics.views(weights.statistics, weights.members)
        return [view[0] for view in views]

    @property
    def linear(self) -> list[Tensor]:
        """The linear layers' weights from the input on, each (inputs + 1, units), biases last.

        Raises:
            AttributeError: submodels, which have weights of their own.
        """
        if self.n_submodels > 1:
            raise AttributeError(
                f"each of {self.n_submodels} submodels has weights of its own; expected "
                "n_submodels=1, or network_.parameters for what each layer has learned"
            )
        pairs = zip(self.layers, self.parameters, strict=True)
        return [block for layer, block in pairs if isinstance(layer, Linear)]

    @property
    def hidden_units(self) -> tuple[int, ...]:
        """The units of the hidden layers, from the input on."""
        return tuple(self.weights.network.units[:-1])

    @property
    def n_submodels(self) -> int:
        """The networks in one that predict by their mean; 1 of a plain network."""
        return self.weights.network.logit_rows

    @property
    def at_work(self) -> list[int]:
        """The places of the layers that don't only disturb training."""
        return [place for place, layer in enumerate(self.layers) if not layer.training_only]


class Fold(NamedTuple):
    """How a network went that was trained without a fold of the rows, and which rows these are."""

    record: TrainingRecord
    split: RowSplit | None


@dataclass(frozen=True, eq=False)
class FittedNetwork(TrainedLayers):
    """A trained network, with the encoders that it was trained with.

    Its weights may be those of several networks, one for each fold of the rows, whose average
    predicts: see :mod:`wellfit.fitting.bagging`.

    A value: estimators keep one and are nothing without it, files hold one, and whoever predicts,
    exports, examines or goes on training starts from one.

    Attributes:
        features: the encoder of its rows' features.
        targets: the encoder of its targets.
        record: how the training went.
        split: which rows it learned from, and which were held out; None where nobody knows.
        settings: the estimator's parameters that predictions depend on.
        borrowed: the layers that it took from another network, if any.
        result: all that is needed to go on training with the optimizer's memory, if it is kept.
        seed: of everything random in its training; None where nobody knows.
        sparse: whether it predicts by sparse matrices.
        folds: the records and splits of several networks, in their order, if they are known.
        oob: (n_samples, n_outputs) the outputs of several networks for the rows of X, each by the
            one that hasn't seen it; NaN for rows of weight 0. None where nobody knows.
        conformal: the scores of calibration rows, if it is calibrated for intervals or sets.
    """

    features: FeatureEncoder
    targets: TargetEncoder
    record: TrainingRecord = field(default_factory=TrainingRecord)
    split: RowSplit | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    borrowed: BorrowedLayers | None = None
    result: Result | None = None
    seed: int | None = None
    sparse: bool = False
    folds: tuple[Fold, ...] = ()
    oob: NDArray[np.floating] | None = None
    conformal: IntervalScores | SetScores | None = None

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

    # Predictions.

    def outputs(self, x: Table, compute: Compute) -> NDArray[np.floating]:
        """Return outputs (n_samples, n_outputs): probabilities, or estimates of scaled targets.

        Args:
            x: validated rows, as the encoder of features takes them.
            compute: where and how to compute.
        """
        predict_of = self.targets.loss.predict
        return self._by_blocks(x, compute, lambda rows: self.evaluate(rows, compute, predict_of))

    def separate_outputs(self, x: Table, compute: Compute) -> NDArray[np.floating]:
        """Return the outputs (n, n_samples, n_outputs) of n networks that predict by their mean.

        They are those of each fold of a bagging, and of each submodel; one, where it is alone.

        Args:
            x: as of :meth:`outputs`, which returns the mean.
            compute: likewise.
        """
        n, predict_of = self.n_submodels, self.targets.loss.predict

        def link(z: Tensor) -> Tensor:
            return predict_of(z.reshape(len(z), n, -1, z.shape[-1])).flatten(1, 2)

        each = self._apart.evaluate_each
        # (folds, n_samples, n · outputs)
        outputs = self._by_blocks(x, compute, lambda rows: each(rows, compute, link))
        apart = outputs.reshape(*outputs.shape[:2], n, -1).swapaxes(1, 2)
        return apart.reshape(-1, *apart.shape[2:])

    def outputs_of_each(self, x: Table, compute: Compute) -> NDArray[np.floating]:
        """Return the outputs (n_networks, n_samples, n_outputs) of networks that are averaged."""
        predict_of, each = self.targets.loss.predict, self.evaluate_each
        return self._by_blocks(x, compute, lambda rows: each(rows, compute, predict_of))

    def _by_blocks(
        self, x: Table, compute: Compute, evaluate: Callable[[Numbers], NDArray[np.floating]]
    ) -> NDArray[np.floating]:
        """Return what is computed of encoded rows (…, n_samples, n_outputs), block by block."""
        blocks = self.features.encoded_blocks(x, compute.numpy_dtype)
        found = [evaluate(numbers) for numbers in blocks]
        return found[0] if len(found) == 1 else np.concatenate(found, axis=-2)

    def encode(
        self, x: Table, y: ArrayLike, compute: Compute
    ) -> tuple[Numbers, NDArray[np.generic]]:
        """Return validated rows and their targets as the engine reads them."""
        numbers = self.features.encode(x, compute.numpy_dtype)
        return numbers, self.targets.encode(y, numbers)

    def evaluate(
        self, x: Numbers, compute: Compute, link: Callable[[Tensor], Tensor] = torch.clone
    ) -> NDArray[np.floating]:
        """Return ``link`` of the logits (n_rows, n_outputs) of encoded rows.

        Of several networks, it is the mean.
        """
        outputs = self.evaluate_each(x, compute, link)
        mean: NDArray[np.floating] = outputs[0] if len(outputs) == 1 else outputs.mean(axis=0)
        return mean

    def evaluate_each(
        self, x: Numbers, compute: Compute, link: Callable[[Tensor], Tensor]
    ) -> NDArray[np.floating]:
        """Return ``link`` of the logits (n_networks, n_rows, n_outputs) of encoded rows."""
        weights, device = self.weights, compute.torch_device
        if weights.parameters.device != device:
            weights = weights.to(weights.parameters.dtype, device)
        with threads(compute.n_threads):
            return predict(
                weights,
                x,
                link,
                precision=self.record.precision,
                pixel_max=self.features.pixel_max,
                predictor=SparsePredictor if self.sparse else Predictor,
            )

    # Variants.

    @property
    def _apart(self) -> Self:
        """The network with the logits of each submodel side by side, and no mean of them."""
        n = self.n_submodels
        if n == 1:
            return self
        networks = tuple(
            each.replace(layers=(*each.layers[:-1], ConcatRows(n)))
            for each in self.weights.networks
        )
        weights = replace(self.weights, network=networks[0], networks=networks)
        return replace(self, weights=weights)

    @property
    def first(self) -> Self:
        """The first of several networks by itself."""
        return self.members[0]

    @property
    def members(self) -> list[Self]:
        """The networks that are averaged, each by itself; this one, where it is the only one."""
        count = self.weights.members
        if count == 1:
            return [self]
        folds = self.folds or (Fold(self.record, None),) * count
        return [
            replace(
                self,
                weights=self.weights.select(torch.tensor([place])),
                record=record,
                split=split,
                folds=(),
                oob=None,
                conformal=None,
            )
            for place, (record, split) in enumerate(folds)
        ]

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
        weights = pruned(self.weights, threshold=threshold, share=share)
        # SciPy's products are of one network.
        return replace(self, weights=weights, sparse=weights.members == 1, conformal=None)

    def tempered(self, by: float) -> Self:
        """Return the network with its logits divided by a number: its last layer's weights are.

        Of submodels, it is each one's logits, before the mean of their predictions.
        """
        everyone = torch.arange(self.weights.members, device=self.weights.parameters.device)
        weights = self.weights.select(everyone)  # a copy: what more training needs stays
        views = weights.network.parameters.views(weights.parameters, weights.members)
        next(view for view in reversed(views) if view.numel()).div_(by)
        record = replace(self.record, temperature=by * (self.record.temperature or 1.0))
        return replace(self, weights=weights, record=record, conformal=None)

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
        each = self._apart.evaluate_each(x, compute, torch.clone)  # networks that are averaged
        logits = np.concatenate(list(each), axis=1)
        n = self.n_submodels * len(each)
        return self.tempered(temperature(self.targets, logits, y, weight, submodels=n))

    def without_memory(self) -> Self:
        """Return the network without what only more training would need."""
        return replace(self, result=None)
