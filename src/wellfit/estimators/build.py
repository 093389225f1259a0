"""JobBuilder: an estimator's parameters and data to a training job."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellfit.augment import augmentations
from wellfit.core.errors import HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.estimators import persistence, settings
from wellfit.estimators.architectures import given_bagging
from wellfit.estimators.auto_bagging import fold_counts
from wellfit.estimators.categories import categories_of, room_for_codes
from wellfit.estimators.continuing import (
    continued,
    memory_of,
    network_before,
    network_to_continue,
    settled,
)
from wellfit.estimators.duration import Interval, batch_size, interval_of, length
from wellfit.estimators.embedding import new_embedding
from wellfit.estimators.encoding import (
    Encoded,
    Encoders,
    encoded,
    extended,
    fit_features,
    problems_of,
)
from wellfit.estimators.parts import parts_of
from wellfit.estimators.rows import seed_of, split_rows, weighed
from wellfit.estimators.submodels import with_submodels
from wellfit.estimators.table_defaults import as_trained, for_table
from wellfit.fitting import (
    Compute,
    FeatureEncoder,
    FittedNetwork,
    TargetEncoder,
    TrainingJob,
)
from wellfit.fitting.job import RowSplit
from wellfit.fitting.pretrained.apply import with_pretrained
from wellfit.fitting.pretrained.base import PretrainedLayers
from wellfit.fitting.pretrained.borrowed import BorrowedLayers
from wellfit.fitting.pretrained.start import borrow, in_words
from wellfit.fitting.scoring import metrics_of
from wellfit.fitting.trained import TrainedLayers
from wellfit.fitting.validation import validate_features
from wellfit.nn import Network, NumericEmbedding
from wellfit.optim import ConstantSchedule, Minimizer, Optimizer
from wellfit.training import Member, Stream
from wellfit.training.checkpoint import read_checkpoint
from wellfit.training.room import check_room


class Origin(NamedTuple):
    """Where a training begins: at new weights, another network's layers, or its own weights."""

    before: FittedNetwork | None = None
    network: Network | None = None  # the layers to go on with
    source: TrainedLayers | None = None
    borrowed: BorrowedLayers | None = None
    like: TrainingJob | None = None  # another training of the same rows


