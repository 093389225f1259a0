"""AveragedNetworks: networks whose mean predicts, of folds of the rows and of architectures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from wellfit.fitting.conformal import IntervalScores, SetScores
from wellfit.fitting.features import FeatureEncoder, Numbers, Table
from wellfit.fitting.job import Compute, RowSplit
from wellfit.fitting.record import TrainingRecord
from wellfit.fitting.targets import TargetEncoder
from wellfit.fitting.trained import TrainedLayers
from wellfit.nn import ConcatRows
from wellfit.training import Weights, predict
from wellfit.training.precision import threads
from wellfit.training.prediction import Predictor
from wellfit.training.sparse import SparsePredictor

Networks = TypeVar("Networks", bound="AveragedNetworks")


class WeighedArchitecture(NamedTuple):
    """One of the architectures that an estimator trained, as the selection judged it.

    Attributes:
        name: the parameters in which it differs from the estimator.
        weight: how much its networks count in the mean; 0 where it wasn't selected.
        metric: that the selection judged by, such as ``"loss"``.
        oob: this metric of its out-of-fold predictions; NaN where a network diverged.
    """

    name: str
    weight: float
    metric: str
    oob: float


class Fold(NamedTuple):
    """How a network went that was trained without a fold of the rows, and which rows these are."""

    record: TrainingRecord
    split: RowSplit | None


@dataclass(frozen=True, eq=False)
class AveragedNetworks(TrainedLayers):
    """Networks that predict by their mean, with the encoders of their data; often only one.

    There may be one for each fold of the rows: a stack, whose weights lie together. And there may
    be several such stacks, of architectures that count by their weights; see
    :mod:`wellfit.fitting.bagging`. Where layers are looked at, the first network stands for all.

    Attributes:
        weights: of the networks of the architecture that counts most.
        features: the encoder of their rows' features.
        targets: the encoder of their targets.
        record: how the training went.
        split: which rows they learned from, and which were held out; None where nobody knows.
        sparse: whether they predict by sparse matrices.
        folds: the records and splits of several networks, in their order, if they are known.
        oob: (n_samples, n_outputs) the outputs of several networks for the rows of X, each by the
            one that hasn't seen it; NaN for rows of weight 0. None where nobody knows.
        conformal: the scores of calibration rows, if they are calibrated for intervals or sets.
        others: the weights of the other architectures that count, as many networks each.
        architectures: all that were trained, in the order of their weights; none of a single one.
    """

    features: FeatureEncoder
    targets: TargetEncoder
    record: TrainingRecord = field(default_factory=TrainingRecord)
    split: RowSplit | None = None
    sparse: bool = False
    folds: tuple[Fold, ...] = ()
    oob: NDArray[np.floating] | None = None
    conformal: IntervalScores | SetScores | None = None
    others: tuple[Weights, ...] = ()
    architectures: tuple[WeighedArchitecture, ...] = ()

    # The networks.

    @property
    def stacks(self) -> tuple[Weights, ...]:
        """The weights of each architecture that counts."""
        return (self.weights, *self.others)

    @property
    def shares(self) -> list[float]:
        """How much each of these counts; their sum is 1."""
        return [each.weight for each in self.architectures[: len(self.stacks)]] or [1.0]

    @property
    def n_networks(self) -> int:
        """The networks that are averaged, of all folds and architectures."""
        return sum(weights.members for weights in self.stacks)

    @property
    def n_parameters(self) -> int:
        """The numbers that all of them have learned."""
        return sum(weights.network.size * weights.members for weights in self.stacks)

    @property
    def separate(self) -> list[Self]:
        """The networks of each architecture that counts, by themselves."""
        if not self.others:
            return [self]
        count = self.weights.members
        return [
            replace(
                self,
                weights=weights,
                folds=self.folds[place * count : (place + 1) * count],
                oob=None,
                conformal=None,
                others=(),
                architectures=(),
            )
            for place, weights in enumerate(self.stacks)
        ]

    @property
    def first(self) -> Self:
        """The first of several networks by itself."""
        return self.members[0]

    @property
    def members(self) -> list[Self]:
        """The networks that are averaged, each by itself; this one, where it is the only one."""
        if self.n_networks == 1:
            return [self]
        return [one for each in self.separate for one in _of_each_fold(each)]

    @property
    def member_shares(self) -> list[float]:
        """How much each of the members counts; their sum is 1."""
        count = self.weights.members
        return [share / count for share in self.shares for _ in range(count)]

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

        They are those of each fold, architecture and submodel; one, where it is alone.

        Args:
            x: as of :meth:`outputs`, which returns the mean.
            compute: likewise.
        """
        predict_of = self.targets.loss.predict

        def evaluate(rows: Numbers) -> NDArray[np.floating]:
            return self._apart(rows, compute, predict_of)

        return self._by_blocks(x, compute, evaluate)

    def outputs_of_each(self, x: Table, compute: Compute) -> NDArray[np.floating]:
        """Return the outputs (n_folds, n_samples, n_outputs) of each fold's networks."""
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
        """Return ``link`` of the logits (n_folds, n_rows, n_outputs) of encoded rows.

        Of several architectures, it is the mean of a fold's networks, each by its share.
        """
        found = [self._evaluated(weights, x, compute, link) for weights in self.stacks]
        return weighted(found, self.shares)

    def _evaluated(
        self,
        weights: Weights,
        x: Numbers,
        compute: Compute,
        link: Callable[[Tensor], Tensor],
    ) -> NDArray[np.floating]:
        device = compute.torch_device
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

    def separate_logits(self, x: Numbers, compute: Compute) -> NDArray[np.floating]:
        """Return the logits (n, n_rows, n_logits) of n networks that predict by their mean.

        Args:
            x: encoded rows.
            compute: where and how to compute.
        """
        return self._apart(x, compute, torch.clone)

    def _apart(
        self, x: Numbers, compute: Compute, link: Callable[[Tensor], Tensor]
    ) -> NDArray[np.floating]:
        """Return ``link`` of the logits (n, n_rows, n_outputs) of each fold and submodel."""
        found = []
        for weights in self.stacks:
            n = weights.network.logit_rows

            def by_submodel(z: Tensor, n: int = n) -> Tensor:
                return link(z.reshape(len(z), n, -1, z.shape[-1])).flatten(1, 2)

            each = self._evaluated(_without_mean(weights), x, compute, by_submodel)
            apart = each.reshape(*each.shape[:2], n, -1).swapaxes(1, 2)
            found.append(apart.reshape(-1, *apart.shape[2:]))
        return np.concatenate(found)

    @property
    def separate_shares(self) -> NDArray[np.float64]:
        """How much each fold and submodel counts (n,); their sum is 1."""
        counts = [weights.members * weights.network.logit_rows for weights in self.stacks]
        shares = [share / n for share, n in zip(self.shares, counts, strict=True)]
        return np.repeat(shares, counts)


