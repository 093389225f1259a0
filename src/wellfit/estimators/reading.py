"""From what users pass to tables, streams and seeds."""

from __future__ import annotations

import numbers
import os
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_sample_weight

from wellfit.augment import augmentations
from wellfit.core.errors import DataError, HyperparameterError
from wellfit.core.hyper import resolve
from wellfit.core.rng import random_state_of
from wellfit.estimators import settings
from wellfit.estimators.inputs import Inputs, Numbers, checked
from wellfit.estimators.parameters import Parameters
from wellfit.estimators.tables import Table
from wellfit.nn import Loss
from wellfit.optim import Minimizer, Optimizer
from wellfit.training import Stream, fraction_of, split
from wellfit.training.checkpoint import seeds
from wellfit.training.precision import dtype_of


class Reading(Parameters):
    """How an estimator reads, weighs, splits and encodes what it is given."""

    _inputs: Inputs

    # What a subclass decides.

    @abstractmethod
    def _fit_targets(self, y: ArrayLike) -> NDArray[Any]:
        """Learn the targets' form; return them checked, as :meth:`_read_targets` does."""

    @abstractmethod
    def _read_targets(self, y: ArrayLike, *, warn: bool = True) -> NDArray[Any]:
        """Return targets as an array of the form that was learned, a single column flattened.

        ``warn`` allows the warning that scikit-learn gives of a column where it expects labels.
        """

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
        real = isinstance(fraction, numbers.Real)
        if fraction is not None and not (real and 0 < fraction < 1):
            raise HyperparameterError(
                f"validation_fraction is {fraction!r}; expected a number in (0, 1) or None"
            )
        train_ids, held_ids = np.arange(len(y)), None
        whole = given or not settings.holds_out(self) or len(y) < 2
        if whole and self.subsample >= 1:
            return train_ids, None
        strata = self._strata(y)
        if not whole:
            train_ids, held_ids = split(len(y), fraction or 0.1, seed, strata=strata)
        left = None if strata is None else strata[train_ids]
        return fraction_of(train_ids, self.subsample, seed, strata=left), held_ids

    def _fit_target_scale(self, y: NDArray[Any], train_ids: NDArray[np.integer]) -> None:
        """Learn the scale of the targets from the training rows, where they have one."""

    def _knows_target_scale(self) -> bool:
        """Say whether targets have a scale that was learned already."""
        return False

    def _table(self, x: Any, y: NDArray[Any], weight: NDArray[np.float64] | None) -> Table:
        return Table(self._numbers(x), self._encode_targets(y), weight)

    def _numbers(self, x: Any) -> Numbers:
        return self._inputs.numbers(x, np.dtype(str(dtype_of(self.precision)).split(".")[1]))

    def _read(self, X: Any) -> Numbers:
        """Return rows as numbers, the way the estimator has learned to read them."""
        return self._numbers(checked(self, X, reset=False))

    def _append_validation(
        self, table: Table, X_val: Any, y_val: ArrayLike | None
    ) -> tuple[Table, NDArray[np.int64]]:
        if y_val is None:
            raise DataError("X_val is given without y_val; expected both")
        x = self._read(X_val)
        y = self._encode_targets(self._read_targets(y_val, warn=False))
        if x.shape[0] != len(y):
            raise DataError(f"X_val has {x.shape[0]} rows and y_val has {len(y)}")
        return table.with_more(x, y), np.arange(len(table.y), len(table.y) + len(y))

    def _seed(self, *, fresh: bool, resume_from: str | os.PathLike[str] | None = None) -> int:
        """Return the seed of everything random in one fit; going on keeps the first one's."""
        if resume_from is not None and self.random_state is None:
            self._fit_seed = seeds(resume_from)[0]
        elif fresh or not hasattr(self, "_fit_seed"):
            self._fit_seed = int(random_state_of(self.random_state).randint(2**31 - 1))
        return self._fit_seed
