"""What classifier and regressor share: parameters, fitting, going on, saving."""

from __future__ import annotations

import os
import warnings
from abc import abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from wellfit.augment import augmentations
from wellfit.core.errors import DataError, DivergedError, HyperparameterError, InputError
from wellfit.core.hyper import resolve
from wellfit.estimators import settings
from wellfit.estimators.inputs import Inputs, Numbers, checked
from wellfit.estimators.parameters import Parameters
from wellfit.estimators.pruning import Pruning
from wellfit.estimators.saving import Saving
from wellfit.estimators.scoring import scores
from wellfit.estimators.tables import Table
from wellfit.estimators.undo import whole_or_not_at_all
from wellfit.nn import Loss
from wellfit.optim import Constant, Minimizer, Optimizer
from wellfit.training import (
    Member,
    Result,
    Rows,
    Status,
    Stream,
    fraction_of,
    predict,
    split,
    train,
)
from wellfit.training.checkpoint import read_checkpoint, seeds
from wellfit.training.precision import device_of, dtype_of, threads
from wellfit.training.trial import chosen


class BaseMLP(Pruning, Saving, Parameters):
    """A multi-layer perceptron behind scikit-learn's conventions.

    Subclasses say what their targets are; see :class:`wellfit.MLPClassifier`.
    """

    # What a subclass decides.

    @abstractmethod
    def _fit_targets(self, y: ArrayLike) -> NDArray[Any]:
        """Learn the targets' form; return them checked, as the caller gave them."""

    @abstractmethod
    def _encode_targets(self, y: ArrayLike) -> NDArray[Any]:
        """Return targets as the engine wants them: class numbers (N,) or numbers (N, C)."""

    @abstractmethod
    def _outputs(self) -> int:
        """Return the number of logits."""

    @abstractmethod
    def _strata(self, y: NDArray[Any]) -> NDArray[Any] | None:
        """Return what the validation split keeps the shares of."""

    @abstractmethod
    def _resolve_loss(self) -> Loss:
        """Return the loss, ``"auto"`` resolved by the targets."""

    def _balance(self, y: NDArray[Any]) -> NDArray[np.float64] | None:
        """Return weights (N,) that balance classes, or None."""
        return None

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
        if y is None:
            raise InputError("fit requires y to be passed, but the target y is None")
        settings.check_options(self)
        going_on = self.warm_start and hasattr(self, "_weights")
        x = checked(self, X, reset=not going_on)
        targets = self._fit_targets(y) if not going_on else np.asarray(y)
        x, targets, weight = self._weighed(x, targets, sample_weight)
        seed = self._seed(fresh=not going_on, resume_from=resume_from)
        train_ids, held_ids = self._hold_out(targets, X_val is not None, seed)
        if not going_on:
            self._inputs = Inputs.fit(_safe_indexing(x, train_ids), self.preprocess)
            self._fit_target_scale(targets, train_ids)
        table = self._table(x, targets, weight)
        if X_val is not None:
            table, held_ids = self._append_validation(table, X_val, y_val)
            targets = np.concatenate([targets, np.asarray(y_val)])
        stream = self._stream(train_ids, held_ids, seed)
        self._train(table, stream, going_on, targets=targets, resume_from=resume_from)
        return self

    @whole_or_not_at_all
    def _partial_fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, first_targets: ArrayLike
    ) -> Self:
        """Train one epoch on these rows; ``first_targets`` is what the first call learns from."""
        begun = hasattr(self, "_weights")
        x = checked(self, X, reset=not begun)
        if not begun:
            self._fit_targets(first_targets)
        x, targets, weight = self._weighed(x, np.asarray(y), sample_weight)
        everyone = np.arange(len(targets))
        if not begun:
            self._inputs = Inputs.fit(x, self.preprocess)
            self._fit_target_scale(targets, everyone)
        table = self._table(x, targets, weight)
        stream = self._stream(everyone, None, self._seed(fresh=not begun))
        self._train(table, stream, begun, one_more=True)
        return self

    def _stream(
        self, train_ids: NDArray[np.integer], held_ids: NDArray[np.integer] | None, seed: int
    ) -> Stream:
        """Return which rows are read, in which order, and how they are changed."""
        return Stream(
            train_ids,
            held_ids,
            seed,
            augment=augmentations(self.augment),
            image_shape=settings.image_shape(self.image_shape),
            shuffle=bool(self.shuffle) and not self._minimizes(),
        )

    def _minimizes(self) -> bool:
        """Say whether all rows are looked at before each move."""
        return isinstance(resolve(Optimizer, self.optimizer), Minimizer)

    def _weighed(
        self, x: Any, y: NDArray[Any], sample_weight: ArrayLike | None
    ) -> tuple[Any, NDArray[Any], NDArray[np.float64] | None]:
        """Drop rows of weight 0, balance classes, and scale the weights to mean 1."""
        rows = x.shape[0]
        if rows != len(y):
            raise DataError(
                f"X has {rows} rows and y has {len(y)}: Found input variables with inconsistent "
                "numbers of samples"
            )
        weight = self._balance(y)
        if sample_weight is not None:
            given = _check_sample_weight(
                sample_weight,
                x if hasattr(x, "dtype") else y,
                dtype=np.float64,
                ensure_non_negative=True,
            )
            weight = given if weight is None else weight * given
        if weight is None:
            return x, y, None
        kept = np.flatnonzero(weight)
        if not len(kept):
            raise DataError("all sample weights are 0; expected at least one row that counts")
        if len(kept) < rows:
            x, y, weight = _safe_indexing(x, kept), y[kept], weight[kept]
        return x, y, weight / weight.mean()

    def _hold_out(
        self, y: NDArray[Any], given: bool, seed: int
    ) -> tuple[NDArray[np.integer], NDArray[np.integer] | None]:
        fraction = self.validation_fraction
        if fraction is not None and not 0 < fraction < 1:
            raise HyperparameterError(
                f"validation_fraction is {fraction!r}; expected a number in (0, 1) or None"
            )
        strata, everyone = self._strata(y), np.arange(len(y))
        if given or (fraction is None and not self.early_stopping) or len(y) < 2:
            train_ids, held_ids = everyone, None
        else:
            train_ids, held_ids = split(len(y), fraction or 0.1, seed, strata=strata)
        left = None if strata is None else strata[train_ids]
        return fraction_of(train_ids, self.fraction, seed, strata=left), held_ids

    def _fit_target_scale(self, y: NDArray[Any], train_ids: NDArray[np.integer]) -> None:
        """Learn the scale of the targets from the training rows, where they have one."""

    def _table(self, x: Any, y: NDArray[Any], weight: NDArray[np.float64] | None) -> Table:
        return Table(self._numbers(x), self._encode_targets(y), weight)

    def _numbers(self, x: Any) -> Numbers:
        return self._inputs.numbers(x, np.dtype(str(dtype_of(self.precision)).split(".")[1]))

    def _append_validation(
        self, table: Table, X_val: Any, y_val: ArrayLike | None
    ) -> tuple[Table, NDArray[np.int64]]:
        if y_val is None:
            raise DataError("X_val is given without y_val; expected both")
        x = self._numbers(checked(self, X_val, reset=False))
        y = self._encode_targets(y_val)
        if x.shape[0] != len(y):
            raise DataError(f"X_val has {x.shape[0]} rows and y_val has {len(y)}")
        return table.with_more(x, y), np.arange(len(table.y), len(table.y) + len(y))

    def _train(
        self,
        table: Table,
        stream: Stream,
        going_on: bool,
        *,
        one_more: bool = False,
        targets: NDArray[Any] | None = None,
        resume_from: str | os.PathLike[str] | None = None,
    ) -> None:
        """Train and keep the result."""
        member = self._member(len(stream.train), table.x.shape[1], stream.seed, going_on, one_more)
        rows = Rows(
            table.x,
            table.y,
            table.weight,
            dtype=dtype_of(self.precision),
            device=device_of(self.device),
            brightest=self._inputs.brightest,
        )
        resume = self._continued(member, rows, one_more) if going_on else None
        if resume_from is not None:
            resume, _ = read_checkpoint(resume_from, [member])
        with threads(self.threads):
            precision = chosen(self.precision, member, rows, stream)
            result = train(
                [member],
                rows,
                [stream],
                observers=settings.observers(self, one_more),
                scores={} if targets is None else scores(self, settings.scored(self), targets),
                precision=precision,
                eval_every=self.eval_every,
                resume=resume,
            )
        self._conclude(result, precision)

    def _member(self, rows: int, inputs: int, seed: int, going_on: bool, one_more: bool) -> Member:
        done = self._result.epoch if one_more and hasattr(self, "_result") else 0
        if one_more and self._minimizes():
            raise HyperparameterError(
                f"partial_fit can't use {self.optimizer!r}, which needs all rows at once; "
                "expected an optimizer such as 'adam'"
            )
        built = settings.architecture(self, inputs)
        return Member(
            network=self._weights.network if going_on else built.network,
            loss=self._resolve_loss(),
            optimizer=resolve(Optimizer, self.optimizer),
            schedule=Constant()
            if one_more or self._minimizes()
            else settings.resolve_schedule(self),
            schedules=() if one_more else settings.schedules(self.schedules),
            penalties=built.penalties,
            constraints=built.constraints,
            clipping=settings.clipping(self.clipping),
            average=self.average,
            batch_size=settings.batch_size(self.batch_size, rows),
            epochs=done + 1 if one_more else self.epochs,
            seed=seed,
        )

    def _continued(self, member: Member, rows: Rows, one_more: bool) -> Result:
        """Return where to go on from the weights in use: with all memory, or with none."""
        weights = self._weights.to(rows.dtype, rows.device)
        slots = member.slots()
        if not one_more or not hasattr(self, "_result") or set(slots) != set(weights.slots):
            return Result.beginning([member], weights.forgetting(slots))
        if member.average:  # the average is what predicts; training goes on from below it
            weights = self._result.last.to(rows.dtype, rows.device)
        return replace(
            self._result.copy(),
            last=weights,
            best=None,
            kept=np.zeros(1, dtype=bool),
            status=[Status.RUNNING],
            data="",
            position=0,
            tally=None,
            observers=self._result.observers[:1],
        )

    def _seed(self, *, fresh: bool, resume_from: str | os.PathLike[str] | None = None) -> int:
        """Return the seed of everything random in one fit; going on keeps the first one's."""
        if resume_from is not None and self.random_state is None:
            self._fit_seed = seeds(resume_from)[0]
        elif fresh or not hasattr(self, "_fit_seed"):
            self._fit_seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return self._fit_seed

    def _conclude(self, result: Result, precision: str) -> None:
        status = result.status[0]
        if status is Status.DIVERGED and not result.kept[0]:
            raise DivergedError(
                f"the loss became {result.history()['loss'][-1]} in epoch {result.epochs[0]} with "
                f"{result.members[0].optimizer!r}; expected it to stay finite: "
                "try a learning rate ten times smaller, or preprocess='auto'"
            )
        if status is Status.DIVERGED:
            self._warn(f"training diverged; kept the weights of epoch {result.best_epoch[0]}")
        if status is Status.INTERRUPTED:
            self._warn(f"training was interrupted after {result.epochs[0]} whole epochs")
        self._result = result
        self._weights = result.weights()
        self._sparse = False
        self.precision_ = precision
        self.history_ = dict(result.history())
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
        x = self._numbers(checked(self, X, reset=False))
        weights = self._weights
        target = device_of(self.device)
        if weights.parameters.device != target:
            weights = weights.to(weights.parameters.dtype, target)
        with threads(self.threads):
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