def weighted(several: list[NDArray[np.floating]], shares: list[float]) -> NDArray[np.floating]:
    """Return the sum of arrays, each times its share; the only one as it is.

    >>> weighted([np.array([1.0, 2.0]), np.array([3.0, 6.0])], [0.75, 0.25])
    array([1.5, 3. ])
    """
    if len(several) == 1:
        return several[0]
    total = several[0] * shares[0]
    for each, share in zip(several[1:], shares[1:], strict=True):
        total += each * share
    return total


def _without_mean(weights: Weights) -> Weights:
    """Return networks that end in the logits of each submodel side by side, and no mean of them.

    Those without submodels are as they are.
    """
    n = weights.network.logit_rows
    if n == 1:
        return weights
    networks = tuple(
        each.replace(layers=(*each.layers[:-1], ConcatRows(n))) for each in weights.networks
    )
    return replace(weights, network=networks[0], networks=networks)


def _of_each_fold(networks: Networks) -> list[Networks]:
    """Return the networks of one architecture, each by itself."""
    folds = networks.folds or (Fold(networks.record, None),) * networks.weights.members
    return [
        replace(
            networks,
            weights=networks.weights.select(torch.tensor([place])),
            record=record,
            split=split,
            folds=(),
            oob=None,
            conformal=None,
        )
        for place, (record, split) in enumerate(folds)
    ]
