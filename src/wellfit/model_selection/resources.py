"""The resource of a halving: what candidates get little of at first, and the best ones more."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from wellfit.core.errors import HyperparameterError
from wellfit.estimators.overrides import can_be_stacked
from wellfit.model_selection.fold_fit import FoldFit
from wellfit.training import fraction_of

ResourceName = Literal["epochs", "n_samples"]
_LEAST_ROWS = 50  # of a fold, from which anything can be learned


class Resource(ABC):
    """What candidates are given.

    Attributes:
        units: how much of it there is, in the least amounts that are given.
    """

    units: int

    @abstractmethod
    def amount(self, units: int) -> int:
        """Return so many units as ``cv_results_`` says them."""

    @abstractmethod
    def words(self, amount: int) -> str:
        """Return what fits with such an amount are, in words."""

    @abstractmethod
    def given(self, fits: Sequence[FoldFit], units: int) -> list[FoldFit]:
        """Return fits that have so many units."""


class EpochResource(Resource):
    """Epochs, after which a training pauses; a candidate that gets more goes on from there.

    Args:
        total: of a whole training.
    """

    def __init__(self, total: int) -> None:
        self.units = total

    def amount(self, units: int) -> int:
        """Return the epochs."""
        return units

    def words(self, amount: int) -> str:
        """Return how far fits go."""
        return f"until epoch {amount}"

    def given(self, fits: Sequence[FoldFit], units: int) -> list[FoldFit]:
        """Let fits pause after so many epochs."""
        until = units if units < self.units else None
        return [replace(fit, until=until) for fit in fits]


class RowResource(Resource):
    """Rows to train on, each class in its share; a candidate that gets more is trained anew.

    Args:
        most: the training rows of the largest fold.
        strata: (n_samples,) classes of all rows; None where there are none.
        seed: of the draw.
    """

    def __init__(self, most: int, strata: NDArray[Any] | None, seed: int) -> None:
        self.units, self._most = max(1, most // _LEAST_ROWS), most
        self._strata, self._seed = strata, seed
        # Candidates share the encoded rows of a fold only if its row numbers are one object.
        self._drawn: dict[tuple[int, int], NDArray[np.integer]] = {}

    def amount(self, units: int) -> int:
        """Return the rows of the largest fold."""
        return round(self._most * units / self.units)

    def words(self, amount: int) -> str:
        """Return how many rows fits see."""
        return f"on {amount:,} rows"

    def given(self, fits: Sequence[FoldFit], units: int) -> list[FoldFit]:
        """Let fits train on a part of their rows."""
        return [replace(fit, train=self._part(fit.train, units)) for fit in fits]

    def _part(self, rows: NDArray[np.integer], units: int) -> NDArray[np.integer]:
        if units >= self.units:
            return rows
        key = id(rows), units
        if key not in self._drawn:
            strata = None if self._strata is None else self._strata[rows]
            share = units / self.units
            self._drawn[key] = fraction_of(rows, share, self._seed, strata=strata)
        return self._drawn[key]


def resource_of(
    name: ResourceName,
    estimator: Any,
    halving: str | None,
    splits: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    y: Any,
    seed: int,
) -> Resource:
    """Return the resource of a search, which without halving is all epochs at once.

    Args:
        name: of the parameter ``resource``.
        estimator: that candidates are set on.
        halving: how candidates are halved, if at all.
        splits: the folds' rows.
        y: targets of all rows.
        seed: of draws.

    Raises:
        HyperparameterError: an estimator that can't be paused after epochs.
    """
    if halving and name == "n_samples":
        classes = is_classifier(estimator) and np.ndim(y) == 1
        strata = np.unique(np.asarray(y), return_inverse=True)[1] if classes else None
        return RowResource(max(len(train) for train, _ in splits), strata, seed)
    return EpochResource(_epochs(estimator, halving))


def _epochs(estimator: Any, halving: str | None) -> int:
    """Return the epochs of a whole training; 1 for an estimator that isn't stacked."""
    if can_be_stacked(estimator):
        if halving and (estimator.max_steps or isinstance(estimator.eval_every, str)):
            raise HyperparameterError(
                f"halving is {halving!r}, which pauses trainings after whole epochs; "
                "expected max_steps=None and eval_every in epochs, resource='n_samples', or "
                "halving=None"
            )
        return int(estimator.epochs)
    if halving:
        raise HyperparameterError(
            f"halving is {halving!r}, which pauses trainings, and {type(estimator).__name__} "
            "trains by its own fit; expected None, resource='n_samples', or HalvingRandomSearchCV"
        )
    return 1