class JobBuilder:
    """Makes the training jobs that an estimator's parameters ask for.

    Subclasses, for networks of another make, override :meth:`architecture` and :meth:`stream`.

    Args:
        estimator: whose parameters count. It remembers the columns of X; nothing else of it
            changes.
        alone: whether its job is run by itself, so that networks of folds may validate it, or be
            averaged in its place.

    Attributes:
        bagging: the folds whose networks are averaged in place of the last job's, if any are.
        folds: those whose networks validate it, if any do.
        resume_from: checkpoints to go on from, of the networks of folds.
        problems: of rows whose encoders were learned from other rows: what these can't express,
            as columns by kind of problem.
    """

    def __init__(self, estimator: Any, *, alone: bool = False) -> None:
        self.estimator, self.alone = estimator, alone
        self.compute = Compute.of(estimator)
        self.bagging: int | None = None
        self.folds: int | None = None
        self.resume_from: str | os.PathLike[str] | None = None
        self.problems: Mapping[str, list[str]] = {}

    def job(
        self,
        X: Any,
        y: ArrayLike | None,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        resume_from: str | os.PathLike[str] | None = None,
    ) -> TrainingJob:
        """Return the training that ``fit`` runs; the arguments are those of ``fit``."""
        X, y, X_val, y_val = parts_of(X, y, X_val, y_val)
        settings.check_options(self.estimator)
        before = network_before(self.estimator) if self.estimator.warm_start else None
        origin, known = self._begun(before)
        x = validate_features(self.estimator, X, known.features)
        n_samples, targets = x.shape[0], known.targets or settings.targets(self.estimator, y)
        y = targets.read(y, warn=before is not None)
        x, y, weight, kept = weighed(self.estimator, targets, x, y, sample_weight)
        given = X_val is not None
        self.bagging, self.folds = fold_counts(self.estimator, x, given=given, alone=self.alone)
        seed = seed_of(self.estimator, before, None if self.bagging else resume_from)
        whole = given or bool(self.folds or self.bagging)
        parts = split_rows(self.estimator, targets, y, whole, seed)
        split, held_out = parts.of(kept, n_samples), parts.held_out
        table = self._encoded(x, y, weight, known.features, targets, parts.train, origin)
        if X_val is not None:
            table, held_out = extended(self.estimator, table, X_val, y_val)
        job = self._assembled(table, self.stream(parts.train, held_out, seed), split, origin)
        job = replace(job, conformal_rows=parts.conformal)
        self.resume_from = resume_from if self.bagging else None
        if resume_from is not None and not self.bagging:
            job = replace(job, resume=read_checkpoint(resume_from, [job.member])[0])
        return job

    def epoch(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, first_targets: ArrayLike
    ) -> TrainingJob:
        """Return the training of one more epoch, on all of these rows.

        Args:
            X: (n_samples, n_features), as of ``partial_fit``.
            y: their targets.
            sample_weight: (n_samples,) or None.
            first_targets: that the first call's encoder is fitted to.
        """
        settings.check_options(self.estimator)
        self.bagging = given_bagging(self.estimator)  # which a single epoch refuses
        before, beforehand = network_before(self.estimator), _fitted_encoders(self.estimator)
        origin, known = self._begun(before)
        known = known if before else beforehand
        x = validate_features(self.estimator, X, known.features)
        targets = known.targets or settings.targets(self.estimator, first_targets)
        y = targets.read(y, warn=before is not None or first_targets is not y)
        x, y, weight, _ = weighed(self.estimator, targets, x, y, sample_weight)
        everyone = np.arange(len(y))
        table = self._encoded(x, y, weight, known.features, targets, everyone, origin)
        stream = self.stream(everyone, None, seed_of(self.estimator, before))
        return self._assembled(table, stream, None, origin, one_epoch=True)

    def _encoded(
        self,
        x: Any,
        y: NDArray[Any],
        weight: NDArray[np.float64] | None,
        features: FeatureEncoder | None,
        targets: TargetEncoder,
        train: NDArray[np.integer],
        origin: Origin,
    ) -> Encoded:
        """Return rows encoded; note what encoders of other rows can't express of them."""
        known = features, targets
        table = encoded(self.estimator, x, y, weight, known, train, origin.source)
        if features is not None:
            # Rows from all over may be followed by batches in some order, each of them narrow.
            narrow = not hasattr(self.estimator, "preprocessing_")
            self.problems = problems_of(x, table, narrow=narrow)
        return table

    def job_like(self, other: TrainingJob, *, reseed: bool = False) -> TrainingJob:
        """Return the training of rows that another, which encodes them alike, has encoded.

        ``reseed`` draws weights and the order of rows by the estimator's own ``random_state``.
        """
        settings.check_options(self.estimator)
        other = other.full_job or other
        (origin, _), stream = self._begun(None), other.stream
        seed = seed_of(self.estimator, None) if reseed else stream.seed
        own = self.stream(stream.train, stream.validation, seed)
        # Members share batches that are one stream's.
        if _order(own) != _order(stream):
            stream = own
        targets = settings.with_end(
            self.estimator, other.targets.with_loss(settings.loss(self.estimator))
        )
        assert other.y is not None
        table = Encoded(other.rows, other.y, other.features, targets)
        job = self._assembled(table, stream, other.split, origin._replace(like=other))
        return replace(job, conformal_rows=other.conformal_rows)

    def encoders(self, X: Any, y: ArrayLike | None) -> Encoders:
        """Return encoders that are fitted to all rows; of targets only where they have a scale."""
        estimator, targets = self.estimator, None
        settings.check_options(estimator)
        x = validate_features(estimator, X)
        if y is not None:
            targets = settings.targets(estimator, y)
            x, y, _, _ = weighed(estimator, targets, x, targets.read(y), None)
            targets = targets.with_scale(y, np.arange(len(y)))
        features = fit_features(estimator, x)
        return Encoders(features, targets if targets and targets.has_scale else None)

    # What estimators of other networks override.

    def architecture(
        self,
        inputs: int,
        targets: TargetEncoder,
        borrowed: BorrowedLayers | None,
        embedding: NumericEmbedding | None = None,
        codes: tuple[int, ...] = (),
    ) -> settings.Architecture:
        """Return the layers for so many inputs, and what their weights are subject to.

        The ``embedding`` is that of numeric columns; the last inputs are so many ``codes`` each.
        """
        e = self.estimator
        below = () if embedding is None else (embedding,), categories_of(e, codes, borrowed)
        built = settings.architecture(e, inputs, targets.n_outputs, borrowed, *below)
        return built._replace(network=with_submodels(e, built.network, targets))

    def stream(
        self, train: NDArray[np.integer], held_out: NDArray[np.integer] | None, seed: int
    ) -> Stream:
        """Return which rows are read, in which order, and how they are changed."""
        return Stream(
            train,
            held_out,
            seed,
            augment=augmentations(self.estimator.augment),
            image_shape=settings.image_shape(self.estimator.image_shape),
            shuffle=bool(self.estimator.shuffle) and not _minimizes(self.estimator),
        )

    # The network before, and what it is to become.

    def _begun(self, before: FittedNetwork | None) -> tuple[Origin, Encoders]:
        """Return where training begins, and the encoders that are settled by that."""
        if before is None:
            source = _source(self.estimator)
            borrowed = None if source is None else borrow(self.estimator.pretrained, source)
            return Origin(source=source, borrowed=borrowed), Encoders()
        targets = before.targets.with_loss(settings.loss(self.estimator))
        known = Encoders(before.features, settings.with_end(self.estimator, targets))
        network = network_to_continue(self, before)
        return Origin(before, network, borrowed=before.borrowed), known

    # Training.

    def _assembled(
        self,
        table: Encoded,
        stream: Stream,
        split: RowSplit | None,
        origin: Origin,
        *,
        one_epoch: bool = False,
    ) -> TrainingJob:
        """Return the job of encoded rows, from where it begins."""
        estimator, (rows, y, features, targets) = self.estimator, table
        stream = stream.shuffled_by(rows.blocks)
        before, pretrained = origin.before, estimator.pretrained
        member = self._member(table, stream, origin, one_epoch)
        wanted = () if one_epoch else settings.scored(estimator)
        interval = Interval() if one_epoch else interval_of(estimator)
        job = TrainingJob(
            rows, stream, member, features, targets, y, self.compute,
            callbacks=tuple(settings.callbacks(estimator, one_epoch)),
            metrics=metrics_of(estimator, wanted, y, targets),
            eval_every=interval.epochs,
            eval_steps=interval.steps,
            split=split,
            settings=settled(estimator, before),
            name=type(estimator).__name__, calibration=getattr(estimator, "calibration", None),
            saved_as=persistence.saved_as(estimator, member.network, before, origin.borrowed),
            borrowed=origin.borrowed,
            pretrained=before.record.pretrained if before else None,
        )  # fmt: skip
        if pretrained is not None:
            job = with_pretrained(job, pretrained, origin.source, before, one_epoch=one_epoch)
            if estimator.verbose and job.pretrained is not None:
                print(in_words(job.pretrained), file=sys.stderr)
        if before is not None and job.start is None:
            job = continued(job, before, one_epoch=one_epoch)
        return job

    def _member(self, table: Encoded, stream: Stream, origin: Origin, one_epoch: bool) -> Member:
        """Return the training, of a new network or of the one to go on with."""
        e, rows = self.estimator, len(stream.train)
        if one_epoch:
            _refuse_minimizers(e)
        e = _settled(e, table, origin, rows, one_epoch=one_epoch, bagged=bool(self.bagging))
        given = e, table, stream.train, origin.borrowed, origin.like
        embedding = None if origin.network else new_embedding(*given, one_epoch=one_epoch)
        below = origin.borrowed, embedding, room_for_codes(e, table.features, origin.network)
        built = type(self)(e).architecture(table.rows.x.shape[1], table.targets, *below)
        fixed = one_epoch or _minimizes(e)
        member = Member(
            network=origin.network or built.network,
            loss=table.targets.loss,
            optimizer=settings.optimizer(e),
            lr_schedule=ConstantSchedule() if fixed else settings.resolve_schedule(e),
            schedules=() if one_epoch else settings.schedules(e.schedules),
            penalties=built.penalties,
            constraints=built.constraints,
            gradient_clipping=settings.clipping(e.gradient_clipping),
            ema_decay=settings.ema_decay(e, built.penalties),
            batch_size=batch_size(e.batch_size, rows),
            seed=stream.seed,
            **(length(e, rows) if not one_epoch else {"epochs": 1}),
        )
        check_room(member, rows, self.compute.dtype, self.compute.torch_device)
        memory = memory_of(origin.before, member) if one_epoch else None
        return member if memory is None else member.replace(epochs=memory.epoch + 1)


