"""What classifier and regressor share: parameters, fitting, going on, saving."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from wellfit.core.errors import DivergedError, HyperparameterError, InputError
from wellfit.estimators import reusing, settings
from wellfit.estimators.incremental import Incremental
from wellfit.estimators.inputs import checked
from wellfit.estimators.prepared import Prepared
from wellfit.estimators.pruning import Pruning
from wellfit.estimators.reading import Reading
from wellfit.estimators.reusing import Reusing
from wellfit.estimators.saving import Saving
from wellfit.estimators.showing import Epochs, Showing
from wellfit.estimators.sources import Source, same_head
from wellfit.estimators.starting import Starting
from wellfit.estimators.tables import Table
from wellfit.estimators.undo import whole_or_not_at_all
from wellfit.nn import Network
from wellfit.optim import Constant
from wellfit.training import (
    Member,
    Result,
    Rows,
    Status,
    Stream,
    predict,
    train,
)
from wellfit.training.checkpoint import read_checkpoint
from wellfit.training.precision import device_of, dtype_of, threads
from wellfit.training.precision_choice import choose_precision
from wellfit.training.room import check_room


class BaseMLP(Showing, Pruning, Saving, Incremental, Starting, Reading):
    """A multi-layer perceptron behind scikit-learn's conventions.

    Subclasses say what their targets are; see :class:`wellfit.MLPClassifier`.
    """

    # Fitting.

    @whole_or_not_at_all
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        resume_from: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Train on rows X and targets y, from fresh weights unless ``warm_start``.

        Args:
            X: (n_samples, n_features): a DataFrame (pandas, polars), an array or a sparse matrix.
            y: (n_samples,) or (n_samples, n_outputs).
            sample_weight: (n_samples,), at least 0; a row of weight 0 counts as absent.
            X_val: rows to judge every epoch by, like X; else some of X's may be held out.
            y_val: their targets.
            resume_from: checkpoints of an earlier fit of the same parameters to the same data,
                to go on from the newest whole one: a folder of
                :class:`~wellfit.training.Checkpoint`, or a file of it.

        Returns:
            The estimator itself.

        Raises:
            InputError: data or parameters that cannot be used, saying what was expected.
            ModelFileError: no whole checkpoint to resume from.
            DivergedError: the loss became infinite before any epoch was worth keeping.
        """
        prepared = self._prepare(X, y, sample_weight, X_val, y_val, resume_from)
        self._train(prepared, resume_from=resume_from)
        return self

    @whole_or_not_at_all
    def _partial_fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, first_targets: ArrayLike
    ) -> Self:
        """Train one epoch on these rows; ``first_targets`` is what the first call learns from."""
        settings.check_options(self)
        begun, readable = hasattr(self, "_weights"), self._is_readable()
        network = self._settle(begun)
        x = checked(self, X, reset=not readable)
        source = None if begun else self._borrow()
        if not begun and not self._knows_target_scale():
            self._fit_targets(first_targets)
        targets = self._read_targets(y, warn=begun or first_targets is not y)
        x, targets, weight = self._weighed(x, targets, sample_weight)
        everyone = np.arange(len(targets))
        if not begun:
            self._fit_reading(x, targets, everyone, source, readable)
        table = self._table(x, targets, weight)
        if readable:
            self._warn_of_unlike(x, table)
        stream = self._stream(everyone, None, self._seed(fresh=not begun))
        member = self._member(len(everyone), table.x.shape[1], stream.seed, network, one_more=True)
        work = self._work(table, stream, member, begun, None, one_more=True)
        self._train(self._begin(work, source))
        return self

    def _prepare(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        resume_from: str | os.PathLike[str] | None = None,
    ) -> Prepared:
        """Check all that is given, learn how to read it, and return the training it asks for."""
        if y is None:
            raise InputError("fit requires y to be passed, but the target y is None")
        settings.check_options(self)
        going_on = self.warm_start and hasattr(self, "_weights")
        network = self._settle(going_on)
        x = checked(self, X, reset=not going_on)
        source = None if going_on else self._borrow()
        targets = self._read_targets(y) if going_on else self._fit_targets(y)
        x, targets, weight = self._weighed(x, targets, sample_weight)
        seed = self._seed(fresh=not going_on, resume_from=resume_from)
        train_ids, held_ids = self._hold_out(targets, X_val is not None, seed)
        if not going_on:
            self._fit_reading(x, targets, train_ids, source)
        table = self._table(x, targets, weight)
        if going_on:
            self._warn_of_unlike(x, table)
        if X_val is not None:
            table, held_ids = self._append_validation(table, X_val, y_val)
            assert y_val is not None  # else it was refused just now
            targets = np.concatenate([targets, self._read_targets(y_val, warn=False)])
        stream = self._stream(train_ids, held_ids, seed)
        member = self._member(len(train_ids), table.x.shape[1], seed, network)
        return self._begin(self._work(table, stream, member, going_on, targets), source)

    def _fit_reading(
        self,
        x: Any,
        y: NDArray[Any],
        train_ids: NDArray[np.integer],
        source: Source | None,
        readable: bool = False,
    ) -> None:
        """Learn from training rows how to read all rows, or go on as a network was taught.

        ``readable`` rows are read as :meth:`fit_preprocessing` has learned to.
        """
        if not readable:
            self._inputs = self._fit_inputs(x, train_ids, source)
            self._warned, self._fitted_beforehand = frozenset(), False
        if not (readable and self._knows_target_scale()):
            self._fit_target_scale(y, train_ids)
        if source is not None and self._taken is not None and self._taken.head:
            same_head(source, self)

    def _prepare_like(self, other: Prepared, *, reseed: bool = False) -> Prepared:
        """Return this estimator's training on what another, that reads alike, has read already.

        ``reseed`` draws weights and the order of rows by this estimator's own ``random_state``.
        """
        settings.check_options(self)
        other = other.uncut or other
        own = self.get_params(deep=False)
        self.__dict__.update({k: v for k, v in vars(other.estimator).items() if k not in own})
        self._settle(going_on=False)
        stream, source = other.stream, self._borrow()
        if reseed:
            stream = replace(stream, seed=self._seed(fresh=True))
        member = self._member(len(stream.train), other.table.x.shape[1], stream.seed)
        same = (self.augment, self.image_shape, self.shuffle, self._minimizes())
        that = other.estimator
        if same != (that.augment, that.image_shape, that.shuffle, that._minimizes()):
            stream = self._stream(stream.train, stream.validation, stream.seed)
        return self._begin(self._work(other.table, stream, member, False, other.targets), source)

    def _reading(self) -> tuple[Any, ...]:
        """Return the parameters by which data are read, split and encoded."""
        return (
            self.preprocess,
            repr(self.image_shape),
            self.validation_fraction,
            settings.holds_out(self),
            self.subsample,
            self.random_state,
            dtype_of(self.precision),
            repr(self.loss),
            repr(getattr(self, "class_weight", None)),
            self.pretrained.reading() if isinstance(self.pretrained, Reusing) else None,
        )

    def _work(
        self,
        table: Table,
        stream: Stream,
        member: Member,
        going_on: bool,
        targets: NDArray[Any] | None,
        one_more: bool = False,
    ) -> Prepared:
        callbacks = settings.callbacks(self, one_more)
        return Prepared(self, table, stream, member, callbacks, targets, going_on, one_more)

    def _train(self, work: Prepared, *, resume_from: str | os.PathLike[str] | None = None) -> None:
        """Train and keep the result."""
        member, stream, rows = work.member, work.stream, work.rows()
        resume = None
        if work.start is None and work.going_on:
            resume = self._continued(member, rows, work.one_more)
        elif work.start is not None:
            resume = Result.beginning([member], work.start.to(rows.dtype, rows.device))
        if resume_from is not None:
            resume, _ = read_checkpoint(resume_from, [member])
        with threads(self.n_threads):
            precision = choose_precision(self.precision, member, rows, stream)
            result = train(
                [member],
                rows,
                [stream],
                callbacks=work.callbacks,
                scores=work.scores(),
                precision=precision,
                eval_every=self.eval_every,
                resume=resume,
            )
        self._conclude(result, precision)
        self._below = None

    def _member(
        self,
        rows: int,
        inputs: int,
        seed: int,
        network: Network | None = None,
        one_more: bool = False,
    ) -> Member:
        """Return the training, of a new network or of the one to go on with."""
        if one_more and self._minimizes():
            raise HyperparameterError(
                f"partial_fit can't use {self.optimizer!r}, which needs all rows at once; "
                "expected an optimizer such as 'adam'"
            )
        built = self._architecture(inputs)
        member = Member(
            network=network or built.network,
            loss=self._resolve_loss(),
            optimizer=settings.optimizer(self),
            lr_schedule=Constant()
            if one_more or self._minimizes()
            else settings.resolve_schedule(self),
            schedules=() if one_more else settings.schedules(self.schedules),
            penalties=built.penalties,
            constraints=built.constraints,
            gradient_clipping=settings.clipping(self.gradient_clipping),
            ema_decay=self.ema_decay,
            batch_size=settings.batch_size(self.batch_size, rows),
            epochs=1 if one_more else self.epochs,
            seed=seed,
        )
        check_room(member, rows, dtype_of(self.precision), device_of(self.device))
        if one_more and self._remembers(member):
            return member.replace(epochs=self._result.epoch + 1)
        return member

    def _architecture(self, inputs: int) -> settings.Architecture:
        """Return the layers for so many inputs, and what their weights are subject to."""
        return settings.architecture(self, inputs)

    def _continued(self, member: Member, rows: Rows, one_more: bool) -> Result:
        """Return where to go on from the weights in use: with all memory, or with none."""
        weights = reusing.for_member(member, self._weights.to(rows.dtype, rows.device))
        if not one_more or not self._remembers(member):
            return Result.beginning([member], weights.with_empty_slots(member.slots()))
        if member.ema_decay:  # the average is what predicts; training goes on from below it
            last = self._result.last.to(rows.dtype, rows.device)
            weights = reusing.for_member(member, last)
        return replace(
            self._result.copy(),
            last=weights,
            best=None,
            kept=np.zeros(1, dtype=bool),
            status=[Status.RUNNING],
            data="",
            position=0,
            metric_sums=None,
            callbacks=self._result.callbacks[:1],
        )

    def _remembers(self, member: Member) -> bool:
        """Say whether there is a memory of the same update rule to go on with."""
        if not hasattr(self, "_result") or set(member.slots()) != set(self._weights.slots):
            return False
        return type(member.optimizer) is type(self._result.members[0].optimizer)

    def _conclude(self, result: Result, precision: str) -> None:
        status = result.status[0]
        if status is Status.DIVERGED and not result.kept[0]:
            history = result.history()
            raise DivergedError(
                f"the loss became {history['loss'][-1]} in epoch {result.epochs[0]}, at a "
                f"learning rate of {history['learning_rate'][-1]:.3g}, with "
                f"{result.members[0].optimizer!r}; expected it to stay finite: try a learning "
                "rate ten times smaller, gradient_clipping=1, or preprocess='auto'"
            )
        if status is Status.DIVERGED:
            self._warn(
                f"training diverged in epoch {result.epochs[0]}, at a learning rate of "
                f"{result.history()['learning_rate'][-1]:.3g}; kept the weights of epoch "
                f"{result.best_epoch[0]}. A smaller learning rate or gradient_clipping=1 may help"
            )
        if status is Status.INTERRUPTED:
            self._warn(f"training was interrupted after {result.epochs[0]} whole epochs")
        self._result = result = self._whole(result)
        self._weights = result.weights()
        self._sparse = False
        self.precision_, self.batch_size_ = precision, result.members[0].batch_size
        self.history_ = Epochs(result.history())
        self.status_ = str(status)
        self.n_epochs_ = int(result.epochs[0])
        self.best_epoch_ = int(result.best_epoch[0]) if result.kept[0] else self.n_epochs_
        self.n_parameters_ = self._weights.network.size

    @staticmethod
    def _warn(message: str) -> None:
        warnings.warn(message, ConvergenceWarning, stacklevel=4)

    # Predicting.

    def _predict_outputs(self, X: Any) -> NDArray[np.floating]:
        """Return the network's outputs (N, C): probabilities or scaled expected values."""
        check_is_fitted(self, "_weights")
        x, weights = self._read(X), self._weights
        target = device_of(self.device)
        if weights.parameters.device != target:
            weights = weights.to(weights.parameters.dtype, target)
        with threads(self.n_threads):
            return predict(
                weights,
                x,
                self._resolve_loss().predict,
                precision=getattr(self, "precision_", "float32"),
                brightest=self._inputs.brightest,
                predictor=self._predictor(),
            )[0]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_weights")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.preprocess == "auto"
        return tags
