"""Batches: what reads them can be learned beforehand, and a batch that is unlike is told."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from wellfit.core.errors import HyperparameterError, InputError
from wellfit.estimators import settings
from wellfit.estimators.inputs import Inputs, checked
from wellfit.estimators.reading import Reading
from wellfit.estimators.tables import Table
from wellfit.estimators.undo import whole_or_not_at_all
from wellfit.preprocessing.batches import has_other_scale

_SHOWN = 5  # names of columns in a message

_FITTED_TO = "the rows that preprocessing was fitted to"
_PROBLEMS = {
    "empty": f"values in columns that had none in {_FITTED_TO}; they are left out",
    "constant": f"other values in columns that had a single one in {_FITTED_TO}; they count as 0",
    "scale": f"numbers or dates on another scale than in {_FITTED_TO}; they become nearly equal",
    "levels": f"categories that {_FITTED_TO} did not have; they are encoded as rare or as none",
    "target": "targets on another scale than those that the targets' scale was fitted to",
}


class Incremental(Reading):
    """Training on batches: their preprocessing beforehand, and a look at each."""

    _warned: frozenset[str] = frozenset()  # of these problems
    _fitted_beforehand: bool = False

    @whole_or_not_at_all
    def fit_preprocessing(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Learn how rows are scaled and encoded, for ``partial_fit`` to use; train nothing.

        Without it, the first batch of ``partial_fit`` sets the medians, levels and so on of all
        later ones. Data that don't fit in memory are trained on in batches after a sample of
        them, drawn from all over, has been read here. ``fit`` learns anew.

        Args:
            X: (n_samples, n_features) rows like all that will come.
            y: their targets, whose scale a regressor then learns from these; None for the scale
                of the first batch.

        Returns:
            The estimator itself, still without weights.

        Raises:
            InputError: it is trained already, or reads rows as a reused model does.

        >>> from wellfit import MLPRegressor
        >>> X = np.linspace(0, 100, 1000)[:, None]
        >>> y = X[:, 0] ** 2
        >>> reg = MLPRegressor((16,), random_state=0).fit_preprocessing(X[::10], y[::10])
        >>> for start in range(0, 1000, 100):
        ...     reg = reg.partial_fit(X[start : start + 100], y[start : start + 100])
        >>> reg.predict(X).shape
        (1000,)
        """
        kind = type(self).__name__
        if hasattr(self, "_weights"):
            raise InputError(
                f"this {kind} is trained, and its weights go with the preprocessing that it has; "
                "expected one that isn't, such as sklearn.base.clone(model)"
            )
        if getattr(self, "pretrained", None) is not None:
            raise InputError(
                f"this {kind} reads rows as the model in pretrained does; expected none"
            )
        settings.check_options(self)
        x = checked(self, X, reset=True)
        self.__dict__.pop("_scaler", None)
        if y is not None:
            x, targets, _ = self._weighed(x, self._fit_targets(y), None)
            self._fit_target_scale(targets, np.arange(len(targets)))
        shape = settings.image_shape(self.image_shape)
        self._inputs = Inputs.fit(x, self.preprocess, image_shape=shape)
        self._warned, self._fitted_beforehand = frozenset(), True
        return self

    def _is_readable(self) -> bool:
        """Say whether preprocessing was fitted before.

        Raises:
            HyperparameterError: with another ``preprocess``.
        """
        if not hasattr(self, "_inputs"):
            return False
        if not hasattr(self, "_weights"):
            before = None if self._inputs.kind == "raw" else "auto"
            if self.preprocess != before:
                raise HyperparameterError(
                    f"preprocess is {self.preprocess!r}, and was {before!r} when "
                    "fit_preprocessing was called; expected the same, or another call of it"
                )
        return True

    def _warn_of_unlike(self, x: Any, table: Table) -> None:
        """Warn of what a batch holds that preprocessing can't express: once a kind of problem.

        Args:
            x: the batch's rows, checked, which preprocessing was not learned from.
            table: what became of them.
        """
        # Rows from all over may be followed by batches in some order, each of them narrow.
        narrow = not self._fitted_beforehand
        problems = self._inputs.problems_of(x, narrow=narrow)
        scaler = getattr(self, "_scaler", None)
        scaled = scaler is not None and (scaler.mean_.any() or (scaler.scale_ != 1).any())
        if scaled and any(has_other_scale(each, narrow=narrow) for each in np.transpose(table.y)):
            problems["target"] = []
        for problem in sorted(problems.keys() - self._warned):
            warnings.warn(_in_words(problem, problems[problem]), UserWarning, stacklevel=5)
        self._warned |= problems.keys()


def _in_words(problem: str, columns: list[str]) -> str:
    """Return a problem as a message.

    >>> print(_in_words("constant", ["age"]))
    these rows hold other values in columns that had a single one in the rows that preprocessing
    was fitted to; they count as 0: 'age'. Before the first partial_fit, call
    fit_preprocessing(X) with rows from all over the data
    """
    listed = ", ".join(map(repr, columns[:_SHOWN]))
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    named = f": {listed}{more}" if columns else ""
    given = "X, y" if problem == "target" else "X"
    return (
        f"these rows hold {_PROBLEMS[problem]}{named}. Before the first partial_fit, call "
        f"fit_preprocessing({given}) with rows from all over the data"
    )