def _minimizes(estimator: Any) -> bool:
    """Say whether all rows are looked at before each move."""
    return isinstance(resolve(Optimizer, estimator.optimizer), Minimizer)


def _refuse_minimizers(estimator: Any) -> None:
    if _minimizes(estimator):
        raise HyperparameterError(
            f"partial_fit can't use {estimator.optimizer!r}, which needs all rows at once; "
            "expected an optimizer such as 'adam'"
        )


def _settled(
    estimator: Any, table: Encoded, origin: Origin, rows: int, *, one_epoch: bool, bagged: bool
) -> Any:
    """Return an estimator with what suits a table in place of what it leaves open."""
    if origin.before is not None:
        return as_trained(estimator, origin.before)
    given = estimator, table.features, table.targets, origin.borrowed
    return for_table(*given, rows=rows, one_epoch=one_epoch, bagged=bagged)


def _order(stream: Stream) -> tuple[Any, ...]:
    """Return how a stream orders and changes the rows that it reads."""
    return stream.seed, stream.augment, stream.image_shape, stream.shuffle, stream.pairs


def _fitted_encoders(estimator: Any) -> Encoders:
    """Return what ``fit_preprocessing`` has learned, if it was called.

    Raises:
        HyperparameterError: with another ``preprocess``.
    """
    known: Encoders = getattr(estimator, "preprocessing_", Encoders())
    if known.features is None:
        return known
    now = estimator.preprocess
    if not known.features.encodes_as(now) and not hasattr(estimator, "network_"):
        raise HyperparameterError(
            f"preprocess is {now!r}, and was {known.features.preprocess!r} when "
            "fit_preprocessing was called; expected the same, or another call of it"
        )
    if known.targets is None:
        return known
    targets = known.targets.with_loss(settings.loss(estimator))
    return Encoders(known.features, settings.with_end(estimator, targets))


def _source(estimator: Any) -> TrainedLayers | None:
    """Return the network to take layers from, if any."""
    pretrained = estimator.pretrained
    if pretrained is None:
        return None
    if not isinstance(pretrained, PretrainedLayers):
        raise HyperparameterError(
            f"pretrained is {pretrained!r}; expected None, or wellfit.transfer.Pretrained(model)"
        )
    return pretrained.source()
